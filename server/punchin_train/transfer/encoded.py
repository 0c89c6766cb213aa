"""Lines as the UNet meets them: latents of every instrument and of duets, and what AudioMAE hears. Knows no UNet.

A line is two files: `SEED.latents.npy` float16 `[8 + 2, 8, T, F]`, the melody on each instrument and then twice with
its accompaniment; `SEED.heard.npy` float16 `[8, 512, W]`, AudioMAE's tokens of the melody on each instrument, class
token left out. They are computed once: a step of training then costs the UNet alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from punchin_server.codecs.fbank import prompt_features
from punchin_server.codecs.mel import log_mel
from punchin_server.models.audioldm2.audiomae import AudioMAE
from punchin_wire.disk import replacing
from torch import Tensor

from .lines import Lines
from .schedule import DEVICE, half
from .solos import NAMES, PEAK, companion

DUETS = 2
LATENTS, TOKENS = ".latents.npy", ".heard.npy"


def duet(seed: int, index: int) -> tuple[int, int]:
    """Which instruments play a line's duet `index`: melody, accompaniment."""
    return (seed + index * 3) % len(NAMES), NAMES.index(companion(seed))


@torch.no_grad()
def encode_lines(
    lines: Lines, vae: AutoencoderKL, encoder: AudioMAE, folder: Path, part: int = 0, parts: int = 1
) -> None:
    """Encode what `folder` lacks of every `parts`-th line from `part` on, so that several processes can share."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in range(part, len(lines), parts):
        seed = int(lines.paths[line].stem)
        base = folder / f"{seed:07d}"
        if base.with_suffix(TOKENS).exists():
            continue
        solos = np.stack([lines.wave(line, instrument) for instrument in range(len(NAMES))])
        accompaniment = lines.accompaniment(line)[1]
        duets = np.stack([solos[duet(seed, i)[0]] + 0.7 * accompaniment for i in range(DUETS)])
        duets *= PEAK / np.abs(duets).max(1, keepdims=True)
        mel = log_mel(torch.from_numpy(np.concatenate([solos, duets])).to(DEVICE))[:, None]
        levels = 10 ** (np.random.default_rng(seed).uniform(-12, 3, (len(NAMES), 1)) / 20)
        with half():
            latents = vae.encode(mel).latent_dist.mode() * vae.config.scaling_factor
            tokens = encoder(prompt_features(torch.from_numpy(solos * levels).float().to(DEVICE)))[:, 1:]
        _write(base.with_suffix(LATENTS), latents)
        _write(base.with_suffix(TOKENS), tokens)


def _write(path: Path, tensor: Tensor) -> None:
    with replacing(path, durable=False) as file:
        np.save(file, tensor.half().cpu().numpy())


class Encoded:
    """The encoded lines of a folder, memory-mapped; :meth:`refresh` finds those written since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seeds: list[int] = []
        self.latents: list[NDArray[np.float16]] = []
        self.tokens: list[NDArray[np.float16]] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self.seeds)

    def refresh(self) -> None:
        known = set(self.seeds)
        for path in sorted(self.folder.glob(f"*{TOKENS}")):
            seed = int(path.name.removesuffix(TOKENS))
            if seed not in known:
                self.seeds.append(seed)
                self.latents.append(np.load(path.with_name(path.name.replace(TOKENS, LATENTS)), mmap_mode="r"))
                self.tokens.append(np.load(path, mmap_mode="r"))
