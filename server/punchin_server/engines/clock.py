"""Seconds by stage. Time that a consumer spends between two yields of an engine counts for nobody."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from punchin_wire.messages import Stage

T = TypeVar("T")


class Step(Protocol):
    """A step of decoding, or a piece of the prefill before it."""

    @property
    def prefill(self) -> bool: ...


S = TypeVar("S", bound=Step)


class Clock:
    """`with clock(stage):` adds to `seconds[stage]`."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: Stage) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started

    def each(self, stage: Stage, work: Iterator[T]) -> Iterator[T]:
        """What `work` yields; the time each took goes to `stage`."""
        while True:
            with self(stage):
                done = next(work, None)
            if done is None:
                return
            yield done

    def steps(self, steps: Iterator[S]) -> Iterator[S]:
        """The same steps; the time each took goes to `prefill` or `decode`."""
        started = time.perf_counter()
        for step in steps:
            self.seconds["prefill" if step.prefill else "decode"] += time.perf_counter() - started
            yield step
            started = time.perf_counter()
