"""The reconstruction loss of codec and vocoder: log-mel, relative spectrogram and waveform terms.

Knows audio tensors only. No adversary: at this size and budget it would not pay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RESOLUTIONS = ((512, 40), (1024, 80), (2048, 128), (4096, 160))  # (FFT size, mel bands)
FLOOR = 1e-3  # below this magnitude a band counts as silent


def mel_filters(sample_rate: int, fft: int, bands: int) -> Tensor:
    """Triangular mel filters of equal area, [bands, fft // 2 + 1] (HTK mel scale)."""
    top = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700))
    edges = 700 * (10 ** (torch.linspace(0, float(top), bands + 2) / 2595) - 1)  # Hz
    bins = torch.linspace(0, sample_rate / 2, fft // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return torch.minimum(rising, falling).clamp(min=0) * (2 / (high - low))


class SpectralLoss(nn.Module):
    """Sum of mean |log-mel difference|, relative |STFT difference| and `waveform` x waveform L1."""

    def __init__(self, sample_rate: int, waveform: float = 8.0) -> None:
        super().__init__()
        self.waveform = waveform
        for fft, bands in RESOLUTIONS:
            self.register_buffer(f"window{fft}", torch.hann_window(fft))
            self.register_buffer(f"mel{fft}", mel_filters(sample_rate, fft, bands))

    def forward(self, estimate: Tensor, target: Tensor) -> tuple[Tensor, dict[str, float]]:
        """[B, 1, N] both -> (loss, its named parts)."""
        mel, linear = estimate.new_zeros(()), estimate.new_zeros(())
        for fft, _ in RESOLUTIONS:
            ours, theirs = (self._magnitude(audio[:, 0], fft) for audio in (estimate, target))
            filters = getattr(self, f"mel{fft}")
            mel = mel + F.l1_loss(*((filters @ s).clamp(min=FLOOR).log() for s in (ours, theirs)))
            linear = linear + (ours - theirs).abs().mean() / (theirs.mean() + FLOOR)
        mel, linear = mel / len(RESOLUTIONS), linear / len(RESOLUTIONS)
        waveform = F.l1_loss(estimate, target)
        loss = mel + linear + self.waveform * waveform
        return loss, {"mel": mel.item(), "linear": linear.item(), "wave": waveform.item()}

    def _magnitude(self, audio: Tensor, fft: int) -> Tensor:
        window: Tensor = getattr(self, f"window{fft}")
        return torch.stft(audio, fft, fft // 4, window=window, return_complex=True).abs()
