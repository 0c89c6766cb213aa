"""The planner: what is written once, what is seen, what is fed. Pure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_server.engines.inpaint.windows import Chunk, plan_windows, sampled_outputs, schedule
from punchin_server.engines.spans import Span, merge, parts

T = 40


@st.composite
def songs(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int]:
    total = draw(st.integers(1, 300))
    edges = sorted(draw(st.sets(st.integers(0, total), min_size=2, max_size=10)))
    holes = list(zip(edges[::2], edges[1::2], strict=False))
    return holes, total


@given(songs())
def test_every_masked_frame_is_written_once_and_in_order(song: tuple[list[tuple[int, int]], int]) -> None:
    """All holes, nothing else, each frame once; a window writes only what it sees as unknown."""
    holes, total = song
    windows = plan_windows(holes, total, T)
    written = [f for w in windows for a, b in w.write for f in range(a, b)]
    assert written == [f for a, b in holes for f in range(a, b)]
    for w in windows:
        assert not (w.written() & w.kept()).any()
        assert w.start >= 0
        assert w.end <= max(total, T)


@given(songs())
def test_nothing_unknown_is_shown_as_kept(song: tuple[list[tuple[int, int]], int]) -> None:
    """A kept frame is the song's own or was written by an earlier window; the future of a hole never is."""
    holes, total = song
    known = np.ones(total + T, bool)
    known[total:] = False
    for a, b in holes:
        known[a:b] = False
    for w in plan_windows(holes, total, T):
        assert (w.kept() == known[w.start : w.end]).all()
        for a, b in w.write:
            known[a:b] = True


@given(songs())
def test_a_quarter_of_each_window_is_not_sampled(song: tuple[list[tuple[int, int]], int]) -> None:
    holes, total = song
    for w in plan_windows(holes, total, T):
        assert w.frames <= T - T // 4


def test_hole_in_the_middle_is_centred() -> None:
    """The published mask: half a window masked, a quarter kept on each side."""
    (window,) = plan_windows([(1000, 1374)], 3000, 750)
    assert window.start == 1000 - 188
    assert window.kept().sum() == 376


@pytest.mark.parametrize(("hole", "start"), [((0, 20), 0), ((280, 300), 260), ((5, 10), 0), ((293, 298), 260)])
def test_windows_stay_inside_the_song(hole: tuple[int, int], start: int) -> None:
    assert plan_windows([hole], 300, T)[0].start == start


def test_long_hole_goes_window_by_window() -> None:
    """Even pieces; all but the last end with their window, so that they see as much of the past as they can."""
    windows = plan_windows([(50, 150)], 300, T)
    assert [w.write for w in windows] == [
        (Span(50, 75),),
        (Span(75, 100),),
        (Span(100, 125),),
        (Span(125, 150),),
    ]
    assert [w.end for w in windows[:3]] == [75, 100, 125]
    assert windows[3].kept()[-1]


def test_neighbouring_holes_share_a_window_and_distant_ones_do_not() -> None:
    assert [w.write for w in plan_windows([(50, 55), (60, 70), (200, 210)], 300, T)] == [
        (Span(50, 55), Span(60, 70)),
        (Span(200, 210),),
    ]


def test_song_shorter_than_a_window_ends_in_unknown_frames() -> None:
    (window,) = plan_windows([(5, 10)], 25, T)
    assert window.start == 0
    assert window.unknown == (Span(5, 10), Span(25, T))


def test_only_the_hole_is_sampled() -> None:
    """Published layout: one prefill of 751 + 187 steps, 373 + 3 single steps, nothing after."""
    frames = np.zeros(1500, bool)
    frames[750 + 187 : 750 + 561] = True
    chunks = schedule(frames, 4)
    assert chunks[0] == Chunk(0, 750 + 187 + 1)
    assert all(end - start == 1 for start, end in chunks[1:])
    assert len(chunks) == 374 + 3
    assert chunks[-1].end == 750 + 561 + 3


def test_known_frames_between_holes_are_one_chunk() -> None:
    frames = np.zeros(60, bool)
    frames[30:33] = frames[50:52] = True
    assert schedule(frames, 4) == [
        *(Chunk(0, 31), Chunk(31, 32), Chunk(32, 33), Chunk(33, 34), Chunk(34, 35), Chunk(35, 36)),
        *(Chunk(36, 51), Chunk(51, 52), Chunk(52, 53), Chunk(53, 54), Chunk(54, 55)),
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any), st.integers(1, 4))
def test_no_input_is_fed_before_it_was_sampled(frames: list[bool], codebooks: int) -> None:
    """Chunks are consecutive; a step whose input must be sampled first never lies inside or past its chunk."""
    write = np.array(frames)
    sampled = sampled_outputs(write, codebooks)
    chunks = schedule(write, codebooks)
    assert [c.start for c in chunks[1:]] == [c.end for c in chunks[:-1]]
    for start, end in chunks:
        assert not sampled[start : end - 1].any()
        assert sampled[end - 1].any()
    assert not sampled[chunks[-1].end :].any()
    assert sampled.sum() == codebooks * write.sum()


def test_merge_joins_what_overlaps_or_touches() -> None:
    assert merge([(5, 8), (0, 2), (8, 9), (6, 7), (11, 12)]) == [(0, 2), (5, 9), (11, 12)]


@given(st.integers(-20, 20), st.integers(1, 100), st.integers(1, 30), st.integers(0, 10))
def test_parts_cover_a_span_once_with_context_inside_it(start: int, length: int, size: int, context: int) -> None:
    span = Span(start, start + length)
    found = parts(span, size, context)
    assert [f for core, _ in found for f in range(*core)] == list(range(*span))
    for core, around in found:
        assert core.end - core.start <= size
        assert around == (max(core.start - context, span.start), min(core.end + context, span.end))
