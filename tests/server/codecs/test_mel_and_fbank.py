"""The spectra that the transfer models hear equal their definitions, written out here in loops and float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from punchin_server.codecs import fbank, mel

pytestmark = pytest.mark.torch

WAVE = np.random.default_rng(0).normal(0.0, 0.1, 4000)


def kaldi_mel(hertz: float) -> float:
    return 1127.0 * np.log(1.0 + hertz / 700.0)


def test_fbank_is_kaldis() -> None:
    """Frames without padding, mean removed, pre-emphasis, symmetric Hann, power, triangles in the HTK mel scale."""
    edges = np.linspace(kaldi_mel(20.0), kaldi_mel(8000.0), 130)
    expected = []
    for start in range(0, len(WAVE) - 399, 160):
        frame = WAVE[start : start + 400]
        frame = frame - frame.mean()
        frame = np.array([x - 0.97 * frame[max(i - 1, 0)] for i, x in enumerate(frame)])
        power = np.abs(np.fft.rfft(frame * np.hanning(400), 512)) ** 2
        bands = np.zeros(128)
        for line in range(256):
            at = kaldi_mel(line * 16000 / 512)
            for band in range(128):
                low, middle, high = edges[band : band + 3]
                if low < at < high:
                    rising, falling = (at - low) / (middle - low), (high - at) / (high - middle)
                    bands[band] += min(rising, falling) * power[line]
        expected.append(np.log(np.maximum(bands, 1.1920928955078125e-07)))
    got = fbank.fbank(torch.from_numpy(WAVE).float())
    assert got.shape == (23, 128)
    np.testing.assert_allclose(got, np.array(expected), atol=2e-3)


def test_ten_seconds_are_998_frames_and_padding_reads_as_published() -> None:
    """The wave's mean is nothing to hear; zeros that stand for log energies become +0.46703."""
    wave = torch.randn(1, 160_000, generator=torch.Generator().manual_seed(0)) * 0.1
    assert fbank.fbank(wave).shape == (1, 998, 128)
    features = fbank.prompt_features(wave)
    assert features.shape == (1, 1, 1024, 128)
    assert torch.all((features[0, 0, 998:] - 0.46703).abs() < 1e-5)
    torch.testing.assert_close(fbank.prompt_features(wave + 0.25), features, atol=2e-3, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 200_000])
def test_a_prompt_is_always_10_24_seconds(samples: int) -> None:
    """Shorter waves are padded, longer ones cut; none is refused and nothing is NaN."""
    features = fbank.prompt_features(torch.full((2, samples), 0.01))
    assert features.shape == (2, 1, 1024, 128)
    assert features.isfinite().all()


def test_log_mel_is_the_vocoders() -> None:
    """Reflected ends, periodic Hann, magnitudes, Slaney-normalised bands, natural logarithm with a floor."""
    padded = np.pad(WAVE, 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    filters = mel.filters(torch.device("cpu")).numpy()
    frames = [np.abs(np.fft.rfft(padded[s : s + 1024] * window)) for s in range(0, len(WAVE), 160)]
    expected = np.log(np.maximum(np.array(frames) @ filters, 1e-5))
    got = mel.log_mel(torch.from_numpy(WAVE).float()[None])[0]
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert mel.log_mel(torch.zeros(1, 1600)).eq(torch.tensor(1e-5).log()).all()


def test_mel_bands_are_slaneys() -> None:
    """Each band has unit area in hertz: what a flat spectrum measures does not grow with the band's width."""
    area = mel.filters(torch.device("cpu")).double().sum(0) * 16000 / 1024
    assert torch.all((area[8:] - 1.0).abs() < 0.05)
