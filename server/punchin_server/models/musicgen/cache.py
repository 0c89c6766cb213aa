"""What earlier steps leave for the attention of later ones: a static cache, and one whose beginning is shared.

Both hold keys and values of a whole decoder and answer `attend`. Knows attention; knows no weights and no tokens.

Shapes: B rows, S input steps, H heads, d width of a head, L layers, C steps in the cache, V of them visible.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .linear import PackedLinear

WORTH_PACKING = 256
"""Steps from which on takes read a packed beginning together faster than each its own copy."""


class StepSpan(NamedTuple):
    """Which steps one forward feeds: their consecutive numbers `positions` `[S]`, of which `start` is the first.

    They see the first `visible` columns of the cache as far as `mask` `[S, visible]` lets them. Without a mask they
    see all of them (one step), or what is not later than themselves (several, from the very first on). `start` is
    None where only the device knows the positions: reading them would wait for it.
    """

    positions: Tensor
    visible: int
    mask: Tensor | None
    start: int | None

    @classmethod
    def of(cls, start: int, steps: int, device: torch.device | None = None) -> StepSpan:
        """`steps` steps from `start` on, which see all that came before."""
        end = start + steps
        positions = torch.arange(start, end, device=device)
        if start == 0 or steps == 1:
            return cls(positions, end, None, start)
        return cls(positions, end, torch.arange(end, device=device) <= positions[:, None], start)

    @classmethod
    def at(cls, index: Tensor, visible: int, dtype: torch.dtype) -> StepSpan:
        """The one step whose number is in `index` `[1]` on a device; `visible` is any number above it.

        Its mask is added to scores of type `dtype`: on a GPU attention would make this of a boolean one in each layer.
        """
        later = torch.arange(visible, device=index.device) > index
        mask = torch.zeros(visible, dtype=dtype, device=index.device).masked_fill(later, -torch.inf)
        return cls(index, visible, mask[None], None)


class Cache(NamedTuple):
    """Keys and values of all steps fed so far: of each layer `[2, B, H, C, d]`.

    `packing` is the float type in which this model's weights are packed for the CPU, None where they are not.
    """

    layers: list[Tensor]
    packing: torch.dtype | None = None

    def attend(self, layer: int, q: Tensor, new: Tensor, span: StepSpan) -> Tensor:
        """Store the keys and values `new` `[2, B, H, S, d]` and attend with `q` to all; both `[B, H, S, d]`."""
        cache = self.layers[layer]
        if span.start is None:
            cache.index_copy_(3, span.positions, new.to(cache.dtype))
        else:
            cache.narrow(3, span.start, q.shape[2]).copy_(new)
        keys, values = cache.narrow(3, 0, span.visible).to(q.dtype).unbind()
        one = q.shape[2] == 1
        if one and q.device.type == "cpu" and span.mask is None:
            return attend_one(q, keys, values)
        causal = span.mask is None and not one
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=span.mask, is_causal=causal)

    def expand(self, rows: Tensor, filled: int, into: Cache | None = None) -> KVCache:
        """A cache that goes on from the first `filled` steps; its row i goes on from row `rows[i]` of this one. It is
        `into`, with these rows, where that is given."""
        if into is not None:
            for own, layer in zip(into.layers, self.layers, strict=True):
                own[:, :, :, :filled] = layer[:, :, :, :filled].index_select(1, rows)
            return into
        shared = len(set(rows.tolist())) < len(rows)
        if shared and filled >= WORTH_PACKING and self.packing is not None:
            return SharedCache(self, rows.tolist(), filled)
        return Cache([_expand(cache, rows, filled) for cache in self.layers], self.packing)


def attend_one(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one query a head, `[B, H, 1, d]`, to keys and values `[B, H, V, d]`.

    For one query two plain products are faster on the CPU than the fused kernel, which is made for many. MKL reads the
    keys at the memory's speed as the left factor of a column that lies in memory as a row, and four times slower as
    that of a plain column.
    """
    column = (q * q.shape[-1] ** -0.5).reshape(-1, 1, q.shape[-1]).transpose(1, 2)  # [B * H, d, 1]
    weights = torch.bmm(keys.flatten(0, 1), column).transpose(1, 2).softmax(dim=-1)  # [B * H, 1, V]
    return torch.bmm(weights, values.flatten(0, 1)).view(q.shape)


