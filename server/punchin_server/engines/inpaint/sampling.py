"""Sampling tokens from logits: guidance, temperature, top-k, and one random stream a take. Knows no model.

A take's noise comes from its own generator, one number for every token of every codebook at every step, whatever else
is in the batch: the same seed gives the same take alone or among others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SamplingParams:
    """MusicGen's defaults. `top_k` 0 keeps every token; `guidance` 1 needs no unconditional branch."""

    temperature: float = 1.0
    top_k: int = 250
    guidance: float = 3.0


def guide(logits: Tensor, guidance: float) -> Tensor:
    """Classifier-free guidance: `[2B, ...]` stacked as conditional, unconditional, to `[B, ...]`."""
    cond, uncond = logits.chunk(2)
    return uncond + guidance * (cond - uncond)


def sample(logits: Tensor, noise: Tensor, temperature: float, top_k: int) -> Tensor:
    """One token `[...]` from `logits` `[..., card]`: exact sampling of the tempered, top-k distribution.

    `noise` are standard exponentials of the same shape: the token whose exponential clock of rate p rings first
    (the Gumbel-max trick).
    """
    logits = logits.float()
    if 0 < top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return (logits / temperature - noise.log()).argmax(dim=-1)


class Noise:
    """Standard exponentials on the CPU for a batch of takes, each row from the generator of its own seed."""

    def __init__(self, seeds: Sequence[int], codebooks: int, card: int) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._out = torch.empty(len(seeds), codebooks, card)

    def next(self) -> Tensor:
        """`[B, codebooks, card]`, valid until the next call."""
        for row, generator in zip(self._out, self._generators, strict=True):
            row.exponential_(generator=generator)
        return self._out
