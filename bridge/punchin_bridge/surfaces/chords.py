"""Chords played live, as the chords of the next job. Pure: keys in, notes on the project's time line out.

What pedals hold still sounds (:mod:`punchin_bridge.music.pedals` has the rule for notes that are written down). Keys
that come one by one while the sustain pedal is down are one broken chord; keys struck together are a chord of their
own, for pianists change the pedal after they have struck.

Played along with a clock, a chord begins at the beat that is nearest to it. Played without one, the chords since the
last job are laid evenly over the region, from beat to beat: four chords over four bars are one a bar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import msgspec
from punchin_wire.messages import Note

from ..hosts import timeline
from ..hosts.protocol import MidiNote, Submit
from ..music.chords import label_notes
from ..music.pedals import DOWN, Pedal
from ..music.tempo_map import TempoMap
from .actions import Place

TOGETHER = 0.07
"""Seconds within which keys count as struck together."""
MOST = 256
"""Chords that are kept, the last ones."""


class Chord(NamedTuple):
    """Keys that sounded together, and where the song was, if there was a clock."""

    pitches: tuple[int, ...]
    at: Place | None


@dataclass
class LiveChords:
    """What is played. `label` names the last chord."""

    played: list[Chord] = field(default_factory=list)
    struck: float = -1e9
    _down: set[int] = field(default_factory=set)
    """Keys that fingers hold."""
    _sounding: set[int] = field(default_factory=set)
    """Those, and what pedals hold."""
    _sustained: bool = False
    _kept: frozenset[int] = frozenset()
    """What the sostenuto pedal holds."""
    _joined: Chord | None = None
    """The last chord as it was before a single key joined it, if one did."""

    def key(self, pitch: int, velocity: int, when: float, at: Place | None) -> None:
        """A key went down, or up where `velocity` is 0, at `when`, Unix seconds, while the song was `at`."""
        if velocity:
            self._strike(pitch, when, at)
            return
        self._down.discard(pitch)
        self._let_go()

    def pedal(self, pedal: Pedal, value: int) -> None:
        """A pedal went to `value`, 0 to 127."""
        is_down = value >= DOWN
        if pedal == "sustain":
            self._sustained = is_down
        elif not is_down:
            self._kept = frozenset()
        elif not self._kept:
            self._kept = frozenset(self._down)
        self._let_go()

    def _let_go(self) -> None:
        if not self._sustained:
            self._sounding &= self._down | self._kept

    def _strike(self, pitch: int, when: float, at: Place | None) -> None:
        is_broken = self._sustained and bool(self._sounding)
        self._down.add(pitch)
        self._sounding.add(pitch)
        keys = tuple(sorted(self._down | self._kept))
        if self.played and abs(when - self.struck) <= TOGETHER:
            if self._joined is not None:
                self.played[-1:] = [self._joined, Chord(keys, at)]
                self._joined = None
            else:
                self.played[-1] = Chord(keys, self.played[-1].at)
        elif self.played and is_broken:
            self._joined = self.played[-1]
            self.played[-1] = Chord(tuple(sorted({*self._joined.pitches, pitch})), self._joined.at)
        else:
            self._joined = None
            self.played.append(Chord(keys, at))
        del self.played[:-MOST]
        self.struck = when

    def clear(self) -> None:
        self.played.clear()
        self._joined = None

    @property
    def label(self) -> str:
        """The last chord as the models will read it, or empty."""
        return _label(self.played[-1].pitches) if self.played else ""

    def complete(self, submit: Submit) -> Submit:
        """The job with what was played as its chords; they are used once."""
        if not self.played or submit.params.engine != "inpaint":
            return submit
        notes = laid(self.played, submit)
        self.clear()
        follow = tuple(other for other in submit.follow if other != "chord")
        return msgspec.structs.replace(
            submit, chords=notes, chord_pedals=(), chord_names=(), chord_line="", follow=follow
        )


@lru_cache(maxsize=16)  # every surface shows it, many times a second
def _label(pitches: tuple[int, ...]) -> str:
    return label_notes([Note(0.0, 1.0, pitch, 100) for pitch in pitches])[0].label


def laid(played: list[Chord], submit: Submit) -> tuple[MidiNote, ...]:
    """Chords as notes, in quarters: where they were played, if all of them were and one of them sounds in the region;
    else evenly over it."""
    grid, rate = timeline.tempo_map(submit.timeline), submit.timeline.rate
    start, end = (sample / rate for sample in (submit.region.start, submit.region.end))
    beats = _beats(grid, start, end)
    first, last = grid.quarters(start), grid.quarters(end)
    places = [_quarter(chord.at, grid) for chord in played if chord.at is not None]
    if len(places) == len(played) and any(place < last for place in places) and max(places) > first - 16:
        starts = [_snapped(place, grid) for place in places]
    else:
        played = played[-len(beats) :]
        starts = [beats[round(index * len(beats) / len(played))] for index in range(len(played))]
        starts[0] = min(starts[0], first)
    order = sorted(zip(starts, played, strict=True), key=lambda pair: pair[0])
    return tuple(
        MidiNote(begin, until, pitch)
        for (begin, chord), (until, _) in pairwise([*order, (max(last, order[-1][0] + 1), None)])
        if chord is not None and begin < until
        for pitch in chord.pitches
    )


def _quarter(place: Place, grid: TempoMap) -> float:
    return place.value if place.unit == "quarters" else grid.quarters(place.value)


def _beats(grid: TempoMap, start: float, end: float) -> list[float]:
    """Beats of a stretch of seconds, as quarters; its start where it has none."""
    return [grid.quarters(beat.time) for beat in grid.beats(start - 1e-6, end - 1e-6)] or [grid.quarters(start)]


def _snapped(quarter: float, grid: TempoMap) -> float:
    """The beat nearest to a place."""
    second = grid.seconds(quarter)
    near = _beats(grid, grid.seconds(quarter - 4), grid.seconds(quarter + 4))
    return min(near, key=lambda beat: abs(grid.seconds(beat) - second))
