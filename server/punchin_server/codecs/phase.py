"""A vocoder's sound with the magnitudes its mel asks for: Griffin-Lim started from the vocoder's own phases.

A small vocoder gets a sound's texture right and its partials a little wrong; the mel knows the partials. Knows no
models. (Griffin and Lim, 1984; with the momentum of Perraudin, Balazs and Søndergaard, 2013.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from .mel import FFT, HOP

MOMENTUM = 0.5
"""Of the last consistent spectrum that is left behind, to go beyond this one by as much as it moved (their α is 1)."""


def consistent(wave: Tensor, magnitude: Tensor, iterations: int) -> Tensor:
    """Waves `[B, N]` refined after magnitudes `[B, T, 513]`, N at least 160 T; `iterations` 0 changes nothing.

    Returns `[B, 160 T]`.
    """
    wave = wave[:, : magnitude.shape[1] * HOP]
    magnitude = magnitude.mT  # [B, 513, T]
    magnitude = torch.cat([magnitude, magnitude[..., -1:]], -1)  # frames are centred: one more than hops
    window = torch.hann_window(FFT, device=wave.device)
    before = torch.zeros_like(magnitude, dtype=torch.complex64)
    for _ in range(iterations):
        spectrum = torch.stft(wave, FFT, HOP, window=window, return_complex=True)
        ahead = spectrum - MOMENTUM * before
        before = spectrum
        phases = ahead / ahead.abs().clamp(min=1e-9)
        wave = torch.istft(magnitude * phases, FFT, HOP, window=window, length=wave.shape[-1])
    return wave
