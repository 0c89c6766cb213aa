"""Mackie Control: its buttons, V-pots with their rings, and its display of two lines, as MIDI messages. Pure.

Sources: the MIDI implementation of Mackie Control Universal, as its users have written it down: buttons are notes of
channel 1 (lamps the same notes back), V-pots turn as cc 16 to 23 and press as notes 32 to 39, their rings are cc 48 to
55, the display is a system-exclusive message with a place from 0 to 111. Logic Control's challenge, by which a host
proves itself, is not answered: accounts of it differ, and devices in Mackie Control mode work without.

>>> parse(bytes([0xB0, 0x11, 0x43]))
Turned(pot=1, clicks=-3)
>>> ring(0, 1.0).hex(" "), text(56, "Hi").hex(" ")
('b0 30 2b', 'f0 00 00 66 14 12 38 48 69 f7')
"""

from __future__ import annotations

from typing import NamedTuple

POTS = 8
LINE = 56
"""Characters of one line; 7 belong to each V-pot."""
CELL = LINE // POTS
HEADER = b"\xf0\x00\x00\x66"
MODEL = 0x14
"""Mackie Control. Logic Control, its elder, is 0x10 and understands the same."""
BUTTONS = {
    "name_value": 0x34, "bank_left": 0x2E, "bank_right": 0x2F, "undo": 0x51, "enter": 0x53, "marker": 0x54,
    "nudge": 0x55, "cycle": 0x56, "replace": 0x58, "rewind": 0x5B, "forward": 0x5C, "stop": 0x5D, "play": 0x5E,
    "record": 0x5F,
} | {f"f{number}": 0x35 + number for number in range(1, 9)}  # fmt: skip
"""Notes by what is printed on the device."""
_NAMES = {note: name for name, note in BUTTONS.items()}
_FIRST_PRESS, _FIRST_TURN, _FIRST_RING = 0x20, 0x10, 0x30


class Pressed(NamedTuple):
    """A button went down."""

    button: str


class PotPressed(NamedTuple):
    pot: int


class Turned(NamedTuple):
    """`clicks` to the right, or where they are negative, to the left."""

    pot: int
    clicks: int


class Answered(NamedTuple):
    """The device has said that it is there: it was switched on, or asked."""

    model: int


def parse(data: bytes) -> Pressed | PotPressed | Turned | Answered | None:
    """What a message of the device means; None for what means nothing here. Nothing raises."""
    if data[:4] == HEADER and len(data) > 6 and data[4] in (0x10, MODEL):
        return Answered(data[4]) if data[5] in (0x01, 0x03, 0x14) else None
    match tuple(data):
        case (0x90, note, velocity) if velocity:
            if note in _NAMES:
                return Pressed(_NAMES[note])
            return PotPressed(note - _FIRST_PRESS) if 0 <= note - _FIRST_PRESS < POTS else None
        case (0xB0, number, value) if 0 <= number - _FIRST_TURN < POTS and value < 0x80:
            clicks = value & 0x3F
            return Turned(number - _FIRST_TURN, -clicks if value & 0x40 else clicks)
    return None


def ring(pot: int, place: float | None) -> bytes:
    """The ring of a V-pot, lit from the left up to `place` (0 to 1); dark for None."""
    return bytes([0xB0, _FIRST_RING + pot, 0 if place is None else 0x20 | 1 + round(10 * min(max(place, 0.0), 1.0))])


def lamp(button: str, on: bool) -> bytes:
    return bytes([0x90, BUTTONS[button], 0x7F if on else 0])


def text(at: int, shown: str, model: int = MODEL) -> bytes:
    """`shown` on the display from place `at` on: 0 begins the upper line, 56 the lower one. It shows ASCII only."""
    letters = bytes(ord(letter) if " " <= letter <= "~" else ord("?") for letter in shown)
    return HEADER + bytes([model, 0x12, at]) + letters + b"\xf7"


def query(model: int = MODEL) -> bytes:
    """Ask whether a device is there."""
    return HEADER + bytes([model, 0x00]) + b"\xf7"
