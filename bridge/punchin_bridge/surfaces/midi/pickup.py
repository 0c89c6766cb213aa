"""Soft takeover: a fader that stands elsewhere does nothing until it passes where the value is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEAR = 2 / 127
"""How near a fader must come, of its whole way."""


@dataclass
class Pickup:
    """One fader. `put` is where it put the value last, `last` where it stood last; both from 0 to 1, None at first."""

    put: float | None = None
    last: float | None = None

    def move(self, places: Sequence[float], value: float, width: float = NEAR) -> bool:
        """Whether the fader, which went through `places` to the last of them, may set what is at `value`. `width` is
        the least step of the value."""
        held = self.put is not None and abs(self.put - value) <= max(width, NEAR)
        way = (*places, places[0] if self.last is None else self.last)
        passed = min(way) <= value <= max(way)
        place = self.last = places[-1]
        if held or passed or abs(place - value) <= NEAR:
            self.put = place
            return True
        self.put = None
        return False
