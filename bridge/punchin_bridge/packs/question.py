"""Asks something that takes a while on a thread, so that a loop that waits for nothing can ask it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from punchin_wire.errors import PunchinError
from punchin_wire.program import named

T = TypeVar("T")


class Question(Generic[T]):
    """:meth:`ask`, and some steps later there is :meth:`answer`. Several that ask meanwhile get the same. `look` finds
    the answer; whatever it raises becomes one of our errors."""

    def __init__(self, look: Callable[[], T]) -> None:
        self._look_up = look
        self._answers: queue.SimpleQueue[T | PunchinError] = queue.SimpleQueue()
        self._is_asking = False

    def ask(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            threading.Thread(target=self._look, name="question", daemon=True).start()

    def answer(self) -> T | PunchinError | None:
        """What was found, or why nothing was; None while that is open."""
        try:
            found = self._answers.get_nowait()
        except queue.Empty:
            return None
        self._is_asking = False
        return found

    def _look(self) -> None:
        """[question]"""
        try:
            self._answers.put(self._look_up())
        except Exception as error:
            self._answers.put(named(error))
