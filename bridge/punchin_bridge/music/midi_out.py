"""Notes to a Standard MIDI File of one track. Pure.

>>> from .midi_files import parse
>>> parse(write([Note(0.5, 1.0, 60)], bpm=96)).notes
(Note(start=0.5, end=1.0, pitch=60, velocity=100, program=0, drum=False),)
"""

from __future__ import annotations

from collections.abc import Sequence

from punchin_wire.messages import Note

from . import smf

TICKS = 9600
"""Of a quarter note: a twentieth of a millisecond at 120 BPM."""


def write(notes: Sequence[Note], bpm: float = 120.0) -> bytes:
    """A file of type 0 that plays `notes` (seconds) from its start on, on channel 1, at one tempo."""
    scale = TICKS * bpm / 60
    keys = [(round(note.end * scale), 0x80, note.pitch, 0) for note in notes]
    keys += [(round(note.start * scale), 0x90, note.pitch, note.velocity) for note in notes]
    tempo = round(6e7 / bpm).to_bytes(3, "big")
    track, now = b"\0" + bytes((smf.META, smf.TEMPO, len(tempo))) + tempo, 0
    for tick, *message in sorted(keys):  # an end goes before a beginning at the same tick
        track += _number(tick - now) + bytes(message)
        now = tick
    track += b"\0" + bytes((smf.META, smf.END, 0))
    head = b"MThd" + (6).to_bytes(4, "big") + bytes((0, 0, 0, 1)) + TICKS.to_bytes(2, "big")
    return head + b"MTrk" + len(track).to_bytes(4, "big") + track


def _number(value: int) -> bytes:
    """Seven bits a byte, all but the last marked."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
