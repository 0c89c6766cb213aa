"""A song's shape: exact where it was read, its beginnings where it was not, at any zoom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from punchin_bridge.audio import stems
from punchin_bridge.page.peaks import BIN, Shape, Shapes

RATE = 8000


@pytest.fixture
def shape(tmp_path: Path) -> Shape:
    path = tmp_path / "song.wav"
    random = np.random.default_rng(1)
    ramp = np.linspace(0.0, 0.9, 60 * RATE + 77)[:, None]
    soundfile.write(path, random.uniform(-1, 1, (60 * RATE + 77, 2)) * ramp, RATE, subtype="FLOAT")
    return Shape(stems.probe(path))


def samples(shape: Shape, start: int, end: int) -> np.ndarray:
    return soundfile.read(shape.song.path, start=start, stop=end, dtype="float32", always_2d=True)[0]


def test_zoomed_in_it_is_exact(shape: Shape) -> None:
    found = shape.pieces(100, 1100, 10)
    want = samples(shape, 100, 1100).reshape(10, 200)
    assert np.array_equal(found, np.stack([want.min(1), want.max(1)]))
    assert shape.pieces(0, 3, 100).shape == (2, 3)


def test_the_whole_song_is_there_at_once_and_exact_later(shape: Shape) -> None:
    total = shape.song.samples
    first = shape.pieces(0, total, 20)
    assert not shape.is_whole
    assert first.shape == (2, 20)
    assert (first[1] > first[0]).all()
    shape.fill()
    assert shape.is_whole
    exact = shape.pieces(0, total, 20)
    assert (exact[0] <= first[0]).all()
    assert (exact[1] >= first[1]).all()
    last = samples(shape, total - total // 20 + BIN, total)
    assert exact[1][-1] >= last.max()
    assert exact[1].max() == samples(shape, 0, total).max()
    assert exact[0].min() == samples(shape, 0, total).min()


def test_a_song_that_was_written_anew_is_read_anew(shape: Shape) -> None:
    shapes = Shapes()
    assert shapes.of("a", shape.song)[1]
    kept, is_new = shapes.of("a", shape.song)
    assert not is_new
    soundfile.write(shape.song.path, np.zeros((100, 1)), RATE)
    other, is_new = shapes.of("a", stems.probe(shape.song.path))
    assert is_new
    assert other is not kept
