"""Chord label files (`.lab`, `.txt`): one `start end label` a line. Knows no MIDI.

Columns are split by tabs or spaces. Labels are chords as :mod:`.chord_names` reads them, Harte's among them: all that
follows the times, else the last column. Blank lines and lines that begin with `#` followed by a space are skipped. This
is the layout of Isophonics, of AIRGen's `chord_audio.txt` and of Audacity's label tracks.

Times are seconds, with a point or a comma; a file of huge whole numbers is HTK's, in 100 ns. A label without length, as
Audacity writes a point, lasts until the next one begins. The last one of a file of points lasts as long as the song;
where others have lengths it has none, and is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from punchin_wire.errors import InputError, UnknownChord
from punchin_wire.messages import ChordSegment

from . import chord_names, text_files

_OVERLAP = 0.02  # seconds by which neighbours may overlap: rounding of whoever wrote the file
_HTK = 1e6
"""Whole numbers from here on are no seconds: the song would last for days. In units of HTK it is a tenth of one."""
_HTK_SECOND = 1e7
_HELP = "Write one chord a line: start and end in seconds, then the chord, for example 4.0 6.0 Am7."


class _Line(NamedTuple):
    """A line of a file: where it is, and what its columns say."""

    where: str
    start: float
    end: float
    label: str
    is_whole: bool
    """Whether both times are whole numbers."""


def read(path: Path) -> tuple[ChordSegment, ...]:
    """The chords in the file at `path`. Raises FileMissing, InputError (a line is not a chord's), UnknownChord."""
    return parse(text_files.read(path, "chords", _HELP), path.name)


def parse(text: str, name: str = "chord file") -> tuple[ChordSegment, ...]:
    """The chords in `text`, in order; the last one may last for ever.

    >>> parse("0.0 0.5 N\\n0.5\\t4,25\\tBm7")[1]
    ChordSegment(start=0.5, end=4.25, label='B:min7')
    """
    lines = [
        _line(line.split(), f"{name}, line {number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not _is_remark(line)
    ]
    found: list[ChordSegment] = []
    for line in _lasting(_in_seconds(lines)):
        if found and line.start < found[-1].end:
            before = found.pop()
            if line.start < before.end - _OVERLAP:
                raise InputError(f"{line.where}: the chord starts before the one above it ends.", _HELP)
            found.append(ChordSegment(before.start, line.start, before.label))
        if line.end > line.start:
            found.append(ChordSegment(line.start, line.end, line.label))
    if not found:
        raise InputError(f"{name} holds no chords.", _HELP)
    return tuple(found)


def _is_remark(line: str) -> bool:
    """A remark of ours, or what Audacity adds to a label of some frequencies only."""
    return line.lstrip().startswith(("# ", "\\")) or line.strip() == "#"


def _line(fields: list[str], where: str) -> _Line:
    try:
        start, end = text_files.number(fields[0]), text_files.number(fields[1])
        words = fields[2:]
        is_one = len(words) > 0
    except (ValueError, IndexError):
        is_one = False
    if not is_one:
        raise InputError(f"{where} is not a chord: {' '.join(fields)[:60]!r}.", _HELP)
    if not (0 <= start <= end and math.isfinite(end)):
        raise InputError(f"{where}: a chord cannot last from {start:g} to {end:g} s.", _HELP)
    return _Line(where, start, end, _label(words, where), fields[0].isdigit() and fields[1].isdigit())


def _label(words: Sequence[str], where: str) -> str:
    """The chord that the words name together, or else the last one of them."""
    try:
        return chord_names.read(" ".join(words))
    except UnknownChord:
        pass
    try:
        return chord_names.read(words[-1])
    except UnknownChord as error:
        raise UnknownChord(words[-1], f"Correct {where}. {error.next_step}") from None


def _in_seconds(lines: Sequence[_Line]) -> Sequence[_Line]:
    if max((line.end for line in lines), default=0.0) < _HTK or not all(line.is_whole for line in lines):
        return lines
    return [line._replace(start=line.start / _HTK_SECOND, end=line.end / _HTK_SECOND) for line in lines]


def _lasting(lines: Sequence[_Line]) -> Sequence[_Line]:
    """The lines with points as long as they last."""
    found = [
        line if line.end > line.start else line._replace(end=max(line.start, following.start))
        for line, following in pairwise(lines)
    ]
    last = lines[-1:]
    if last and all(line.end == line.start for line in lines):
        last = [last[0]._replace(end=math.inf)]
    return [*found, *last]
