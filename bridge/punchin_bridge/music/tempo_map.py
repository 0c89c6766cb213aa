"""Musical time and clock time, either way and exact to the sample. Knows no files and no hosts.

Positions are quarter notes from bar 1; times are seconds of the song. A tempo holds until the next one, or glides to it
evenly: so much a second (REAPER's gradual change), or so much a quarter note (Ardour's ramp, an exponential in time). A
time signature always starts a bar: a change inside a bar cuts that bar short. The beat of a time signature is its
denominator's note, in compound ones (6/8, 9/8, 12/8, …) three of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

from punchin_wire.errors import BadSetting

MIN_BPM, MAX_BPM = 1, 2000
_HAIR = 1e-9  # quarters; positions closer than this are one position

Curve = Literal["steady", "time", "quarters"]
"""How a tempo goes to the next one: not at all, or by the same change each second, or each quarter note."""


class Tempo(NamedTuple):
    """From `quarter` on, `bpm` quarter notes a minute, by `curve` on the way to the next entry's tempo."""

    quarter: float
    bpm: float
    curve: Curve = "steady"


class TimeSignature(NamedTuple):
    """From the bar that starts at `quarter` on, `numerator` notes of `1/denominator` a bar."""

    quarter: float
    numerator: int = 4
    denominator: int = 4

    @property
    def bar(self) -> float:
        """Quarters of one bar."""
        return 4 * self.numerator / self.denominator

    @property
    def beat(self) -> float:
        """Quarters of one beat."""
        compound = self.denominator >= 8 and self.numerator > 3 and self.numerator % 3 == 0
        return (12 if compound else 4) / self.denominator


class Beat(NamedTuple):
    """A beat at `time` seconds; `number` 1 is a downbeat."""

    time: float
    number: int


class _Stretch(NamedTuple):
    """A tempo as motion: from `quarter` at `time` on, `speed` quarters a second, and `gain` more each second or, where
    it is `exponential`, each quarter.

    The textbook forms divide by `gain`, which is 0 for a steady tempo and next to it for a flat glide; these do not.
    """

    quarter: float
    time: float
    speed: float
    gain: float = 0.0
    exponential: bool = False

    def seconds(self, quarters: float) -> float:
        """How long the first `quarters` last."""
        if self.exponential:
            return quarters / self.speed * _over_itself(math.log1p, self.gain * quarters / self.speed)
        return 2 * quarters / (self.speed + math.sqrt(self.speed * self.speed + 2 * self.gain * quarters))

    def quarters(self, seconds: float) -> float:
        """How far the first `seconds` go."""
        if self.exponential:
            return self.speed * seconds * _over_itself(math.expm1, self.gain * seconds)
        return seconds * (self.speed + self.gain * seconds / 2)


def _over_itself(function: Callable[[float], float], x: float) -> float:
    """`function(x) / x`, for functions that near 0 are what they are given."""
    return function(x) / x if x else 1.0


