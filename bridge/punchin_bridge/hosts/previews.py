"""Takes while they grow, for whoever shows them: raw, as the model hears itself, at its rate and in mono.

A job's are kept until it ends, and no more than :data:`MOST_BYTES` of them. Knows no daemon, files or sockets.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from punchin_wire.frames import Audio

from ..daemon.growth import Growth
from ..music.region import Region

MOST_BYTES = 64 * 2**20
"""Of a job, which is eight minutes of all its takes at 32 kHz: what comes beyond is not kept."""
COLUMNS = 96
"""Columns of the picture of a take."""


class Place(NamedTuple):
    """Where a job's previews belong: model sample 0 sounds at sample `start` of the project at `rate`, and takes fill
    samples `region` of it."""

    start: int
    rate: int
    region: Region


class Chunk(NamedTuple):
    """Audio `[samples]` from model sample `start` on."""

    start: int
    audio: Audio


@dataclass(frozen=True)
class Preview:
    """What has come of take `take` (from 0) in the `round`-th try (from 0): `chunks` at `rate`, the last of which ends
    at model sample `end`. `shape` is the largest sample in each column of its region, in percent of full scale."""

    take: int
    round: int
    place: Place
    rate: int
    chunks: tuple[Chunk, ...]
    end: int
    shape: tuple[int, ...]


@dataclass
class _Growing:
    """One take: its rule, its chunks, its picture."""

    growth: Growth
    round: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    shape: np.ndarray = field(default_factory=lambda: np.zeros(COLUMNS))

    def add(self, chunk: Chunk, place: Place) -> None:
        self.chunks.append(chunk)
        first, last = ((edge - place.start) * self.growth.rate / place.rate for edge in place.region)
        columns = ((np.arange(len(chunk.audio)) + chunk.start - first) / (last - first) * COLUMNS).astype(int)
        heights = np.minimum(np.abs(chunk.audio), 1.0)
        np.maximum.at(self.shape, np.clip(columns, 0, COLUMNS - 1), heights)


@dataclass
class _Job:
    place: Place
    bytes: int = 0
    takes: dict[int, _Growing] = field(default_factory=dict)


class Previews:
    """[any] Those of all jobs at work, by the jobs' names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}

    def begin(self, job: str, place: Place) -> None:
        """A job is given to the daemon."""
        with self._lock:
            self._jobs[job] = _Job(place)

    def grow(self, job: str, take: int, start: int, audio: Audio, rate: int) -> None:
        """Take in a chunk `[1, samples]` from model sample `start` on. Raises BadMessage where it does not go with the
        ones before."""
        with self._lock:
            if (known := self._jobs.get(job)) is None:
                return
            growing = known.takes.get(take)
            if growing is None or not growing.growth.goes_on(start, audio, rate):
                if growing is not None:
                    known.bytes -= sum(chunk.audio.nbytes for chunk in growing.chunks)
                round = growing.round + 1 if growing is not None else 0
                growing = known.takes[take] = _Growing(Growth.of(start, audio, rate), round)
            if known.bytes + audio[0].nbytes > MOST_BYTES:
                return
            known.bytes += audio[0].nbytes
            growing.add(Chunk(start, audio[0].copy()), known.place)  # not a part of the packet, which is larger

    def drop(self, job: str) -> None:
        """The job has ended."""
        with self._lock:
            self._jobs.pop(job, None)

    def of(self, job: str) -> tuple[Preview, ...]:
        """What has come of a job's takes so far."""
        with self._lock:
            known = self._jobs.get(job)
            found = sorted(known.takes.items()) if known else []
            return tuple(_seen(take, growing, known.place) for take, growing in found if known and growing.chunks)


def _seen(take: int, growing: _Growing, place: Place) -> Preview:
    last = growing.chunks[-1]
    shape = tuple(int(column) for column in np.rint(100 * growing.shape))
    end = last.start + len(last.audio)
    return Preview(take, growing.round, place, growing.growth.rate, tuple(growing.chunks), end, shape)
