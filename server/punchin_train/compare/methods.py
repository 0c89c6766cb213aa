"""LoRA and prefix tuning beside AIRGen's adapter, at the same number of trainable parameters.

AIRGen gives every track type (condition, context, inpaint, repeat) its own tokens; the published LoRA (arXiv
2106.09685) and prefix tuning (arXiv 2101.00190) know no types. So both are here twice: as published, and with their
parameters divided among the types, which separates *how* a model is adapted from *knowing* what a frame is for.

Parameters of one set at width D and L layers: AIRGen L * (4 * m * D + 4), all others L * 4 * m * D, where m is
`LmShape.adapter_tokens`, an even number (LoRA's ranks and the prefixes follow from it).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..inpaint.lm import TRACK_TYPES, Adapter, Layer, LmShape, Tuning, foreign, masked_attention

METHODS = ("airgen", "lora", "prefix", "typed_lora", "typed_prefix")


class LoRA(Tuning):
    """Low-rank changes of the query and value projections, rank m; typed, a quarter of the parameters a type.

    With types the ranks are m / 4 on average, rounded down for the queries and up for the values.
    """

    def __init__(self, shape: LmShape, typed: bool) -> None:
        super().__init__()
        width, self.typed = shape.width, typed
        rank = shape.adapter_tokens
        self.ranks = (rank // 4, rank // 2 - rank // 4) if typed else (rank, rank)  # of queries and values, a type
        sizes = [size * (TRACK_TYPES if typed else 1) for size in self.ranks]
        self.down = nn.ParameterList(
            torch.randn(shape.layers, size, width) / width**0.5 for size in sizes
        )  # unit variance from the normed input
        self.up = nn.ParameterList(torch.zeros(shape.layers, width, size) for size in sizes)

    def project(self, index: int, normed: Tensor, projected: Tensor, types: Tensor) -> Tensor:
        """Adds to queries and values; a step's change is that of its own type."""
        changes = []
        for down, up, rank in zip(self.down, self.up, self.ranks, strict=True):
            low = normed @ down[index].t()
            if self.typed:
                low = low.masked_fill(foreign(types, rank), 0.0)
            changes.append(low @ up[index].t())
        queries, values = changes
        return projected + torch.cat([queries, torch.zeros_like(queries), values], -1)


class Prefix(Tuning):
    """2 m learned keys and values a layer in front of the sequence, in the softmax of its own attention.

    Typed, a step sees only the m / 2 of its own type. Not the base at its start: the values begin at zero, but the
    keys take their share of the attention.
    """

    def __init__(self, shape: LmShape, typed: bool) -> None:
        super().__init__()
        self.typed, count = typed, 2 * shape.adapter_tokens
        self.keys = nn.Parameter(torch.randn(shape.layers, count, shape.width))
        self.values = nn.Parameter(torch.zeros(shape.layers, count, shape.width))

    def attend(self, index: int, layer: Layer, q: Tensor, k: Tensor, v: Tensor, types: Tensor) -> Tensor:  # noqa: ARG002
        """One softmax over the prefix and the steps so far."""
        batch, heads, steps, size = q.shape
        own = torch.stack([self.keys[index], self.values[index]]).to(q.dtype)  # [2, P, D]
        own_k, own_v = own.view(2, 1, -1, heads, size).transpose(2, 3).expand(-1, batch, -1, -1, -1)
        count, length = own_k.shape[2], k.shape[2]
        mask = torch.full((steps, length), -1e4, dtype=q.dtype, device=q.device).triu(1 + length - steps)
        if self.typed:
            hidden = foreign(types, count // TRACK_TYPES)  # [B, S, P]
            prefix_mask = mask.new_zeros(hidden.shape).masked_fill(hidden, -1e4)
            mask = torch.cat([prefix_mask, mask.expand(batch, -1, -1)], -1).repeat_interleave(heads, 0)
        else:
            mask = torch.cat([mask.new_zeros(steps, count), mask], -1)
        return masked_attention(q, torch.cat([own_k, k], 2), torch.cat([own_v, v], 2), mask)


def build(method: str, shape: LmShape) -> Tuning:
    """A fresh tuning of one of METHODS."""
    if method == "airgen":
        return Adapter(shape)
    kinds: dict[str, type[LoRA | Prefix]] = {"lora": LoRA, "prefix": Prefix}
    return kinds[method.removeprefix("typed_")](shape, method.startswith("typed_"))


def size(tuning: Tuning) -> int:
    """Trainable parameters."""
    return sum(parameter.numel() for parameter in tuning.parameters())
