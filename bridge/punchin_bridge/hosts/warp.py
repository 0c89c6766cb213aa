"""Which second of its file a clip plays when: through its loop, its warp map and the project's tempo map. Pure.

Both maps bend, so the clip is cut into pieces within which file time runs evenly against project time; where a tempo
glides, into as many as it takes to be nowhere further off than :data:`BEND`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from punchin_wire.errors import BadSetting

from ..music.tempo_map import TempoMap
from .protocol import Clip

BEND = 0.0005
"""Seconds by which a straight piece may miss a gliding tempo."""
MAX_PIECES = 65536
_HAIR = 1e-9  # quarters or seconds; less than this is nothing
_STRAIGHT = 1e-6  # seconds by which pieces may miss one line and still be one piece


class Piece(NamedTuple):
    """Project seconds `[start, end)` play file seconds `[first, last)`, evenly. `joins` says that the file runs on from
    the piece before."""

    start: float
    end: float
    first: float
    last: float
    joins: bool = False

    @property
    def speed(self) -> float:
        """File seconds a second."""
        return (self.last - self.first) / (self.end - self.start)

    def cut(self, start: float, end: float) -> Piece:
        """The part of it between `start` and `end`, both inside it."""
        first, last = (self.first + (time - self.start) * self.speed for time in (start, end))
        return Piece(start, end, first, last, self.joins)


def pieces(clip: Clip, grid: TempoMap, start: float, end: float) -> list[Piece]:
    """The pieces of `clip` within project seconds `[start, end)`, in order.

    Raises BadSetting for a warp map or loop that cannot be played.
    """
    _check(clip)
    if clip.warp:
        line = _Line(clip.start, clip.end, grid.quarters(start), grid.quarters(end), grid.seconds, _warp(clip))
        knots = [*(tempo.quarter for tempo in grid.tempos)]
    else:
        whole = grid.seconds(clip.start), grid.seconds(clip.end)
        line, knots = _Line(*whole, start, end, float, float), []
    found: list[Piece] = []
    for begin, until, offset in _passes(clip, line):
        bends = [begin + point.quarter - offset for point in clip.warp]
        inner = sorted(knot for knot in (*knots, *bends) if begin + _HAIR < knot < until - _HAIR)
        last: float | None = None
        for a, b in pairwise((begin, *inner, until)):
            for piece in _straight(line, a, b, offset - begin):
                if not found or last is None or not _extends(found, piece):
                    found.append(piece._replace(joins=last is not None))
                last = piece.last
        if len(found) > MAX_PIECES:
            raise BadSetting(
                f"A clip of {clip.path} changes its speed too often.", "Consolidate the clip and try again."
            )
    inside = [piece.cut(max(piece.start, start), min(piece.end, end)) for piece in found if _meets(piece, start, end)]
    return [piece for piece in inside if piece.end - piece.start > _HAIR]


class _Line(NamedTuple):
    """A clip's own line: where it begins and ends, the part that is asked for, what of the project's seconds a position
    is, and what of the file's a clip time is."""

    start: float
    end: float
    first: float
    last: float
    project: Callable[[float], float]
    file: Callable[[float], float]


def _passes(clip: Clip, line: _Line) -> Iterator[tuple[float, float, float]]:
    """Where the clip runs on without a jump: from, to (as the line counts), and the clip time at its beginning. Passes
    before the part that is asked for are left out."""
    at, time = line.start, clip.offset
    if clip.loop is not None and time < clip.loop[1] - _HAIR:
        begin, end = clip.loop
        length = end - begin
        until = at + end - time
        if until <= line.first:  # loops that are over before anything is asked for
            skipped = math.floor((line.first - until) / length)
            at, time = until + skipped * length, begin
        count = 0
        while at < min(line.end, line.last):
            until = min(at + end - time, line.end)
            yield at, until, time
            at, time, count = until, begin, count + 1
            if count > MAX_PIECES:
                raise BadSetting(f"A loop of {clip.path} is too short to be played.", "Make the clip's loop longer.")
    elif at < line.end:
        yield at, line.end, time


def _straight(line: _Line, a: float, b: float, shift: float, depth: int = 0) -> Iterator[Piece]:
    """Positions `a` to `b` in straight pieces; `shift` makes clip times of them."""
    middle = (a + b) / 2
    times = [line.project(position) for position in (a, middle, b)]
    files = [line.file(position + shift) for position in (a, middle, b)]
    share = (times[1] - times[0]) / (times[2] - times[0])
    if depth < 12 and abs(files[0] + share * (files[2] - files[0]) - files[1]) > BEND:
        yield from _straight(line, a, middle, shift, depth + 1)
        yield from _straight(line, middle, b, shift, depth + 1)
    else:
        yield Piece(times[0], times[2], files[0], files[2])


def _extends(found: list[Piece], piece: Piece) -> bool:
    """Whether `piece` goes on just as the last one found; then that one is made longer by it."""
    before = found[-1]
    whole = before._replace(end=piece.end, last=piece.last)
    if abs(whole.cut(piece.start, piece.end).first - piece.first) > _STRAIGHT:
        return False
    found[-1] = whole
    return True


def _meets(piece: Piece, start: float, end: float) -> bool:
    return piece.start < end and piece.end > start


def _warp(clip: Clip) -> Callable[[float], float]:
    """Clip time to seconds of the file; beyond the points as between the nearest two."""
    points = clip.warp

    def seconds(time: float) -> float:
        index = bisect_right(points, time, key=lambda point: point.quarter)
        here, there = points[min(max(index - 1, 0), len(points) - 2) :][:2]
        return here.seconds + (time - here.quarter) * (there.seconds - here.seconds) / (there.quarter - here.quarter)

    return seconds


def _check(clip: Clip) -> None:
    numbers = [clip.offset, *(clip.loop or ()), *(n for point in clip.warp for n in (point.quarter, point.seconds))]
    forward = all(a.quarter < b.quarter and a.seconds < b.seconds for a, b in pairwise(clip.warp))
    if not all(map(math.isfinite, numbers)) or not forward or len(clip.warp) == 1:
        raise BadSetting(
            f"The warp map of {clip.path} does not run forward from point to point.", "Clear its warp markers."
        )
    if clip.loop is not None and clip.loop[1] - clip.loop[0] < 1e-4:
        raise BadSetting(f"The loop of {clip.path} has no length.", "Make the clip's loop longer.")
