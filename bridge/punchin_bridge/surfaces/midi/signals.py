"""MIDI messages as what a hand did. Pure: bytes in, signals out; anything else is None, nothing raises.

Source: MIDI 1.0 detailed specification; MIDI Machine Control 1.0 (RP-013).

>>> parse(bytes([0x90, 60, 100]))
Signal(kind='note', channel=1, number=60, value=100)
>>> parse(bytes([0xF0, 0x7F, 0x7F, 0x06, 0x06, 0xF7]))
Signal(kind='mmc', channel=0, number=6, value=127)
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["note", "cc", "program", "mmc"]

MMC = {"stop": 1, "play": 2, "deferred_play": 3, "forward": 4, "rewind": 5, "record": 6, "record_exit": 7, "pause": 9}
"""Commands of a transport by their MMC numbers."""
FULL = 127


class Signal(NamedTuple):
    """`channel` from 1, 0 for MMC. `value` is a velocity or a position; 0 is a key or button let go."""

    kind: Kind
    channel: int
    number: int
    value: int


def parse(data: bytes) -> Signal | None:
    """The signal of one whole message, or None for what is none (clocks, other system messages, broken ones)."""
    if len(data) == 6 and data[:2] == b"\xf0\x7f" and data[3] == 0x06 and data[5] == 0xF7:
        return Signal("mmc", 0, data[4], FULL)
    if not data or any(byte > 0x7F for byte in data[1:]):
        return None
    status, channel = data[0] & 0xF0, (data[0] & 0x0F) + 1
    match status, tuple(data[1:]):
        case 0x90, (note, velocity):
            return Signal("note", channel, note, velocity)
        case 0x80, (note, _):
            return Signal("note", channel, note, 0)
        case 0xB0, (number, value):
            return Signal("cc", channel, number, value)
        case 0xC0, (number,):
            return Signal("program", channel, number, FULL)
    return None


Relative = Literal["twos", "offset", "sign"]
"""How endless knobs say how far they went: in two's complement (1, 127), around 64 (65, 63), with a sign (1, 65)."""


def clicks(value: int, how: Relative) -> int:
    """How far an endless knob was turned.

    >>> [clicks(value, "twos") for value in (1, 127)], clicks(62, "offset"), clicks(66, "sign")
    ([1, -1], -2, -2)
    """
    if how == "twos":
        return value - 128 if value >= 64 else value
    if how == "offset":
        return value - 64
    return 64 - value if value >= 64 else value
