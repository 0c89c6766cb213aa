"""What AudioMAE hears: Kaldi filter banks of 10.24 s, normalised as it was trained. Knows no models.

16 kHz mono; frames of 25 ms every 10 ms, none beyond the ends; the mean of each frame removed, pre-emphasis 0.97,
symmetric Hann window, power spectrum of 512 points, 128 HTK mel bands from 20 to 8000 Hz, natural logarithm. (Kaldi's
`compute-fbank-feats` as AudioMAE's data loader calls it, without dither.)
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 16_000
FRAME, HOP, FFT, BANDS = 400, 160, 512, 128
PRE_EMPHASIS = 0.97
FLOOR = 1.1920928955078125e-07  # float32's epsilon, as Kaldi has it
FRAMES = 1024
"""Frames of one prompt: 10.24 s."""
MEAN, DEVIATION = -4.2677393, 4.5689974
"""Of AudioSet, by which AudioMAE's inputs are normalised (to half a standard deviation)."""


def fbank(wav: Tensor) -> Tensor:
    """Waves `[..., N]` to log energies `[..., 1 + (N - 400) // 160, 128]`; none where N is less than a frame."""
    if wav.shape[-1] < FRAME:
        return wav.new_zeros(*wav.shape[:-1], 0, BANDS)
    frames = wav.unfold(-1, FRAME, HOP)  # [..., T, 400]
    frames = frames - frames.mean(-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window = torch.hann_window(FRAME, periodic=False, device=wav.device)
    spectrum = torch.fft.rfft((frames - PRE_EMPHASIS * before) * window, FFT)
    return (spectrum.abs().square() @ _filters(wav.device)).clamp(min=FLOOR).log()


def prompt_features(wav: Tensor) -> Tensor:
    """Waves `[B, N]` to AudioMAE's input `[B, 1, 1024, 128]`: their first 10.24 s, shorter ones followed by zeros.

    The mean of a wave is removed first. The zeros stand for log energies, so that padding reads +0.467, as published.
    """
    energies = fbank(wav - wav.mean(-1, keepdim=True))[:, :FRAMES]
    padded = F.pad(energies, (0, 0, 0, FRAMES - energies.shape[1]))
    return ((padded - MEAN) / (2 * DEVIATION))[:, None]


@lru_cache(maxsize=2)
def _filters(device: torch.device) -> Tensor:
    """`[257, 128]`"""
    with warnings.catch_warnings(action="ignore"):  # some bands lie between two spectral lines: as published
        filters = mel_filter_bank(
            1 + FFT // 2, BANDS, 20.0, SAMPLE_RATE / 2, SAMPLE_RATE, mel_scale="kaldi", triangularize_in_mel_space=True
        )
    return torch.from_numpy(filters).float().to(device)
