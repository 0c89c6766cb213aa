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
    """MusicGen's defaults. `top_k` 0 keeps every token; a guidance of 1 needs no branch to compare with.
    `control_guidance` is not MusicGen's."""

    temperature: float = 1.0
    top_k: int = 250
    guidance: float = 3.0
    control_guidance: float = 1.0


@dataclass(frozen=True)
class Guidance:
    """What every step is compared with: the same without its `text`, and with `control`s that are silent.

    Each is how many times the difference counts (classifier-free guidance); 1 needs no comparison. Branches lie one
    after the other in a batch: the full one, the one without text, the one whose controls are silent.
    """

    text: float = 1.0
    control: float = 1.0

    @property
    def scales(self) -> tuple[float, ...]:
        """Of the branches that there are besides the full one."""
        return tuple(scale for scale in (self.text, self.control) if scale != 1.0)

    @property
    def branches(self) -> int:
        return 1 + len(self.scales)

    def texts(self) -> list[int]:
        """For each branch, 0 with the text and 1 without."""
        return [0, *([1] if self.text != 1.0 else []), *([0] if self.control != 1.0 else [])]

    def codes(self, full: Tensor, silent: Tensor | None) -> Tensor:
        """`[B, K, n]` tokens of the full branch, and of the one with silent controls, to those of every branch."""
        if self.control == 1.0 or silent is None:
            return full.repeat(self.branches, 1, 1)
        return torch.cat([full.repeat(self.branches - 1, 1, 1), silent])

    def __call__(self, logits: Tensor) -> Tensor:
        """`[branches * B, ...]` to `[B, ...]`."""
        if not self.scales:
            return logits
        full, *others = logits.chunk(self.branches)
        first, *further = zip(others, self.scales, strict=True)
        guided = first[0] + first[1] * (full - first[0])
        for other, scale in further:
            guided = guided + (scale - 1) * (full - other)
        return guided


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
