"""Chords that are typed as one line, bar by bar. Pure.

`Am7 | F G | C` is three bars, the second one with two chords; a line without bars has one chord in each. `%` is the bar
before once more. A line that is shorter than the region begins again.

>>> lay(parse("Am7 | F G"), [0.0, 2.0, 4.0, 6.0])
[(0.0, 2.0, 'Am7'), (2.0, 3.0, 'F'), (3.0, 4.0, 'G'), (4.0, 6.0, 'Am7')]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from punchin_wire.errors import BadSetting

from . import chord_names
from .tempo_map import TempoMap

AGAIN = "%"
_HAIR = 1e-3
"""Quarters by which an edge may miss a bar line and still count as on it."""
Bars: TypeAlias = tuple[tuple[str, ...], ...]


def parse(text: str) -> Bars:
    """The chord names of each bar. Raises BadSetting where there are none, UnknownChord."""
    parts = [part.split() for part in text.split("|")]
    if "|" not in text:
        parts = [[name] for part in parts for name in part]
    bars: list[tuple[str, ...]] = []
    for part in filter(None, parts):
        if part == [AGAIN] and bars:
            bars.append(bars[-1])
            continue
        for name in part:
            chord_names.read(name)
        bars.append(tuple(part))
    if not bars:
        raise BadSetting("There are no chords in this line.", "Write them bar by bar: Am7 | F | C | G.")
    return tuple(bars)


def lay(bars: Bars, lines: Sequence[float]) -> list[tuple[float, float, str]]:
    """Start, end and name of each chord; bar `i` lasts from `lines[i]` to the next line, its chords equally long."""
    found: list[tuple[float, float, str]] = []
    for index, (start, end) in enumerate(pairwise(lines)):
        names = bars[index % len(bars)]
        edges = [start + (end - start) * part / len(names) for part in range(len(names))] + [end]
        found += [(begin, until, name) for name, (begin, until) in zip(names, pairwise(edges), strict=True)]
    return found


def over(bars: Bars, grid: TempoMap, first: float, last: float) -> list[tuple[float, float, str]]:
    """Start, end and name of each chord over quarters `[first, last)` of `grid`, from the bar on that holds `first`."""
    number = grid.bar_at(first + _HAIR)
    lines = [grid.bar(number)]
    while lines[-1] < last - _HAIR:
        number += 1
        lines.append(grid.bar(number))
    return lay(bars, lines)
