"""From log mels back to the magnitudes of the spectrum they were taken of.

64 bands blur 513 lines. A band's neighbours, and what sounds before and after, tell where in it a partial lies: a small
network has learned to read that. Least squares spread it over the band. Knows no pitches and no waves.

Shapes: B rows, T frames, W width.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from punchin_wire.errors import BadCheckpoint
from torch import Tensor, nn
from torch.nn import functional as nnf

from ..packs.tensor_files import check_fit, only_tensors, read_safetensors
from .mel import BANDS, FFT, filters

LINES = FFT // 2 + 1
DILATIONS = (1, 2, 4)
"""Frames between the three that a block hears, again and again from the first block on."""
LEVEL = 1.0
"""What the loudest band measures, about, where a note peaks at 0.5: the input is scaled around it."""


def least_squares(mel: Tensor) -> Tensor:
    """Magnitudes `[B, T, 513]` of log mels `[B, T, 64]`, none below 0."""
    return (mel.exp() @ _inverse(mel.device)).clamp(min=0.0)


class Inverter(nn.Module):
    """The network: magnitudes `[B, T, 513]` of log mels `[B, T, 64]`, each from `context` frames around it."""

    share: Tensor
    flat: Tensor

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        dilations = [DILATIONS[block % len(DILATIONS)] for block in range(depth)]
        self.context = sum(dilations)
        self.inp = nn.Linear(BANDS, width)
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in dilations)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, LINES)
        bands = filters(torch.device("cpu"))  # [513, 64]
        share = bands / bands.sum(1, keepdim=True).clamp(min=1e-6)
        self.register_buffer("share", share.T.contiguous(), persistent=False)
        self.register_buffer("flat", bands.sum(0).log(), persistent=False)  # what a flat spectrum of 1 measures

    def forward(self, mel: Tensor) -> Tensor:
        """In logarithms, which is what training compares."""
        mel = mel - LEVEL
        x = self.inp((mel + 6.0) / 3.0)
        for block in self.blocks:
            x = block(x)
        spread: Tensor = (mel - self.flat) @ self.share
        corrected: Tensor = spread + self.out(self.norm(x)) + LEVEL
        return corrected

    def magnitudes(self, mel: Tensor) -> Tensor:
        """`[B, T, 513]`"""
        return self(mel.to(self.inp.weight.dtype)).float().exp()


class Block(nn.Module):
    """Three frames `dilation` apart, then each alone; residual, `[B, T, W]` both ways."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        apart, frames = self.dilation, x.shape[1]
        padded = nnf.pad(self.norm(x), (0, 0, apart, apart))
        heard = torch.cat([padded[:, i * apart : i * apart + frames] for i in range(3)], -1)
        added: Tensor = self.out(nnf.silu(self.wide(heard)))
        return x + added


def load_inverter(path: Path) -> Inverter:
    """The network of a safetensors file, in single precision. Raises FileMissing, BadCheckpoint."""
    state = only_tensors(read_safetensors(path), path.name)
    depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    first = state.get("inp.weight")
    if first is None or first.ndim != 2 or not depth:
        raise BadCheckpoint(f"{path.name} holds no network that inverts mels.")
    inverter = Inverter(first.shape[0], depth)
    check_fit(state, {name: tensor.shape for name, tensor in inverter.state_dict().items()}, path.name)
    inverter.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    return inverter.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def _inverse(device: torch.device) -> Tensor:
    """From mel bands back to lines of the spectrum in the least-squares sense, `[64, 513]`."""
    return torch.linalg.pinv(filters(device))
