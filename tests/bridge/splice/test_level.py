"""The take is made as loud as the song, by the context that both have, and never louder than the file can hold."""

import math

import numpy as np
import pyloudnorm
import pytest
from punchin_bridge.splice.level import Gain, loudness, match, true_peak

RATE = 44_100


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples) * 0.1


@pytest.mark.parametrize("rate", [11_025, 32_000, 44_100, 48_000, 192_000])
def test_loudness_is_that_of_pyloudnorm(rate: int) -> None:
    """Noise and tones of 400 ms measure as the standard's own block does."""
    tone = 0.3 * np.sin(2 * np.pi * 997 * np.arange(rate) / rate)
    for audio in (noise(rate), tone):
        block = np.stack([audio, 0.5 * audio])[:, : round(0.4 * rate)]
        expected = pyloudnorm.Meter(rate).integrated_loudness(block.T)
        assert loudness(block, rate, (0, block.shape[1])) == pytest.approx(expected, abs=0.02)


def test_a_full_scale_tone_is_minus_3_lufs() -> None:
    """BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS (pyloudnorm's filters: -3.05)."""
    tone = np.sin(2 * np.pi * 997 * np.arange(2 * RATE) / RATE)
    assert loudness(tone, RATE, (RATE, 2 * RATE)) == pytest.approx(-3.01, abs=0.05)


def test_silence_and_offset_have_no_loudness() -> None:
    assert loudness(np.zeros((2, 500)), RATE, (100, 400)) == -math.inf
    assert loudness(np.zeros(500), RATE, (100, 100)) == -math.inf
    assert loudness(np.full(RATE, 0.5), RATE, (RATE // 2, RATE)) < -70


def test_what_lies_above_the_band_does_not_count() -> None:
    low, high = (0.1 * np.sin(2 * np.pi * hz * np.arange(RATE) / RATE) for hz in (1000, 18_000))
    span = (RATE // 4, RATE)
    assert loudness(low + high, RATE, span, 15_000) == pytest.approx(loudness(low, RATE, span), abs=0.01)


def parts(song: np.ndarray, left_db: float, right_db: float) -> np.ndarray:
    """The song as a codec with the wrong level gives it back: one error before 1.5 s, another after."""
    half = len(song) // 2
    errors = np.where(np.arange(len(song)) < half, left_db, right_db)
    return song * 10 ** (errors / 20)


HOLE, LEFT, RIGHT = (RATE, 2 * RATE), (0, RATE), (2 * RATE, 3 * RATE)


@pytest.mark.parametrize(("left_db", "right_db"), [(0, 0), (-3, -3), (5, -2), (-11.9, 11.9)])
def test_each_edge_gets_its_own_gain(left_db: float, right_db: float) -> None:
    song = noise(3 * RATE)
    gain = match(song, parts(song, left_db, right_db), RATE, 15_200, HOLE, LEFT, RIGHT, 12.0)
    assert gain.left_db == pytest.approx(-left_db, abs=0.05)
    assert gain.right_db == pytest.approx(-right_db, abs=0.05)
    assert (gain.source, gain.clamped) == ("context", False)


def test_a_gain_has_a_limit_and_says_so() -> None:
    song = noise(3 * RATE)
    gain = match(song, parts(song, -30, 2), RATE, 15_200, HOLE, LEFT, RIGHT, 12.0)
    assert gain.left_db == 12.0
    assert gain.right_db == pytest.approx(-2, abs=0.1)  # the louder side draws the other a little
    assert gain.clamped


def test_one_silent_side_follows_the_other() -> None:
    song = noise(3 * RATE)
    song[: RATE + 1] = 0
    gain = match(song, 0.5 * song, RATE, 15_200, HOLE, LEFT, RIGHT, 12.0)
    assert gain.source == "right context"
    assert gain.left_db == gain.right_db == pytest.approx(6.02, abs=0.05)


def test_without_context_the_replaced_sound_gives_the_level() -> None:
    song = noise(3 * RATE)
    whole, nothing = (0, len(song)), (0, 0)
    gain = match(song, 0.5 * noise(3 * RATE, 1), RATE, 15_200, whole, nothing, (len(song),) * 2, 12.0)
    assert gain.source == "replaced"
    assert gain.left_db == pytest.approx(6.02, abs=0.2)


def test_silence_everywhere_is_no_gain() -> None:
    silent = np.zeros(3 * RATE)
    for song, take in [(silent, noise(3 * RATE)), (noise(3 * RATE), silent), (silent, silent)]:
        assert match(song, take, RATE, 15_200, HOLE, LEFT, RIGHT, 12.0) == Gain()


def test_the_ramp_is_linear_in_decibels() -> None:
    ramp = 20 * np.log10(Gain(-6.0, 6.0).ramp(101, before=3, after=5, rate=RATE))
    assert len(ramp) == 109
    assert np.allclose(ramp[:4], -6)
    assert np.allclose(ramp[103:], 6)
    assert np.allclose(np.diff(ramp[3:104]), 0.12)


def test_the_peak_between_samples_counts() -> None:
    """A quarter-rate sine sampled at 45° has samples of 0.707 and a true peak of 1."""
    tone = np.sin(2 * np.pi * (np.arange(2000) + 0.5) / 4) * np.hanning(2000)
    assert np.max(np.abs(tone)) < 0.708
    assert true_peak(tone[None], RATE) == pytest.approx(1.0, abs=0.01)
    assert true_peak(np.zeros((2, 10)), RATE) == 0.0
    assert true_peak(tone, 192_000) == np.max(np.abs(tone))
