"""What was read by ear for takes: in words, and as files beside a take, to be corrected and given again.

Those lie on the time line that the take's chords lie on, so that `--chords TAKE.lab` and `--piano TAKE.mid` read them
as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np
from punchin_wire.disk import ANOTHER_FOLDER, replacing
from punchin_wire.harte import NO_CHORD
from punchin_wire.messages import ChordSegment, Heard, HeardChord, Note

from ..music import chord_names, midi_out
from .report import HeardReport

CHORDS, PIANO = BESIDE = ".lab", ".mid"
"""How the files beside a take end."""
UNSURE = 0.8
"""Chords that are less sure are pointed out: in mixes, nineteen of twenty that are surer are right."""
MOST = 8
"""Chords that a note names."""


def later(heard: Heard, seconds: float) -> Heard:
    """The same on a time line that begins so much earlier."""
    chords = tuple(
        msgspec.structs.replace(each, start=each.start + seconds, end=each.end + seconds) for each in heard.chords
    )
    notes = tuple(
        msgspec.structs.replace(each, start=each.start + seconds, end=each.end + seconds) for each in heard.piano
    )
    return msgspec.structs.replace(heard, chords=chords, piano=notes)


def report(heard: Heard, start: float, end: float) -> HeardReport:
    """What of it counts for a region, in seconds of the same time line."""
    here = [chord for chord in heard.chords if chord.start < end and chord.end > start]
    cut = tuple(msgspec.structs.replace(c, start=max(c.start, start), end=min(c.end, end)) for c in here)
    return HeardReport(cut, sum(start <= note.start < end for note in heard.piano), heard.piano_sure)


def notes(found: HeardReport) -> Iterator[str]:
    """Sentences for the musician."""
    named = [chord for chord in found.chords if chord.label not in NO_CHORD]
    if named:
        names = [name for name, _ in groupby(map(name_of, found.chords))]
        shown = " ".join(names[:MOST]) + " …" * (len(names) > MOST)
        sure = np.average([chord.sure for chord in named], weights=[chord.end - chord.start for chord in named])
        yield (
            f"Chords read by ear, {100 * sure:.0f} % sure: {shown}. They lie beside each take as a {CHORDS} file: "
            "correct that, and give it as chords."
        )
    if found.notes:
        count = "1 note" if found.notes == 1 else f"{found.notes} notes"
        yield (
            f"{count} read by ear, {100 * found.notes_sure:.0f} % sure. They lie beside each take as a {PIANO} file: "
            "correct that, and give it as piano."
        )


def name_of(chord: ChordSegment) -> str:
    """A chord as musicians write it: `Am`, `F`, `E5`."""
    return chord_names.written(chord.label)


def beside(take: Path) -> tuple[Path, ...]:
    """The files that may lie beside a take."""
    return take.with_suffix(CHORDS), take.with_suffix(PIANO)


def write(heard: Heard, take: Path, bpm: float | None) -> tuple[Path, ...]:
    """Write what was read beside the file of a take. Raises BadSetting."""
    files = {}
    if heard.chords:
        files[CHORDS] = "".join(_lines(heard.chords)).encode()
    if heard.piano:
        files[PIANO] = midi_out.write(_on_the_line(heard.piano), bpm or 120.0)
    for ending, content in files.items():
        with replacing(take.with_suffix(ending), durable=True, next_step=ANOTHER_FOLDER) as file:
            file.write(content)
    return tuple(take.with_suffix(ending) for ending in files)


def _lines(chords: tuple[HeardChord, ...]) -> Iterator[str]:
    """A chord file; a remark stands above each chord that should be looked at."""
    for chord in chords:
        if chord.end <= 0:
            continue
        if chord.sure < UNSURE and chord.label not in NO_CHORD:
            yield f"# {100 * chord.sure:.0f} % sure:\n"
        yield f"{max(chord.start, 0.0):.4f}\t{chord.end:.4f}\t{chord.label}\n"


def _on_the_line(notes: tuple[Note, ...]) -> list[Note]:
    """The notes that begin on the time line: a file knows no time before it."""
    return [note for note in notes if note.start >= 0]
