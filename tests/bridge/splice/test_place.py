"""A take lands on the project's time line exactly where the model made it, at any pair of rates."""

import numpy as np
import pytest
from punchin_bridge.splice.place import coverage, place

MODEL = 32_000
RATES = (11_025, 16_000, 22_050, 32_000, 44_056, 44_100, 48_000, 88_200, 96_000, 192_000)


@pytest.mark.parametrize("start", [0, 1, 777, 40_001])
@pytest.mark.parametrize("rate", RATES)
def test_a_burst_keeps_its_place_and_length(rate: int, start: int) -> None:
    """A tone burst is, at the project's rate, the same function of time: neither moved, stretched nor scaled."""
    samples = 8000
    tone = np.array([310.0, 1000.3, 2999.1])[:, None]

    def burst(seconds: np.ndarray) -> np.ndarray:
        inside = (seconds * MODEL - start) / samples
        hann = np.where((inside > 0) & (inside < 1), np.sin(np.pi * np.clip(inside, 0, 1)) ** 4, 0.0)
        return np.sin(2 * np.pi * tone * seconds).sum(axis=0) * hann / 3

    take = burst(np.arange(start, start + samples) / MODEL)
    line = place(take, start, MODEL, rate, 2 * rate)
    expected = burst(np.arange(2 * rate) / rate)
    assert np.max(np.abs(line - expected)) < 1e-5
    # The misalignment in samples, from the phase of the highest tone.
    probe = np.exp(-2j * np.pi * tone[-1] * np.arange(2 * rate) / rate)
    error = np.angle(np.vdot(expected @ probe[:, None], line @ probe[:, None])) / (2 * np.pi * tone[-1, 0]) * rate
    assert abs(error) < 1e-5


@pytest.mark.parametrize("rate", RATES)
def test_an_impulse_peaks_on_its_instant(rate: int) -> None:
    """Where both grids share an instant, an impulse of one peaks on that very sample of the other."""
    take = np.zeros(3 * MODEL)
    take[MODEL - 100] = 1.0
    line = place(take, 100, MODEL, rate, 3 * rate)
    assert np.argmax(np.abs(line)) == rate
    if rate > 20_000:
        assert line[rate - 1] == pytest.approx(line[rate + 1], abs=2e-5)


def test_equal_rates_copy_the_samples() -> None:
    take = np.random.default_rng(1).standard_normal(500)
    line = place(take, 30, MODEL, MODEL, 1000)
    assert np.array_equal(line[30:530], take)
    assert not line[:30].any()
    assert not line[530:].any()


def test_a_take_longer_than_the_line_is_cut() -> None:
    assert place(np.ones(5000), 10, MODEL, 44_100, 100).shape == (100,)


def test_coverage_counts_whole_samples() -> None:
    assert coverage(0, 32_000, MODEL, 44_100) == (0, 44_100)
    assert coverage(1, 320, MODEL, 44_100) == (2, 442)
