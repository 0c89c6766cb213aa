"""The part of a song that a request carries, and what lies in it, on its own time line. Pure.

A request to inpaint carries its region with up to :data:`CONTEXT_SECONDS` of song on each side, that of a transfer the
region alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from punchin_wire.errors import BadRegion
from punchin_wire.messages import MAX_SECONDS, ChordSegment, Note

from ..music.region import Region

CONTEXT_SECONDS = 30.0
"""MusicGen's window is 30 s: no model of this size sees further."""
MIN_TRANSFER_SECONDS = 0.05


def around(region: Region, rate: int, total: int) -> Region:
    """The part of a song of `total` samples that a request to fill `region` carries. Raises BadRegion when too long."""
    context = round(CONTEXT_SECONDS * rate)
    span = Region(max(0, region.start - context), min(total, region.end + context))
    if span.samples > MAX_SECONDS * rate:
        raise BadRegion(
            f"The region is {region.samples / rate:.0f} s long.",
            f"Select at most {MAX_SECONDS - 2 * CONTEXT_SECONDS:.0f} s at once.",
        )
    return span


def check_transfer(region: Region, rate: int) -> None:
    """Raises BadRegion where one transfer cannot take the region."""
    seconds = region.samples / rate
    if seconds > MAX_SECONDS:
        raise BadRegion(f"The region is {seconds:.0f} s long.", f"Select at most {MAX_SECONDS:.0f} s at once.")
    if seconds < MIN_TRANSFER_SECONDS:
        raise BadRegion(
            f"The region is {1000 * seconds:.0f} ms long.", f"Select at least {1000 * MIN_TRANSFER_SECONDS:.0f} ms."
        )


def at_rate(span: Region, rate: int, other: int) -> Region:
    """The samples of a file at rate `other` that sound while `span` does at `rate`; the nearest ones."""
    start = (2 * span.start * other + rate) // (2 * rate)
    return Region(start, start + (2 * span.samples * other + rate) // (2 * rate))


def cut_chords(chords: Sequence[ChordSegment], start: float, end: float) -> tuple[ChordSegment, ...]:
    """The chords from `start` to `end`, cut there, their times counted from `start`."""
    return tuple(
        ChordSegment(max(chord.start, start) - start, min(chord.end, end) - start, chord.label)
        for chord in chords
        if chord.start < end and chord.end > start
    )


def cut_notes(notes: Sequence[Note], start: float, end: float) -> tuple[Note, ...]:
    """The notes from `start` to `end`, cut there, their times counted from `start`."""
    return tuple(
        Note(
            max(note.start, start) - start,
            min(note.end, end) - start,
            note.pitch,
            note.velocity,
            note.program,
            note.drum,
        )
        for note in notes
        if note.start < end and note.end > start
    )
