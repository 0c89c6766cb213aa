"""A mono take gets the width of its context, and is still itself in mono."""

import numpy as np
import pytest
from punchin_bridge.splice.width import measure, mono, rebuild

RATE = 44_100


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) * 0.1


def power(audio: np.ndarray) -> np.ndarray:
    return np.mean(audio**2, axis=-1)


def song_of(pan: float, side: float, seed: int = 0) -> np.ndarray:
    """Stereo noise: a middle leaning by `pan`, and unrelated sides of relative amplitude `side`."""
    middle, apart = noise(2, 8 * RATE, seed=seed)
    return np.stack([(1 + pan) * middle + side * apart, (1 - pan) * middle - side * apart])


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_the_mono_mix_is_the_take(channels: int) -> None:
    context, take = noise(channels, 2 * RATE), noise(RATE, seed=1)
    wide = rebuild(take, measure(context, RATE), RATE)
    assert wide.shape == (channels, RATE)
    assert np.max(np.abs(wide.mean(axis=0) - take)) < 1e-14


@pytest.mark.parametrize(("pan", "side"), [(0.0, 0.0), (0.3, 0.5), (-0.8, 0.1), (0.0, 0.9), (1.0, 0.0)])
def test_pan_and_width_are_those_of_the_context(pan: float, side: float) -> None:
    context, take = song_of(pan, side), noise(8 * RATE, seed=9)
    wide = rebuild(take, measure(context, RATE), RATE)
    scale = power(context.mean(axis=0)) / power(take)
    for mine, theirs in zip(power(wide) * scale, power(context), strict=True):
        assert 10 * np.log10((mine + 1e-9) / (theirs + 1e-9)) == pytest.approx(0, abs=0.4)
    mine, theirs = (power((x[0] - x[1]) / 2) / power(x.mean(axis=0)) for x in (wide, context))
    assert 10 * np.log10((mine + 1e-6) / (theirs + 1e-6)) == pytest.approx(0, abs=0.5)


def test_width_belongs_to_its_band() -> None:
    """A song that is wide above 3 kHz and mono below gets a take that is too."""
    middle, apart = noise(2, 8 * RATE)
    spectrum = np.fft.rfft(apart)
    spectrum[: (3000 * 8)] = 0
    apart = np.fft.irfft(spectrum)
    wide = rebuild(noise(8 * RATE, seed=5), measure(np.stack([middle + apart, middle - apart]), RATE), RATE)
    side = np.abs(np.fft.rfft(wide[0] - wide[1])) ** 2
    center = np.abs(np.fft.rfft(wide.sum(axis=0))) ** 2
    low, high = slice(200 * 8, 2000 * 8), slice(4500 * 8, 15_000 * 8)
    assert 10 * np.log10(side[low].sum() / center[low].sum()) < -20
    assert 10 * np.log10(side[high].sum() / center[high].sum()) == pytest.approx(0, abs=1)


def test_opposite_phase_does_not_make_the_take_all_side() -> None:
    """The mono mix of a phase-reversed song is silence; its take keeps a side no louder than its middle."""
    tone = noise(2 * RATE)
    wide = rebuild(noise(2 * RATE, seed=2), measure(np.stack([tone, -tone]), RATE), RATE)
    assert power(wide[0] - wide[1]) <= 1.1 * power(wide.sum(axis=0))


def test_silence_and_scraps_are_mono() -> None:
    for context in (np.zeros((2, RATE)), noise(2, 10)):
        take = noise(100, seed=1)
        assert np.allclose(rebuild(take, measure(context, RATE), RATE), take)


def test_a_mono_setting_is_the_same_in_every_channel() -> None:
    take = noise(500)
    assert np.array_equal(rebuild(take, mono(4), RATE), np.stack([take] * 4))


def test_a_bass_channel_stays_a_bass_channel() -> None:
    """5.1 with a low-passed fourth channel: the take's fourth channel is low-passed too."""
    context = noise(6, 8 * RATE)
    spectrum = np.fft.rfft(context[3])
    spectrum[120 * 8 :] = 0
    context[3] = np.fft.irfft(spectrum)
    wide = rebuild(noise(4 * RATE, seed=3), measure(context, RATE), RATE)
    loud = (np.abs(np.fft.rfft(wide))[:, 1000 * 4 :] ** 2).sum(axis=1)
    assert 10 * np.log10(loud[3] / loud[[0, 1, 2, 4, 5]].mean()) < -25
    assert 10 * np.log10(loud[0] / loud[5]) == pytest.approx(0, abs=1)


def test_a_hit_is_not_smeared_backwards() -> None:
    """Decorrelation comes after the sound: before an impulse there is next to nothing."""
    take = np.zeros(RATE)
    take[RATE // 2] = 1.0
    wide = rebuild(take, measure(song_of(0.2, 0.7), RATE), RATE)
    before = wide[:, : RATE // 2 - RATE // 1000]
    assert 10 * np.log10((before**2).sum() / (wide**2).sum()) < -25


def test_the_same_every_time() -> None:
    width, take = measure(song_of(0.1, 0.5), RATE), noise(RATE, seed=4)
    assert np.array_equal(rebuild(take, width, RATE), rebuild(take, width, RATE))
