"""What evaluation listens for: chroma, chords, onsets, signal-to-distortion, and intervals around means.

Knows arrays and tensors of audio; knows nothing about models. Plain estimators, the same for every system they
are applied to, so what counts is the distance to the floors and ceilings reported beside them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from punchin_server.listening.agreement import matched
from torch import Tensor

CHROMA_FFT, CHROMA_RATE = 8192, 20  # frames a second
LOWEST, HIGHEST = 80.0, 1600.0  # Hz that count as harmony
CHORD_SMOOTHING = 17  # chroma frames, 0.85 s
ONSET_FFT, ONSET_RATE, ONSET_TOLERANCE = 1024, 100, 0.05
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def chroma(audio: Tensor, sample_rate: int) -> Tensor:
    """[B, N] -> unit-length pitch-class profiles [B, 12, frames], 20 a second, C first."""
    window = torch.hann_window(CHROMA_FFT)
    spectrum = torch.stft(audio, CHROMA_FFT, sample_rate // CHROMA_RATE, window=window, return_complex=True).abs()
    frequency = torch.arange(spectrum.shape[1]) * sample_rate / CHROMA_FFT
    pitch = 12 * torch.log2(frequency.clamp(min=1) / 440) + 69
    distance = (pitch - torch.arange(12)[:, None] + 6) % 12 - 6
    audible = ((frequency > LOWEST) & (frequency < HIGHEST)) / frequency.clamp(min=LOWEST).sqrt()
    profile = (torch.exp(-0.5 * (distance / 0.35) ** 2) * audible) @ spectrum
    return profile / (profile.norm(dim=1, keepdim=True) + 1e-4)


def chroma_cosine(ours: Tensor, theirs: Tensor, sample_rate: int) -> Tensor:
    """Cosine of the two chromas, frame by frame, [B, frames]."""
    return (chroma(ours, sample_rate) * chroma(theirs, sample_rate)).sum(1)


def triads(audio: Tensor, sample_rate: int) -> NDArray[np.int64]:
    """[B, N] -> the major or minor triad that fits best, 2 * root + minor, [B, frames], 20 a second."""
    smooth = F.avg_pool1d(chroma(audio, sample_rate), CHORD_SMOOTHING, 1, CHORD_SMOOTHING // 2)
    templates = torch.zeros(24, 12)
    for root in range(12):
        for minor, intervals in enumerate((MAJOR, MINOR)):
            templates[2 * root + minor, [(root + i) % 12 for i in intervals]] = 3**-0.5
    return torch.einsum("kc,bct->bkt", templates, smooth).argmax(1).numpy()


def onsets(audio: Tensor, sample_rate: int) -> NDArray[np.float64]:
    """[N] -> onset times in seconds: peaks of the log-spectral flux."""
    window = torch.hann_window(ONSET_FFT)
    hop = sample_rate // ONSET_RATE
    spectrum = torch.log1p(50 * torch.stft(audio, ONSET_FFT, hop, window=window, return_complex=True).abs())
    flux = spectrum.diff(dim=1).clamp(min=0).mean(0)
    flux = flux / (flux.mean() + 1e-6)
    peak = F.max_pool1d(flux[None, None], 9, 1, 4)[0, 0]
    around = F.avg_pool1d(flux[None, None], 21, 1, 10)[0, 0]
    found = (flux == peak) & (flux > 1.5 * around) & (flux > 1.2)
    return found.nonzero()[:, 0].numpy() / ONSET_RATE


def onset_f1(found: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """F-measure of onset times matched one to one within 50 ms; both ascending."""
    if len(found) == 0 or len(expected) == 0:
        return 0.0
    return 2 * matched(found, expected, ONSET_TOLERANCE) / (len(found) + len(expected))


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, [B, N] -> [B]."""
    estimate = estimate - estimate.mean(-1, keepdim=True)
    target = target - target.mean(-1, keepdim=True)
    scale = (estimate * target).sum(-1, keepdim=True) / (target.square().sum(-1, keepdim=True) + 1e-8)
    projected = scale * target
    return 10 * torch.log10(projected.square().sum(-1) / ((estimate - projected).square().sum(-1) + 1e-8) + 1e-8)


def interval(values: list[float], rounds: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Mean with its 95 % bootstrap interval: (mean, low, high). NaN values (nothing to measure) are left out."""
    sample = np.array(values)
    sample = sample[~np.isnan(sample)]
    draws = np.random.default_rng(seed).choice(sample, (rounds, len(sample))).mean(1)
    return float(sample.mean()), float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))
