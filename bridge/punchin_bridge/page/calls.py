"""Calls from the page's threads to the bridge's loop, and their answers."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from punchin_wire.errors import QueueFull

MAX_WAITING = 64
T = TypeVar("T")


class Calls:
    """A queue of things to do. Bounded: what is asked for beyond it is refused."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Callable[[float], None]] = queue.Queue(MAX_WAITING)

    def ask(self, do: Callable[[float], T]) -> Future[T]:
        """[page] Have the loop do something; it gets the time. What it raises, the future does. Raises QueueFull."""
        answer: Future[T] = Future()

        def run(now: float) -> None:
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits for it any more
            try:
                answer.set_result(do(now))
            except Exception as error:
                answer.set_exception(error)

        try:
            self._waiting.put_nowait(run)
        except queue.Full:
            raise QueueFull("The bridge is busy.", "Ask again.") from None
        return answer

    def answer(self, now: float) -> None:
        """[loop] Do what waits."""
        for _ in range(MAX_WAITING):
            try:
                run = self._waiting.get_nowait()
            except queue.Empty:
                return
            run(now)
