"""Whose turn it is: one queue for each client, in turn, and a seat takes what it has loaded. Knows no clock and no I/O.

::

    the ring       ┌ studio A: song 1, song 2, song 3      The head of each queue may start. Whose head has started goes
    turns down  ─▶ ├ studio B: song 4                      to the end of the ring; who comes new does, too.
                   └ studio C: song 5, song 6

Loading a model takes as long as many a job. So an idle seat takes the first head for which it holds the engine, and the
heads before that one are *passed over*: each at most :data:`PASSES` times, and not once more when :data:`PATIENCE`
seconds have gone by since the first time. So a head with N clients before it starts after at most N + PASSES others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Generic, Protocol, TypeVar

PASSES = 2
PATIENCE = 10.0

Idle = Mapping[int, Collection[str]]
"""The idle seats, each with the engines it holds, as `pack:engine`."""


class Waiting(Protocol):
    """What waits: whose it is, the `pack:engine` it wants, and the seat that it would rather avoid (0: none)."""

    @property
    def client(self) -> str: ...
    @property
    def wants(self) -> str: ...
    @property
    def avoids(self) -> int: ...


T = TypeVar("T", bound=Waiting)


@dataclass
class _Line(Generic[T]):
    """One client's queue, how often its head was passed over, and when first."""

    jobs: deque[T] = field(default_factory=deque)
    passed: int = 0
    since: float = 0.0

    def is_due(self, now: float) -> bool:
        return self.passed >= PASSES or (self.passed > 0 and now - self.since >= PATIENCE)


class FairQueue(Generic[T]):
    """Everything that waits."""

    def __init__(self) -> None:
        self._ring: dict[str, _Line[T]] = {}  # by client, in the order of their turns

    def __len__(self) -> int:
        return sum(len(line.jobs) for line in self._ring.values())

    def __iter__(self) -> Iterator[T]:
        """In the order in which they start, should no seat prefer another."""
        rounds = zip_longest(*(line.jobs for line in self._ring.values()))
        return (job for job in chain.from_iterable(rounds) if job is not None)

    def of(self, client: str) -> int:
        """How many jobs of this client wait."""
        return len(self._ring[client].jobs) if client in self._ring else 0

    def add(self, job: T) -> None:
        self._ring.setdefault(job.client, _Line()).jobs.append(job)

    def put_back(self, job: T) -> None:
        """A job that was taken is the very next."""
        line = self._ring.pop(job.client, _Line())
        line.jobs.appendleft(job)
        line.passed = PASSES
        self._ring = {job.client: line, **self._ring}

    def remove(self, job: T) -> None:
        line = self._ring[job.client]
        if line.jobs[0] is job:
            line.passed = 0
        line.jobs.remove(job)
        if not line.jobs:
            del self._ring[job.client]

    def take(self, idle: Idle, now: float) -> tuple[int, T]:
        """The next job, and the idle seat that is best for it. Neither may be empty."""
        held = set(chain.from_iterable(idle.values()))
        before: list[_Line[T]] = []
        for line in self._ring.values():
            if line.jobs[0].wants in held or line.is_due(now):
                break
            before.append(line)
        else:
            line, before = before[0], []
        for passed in before:
            passed.since = passed.since if passed.passed else now
            passed.passed += 1
        job = line.jobs[0]
        self._turn(job.client)
        return _best(job, idle), job

    def _turn(self, client: str) -> None:
        """The head of this client goes, and what is left of its queue waits for its next turn."""
        line = self._ring.pop(client)
        line.jobs.popleft()
        if line.jobs:
            self._ring[client] = _Line(line.jobs)


def _best(job: Waiting, idle: Idle) -> int:
    """Not the seat it avoids, then one that holds its engine, then the one that has the least to lose."""
    return min(idle, key=lambda seat: (seat == job.avoids, job.wants not in idle[seat], len(idle[seat]), seat))
