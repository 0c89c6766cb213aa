"""Wherever a clip is asked, its pieces say the second of its file that its loop, its warp and the tempo say."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.hosts.protocol import Clip, WarpPoint
from punchin_bridge.hosts.warp import BEND, Piece, pieces
from punchin_bridge.music.tempo_map import Tempo, TempoMap, steady
from punchin_wire.errors import BadSetting

FILE = str(Path("/a.wav"))


@st.composite
def tempo_maps(draw: st.DrawFn) -> TempoMap:
    tempos, quarter = [], 0.0
    for _ in range(draw(st.integers(1, 4))):
        tempos.append(Tempo(quarter, draw(st.floats(40, 240)), draw(st.sampled_from(["steady", "time", "quarters"]))))
        quarter += draw(st.floats(0.5, 20))
    return TempoMap(tuple(tempos), origin=draw(st.floats(-100, 100)))


@st.composite
def clips(draw: st.DrawFn) -> Clip:
    start = draw(st.floats(-10, 50))
    end = start + draw(st.floats(0.1, 40))
    points: list[WarpPoint] = []
    if draw(st.booleans()):
        quarter, seconds = draw(st.floats(-4, 4)), draw(st.floats(-1, 5))
        for _ in range(draw(st.integers(2, 6))):
            points.append(WarpPoint(quarter, seconds))
            quarter, seconds = quarter + draw(st.floats(0.2, 8)), seconds + draw(st.floats(0.1, 4))
    begin = draw(st.floats(0, 8))
    loop = (begin, begin + draw(st.floats(0.1, 16))) if draw(st.booleans()) else None
    return Clip(FILE, start, end, draw(st.floats(0, 20)), tuple(points), loop)


def file_second(clip: Clip, grid: TempoMap, time: float) -> float:
    """What the documents say, word for word: what plays at a second of the project."""
    if clip.warp:
        here = clip.offset + grid.quarters(time) - clip.start
    else:
        here = clip.offset + time - grid.seconds(clip.start)
    if clip.loop is not None and clip.offset < clip.loop[1] <= here:
        here = clip.loop[0] + (here - clip.loop[1]) % (clip.loop[1] - clip.loop[0])
    if not clip.warp:
        return here
    nearest = [pair for pair in pairwise(clip.warp) if here < pair[1].quarter] or [clip.warp[-2:]]
    a, b = nearest[0]
    return a.seconds + (here - a.quarter) / (b.quarter - a.quarter) * (b.seconds - a.seconds)


@given(clips(), tempo_maps(), st.floats(-20, 60), st.floats(0.1, 60))
def test_pieces_say_what_plays(clip: Clip, grid: TempoMap, start: float, length: float) -> None:
    end = start + length
    found = pieces(clip, grid, start, end)
    first, last = max(start, grid.seconds(clip.start)), min(end, grid.seconds(clip.end))
    if last - first < 1e-6:
        assert sum(piece.end - piece.start for piece in found) < 1e-6
        return
    assert (found[0].start, found[-1].end) == (pytest.approx(first, abs=1e-8), pytest.approx(last, abs=1e-8))
    for one, other in pairwise(found):
        assert other.start == pytest.approx(one.end, abs=1e-8)
        assert other.joins == (abs(other.first - one.last) < 1e-6)
    for piece in found:
        for share in (0.1, 0.5, 0.8):
            time = piece.start + share * (piece.end - piece.start)
            there = piece.first + share * (piece.last - piece.first)
            assert there == pytest.approx(file_second(clip, grid, time), abs=2 * BEND)


def test_a_clip_at_its_own_tempo_is_one_piece() -> None:
    """However many warp points and tempo points lie on one line."""
    warp = tuple(WarpPoint(beat, beat / 2) for beat in (0, 1, 3.5, 8))
    grid = TempoMap(tuple(Tempo(quarter, 120.0) for quarter in range(8)))
    assert pieces(Clip(FILE, 4, 12, 1, warp), grid, 0, 100) == [Piece(2, 6, pytest.approx(0.5), pytest.approx(4.5))]


def test_a_loop_goes_round_until_the_clip_ends() -> None:
    clip = Clip(FILE, 0, 9, 1, (WarpPoint(0, 10), WarpPoint(4, 12)), (2, 4))
    found = [(piece.start, piece.first, piece.last, piece.joins) for piece in pieces(clip, steady(60), 0, 9)]
    assert found == [(0, 10.5, 12, False), (3, 11, 12, False), (5, 11, 12, False), (7, 11, 12, False)]


def test_a_loop_that_has_gone_round_for_a_day_costs_what_is_asked_for() -> None:
    clip = Clip(FILE, 0, 200_000, 0, (), (0.25, 0.75))
    found = pieces(clip, steady(120), 86_400, 86_402)
    assert len(found) == 5
    assert found[0].first == pytest.approx(0.25 + (86_400 - 0.75) % 0.5, abs=1e-6)


@pytest.mark.parametrize(
    "clip",
    [
        Clip(FILE, 0, 4, 0, (WarpPoint(0, 0),)),
        Clip(FILE, 0, 4, 0, (WarpPoint(0, 0), WarpPoint(1, 0))),
        Clip(FILE, 0, 4, 0, (WarpPoint(0, 0), WarpPoint(0, 1))),
        Clip(FILE, 0, 4, 0, (WarpPoint(0, 1), WarpPoint(1, 0))),
        Clip(FILE, 0, 4, math.nan),
        Clip(FILE, 0, 4, 0, (WarpPoint(0, 0), WarpPoint(1, math.inf))),
        Clip(FILE, 0, 4, 0, (), (1, 1)),
        Clip(FILE, 0, 1e7, 0, (), (0, 0.0002)),
    ],
)
def test_a_clip_that_cannot_be_played_is_refused(clip: Clip) -> None:
    with pytest.raises(BadSetting, match=r"a\.wav"):
        pieces(clip, steady(60), 0, 1e6)