def _expand(cache: Tensor, rows: Tensor, filled: int) -> Tensor:
    out = cache.new_empty(2, len(rows), *cache.shape[2:])
    out[:, :, :, :filled] = cache[:, rows, :, :filled]
    return out


class Beginning(NamedTuple):
    """The first P steps of a row: by layer, keys `[P, H * d]` and values `[H * d, P]`, packed like weights."""

    keys: list[PackedLinear]
    values: list[PackedLinear]


class SharedCache:
    """A cache whose first steps are stored once for all rows that share them, in the fast order of packed weights.

    Keys `[P, H * d]` of P steps are the weights of a linear layer from queries to scores; queries go in with the other
    heads' places zero, H of them a row. That multiplies many zeros, yet the time is that of reading the keys, and they
    are read once for all takes. Later steps are in a plain cache of each row.
    """

    def __init__(self, cache: Cache, rows: list[int], filled: int) -> None:
        _, _, heads, steps, width = cache.layers[0].shape
        shape = (2, len(rows), heads, steps - filled, width)
        self._filled, self._later = filled, [layer.new_empty(shape) for layer in cache.layers]
        self._own = torch.eye(heads).repeat_interleave(width, dim=1)  # [H, H * d], 1 where the column is the head's
        beginnings = {row: _pack(cache, row, filled) for row in set(rows)}
        self._groups: list[tuple[Beginning, slice]] = []
        end = 0
        for row, adjacent in groupby(rows):
            start, end = end, end + len(list(adjacent))
            self._groups.append((beginnings[row], slice(start, end)))

    def attend(self, layer: int, q: Tensor, new: Tensor, span: StepSpan) -> Tensor:
        """As :meth:`Cache.attend`."""
        P, at = self._filled, span.visible - self._filled
        assert span.start is not None  # packed weights live on the CPU
        self._later[layer].narrow(3, span.start - P, q.shape[2]).copy_(new)
        keys, values = self._later[layer].narrow(3, 0, at).unbind()  # [B, H, at, d]
        q = q * q.shape[-1] ** -0.5
        early = torch.cat([self._early_scores(own, layer, q[rows]) for own, rows in self._groups])
        late = q @ keys.transpose(2, 3)
        scores = torch.cat([early, late], dim=-1)  # [B, H, S, P + at]
        if span.mask is not None:
            scores = scores.masked_fill_(~span.mask, -torch.inf)
        weights = scores.softmax(dim=-1)
        early = torch.cat([self._early_sum(own, layer, weights[rows, ..., :P]) for own, rows in self._groups])
        return early + weights[..., P:] @ values

    def _early_scores(self, beginning: Beginning, layer: int, q: Tensor) -> Tensor:
        """`[n, H, S, P]` of the queries `[n, H, S, d]` of rows that begin so."""
        n, H, S, d = q.shape
        wide = q.transpose(1, 2).reshape(n * S, 1, H * d) * self._own  # [n * S, H, H * d]
        return beginning.keys[layer](wide).view(n, S, H, -1).transpose(1, 2)

    def _early_sum(self, beginning: Beginning, layer: int, weights: Tensor) -> Tensor:
        """`[n, H, S, d]`: values of the beginning summed by `weights` `[n, H, S, P]`."""
        n, H, S, P = weights.shape
        wide = beginning.values[layer](weights.transpose(1, 2).reshape(n * S * H, P))  # [n * S * H, H * d]
        return wide.view(n, S, H, H, -1).diagonal(dim1=2, dim2=3).permute(0, 3, 1, 2)


def _pack(cache: Cache, row: int, filled: int) -> Beginning:
    assert cache.packing is not None
    beginning = Beginning([], [])
    for layer in cache.layers:
        keys, values = layer[:, row, :, :filled]  # [H, P, d]
        beginning.keys.append(PackedLinear(keys.transpose(0, 1).flatten(1), cache.packing))
        beginning.values.append(PackedLinear(values.transpose(1, 2).flatten(0, 1), cache.packing))
    return beginning


KVCache = Cache | SharedCache
