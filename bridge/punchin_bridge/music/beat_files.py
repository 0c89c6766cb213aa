"""Beat files: `time position` a line, as a tempo map. Knows no chords and no MIDI.

Columns are split by tabs or spaces: seconds, then the beat's number in its bar, which may be left out (then 4/4 from
the first beat). This is what beat trackers write, and the layout of AIRGen's `beat_audio.txt`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from punchin_wire.errors import BadSetting, InputError

from . import text_files
from .tempo_map import Tempo, TempoMap, TimeSignature

_HELP = "Write one beat a line: its time in seconds and its number in the bar, for example 0.90 2."


def read(path: Path) -> TempoMap:
    """The tempo map of the beat file at `path`. Raises FileMissing, InputError."""
    return parse(text_files.read(path, "beats", _HELP), path.name)


def parse(text: str, name: str = "beat file") -> TempoMap:
    """A tempo map on which every beat from the first downbeat on falls exactly where `text` says.

    Bar 1 starts at the first downbeat; the beats before it are assumed at the tempo of the first two. Each beat counts
    as a quarter note, each bar has as many as there are to the next downbeat.

    >>> [beat.time for beat in parse("0.9 4\\n1.4 1\\n1.9 2\\n2.6 3\\n").beats(1, 3.3)]
    [1.4, 1.9, 2.6]
    """
    beats = [_beat(line.split(), f"{name}, line {i}") for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    times = [time for time, _ in beats]
    if len(times) < 2 or any(before >= after for before, after in pairwise(times)):
        raise InputError(f"{name} does not hold two beats or more, each after the one before.", _HELP)
    numbered = any(number for _, number in beats)
    downbeats = [i for i, (_, number) in enumerate(beats) if number == 1 or not (numbered or i % 4)]
    if not downbeats or downbeats[0] == len(beats) - 1:
        raise InputError(f"{name} has no downbeat (number 1) with beats after it.", _HELP)
    first = downbeats[0]
    tempos = [Tempo(float(i), 60 / (after - before)) for i, (before, after) in enumerate(pairwise(times[first:]))]
    time_signatures: list[TimeSignature] = []
    for here, there in pairwise(downbeats):
        if not time_signatures or there - here != time_signatures[-1].numerator:
            time_signatures.append(TimeSignature(float(here - first), there - here))
    try:
        return TempoMap(tuple(tempos), tuple(time_signatures or [TimeSignature(0.0)]), times[first])
    except BadSetting as error:
        raise InputError(f"{name}: {error}", _HELP) from None


def _beat(fields: list[str], where: str) -> tuple[float, int]:
    """Time and number, 0 where it has none."""
    try:
        time, number = text_files.number(fields[0]), text_files.number(fields[1]) if len(fields) > 1 else 0.0
    except ValueError:
        raise InputError(f"{where} is not a beat: {' '.join(fields)[:60]!r}.", _HELP) from None
    if not (0 <= time < float("inf") and 0 <= number < 100 and number == int(number)):
        raise InputError(f"{where} is not a beat: {' '.join(fields)[:60]!r}.", _HELP)
    return time, int(number)
