"""What regions, takes and undo steps are called, in files and in hosts. Pure."""

from __future__ import annotations

import re

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


def bars(region: Region, grid: TempoMap, rate: int) -> tuple[int, int] | None:
    """The first and last bar of a region of the project that begins and ends on bar lines; bars count from 1."""
    first = _line(region.start / rate, grid)
    after = _line(region.end / rate, grid)
    return None if first is None or after is None or not 1 <= first < after else (first, after - 1)


def scene(region: Region, grid: TempoMap, rate: int) -> str:
    """For file names: `bars5-8`, `bars5`, else `12.000-14.500s`."""
    found = bars(region, grid, rate)
    return location.name_of_seconds(region, rate) if found is None else f"bars{_span(*found)}"


def place(region: Region, grid: TempoMap, rate: int) -> str:
    """For people: `bars 5-8`, `bar 5`, else `12.000-14.500 s`."""
    found = bars(region, grid, rate)
    if found is None:
        return f"{region.start / rate:.3f}-{region.end / rate:.3f} s"
    return f"{'bar' if found[0] == found[1] else 'bars'} {_span(*found)}"


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


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
