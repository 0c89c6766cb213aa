"""Models small enough to run in milliseconds, and real: a random MusicGen with adapters, and a codec of steps.

The codec writes each frame as a level in base `card`, one digit a codebook, so that tokens can be read off the sound.
"""

from __future__ import annotations

import numpy as np
import torch
from punchin_server.codecs.encodec import Made
from punchin_server.engines.inpaint.loading import Models
from punchin_server.engines.inpaint.sampling import SamplingParams
from punchin_server.models.musicgen.airgen import AdapterWeights, build_bank
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_wire.frames import Audio
from torch import Tensor

CONFIG = LMConfig(layers=2, width=32, heads=4, card=8, text_width=8)
WINDOW = 16
RATE, HOP = 400, 8


class StepCodec:
    """Frames of 8 samples at 400 Hz; the mean of a frame, -1..1, in 4 octal digits."""

    sample_rate, hop, frame_rate, n_q, card = RATE, HOP, RATE / HOP, 4, 8
    levels = card**n_q

    def encode(self, wav: Audio) -> Tensor:
        padded = np.pad(wav, ((0, 0), (0, -wav.shape[1] % HOP)))
        mean = padded.reshape(len(wav), -1, HOP).mean(-1)
        level = np.clip(np.round((mean + 1) / 2 * (self.levels - 1)), 0, self.levels - 1).astype(np.int64)
        digits = [level // self.card ** (3 - k) % self.card for k in range(4)]
        return torch.from_numpy(np.stack(digits, axis=1))

    def decode(self, codes: Tensor) -> Audio:
        weights = torch.tensor([self.card ** (3 - k) for k in range(4)])[:, None]
        level = (codes * weights).sum(1).float() / (self.levels - 1) * 2 - 1
        audio: Audio = level.repeat_interleave(HOP, dim=-1).numpy()
        return audio

    def decode_soon(self, codes: Tensor) -> Made:
        return Made(self.decode(codes))


class WordReader:
    """Text to one random vector a word."""

    def encode(self, text: str) -> Tensor:
        g = torch.Generator().manual_seed(len(text))
        return torch.randn(len(text.split()), CONFIG.text_width, generator=g)


def models(adapters: tuple[str, ...] = ("chord", "drums", "piano"), text: bool = False) -> Models:
    """Random, and always the same."""
    torch.manual_seed(0)
    lm = MusicGen(CONFIG, max_steps=8).eval().requires_grad_(False)
    for name, weight in lm.named_parameters():
        if "layers" in name and weight.dim() == 2:
            torch.nn.init.normal_(weight, std=2 * weight.shape[1] ** -0.5)  # so that context matters
    torch.nn.init.normal_(lm.heads.weight)  # so that logits, not chance, decide
    g = torch.Generator().manual_seed(1)
    weights = {
        name: AdapterWeights(torch.randn(2, 4, 3, 32, generator=g), torch.randn(2, 4, generator=g)) for name in adapters
    }
    return Models(
        lm=lm,
        codec=StepCodec(),
        bank=build_bank(lm, weights) if weights else None,
        text=WordReader() if text else None,
        window=WINDOW,
        sampling=SamplingParams(temperature=1.0, top_k=6, guidance=3.0),
        names={"pack": "toy"},
    )
