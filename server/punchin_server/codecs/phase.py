"""A vocoder's sound with the magnitudes its mel asks for: Griffin-Lim started from the vocoder's own phases.

A small vocoder gets a sound's texture right and its partials a little wrong; the mel knows the partials. Knows no
models. (Griffin and Lim, 1984.)
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from .mel import FFT, HOP, filters


def consistent(wave: Tensor, mel: Tensor, iterations: int) -> Tensor:
    """Waves `[B, N]` refined after their log mels `[B, T, 64]`, N at least 160 T; `iterations` 0 changes nothing.

    Returns `[B, 160 T]`.
    """
    wave = wave[:, : mel.shape[1] * HOP]
    magnitude = (mel.exp() @ _inverse(mel.device)).clamp(min=0.0).mT  # [B, 513, T]
    magnitude = torch.cat([magnitude, magnitude[..., -1:]], -1)  # frames are centred: one more than hops
    window = torch.hann_window(FFT, device=wave.device)
    for _ in range(iterations):
        spectrum = torch.stft(wave, FFT, HOP, window=window, return_complex=True)
        phases = spectrum / spectrum.abs().clamp(min=1e-9)
        wave = torch.istft(magnitude * phases, FFT, HOP, window=window, length=wave.shape[-1])
    return wave


@lru_cache(maxsize=2)
def _inverse(device: torch.device) -> Tensor:
    """From mel bands back to lines of the spectrum in the least-squares sense, `[64, 513]`."""
    return torch.linalg.pinv(filters(device))