@dataclass(frozen=True)
class TempoMap:
    """Tempos and time signatures of a song, both ascending and the first at quarter 0, which sounds at `origin`
    seconds.

    Before `origin` the first tempo and time signature hold. Raises BadSetting where that is not so or a tempo is not
    between :data:`MIN_BPM` and :data:`MAX_BPM`.
    """

    tempos: tuple[Tempo, ...] = (Tempo(0.0, 120.0),)
    time_signatures: tuple[TimeSignature, ...] = (TimeSignature(0.0),)
    origin: float = 0.0

    def __post_init__(self) -> None:
        for entries in (self.tempos, self.time_signatures):
            starts = [entry.quarter for entry in entries]
            if not starts or starts[0] != 0 or starts != sorted(starts) or not all(map(math.isfinite, starts)):
                raise BadSetting("A tempo map starts at 0 and its changes follow each other.")
        for tempo in self.tempos:
            if not MIN_BPM <= tempo.bpm <= MAX_BPM:
                raise BadSetting(f"A tempo of {tempo.bpm:g} beats a minute is outside {MIN_BPM} to {MAX_BPM}.")
        if any(m.numerator < 1 or m.denominator not in (1, 2, 4, 8, 16, 32, 64) for m in self.time_signatures):
            raise BadSetting("A time signature is a count over a note value, such as 4/4 or 6/8.")
        if not math.isfinite(self.origin):
            raise BadSetting("The first downbeat is not at a finite time.")

    @cached_property
    def _stretches(self) -> tuple[_Stretch, ...]:
        found = [_Stretch(0.0, self.origin, self.tempos[0].bpm / 60)]  # before bar 1, where nothing glides
        time = self.origin
        for here, there in pairwise((*self.tempos, self.tempos[-1])):
            length, speed, more = there.quarter - here.quarter, here.bpm / 60, (there.bpm - here.bpm) / 60
            stretch = _Stretch(here.quarter, time, speed)
            if here.curve != "steady" and more and length > _HAIR:
                mean = speed + more / 2
                gain = more / length * (mean if here.curve == "time" else 1.0)
                stretch = stretch._replace(gain=gain, exponential=here.curve == "quarters")
            found.append(stretch)
            time += stretch.seconds(length)
        return tuple(found)

    def seconds(self, quarter: float) -> float:
        """When `quarter` sounds."""
        index = bisect_right(self._stretches, quarter, key=lambda s: s.quarter)
        stretch = self._stretches[max(index - 1, 0)]
        return stretch.time + stretch.seconds(quarter - stretch.quarter)

    def quarters(self, seconds: float) -> float:
        """Where the music is at `seconds`."""
        index = bisect_right(self._stretches, seconds, key=lambda s: s.time)
        stretch = self._stretches[max(index - 1, 0)]
        return stretch.quarter + stretch.quarters(seconds - stretch.time)

    def bpm(self, quarter: float) -> float:
        """The tempo at `quarter`; where it jumps, the new one."""
        index = bisect_right(self._stretches, quarter, key=lambda s: s.quarter)
        stretch = self._stretches[max(index - 1, 0)]
        length = quarter - stretch.quarter
        if stretch.exponential:
            return 60 * (stretch.speed + stretch.gain * length)
        return 60 * math.sqrt(stretch.speed * stretch.speed + 2 * stretch.gain * length)

    def sample(self, quarter: float, rate: int) -> int:
        """The sample at which `quarter` sounds: the nearest one."""
        return math.floor(self.seconds(quarter) * rate + 0.5)

    def quarter_of(self, sample: int, rate: int) -> float:
        """Where the music is at `sample`. `sample(quarter_of(n, rate), rate) == n` for every n of a day."""
        return self.quarters(sample / rate)

    @cached_property
    def _first_bars(self) -> tuple[int, ...]:
        """The number of the bar at which each time signature starts; bars count from 1."""
        found = [1]
        for here, there in pairwise(self.time_signatures):
            found.append(found[-1] + math.ceil((there.quarter - here.quarter) / here.bar - _HAIR))
        return tuple(found)

    def bar(self, number: int) -> float:
        """The quarter at which bar `number` starts."""
        index = max(bisect_right(self._first_bars, number) - 1, 0)
        signature = self.time_signatures[index]
        return signature.quarter + (number - self._first_bars[index]) * signature.bar

    def bar_at(self, quarter: float) -> int:
        """The number of the bar that `quarter` lies in; the pick-up before bar 1 is bar 0."""
        index = max(bisect_right(self.time_signatures, quarter + _HAIR, key=lambda signature: signature.quarter) - 1, 0)
        signature = self.time_signatures[index]
        return self._first_bars[index] + math.floor((quarter - signature.quarter + _HAIR) / signature.bar)

    def beats(self, start: float, end: float) -> Iterator[Beat]:
        """Beats with `start <= time < end` (seconds), in order."""
        for index, (here, there) in enumerate(pairwise((*self.time_signatures, TimeSignature(math.inf)))):
            a_bar = round(here.bar / here.beat)
            count = math.floor((self.quarters(start) - here.quarter) / here.beat) - 1
            count = count if index == 0 else max(count, 0)  # the first time signature also counts the pick-up
            while (quarter := here.quarter + count * here.beat) < there.quarter - _HAIR:
                time = self.seconds(quarter)
                if time >= end:
                    return
                if time >= start:
                    yield Beat(time, count % a_bar + 1)
                count += 1


def steady(bpm: float, downbeat: float = 0.0, signature: tuple[int, int] = (4, 4)) -> TempoMap:
    """One tempo and one time signature for the whole song; bar 1 starts at `downbeat` seconds. Raises BadSetting."""
    return TempoMap((Tempo(0.0, bpm),), (TimeSignature(0.0, *signature),), downbeat)
