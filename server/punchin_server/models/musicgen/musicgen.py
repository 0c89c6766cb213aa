"""MusicGen's language model, inference only (arXiv 2306.05284; sizes and key names: audiocraft `lm.py`).

One `forward` serves prefill and step: it takes the tokens of some input steps with their positions and writes their
keys and values into a static cache. It holds no Python that depends on data, so it runs plainly on CPU and unchanged
under `torch.compile`, CUDA graphs and half precision. Knows nothing about files, sampling, delays or audio.

Shapes: B rows, S input steps, K codebooks, D width, H heads, L layers, C steps in the cache, N text tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .cache import Cache, KVCache, StepSpan
from .linear import Linear, packing


@dataclass(frozen=True)
class LMConfig:
    """Size of a language model. `text_width` is the width of the text encoder's output (t5-base: 768)."""

    layers: int
    width: int
    heads: int
    card: int = 2048
    codebooks: int = 4
    text_width: int = 768

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def special(self) -> int:
        """The token where a codebook has no frame: start, and the corners of the delay pattern."""
        return self.card


SMALL = LMConfig(layers=24, width=1024, heads=16)
MEDIUM = LMConfig(layers=48, width=1536, heads=24)
LARGE = LMConfig(layers=48, width=2048, heads=32)


class TextState(NamedTuple):
    """Cross-attention keys and values of a text, each `[L, B, H, N, D/H]`; rows without text are zero."""

    keys: Tensor
    values: Tensor


class Adapters(Protocol):
    """What adapters add to the self-attention of a layer before its output projection (see :mod:`.airgen`)."""

    def delta(self, layer: int, queries: Tensor) -> Tensor | None:
        """`[B, H, S, D/H]` from the layer's projected queries of the same shape; None where it adds nothing."""
        ...


def split_heads(x: Tensor, heads: int) -> Tensor:
    """`[B, S, D]` to `[B, H, S, D/H]`."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """`[B, H, S, D/H]` to `[B, S, D]`."""
    return x.transpose(1, 2).flatten(2)


def positions_table(steps: int, width: int) -> Tensor:
    """Sinusoidal positions `[steps, D]` in float32, cosines first; the exponent's denominator is D/2 - 1."""
    half = width // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float32) * (-math.log(10000.0) / (half - 1)))
    phases = torch.arange(steps, dtype=torch.float32)[:, None] * rates
    return torch.cat([phases.cos(), phases.sin()], dim=-1)


