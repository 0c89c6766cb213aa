"""The region to fill, in samples of the song: from seconds or from bars. Knows no files."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from punchin_wire.errors import BadRegion

from .tempo_map import TempoMap

SHORT_SECONDS = 0.02
"""A song that ends this much before a bar line has the whole bar: its file was cut there."""


class Region(NamedTuple):
    """Samples `[start, end)` of the song."""

    start: int
    end: int

    @property
    def samples(self) -> int:
        return self.end - self.start

    def shifted(self, by: int) -> Region:
        return Region(self.start + by, self.end + by)


def from_seconds(start: float, end: float, rate: int, total: int) -> Region:
    """The region from `start` to `end` seconds of a song of `total` samples, to the nearest sample.

    Raises BadRegion where it is empty, or not inside the song.
    """
    if not (math.isfinite(start * rate) and math.isfinite(end * rate)):
        raise BadRegion(f"The region from {start:g} to {end:g} s has no edges on any time line.")
    return _inside(
        math.floor(start * rate + 0.5), math.floor(end * rate + 0.5), f"from {start:g} to {end:g} s", rate, total
    )


def from_bars(text: str, tempo_map: TempoMap, rate: int, total: int) -> tuple[Region, int]:
    """The region of bars `A:B`, both included and counted from 1: `5:8` is four bars, `5` is bar 5; and how many
    samples the song ends before them: a last bar may miss :data:`SHORT_SECONDS` or a twentieth of a quarter note.

    Raises BadRegion as :func:`from_seconds`, and for text that names no bars.
    """
    match = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", text.strip())
    if match is None:
        raise BadRegion(f"{text[:40]!r} names no bars.", "Write bars as first:last, for example --bars 5:8.")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last:
        raise BadRegion(f"Bars {text.strip()} are none.", "Bars count from 1 and the last is not before the first.")
    line = tempo_map.bar(last + 1)
    start, end = tempo_map.sample(tempo_map.bar(first), rate), tempo_map.sample(line, rate)
    short, quarter = end - total, end - tempo_map.sample(line - 1, rate)
    if start < total and 0 < short <= max(SHORT_SECONDS * rate, quarter / 20):
        return _inside(start, total, "", rate, total), short
    name = f"of bars {first} to {last}, {start / rate:.3f} to {end / rate:.3f} s,"
    if 0 <= start < total < end:
        raise BadRegion(
            _outside(name, rate, total),
            f"For what there is of them, give --start {start / rate:.6f} --end {total / rate:.6f}.",
        )
    return _inside(start, end, name, rate, total), 0


def _inside(start: int, end: int, name: str, rate: int, total: int) -> Region:
    if end <= start:
        raise BadRegion(f"The region {name} has no length.", "Let it end later than it starts.")
    if start < 0 or end > total:
        raise BadRegion(_outside(name, rate, total))
    return Region(start, end)


def _outside(name: str, rate: int, total: int) -> str:
    return f"The region {name} lies outside the song, which is {total / rate:.6f} s long."
