"""What is learned from a controller: the key, or the knob and in which way it speaks. Pure.

A key is known by one message. A knob is listened to for a moment: how it speaks shows when it is turned up, then down.

>>> mode([1, 1, 2, 127]), mode([65, 65, 63]), mode([1, 1, 65]), mode([40, 41, 43])
('twos', 'offset', 'sign', 'absolute')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from punchin_wire.params import BY_NAME

from .mapping import Mode
from .signals import Signal

LISTEN_SECONDS = 1.5
"""How long a knob is listened to."""
MOST = 1000
QUICK = 8
"""Clicks that an endless knob is taken to send at once at most."""


@dataclass
class Learning:
    """The next thing that comes, until `until`, is for the parameter or action `name`."""

    name: str
    until: float
    port: str = ""
    first: Signal | None = None
    values: list[int] = field(default_factory=list)
    other: int | None = None
    """The other half of a 14-bit knob, once that has come."""
    decides: float = 0.0

    def receive(self, port: str, signal: Signal, now: float) -> None:
        """A signal has come, at `now` of the monotonic clock."""
        if self.first is None:
            if not signal.value:
                return  # a button let go
            self.port, self.first = port, signal
            is_knob = signal.kind == "cc" and self.name in BY_NAME
            self.decides = now + LISTEN_SECONDS * is_knob
        if (port, *signal[:2]) != (self.port, *self.first[:2]):
            return
        if signal.number == self.first.number:
            self.values = [*self.values, signal.value][-MOST:]
        elif {signal.number, self.first.number} == {number := min(signal.number, self.first.number), number + 32}:
            self.other = signal.number if number < 32 else None

    def learned(self, now: float) -> tuple[str, Signal, Mode] | None:
        """Port, signal and mode, once they are known."""
        if self.first is None or now < self.decides:
            return None
        if self.other is not None:
            return self.port, self.first._replace(number=min(self.other, self.first.number)), "fine"
        return self.port, self.first, mode(self.values) if self.decides and self.name in BY_NAME else "absolute"


def mode(values: Sequence[int]) -> Mode:
    """How a knob speaks that sent `values`. One that stands somewhere never says the same twice in a row; an endless
    one does, for it says how far it went."""
    up, down = range(1, QUICK + 1), range(128 - QUICK, 128)
    above, below = range(65, 65 + QUICK), range(64 - QUICK, 64)
    used = [part for part in (up, down, above, below) if any(value in part for value in values)]
    if not any(a == b for a, b in pairwise(values)) or any(all(v not in part for part in used) for v in values):
        return "absolute"
    if above in used and up in used:
        return "sign"
    return "offset" if above in used or below in used else "twos"