class SelfAttention(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = Linear(config.width, 3 * config.width)
        self.out = Linear(config.width, config.width)

    def forward(self, x: Tensor, layer: int, span: StepSpan, cache: KVCache, adapters: Adapters | None) -> Tensor:
        B, S, D = x.shape
        qkv = self.qkv(x).view(B, S, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)  # [3, B, H, S, D/H]
        q = qkv[0]
        o = cache.attend(layer, q, qkv[1:], span)
        if adapters is not None and (delta := adapters.delta(layer, q)) is not None:
            o = o + delta
        return self.out(merge_heads(o))


class CrossAttention(nn.Module):
    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = Linear(config.width, config.width)
        self.kv = Linear(config.width, 2 * config.width)
        self.out = Linear(config.width, config.width)

    def keys_values(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, each `[B, H, N, D/H]`, of projected text `[B, N, D]`."""
        k, v = (split_heads(part, self.heads) for part in self.kv(text).chunk(2, dim=-1))
        return k, v

    def forward(self, x: Tensor, layer: int, text: TextState) -> Tensor:
        # No key mask: absent text is zero vectors that take part in the softmax (audiocraft does so; HF masks them).
        o = F.scaled_dot_product_attention(split_heads(self.q(x), self.heads), text.keys[layer], text.values[layer])
        return self.out(merge_heads(o))


class Block(nn.Module):
    """Pre-norm self-attention, cross-attention where there is text, and a GELU feed-forward."""

    def __init__(self, config: LMConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attention = SelfAttention(config)
        self.norm_cross = nn.LayerNorm(config.width)
        self.cross = CrossAttention(config)
        self.norm2 = nn.LayerNorm(config.width)
        self.linear1 = Linear(config.width, 4 * config.width)
        self.linear2 = Linear(4 * config.width, config.width)

    def forward(
        self,
        x: Tensor,
        layer: int,
        span: StepSpan,
        cache: KVCache,
        text: TextState | None,
        adapters: Adapters | None,
    ) -> Tensor:
        x = x + self.attention(self.norm1(x), layer, span, cache, adapters)
        if text is not None:
            x = x + self.cross(self.norm_cross(x), layer, text)
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class MusicGen(nn.Module):
    """The language model. Its embeddings are one table of K * (card + 1) rows, its K output heads one matrix."""

    positions: Tensor
    offsets: Tensor

    def __init__(self, config: LMConfig, max_steps: int = 1504) -> None:
        super().__init__()
        self.config = config
        table = torch.empty(config.codebooks * (config.card + 1), config.width)
        # On `meta` only a file's weights will do, and its `normal_` would first import sympy: a second, 50 MB.
        self.emb = nn.Embedding.from_pretrained(table if table.is_meta else table.normal_(), freeze=False)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.out_norm = nn.LayerNorm(config.width)
        self.heads = Linear(config.width, config.codebooks * config.card)
        self.text_proj = Linear(config.text_width, config.width, bias=True)
        self.prepare(max_steps)

    def prepare(self, max_steps: int) -> None:
        """Compute what depends on no weight: positions for `max_steps` steps (kept in float32), table offsets."""
        device = self.emb.weight.device
        with torch.device("cpu"):
            offsets = torch.arange(self.config.codebooks) * (self.config.card + 1)
            table = positions_table(max_steps, self.config.width)
        self.register_buffer("offsets", offsets[:, None].to(device), persistent=False)
        self.register_buffer("positions", table.to(device), persistent=False)

    @property
    def max_steps(self) -> int:
        return len(self.positions)

    def new_cache(self, rows: int, steps: int | None = None, dtype: torch.dtype | None = None) -> Cache:
        """An empty cache for `rows` rows of at most `steps` input steps."""
        c, weight = self.config, self.emb.weight
        shape = (2, rows, c.heads, steps or self.max_steps, c.head_width)
        layers = [torch.zeros(shape, dtype=dtype or weight.dtype, device=weight.device) for _ in self.layers]
        return Cache(layers, packing(cast(Block, self.layers[0]).attention.qkv))

    def read_text(self, encoded: Tensor) -> TextState:
        """Keys and values of encoded text `[N, text_width]` for two rows: with the text, and without (zero)."""
        text = self.text_proj(encoded.to(self.text_proj.weight.dtype))
        both = torch.stack([text, torch.zeros_like(text)])  # [2, N, D]
        keys, values = zip(*(layer.cross.keys_values(both) for layer in cast(list[Block], self.layers)), strict=True)
        return TextState(torch.stack(keys), torch.stack(values))

    def forward(
        self,
        codes: Tensor,
        span: StepSpan,
        cache: KVCache,
        text: TextState | None = None,
        adapters: Adapters | None = None,
    ) -> Tensor:
        """Hidden states `[B, S, D]` (normalised, for :meth:`logits`) of the input steps `codes` `[B, K, S]`, which are
        those of `span` and attend to the cache up to themselves."""
        x = self.embed(codes, span.positions)
        for i, layer in enumerate(self.layers):
            x = layer(x, i, span, cache, text, adapters)
        return self.out_norm(x)

    def embed(self, codes: Tensor, positions: Tensor) -> Tensor:
        """What the first layer sees `[B, S, D]` of the input steps `codes` `[B, K, S]` at `positions` `[S]`."""
        x = F.embedding(codes + self.offsets, self.emb.weight).sum(dim=1)
        return x + self.positions[positions].to(x.dtype)

    def next_logits(
        self,
        codes: Tensor,
        span: StepSpan,
        cache: KVCache,
        text: TextState | None = None,
        adapters: Adapters | None = None,
    ) -> Tensor:
        """Logits `[B, K, card]` after the last of the input steps that :meth:`forward` describes."""
        hidden = self(codes, span, cache, text, adapters)
        return self.logits(hidden[:, -1:])[:, :, 0]

    def logits(self, hidden: Tensor) -> Tensor:
        """Next-step logits `[B, K, S, card]` of hidden states `[B, S, D]`."""
        return self.heads(hidden).unflatten(-1, (self.config.codebooks, self.config.card)).transpose(1, 2)


class MusicGenAround:
    """A language model whose steps are run in another way: what is left to the plain one, `lm`."""

    def __init__(self, lm: MusicGen) -> None:
        self._lm = lm

    @property
    def config(self) -> LMConfig:
        return self._lm.config

    @property
    def offsets(self) -> Tensor:
        return self._lm.offsets

    @property
    def max_steps(self) -> int:
        return self._lm.max_steps

    def prepare(self, max_steps: int) -> None:
        self._lm.prepare(max_steps)

    def read_text(self, encoded: Tensor) -> TextState:
        return self._lm.read_text(encoded)
