"""A language model's checkpoint of any size in audiocraft's format, of random numbers, never whole in memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch
import yaml
from punchin_server.models.musicgen import weights
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from torch import Tensor
from torch.serialization import set_default_mmap_options, skip_data

NUMBERS = 2**22
"""Random numbers that a file repeats."""


def write_audiocraft(folder: Path, config: LMConfig) -> Path:
    """A `state_dict.bin` of this size in `folder`, in float16 as published; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        shapes = weights.scatter(MusicGen(config, 2).state_dict(), weights.audiocraft_pieces(config))
    state = {name: torch.empty(t.shape, dtype=torch.float16) for name, t in shapes.items()}  # never touched
    lm = {"num_layers": config.layers, "dim": config.width, "num_heads": config.heads, "n_q": config.codebooks}
    settings = yaml.safe_dump({"transformer_lm": lm | {"card": config.card}})
    with skip_data():
        torch.save({"best_state": state, "xp.cfg": settings}, folder / weights.AUDIOCRAFT_FILE)
    with set_default_mmap_options(mmap.MAP_SHARED):
        laid_out = torch.load(folder / weights.AUDIOCRAFT_FILE, mmap=True, weights_only=True)
    numbers = random_numbers(torch.float16)
    for tensor in laid_out["best_state"].values():
        numbers = numbers.roll(1)  # onnxruntime keeps weights that are equal once
        for start, end in pieces(tensor.numel()):
            tensor.view(-1)[start:end] = numbers[: end - start]
    return folder


def random_numbers(dtype: torch.dtype) -> Tensor:
    """NUMBERS of the size of weights, always the same."""
    return (0.02 * torch.randn(NUMBERS, generator=torch.Generator().manual_seed(0))).to(dtype)


def pieces(count: int) -> Iterator[tuple[int, int]]:
    """`count` numbers in slices of at most NUMBERS."""
    yield from pairwise([*range(0, count, NUMBERS), count])
