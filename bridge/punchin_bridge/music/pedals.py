"""How pedals make notes last: the one rule for MIDI files, hosts and whoever else sends notes. Pure.

The sustain pedal (controller 64) holds what is let go while it is down, until it comes up. The sostenuto pedal (66)
holds the keys that were down when it went down. From 64 of 127 on a pedal is down: half pedals are a matter of the
piano. A key that is struck again ends its older sound. A pedal that rises and falls at one time has risen: what was let
go before ends there.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec
from punchin_wire.messages import Note

Pedal = Literal["sustain", "sostenuto"]
CONTROLLERS: dict[int, Pedal] = {64: "sustain", 66: "sostenuto"}
DOWN = 64
"""The least value of a pedal that is down."""


class Move(NamedTuple):
    """At `time` seconds a pedal went to `value`, 0 to 127."""

    time: float
    pedal: Pedal
    value: int


class _Press(NamedTuple):
    """A pedal was down from `down` to `up` seconds."""

    down: float
    up: float


def hold(notes: Sequence[Note], moves: Iterable[Move], until: float = math.inf) -> tuple[Note, ...]:
    """`notes` of one channel in their order, each as long as it sounds under the pedals; a pedal that never comes up
    does so at `until` seconds."""
    presses = _presses(moves, until)
    if not any(presses.values()):
        return tuple(notes)
    strikes: dict[int, list[float]] = defaultdict(list)
    for note in sorted(notes, key=lambda note: note.start):
        strikes[note.pitch].append(note.start)

    def end(note: Note) -> float:
        again = bisect_right(strikes[note.pitch], note.start)
        struck = strikes[note.pitch][again] if again < len(strikes[note.pitch]) else math.inf
        kept = _kept(note.start, note.end, presses["sostenuto"])
        return max(note.end, min(_sustained(kept, presses["sustain"]), struck))

    return tuple(msgspec.structs.replace(note, end=end(note)) for note in notes)


def _presses(moves: Iterable[Move], until: float) -> dict[Pedal, list[_Press]]:
    """When each pedal was down, in order."""
    found: dict[Pedal, list[_Press]] = {"sustain": [], "sostenuto": []}
    down: dict[Pedal, float] = {}
    for time, pedal, value in sorted(moves, key=lambda move: move.time):
        if value >= DOWN:
            down.setdefault(pedal, time)
        elif pedal in down:
            found[pedal].append(_Press(down.pop(pedal), time))
    for pedal, time in down.items():
        found[pedal].append(_Press(time, max(time, until)))
    return found


def _sustained(end: float, presses: Sequence[_Press]) -> float:
    """When a note that would end at `end` does under the sustain pedal."""
    last = bisect_left(presses, end, key=lambda press: press.down) - 1
    return max(end, presses[last].up) if last >= 0 else end


def _kept(start: float, end: float, presses: Sequence[_Press]) -> float:
    """When a note whose key is down from `start` to `end` ends under the sostenuto pedal."""
    last = bisect_left(presses, end, key=lambda press: press.down) - 1
    return max(end, presses[last].up) if last >= 0 and presses[last].down >= start else end
