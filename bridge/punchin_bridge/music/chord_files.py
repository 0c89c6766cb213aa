"""Chord label files (`.lab`, `.txt`): one `start end label` a line. Knows no MIDI.

Columns are split by tabs or spaces, times are seconds, the label is the last column. Blank lines and lines that
begin with `#` followed by a space are skipped. The layout is that of Isophonics and of AIRGen's `chord_audio.txt`.
"""

from __future__ import annotations

import math
from pathlib import Path

from punchin_wire import harte
from punchin_wire.errors import InputError, UnknownChord
from punchin_wire.messages import ChordSegment

from . import text_files

_OVERLAP = 0.02  # seconds by which neighbours may overlap: rounding of whoever wrote the file
_HELP = "Write one chord a line: start and end in seconds, then the label, for example 4.0 6.0 A:min7."


def read(path: Path) -> tuple[ChordSegment, ...]:
    """The chords in the file at `path`. Raises FileMissing, InputError (a line is not a chord's), UnknownChord."""
    return parse(text_files.read(path, "chords"), path.name)


def parse(text: str, name: str = "chord file") -> tuple[ChordSegment, ...]:
    """The chords in `text`, in order; segments without length are dropped.

    >>> parse("0.0 0.5 N\\n0.5\\t4.25\\tB:min")[1]
    ChordSegment(start=0.5, end=4.25, label='B:min')
    """
    found: list[ChordSegment] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or line.startswith("# ") or fields == ["#"]:
            continue
        segment = _segment(fields, f"{name}, line {number}")
        if found and segment.start < found[-1].end:
            before = found.pop()
            if segment.start < before.end - _OVERLAP:
                raise InputError(f"{name}, line {number}: the chord starts before the one above it ends.", _HELP)
            found.append(ChordSegment(before.start, segment.start, before.label))
        if segment.end > segment.start:
            found.append(segment)
    if not found:
        raise InputError(f"{name} holds no chords.", _HELP)
    return tuple(found)


def _segment(fields: list[str], where: str) -> ChordSegment:
    try:
        start, end = float(fields[0]), float(fields[1])
        label = fields[2:][-1]
    except (ValueError, IndexError):
        raise InputError(f"{where} is not a chord: {' '.join(fields)[:60]!r}.", _HELP) from None
    if not (0 <= start <= end and math.isfinite(end)):
        raise InputError(f"{where}: a chord cannot last from {start:g} to {end:g} s.", _HELP)
    try:
        harte.parse(label)
    except UnknownChord as error:
        raise UnknownChord(label, f"Correct {where}. {error.next_step}") from None
    return ChordSegment(start, end, label)
