"""The trainable MusicGen language model with AIRGen adapters, in audiocraft's parameter names.

Knows tensors; knows nothing about data, audio or files. The product runs the same weights through its own
inference code; parity between the two is tested. Cross-attention is part of the layout but not of this forward:
there is no text in training, and with empty text it contributes exactly zero.
Sources: MusicGen (arXiv 2306.05284), AIRGen (arXiv 2402.09508).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEXT_WIDTH = 768  # of the T5 encoder that published checkpoints project from
TRACK_TYPES = 4  # condition, context, inpaint, repeat
COPY_SHARPNESS, COPY_STRENGTH, EMBEDDING_STD = 8.0, 1.5, 0.15


@dataclass(frozen=True)
class LmShape:
    """Sizes of a language model. `window` is T: frames in a prefix, and in a prediction."""

    width: int = 256
    layers: int = 6
    heads: int = 4
    entries: int = 512
    codebooks: int = 4
    window: int = 250
    adapter_tokens: int = 10


class Attention(nn.Module):
    """Projections of one attention block; rows of `in_proj_weight` are q, k, v."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.out_proj = nn.Linear(width, width, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)


class Cache:
    """Keys and values of the steps a layer has seen, in buffers [B, H, capacity, d]."""

    def __init__(self, shape: LmShape, batch: int, capacity: int) -> None:
        size = shape.width // shape.heads
        self.keys = torch.zeros(batch, shape.heads, capacity, size)
        self.values = torch.zeros_like(self.keys)
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Remember more steps; returns all of them."""
        start, self.length = self.length, self.length + keys.shape[2]
        self.keys[:, :, start : self.length] = keys
        self.values[:, :, start : self.length] = values
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class Tuning(nn.Module):
    """A way to adapt a frozen model inside each layer's self-attention. This one changes nothing; AIRGen's is
    :class:`Adapter`, others that it is compared with live in :mod:`..compare.methods`.

    `types` [B, S] is the track type of every step.
    """

    def project(self, index: int, normed: Tensor, projected: Tensor, types: Tensor) -> Tensor:  # noqa: ARG002
        """What layer `index` takes for its queries, keys and values, [B, S, 3D], given its input [B, S, D]."""
        return projected

    def attend(self, index: int, layer: Layer, q: Tensor, k: Tensor, v: Tensor, types: Tensor) -> Tensor:  # noqa: ARG002
        """What the heads read, [B, H, S, d], from q [B, H, S, d], k and v [B, H, N, d], N >= S steps up to the last."""
        return attention(q, k, v)


class Adapter(Tuning):
    """AIRGen's heterogeneous adapter: tokens and gates for each layer and track type."""

    def __init__(self, shape: LmShape) -> None:
        super().__init__()
        self.adaptor = nn.Parameter(torch.randn(shape.layers, TRACK_TYPES, shape.adapter_tokens, shape.width))
        self.gates = nn.Parameter(torch.zeros(shape.layers, TRACK_TYPES))

    def attend(self, index: int, layer: Layer, q: Tensor, k: Tensor, v: Tensor, types: Tensor) -> Tensor:
        """Adds what each query reads from the adapter tokens of its own type, in a softmax of their own."""
        tokens, gates = self.adaptor[index], self.gates[index]
        kinds, count, width = tokens.shape
        projected = F.linear(layer.norm1(tokens.reshape(-1, width)), layer.self_attn.in_proj_weight[width:])
        own_k, own_v = projected.view(kinds * count, 2, layer.heads, -1).permute(1, 2, 0, 3)  # [H, 4m, d] each
        scores = q @ own_k.transpose(-1, -2) / math.sqrt(width // layer.heads)
        weights = scores.float().masked_fill(foreign(types, count)[:, None], -torch.inf).softmax(-1)
        delta = weights.to(own_v.dtype) @ own_v
        return attention(q, k, v) + delta * gates[types][:, None, :, None]


def foreign(types: Tensor, count: int) -> Tensor:
    """Which of 4 x `count` tokens, ordered by type, are not of a step's type: [B, S] -> bool [B, S, 4 * count]."""
    return types[..., None] != torch.arange(TRACK_TYPES, device=types.device).repeat_interleave(count)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, shape: LmShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.self_attn, self.cross_attention = Attention(width), Attention(width)
        self.linear1 = nn.Linear(width, 4 * width, bias=False)
        self.linear2 = nn.Linear(4 * width, width, bias=False)
        self.norm1, self.norm_cross, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        residual_std = 0.06 / math.sqrt(2 * shape.layers)
        nn.init.normal_(self.self_attn.out_proj.weight, std=residual_std)
        nn.init.normal_(self.linear1.weight, std=0.04)
        nn.init.normal_(self.linear2.weight, std=residual_std)

    def forward(
        self, x: Tensor, index: int, tuning: Tuning | None, types: Tensor | None, cache: Cache | None
    ) -> Tensor:
        """x [B, S, D]; this layer's index; a tuning with types [B, S], or None for the plain model."""
        batch, steps, width = x.shape
        normed = self.norm1(x)
        projected = F.linear(normed, self.self_attn.in_proj_weight)
        if tuning is not None and types is not None:
            projected = tuning.project(index, normed, projected, types)
        q, k, v = projected.view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # [B, H, S, d] each
        if cache is not None:
            k, v = cache.extend(k, v)
        if tuning is not None and types is not None:
            attended = tuning.attend(index, self, q, k, v, types)
        else:
            attended = attention(q, k, v)
        merged = attended.transpose(1, 2).reshape(batch, steps, width)
        x = x + self.self_attn.out_proj(merged)
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of all steps, or of one that sees all keys: [B, H, S, d] and [B, H, N, d] -> [B, H, S, d]."""
    return causal_attention(q, k, v) if q.shape[2] > 1 else F.scaled_dot_product_attention(q, k, v)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """[B, H, S, d] each -> [B, H, S, d]; written out because on one CPU core in bfloat16 it takes 0.4 of the
    time of torch's fused kernel, forward and backward (35 against 84 ms at [8, 4, 501, 64])."""
    future = torch.full((q.shape[2], q.shape[2]), -1e4, dtype=q.dtype, device=q.device).triu(1)
    return masked_attention(q, k, v, future)


def masked_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """q [B, H, S, d], k and v [B, H, N, d], an additive mask [S, N] or [B * H, S, N] -> [B, H, S, d]."""
    batch, heads, steps, size = q.shape
    with torch.autocast(q.device.type, enabled=False):
        flat_q, flat_k, flat_v = (t.reshape(batch * heads, -1, size) for t in (q / math.sqrt(size), k, v))
        weights = torch.baddbmm(mask, flat_q, flat_k.transpose(1, 2)).softmax(-1)
        return (weights @ flat_v).view(batch, heads, steps, size)


class LanguageModel(nn.Module):
    """Codes in the delay pattern to logits; `transformer.layers.N` and the other names are audiocraft's."""

    def __init__(self, shape: LmShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.emb = nn.ModuleList(nn.Embedding(shape.entries + 1, width) for _ in range(shape.codebooks))
        self.transformer = nn.ModuleDict({"layers": nn.ModuleList(Layer(shape) for _ in range(shape.layers))})
        self.out_norm = nn.LayerNorm(width)
        self.linears = nn.ModuleList(nn.Linear(width, shape.entries, bias=False) for _ in range(shape.codebooks))
        projection = nn.ModuleDict({"output_proj": nn.Linear(TEXT_WIDTH, width)})
        conditioners = nn.ModuleDict({"description": projection})
        self.condition_provider = nn.ModuleDict({"conditioners": conditioners})
        for table in self._tables:
            nn.init.normal_(table.weight, std=EMBEDDING_STD)
        self._start_copying()

    @property
    def layers(self) -> list[Layer]:
        """The transformer layers, bottom first."""
        return list(cast(nn.ModuleList, self.transformer["layers"]))  # type: ignore[arg-type]

    @property
    def _tables(self) -> list[nn.Embedding]:
        return list(self.emb)  # type: ignore[arg-type]

    def features(
        self,
        sequence: Tensor,
        adapter: Tuning | None = None,
        types: Tensor | None = None,
        start: int = 0,
        caches: list[Cache] | None = None,
        tap: int | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Delayed ids [B, K, S] -> (normalised output [B, S, D], output of layer `tap` or None).

        `types` [B, S] names each step's track type when an adapter is given; `start` is the first step's index.
        """
        embedded = [table(sequence[:, k]) for k, table in enumerate(self.emb)]
        x = torch.stack(embedded).sum(0) + positions(start, sequence.shape[2], self.shape.width, sequence.device)
        tapped = None
        for index, layer in enumerate(self.layers):
            x = layer(x, index, adapter, types, None if caches is None else caches[index])
            if index == tap:
                tapped = x
        return self.out_norm(x), tapped

    def heads(self, features: Tensor) -> Tensor:
        """[B, S, D] -> logits [B, K, S, entries]."""
        return torch.stack([head(features) for head in self.linears], 1)

    @torch.no_grad()
    def _start_copying(self) -> None:
        """Start as a model that already repeats the frame one window earlier.

        Two heads of the first layer and one of the second look back exactly `window - 1` steps, by rotating the
        fast half of the position code; the first layer's two carry what they see, and the output heads start as
        the embeddings. Without this, learning to copy the context alone takes longer than the whole budget.
        """
        shape, size = self.shape, self.shape.width // self.shape.heads
        width = shape.width
        look_back = shape.window - 1
        for layer, heads in ((0, (0, 1)), (1, (0,))):
            weight = self.layers[layer].self_attn.in_proj_weight
            query, key = _rotation(size, width, look_back)
            for head in heads:
                weight[head * size : (head + 1) * size] = query
                weight[width + head * size : width + (head + 1) * size] = key
        attention = self.layers[0].self_attn
        basis = torch.linalg.qr(torch.randn(width, width))[0]
        for first in (0, size):
            rows = basis[first : first + size]
            attention.in_proj_weight[2 * width + first : 2 * width + first + size] = rows
            attention.out_proj.weight[:, first : first + size] = COPY_STRENGTH * rows.t()
        for output, table in zip(self.linears, self._tables, strict=True):
            cast(nn.Linear, output).weight.copy_(table.weight[: shape.entries])


def _rotation(size: int, width: int, look_back: int) -> tuple[Tensor, Tensor]:
    """Query and key rows [size, width] whose product peaks at keys `look_back` steps before the query."""
    half, pairs = width // 2, size // 2
    frequency = 1 / 10_000 ** (torch.arange(pairs) / (half - 1))
    cosine, sine = torch.cos(look_back * frequency), torch.sin(look_back * frequency)
    query, key, pair = torch.zeros(size, width), torch.zeros(size, width), torch.arange(pairs)
    gain = math.sqrt(COPY_SHARPNESS)
    key[2 * pair, pair] = gain
    key[2 * pair + 1, half + pair] = gain
    # cos(p - b) = cos p cos b + sin p sin b;  sin(p - b) = sin p cos b - cos p sin b
    query[2 * pair, pair], query[2 * pair, half + pair] = gain * cosine, gain * sine
    query[2 * pair + 1, half + pair], query[2 * pair + 1, pair] = gain * cosine, -gain * sine
    return query, key


def positions(start: int, steps: int, width: int, device: torch.device) -> Tensor:
    """MusicGen's sinusoidal code, cosines first, [S, D]."""
    half = width // 2
    frequency = 1 / 10_000 ** (torch.arange(half, device=device) / (half - 1))
    phase = torch.arange(start, start + steps, device=device)[:, None] * frequency
    return torch.cat([phase.cos(), phase.sin()], -1)


def delayed(codes: Tensor, special: int, tail: int = 0) -> Tensor:
    """Codes [B, K, T] -> the delay pattern [B, K, T + 1 + tail]: step s holds frame s - 1 - k of codebook k.

    Without a tail these are the valid steps, those that hold a frame of every codebook that has begun; the last k
    frames of codebook k only fit into a tail of K - 1.
    """
    batch, codebooks, frames = codes.shape
    sequence = codes.new_full((batch, codebooks, frames + 1 + tail), special)
    for k in range(codebooks):
        fits = min(frames, frames + tail - k)
        sequence[:, k, 1 + k : 1 + k + fits] = codes[:, k, :fits]
    return sequence


def track_types(kept: Tensor) -> Tensor:
    """Mask [B, T] (1 = kept) -> track type of every valid step [B, 2T + 1]."""
    return torch.cat([kept, kept + 2, kept[:, -1:] + 2], 1)
