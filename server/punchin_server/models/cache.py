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


class Span(NamedTuple):
    """Which steps one forward feeds: their consecutive numbers `positions` `[S]`, of which `start` is the first.

    They see the first `visible` columns of the cache as far as `mask` `[S, visible]` lets them. Without a mask they
    see all of them (one step), or what is not later than themselves (several, from the very first on). `start` is
    None where positions are on a device: reading them would wait for it.
    """

    positions: Tensor
    visible: int
    mask: Tensor | None
    start: int | None

    @classmethod
    def of(cls, positions: Tensor, visible: int) -> Span:
        start = int(positions[0]) if positions.device.type == "cpu" else None
        steps = len(positions)
        if visible == steps or (steps == 1 and start == visible - 1):
            return cls(positions, visible, None, start)
        mask = torch.arange(visible, device=positions.device) <= positions[:, None]
        return cls(positions, visible, mask, start)


def _write(cache: Tensor, new: Tensor, span: Span) -> None:
    """Put `new` `[B, H, S, d]` at the positions of `span` in `cache` `[B, H, C, d]`."""
    if span.start is None:
        cache.index_copy_(2, span.positions, new.to(cache.dtype))
    else:
        cache[:, :, span.start : span.start + new.shape[2]] = new


class Cache(NamedTuple):
    """Keys and values of all steps fed so far, each `[L, B, H, C, d]`.

    `packing` is the float type in which this model's weights are packed for the CPU, None where they are not.
    """

    keys: Tensor
    values: Tensor
    packing: torch.dtype | None = None

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, span: Span) -> Tensor:
        """Store the new `k` and `v` and attend with `q`: all `[B, H, S, d]`, as is the result."""
        keys, values = self.keys[layer], self.values[layer]  # [B, H, C, d]
        _write(keys, k, span)
        _write(values, v, span)
        seen = keys[:, :, : span.visible].to(q.dtype), values[:, :, : span.visible].to(q.dtype)
        if span.mask is None and q.shape[2] == 1:
            return attend_one(q, *seen)
        return F.scaled_dot_product_attention(q, *seen, attn_mask=span.mask, is_causal=span.mask is None)

    def expand(self, rows: Tensor, filled: int) -> Cache | SharedCache:
        """A cache that goes on from the first `filled` steps; its row i goes on from row `rows[i]` of this one."""
        shared = len(set(rows.tolist())) < len(rows)
        if shared and filled >= WORTH_PACKING and self.packing is not None:
            return SharedCache(self, rows.tolist(), filled)
        return Cache(_expand(self.keys, rows, filled), _expand(self.values, rows, filled), self.packing)


def attend_one(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one query a head, `[B, H, 1, d]`, to keys and values `[B, H, V, d]`.

    For one query two plain products are faster on the CPU than the fused kernel, which is made for many.
    """
    scores = torch.bmm(q.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2)).mul_(q.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(dim=-1), values.flatten(0, 1)).view(q.shape)


def _expand(cache: Tensor, rows: Tensor, filled: int) -> Tensor:
    out = cache.new_empty(cache.shape[0], len(rows), *cache.shape[2:])
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
        layers, _, heads, steps, width = cache.keys.shape
        shape = (layers, len(rows), heads, steps - filled, width)
        self._filled, self._later = filled, Cache(cache.keys.new_empty(shape), cache.values.new_empty(shape))
        self._own = torch.eye(heads).repeat_interleave(width, dim=1)  # [H, H * d], 1 where the column is the head's
        beginnings = {row: _pack(cache, row, filled) for row in set(rows)}
        self._groups: list[tuple[Beginning, slice]] = []
        end = 0
        for row, adjacent in groupby(rows):
            start, end = end, end + len(list(adjacent))
            self._groups.append((beginnings[row], slice(start, end)))

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, span: Span) -> Tensor:
        """As :meth:`Cache.attend`."""
        P, at = self._filled, span.visible - self._filled
        keys, values = self._later.keys[layer], self._later.values[layer]  # [B, H, C - P, d]
        assert span.start is not None  # packed weights live on the CPU
        keys[:, :, span.start - P : at] = k
        values[:, :, span.start - P : at] = v
        q = q * q.shape[-1] ** -0.5
        early = torch.cat([self._early_scores(own, layer, q[rows]) for own, rows in self._groups])
        late = q @ keys[:, :, :at].transpose(2, 3)
        scores = torch.cat([early, late], dim=-1)  # [B, H, S, P + at]
        if span.mask is not None:
            scores = scores.masked_fill_(~span.mask, -torch.inf)
        weights = scores.softmax(dim=-1)
        early = torch.cat([self._early_sum(own, layer, weights[rows, ..., :P]) for own, rows in self._groups])
        return early + weights[..., P:] @ values[:, :, :at]

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
    keys = cache.keys[:, row, :, :filled].transpose(1, 2).flatten(2)  # [L, P, H * d]
    values = cache.values[:, row, :, :filled].transpose(2, 3).flatten(1, 2)  # [L, H * d, P]
    dtype = cache.packing
    return Beginning([PackedLinear(k, dtype) for k in keys], [PackedLinear(v, dtype) for v in values])


KVCache = Cache | SharedCache
