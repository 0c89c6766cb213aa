"""A song on paper: notes by stem, chords, and where its beats and bars lie in time. Knows no dice and no audio."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from punchin_wire.messages import ChordSegment, Note

from .harmony import Key

STEMS = ("drums", "bass", "comp", "melody")
"""What every song has. Those of the second edition have "pad", too."""


class TimeSignature(NamedTuple):
    """A time signature. Eighths in threes are felt, and counted, as dotted quarters."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def quarters(self) -> float:
        """Length of a bar in quarter notes."""
        return 4 * self.numerator / self.denominator

    @property
    def compound(self) -> bool:
        return self.denominator == 8 and self.numerator % 3 == 0

    @property
    def beat(self) -> float:
        """Length of a beat in quarter notes."""
        return 1.5 if self.compound else 4 / self.denominator

    @property
    def beats(self) -> int:
        """Beats of a bar."""
        return round(self.quarters / self.beat)


class Bar(NamedTuple):
    """A bar that begins `quarter` quarter notes into the song."""

    quarter: float
    signature: TimeSignature


class Tempo(NamedTuple):
    """Quarter notes a minute from `quarter` on, until the next one. A ramp is one of them on every beat."""

    quarter: float
    bpm: float


FOUR_FOUR = TimeSignature(4, 4)


@dataclass(frozen=True)
class Timeline:
    """Where bars lie, and how fast they pass. `bars` and `tempos` ascend from quarter 0."""

    bars: tuple[Bar, ...]
    tempos: tuple[Tempo, ...]

    @cached_property
    def _starts(self) -> tuple[float, ...]:
        """Seconds at which each tempo begins."""
        found = [0.0]
        for before, after in pairwise(self.tempos):
            found.append(found[-1] + (after.quarter - before.quarter) * 60 / before.bpm)
        return tuple(found)

    def seconds(self, quarter: float) -> float:
        """When a place in the song comes; beyond its ends the outer tempos go on."""
        index = max(0, bisect_right(self.tempos, quarter, key=lambda tempo: tempo.quarter) - 1)
        tempo = self.tempos[index]
        return self._starts[index] + (quarter - tempo.quarter) * 60 / tempo.bpm

    def quarters(self, seconds: float) -> float:
        """The place that a moment of the song is; the inverse of :meth:`seconds`."""
        index = max(0, bisect_right(self._starts, seconds) - 1)
        tempo = self.tempos[index]
        return tempo.quarter + (seconds - self._starts[index]) * tempo.bpm / 60

    def beats(self) -> Iterator[tuple[float, int]]:
        """Every beat as (seconds, position in its bar from 1)."""
        for bar in self.bars:
            for beat in range(bar.signature.beats):
                yield self.seconds(bar.quarter + beat * bar.signature.beat), beat + 1


@dataclass(frozen=True)
class Song:
    """One song. Times in seconds from its start; `chords` cover it without gaps."""

    seed: int
    key: Key
    tempo: float  # quarter notes a minute, where the song begins
    feel: str
    seconds: float
    chords: tuple[ChordSegment, ...]
    beats: tuple[tuple[float, int], ...]  # (time, position in the bar from 1)
    stems: dict[str, list[Note]]  # by the names of STEMS, and perhaps "pad"
    gains: dict[str, float]  # each stem's loudness (RMS) relative to the others
    sections: tuple[tuple[float, str], ...]
    timeline: Timeline
    produced: bool = False  # its sound has a production of its own, see :mod:`.studio`
