"""The mel spectrogram that AudioLDM2's VAE and vocoder speak. Knows no models.

16 kHz mono; frames of 1024 samples (periodic Hann) every 160, reflected at both ends; magnitudes through 64
Slaney-normalised mel bands from 0 to 8000 Hz; natural logarithm of at least 1e-5. (TacotronSTFT, as AudioLDM2 uses it.)
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

SAMPLE_RATE = 16_000
HOP = 160
BANDS = 64
FFT = 1024
FLOOR = 1e-5
SILENCE = -11.512925
"""What silence measures in every band: log(1e-5)."""


def log_mel(wav: Tensor) -> Tensor:
    """Waves `[B, N]` to log mels `[B, ceil(N / 160), 64]`; frame t is centred on sample 160 t. N is at least 513."""
    window = torch.hann_window(FFT, device=wav.device)
    spectrum = torch.stft(wav, FFT, HOP, window=window, pad_mode="reflect", return_complex=True)
    bands = spectrum.abs().mT @ filters(wav.device)  # [B, 1 + N // 160, 64]
    return bands[:, : -(-wav.shape[-1] // HOP)].clamp(min=FLOOR).log()


@lru_cache(maxsize=2)
def filters(device: torch.device) -> Tensor:
    """From magnitudes of the spectrum to mel bands, `[513, 64]`."""
    filters = mel_filter_bank(1 + FFT // 2, BANDS, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(filters).float().to(device)
