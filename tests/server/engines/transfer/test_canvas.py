"""Every frame of a clip lies on the canvas, is seen by enough of its windows, and counts once in all."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_server.engines.transfer.canvas import ASKED, OVERLAP, SAMPLES, WINDOW, Canvas

RATE = 16_000
canvases = st.builds(Canvas.of, st.integers(RATE // 10, 15 * 60 * RATE), st.sampled_from([4, 8]))


@given(canvases)
def test_the_clip_lies_on_the_canvas_and_little_else(canvas: Canvas) -> None:
    """What follows a clip is less than a frame, but for short ones, which get what the published pipeline asks for."""
    room = canvas.frames * canvas.scale * SAMPLES
    assert room >= canvas.samples
    assert room - canvas.samples < canvas.scale * SAMPLES or canvas.frames == ASKED // canvas.scale


@given(canvases)
def test_windows_cover_the_canvas_and_overlap(canvas: Canvas) -> None:
    assert canvas.windows[0].start == 0
    assert canvas.windows[-1].end == canvas.frames
    if len(canvas.windows) == 1:
        return
    length = WINDOW // canvas.scale
    assert {window.end - window.start for window in canvas.windows} == {length}
    for one, next_one in pairwise(canvas.windows):
        assert one.start < next_one.start
        assert one.end - next_one.start >= OVERLAP * length - 1e-9


@given(canvases)
def test_no_window_more_than_the_overlap_asks_for(canvas: Canvas) -> None:
    """Every window is a pass of the UNet in every step."""
    length, count = WINDOW // canvas.scale, len(canvas.windows)
    reach = length + (count - 2) * (length - ceil(OVERLAP * length))
    assert count == 1 or reach < canvas.frames


@given(canvases)
def test_all_windows_together_count_one_in_every_frame(canvas: Canvas) -> None:
    total = np.zeros(canvas.frames)
    for window, weight in zip(canvas.windows, canvas.weights, strict=True):
        assert weight.dtype == np.float32
        assert (weight > 0).all()
        total[window.start : window.end] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(canvases)
def test_a_window_counts_least_at_its_borders_and_changes_slowly(canvas: Canvas) -> None:
    """So that nothing jumps where a window begins or ends; the ends of the canvas are no borders of this kind."""
    slope = 2 / (OVERLAP * WINDOW / canvas.scale)
    for i, weight in enumerate(canvas.weights):
        assert np.abs(np.diff(weight)).max() <= slope
        assert i == 0 or weight[0] <= slope
        assert i == len(canvas.weights) - 1 or weight[-1] <= slope


@given(canvases)
def test_windows_hear_the_clip_and_nothing_beyond(canvas: Canvas) -> None:
    for window in canvas.windows:
        samples = canvas.samples_in(window)
        assert samples.start == window.start * canvas.scale * SAMPLES
        assert samples.end == min(canvas.samples, window.end * canvas.scale * SAMPLES)
        assert 0 < samples.end - samples.start <= WINDOW * SAMPLES


@pytest.mark.parametrize(
    ("seconds", "scale", "frames", "windows"),
    [
        (0.1, 4, 250, 1),
        (10.0, 4, 250, 1),
        (10.0, 8, 125, 1),
        (10.01, 4, 251, 1),
        (10.24, 4, 256, 1),
        (10.24, 8, 128, 1),
        (10.25, 4, 257, 2),
        (17.92, 4, 448, 2),
        (25.6, 4, 640, 3),
        (900.0, 4, 22500, 117),
    ],
)
def test_the_published_lengths(seconds: float, scale: int, frames: int, windows: int) -> None:
    canvas = Canvas.of(round(seconds * RATE), scale)
    assert (canvas.frames, len(canvas.windows)) == (frames, windows)
