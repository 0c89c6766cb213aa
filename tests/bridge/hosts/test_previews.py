"""Takes while they grow: what is kept of them, in which order, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from punchin_bridge.hosts import previews as store
from punchin_bridge.hosts.previews import COLUMNS, Place, Previews
from punchin_bridge.music.region import Region
from punchin_wire.errors import BadMessage
from punchin_wire.frames import Audio

PLACE = Place(start=0, rate=48_000, region=Region(48_000, 96_000))


def noise(samples: int, seed: int = 1) -> Audio:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (1, samples)).astype(np.float32)


@pytest.fixture
def previews() -> Previews:
    made = Previews()
    made.begin("job-1", PLACE)
    return made


def test_a_take_grows_chunk_by_chunk(previews: Previews) -> None:
    first, second = noise(8000), noise(8000, 2)
    previews.grow("job-1", 1, 32_000, first, 32_000)
    previews.grow("job-1", 1, 40_000, second, 32_000)
    [found] = previews.of("job-1")
    assert (found.take, found.round, found.rate, found.end) == (1, 0, 32_000, 48_000)
    assert np.array_equal(np.concatenate([chunk.audio for chunk in found.chunks]), np.hstack([first, second])[0])
    assert len(found.shape) == COLUMNS
    assert all(30 <= column <= 50 for column in found.shape[: COLUMNS // 2])
    assert not any(found.shape[COLUMNS // 2 :])


def test_another_try_takes_the_place_of_the_first(previews: Previews) -> None:
    """Also where it begins before what was heard first: a bridge that came late has not heard all."""
    previews.grow("job-1", 0, 40_000, noise(8000), 32_000)
    previews.grow("job-1", 0, 32_000, noise(100), 32_000)
    [found] = previews.of("job-1")
    assert (found.round, found.end, len(found.chunks)) == (1, 32_100, 1)
    assert not any(found.shape[2:])
    with pytest.raises(BadMessage):
        previews.grow("job-1", 0, 48_000, noise(100), 16_000)


def test_what_comes_beyond_the_bound_is_not_kept(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    """A try that begins anew has all of it again."""
    monkeypatch.setattr(store, "MOST_BYTES", 4 * 1000)
    for take, start in ((0, 32_000), (1, 32_000), (0, 32_400), (1, 32_400)):
        previews.grow("job-1", take, start, noise(400), 32_000)
    assert [found.end for found in previews.of("job-1")] == [32_400, 32_400]
    previews.grow("job-1", 0, 32_000, noise(600), 32_000)
    assert [found.end for found in previews.of("job-1")] == [32_600, 32_400]


def test_a_job_that_has_ended_keeps_nothing(previews: Previews) -> None:
    previews.grow("job-1", 0, 32_000, noise(400), 32_000)
    previews.drop("job-1")
    previews.grow("job-1", 0, 32_400, noise(400), 32_000)  # too late
    assert previews.of("job-1") == ()
