"""What regions, takes and undo steps are called, in files and in hosts. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from punchin_wire.messages import TakeSpec

from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..takes import location

ON_LINE = 0.001
"""Seconds by which an edge may miss a bar line and still count as on it: hosts round in their own ways."""
MAX_TITLE = 80
"""Longest name of a track in the name of a file, in bytes."""
MAX_WHAT = 40
"""Longest target of a transfer in the name of a take."""
MAX_PLACES = 2
"""Places that a name lists one by one."""


class Ruler(NamedTuple):
    """How a project counts: samples at `rate`, bars by `grid`, the first of which is called `first_bar`; without a
    `grid` there are no bars."""

    grid: TempoMap | None
    rate: int
    first_bar: int = 1


def bars(region: Region, ruler: Ruler) -> tuple[int, int] | None:
    """The first and last bar of a region of the project that begins and ends on bar lines, as the ruler calls them."""
    if ruler.grid is None:
        return None
    first = _line(region.start / ruler.rate, ruler.grid)
    after = _line(region.end / ruler.rate, ruler.grid)
    if first is None or after is None or not 1 <= first < after:
        return None
    return first + ruler.first_bar - 1, after + ruler.first_bar - 2


def scene(regions: Sequence[Region], ruler: Ruler) -> str:
    """For file names: `bars5-8`, `bars5`, `bars5-6+9-10`, else `12.000-14.500s`."""
    if (found := _bars(regions, ruler)) is not None:
        return f"bars{'+'.join(found)}".replace(" ", "")
    return "+".join(location.name_of_seconds(region, ruler.rate) for region in _few(regions))


def place(regions: Sequence[Region], ruler: Ruler) -> str:
    """For people: `bars 5-8`, `bar 5`, `bars 5-6 and 9-10`, else `12.000-14.500 s`."""
    if (found := _bars(regions, ruler)) is not None:
        single = len(found) == 1 and found[0].lstrip("-").isdigit()
        words = f"{'bar' if single else 'bars'} {' and '.join(found)}"
    else:
        spans = (f"{region.start / ruler.rate:.3f}-{region.end / ruler.rate:.3f}" for region in _few(regions))
        words = f"{' and '.join(spans)} s"
    return words if len(_few(regions)) == len(regions) else f"{len(regions)} places in {words}"


def take(number: int, place: str, spec: TakeSpec, what: str = "") -> str:
    """The name of take `number` (from 1) at `place`: what it follows, or `what` it was made into, and its seed.

    >>> take(1, "bars 5-8", TakeSpec(7, {"chord": 1.0, "drums": 0.5}))
    'Punchin 1 · bars 5-8 · chord+drums=0.5 · seed 7'
    """
    what = what if len(what) <= MAX_WHAT else what[: MAX_WHAT - 1].rstrip() + "…"
    follows = "+".join(name if weight == 1 else f"{name}={weight:g}" for name, weight in sorted(spec.controls.items()))
    return f"Punchin {number} · {place} · {what or follows or 'free'} · seed {spec.seed}"


def undo(takes: int, place: str) -> str:
    """The name of the undo step that lays takes.

    >>> undo(4, "bars 5-8")
    'Punchin: 4 takes of bars 5-8'
    """
    return f"Punchin: {takes} {'take' if takes == 1 else 'takes'} of {place}"


def title(name: str) -> str:
    """A track's name as part of a file name on any system; empty where nothing of it can be."""
    plain = re.sub(r"[^\w &'()+.,-]+", "-", name).encode()[:MAX_TITLE].decode(errors="ignore")
    return plain.strip(" .-")


def _line(seconds: float, grid: TempoMap) -> int | None:
    """The bar that starts at `seconds`, if one does."""
    bar = grid.bar_at(grid.quarters(seconds + ON_LINE))
    return bar if abs(grid.seconds(grid.bar(bar)) - seconds) <= ON_LINE else None


def _bars(regions: Sequence[Region], ruler: Ruler) -> list[str] | None:
    """The bars of all regions, where all have some."""
    found = [bars(region, ruler) for region in _few(regions)]
    return None if None in found else [_span(*span) for span in found if span is not None]


def _few(regions: Sequence[Region]) -> Sequence[Region]:
    """The regions, or the whole of them where they are too many for a name."""
    return regions if len(regions) <= MAX_PLACES else (Region(regions[0].start, regions[-1].end),)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}" if first >= 0 else f"{first} to {last}"
