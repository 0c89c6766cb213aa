"""The language model with the decode step of :mod:`.kernels`: for GPUs, where a step's time is that of its kernels.

What a text, a prompt or what is known between two holes needs goes through the plain model, whose weights these are.
Knows models; knows no requests.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from types import ModuleType
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from .airgen import AdapterState
from .cache import Cache, StepSpan
from .linear import ScaledLinear
from .musicgen import Block, MusicGen, MusicGenAround, TextState

log = logging.getLogger(__name__)

MOST_ROWS = 16
"""Rows of a batch that the kernels multiply at once; more of them are a matter of arithmetic, not of reading."""
BOUND = 2e-2
"""By how much a probability may differ from the plain step's where the model is made ready: half precision's rounding
gives a few thousandths on logits of unit size."""


class Product(NamedTuple):
    """A linear layer as the kernels read it: its weights `[N, K]`, in 8 bits with a scale `[N]`, and the norm before it
    (see :func:`.kernels.linear`)."""

    weight: Tensor
    scale: Tensor | None
    norm: tuple[Tensor, Tensor, Tensor, float] | None

    @classmethod
    def of(cls, layer: nn.Module, norm: nn.LayerNorm | None = None) -> Product:
        assert isinstance(layer, nn.Linear | ScaledLinear)
        weight, scale = (layer.weight, None) if isinstance(layer, nn.Linear) else (layer.quantized, layer.scales)
        if norm is None:
            return cls(weight, scale, None)
        plain = weight.float() if scale is None else weight.float() * scale[:, None]
        sums, bias = plain @ norm.weight.float(), plain @ norm.bias.float()
        return cls(weight, scale, (norm.weight, sums, bias, norm.eps))


class _Layer(NamedTuple):
    qkv: Product
    out: Product
    cross_q: Product
    cross_out: Product
    widen: Product
    narrow: Product

    @classmethod
    def of(cls, block: Block) -> _Layer:
        return cls(
            Product.of(block.attention.qkv, block.norm1),
            Product.of(block.attention.out),
            Product.of(block.cross.q, block.norm_cross),
            Product.of(block.cross.out),
            Product.of(block.linear1, block.norm2),
            Product.of(block.linear2),
        )


class FusedMusicGen(MusicGenAround):
    """A language model on a GPU; see :class:`.musicgen.MusicGen` for what its methods do."""

    def __init__(self, lm: MusicGen, kernels: ModuleType) -> None:
        """Of `lm`, whose weights it shares, with :mod:`.kernels`."""
        super().__init__(lm)
        self._kernels = kernels
        self._layers = [_Layer.of(block) for block in cast(list[Block], lm.layers)]
        self._heads = Product.of(lm.heads, lm.out_norm)

    def new_cache(self, rows: int, steps: int | None = None) -> Cache:
        return self._lm.new_cache(rows, steps)

    def next_logits(
        self,
        codes: Tensor,
        span: StepSpan,
        cache: Cache,
        text: TextState | None = None,
        adapters: AdapterState | None = None,
    ) -> Tensor:
        """As :meth:`.musicgen.MusicGen.next_logits`; float32."""
        if span.start is not None or len(codes) > MOST_ROWS:
            return self._lm.next_logits(codes, span, cache, text, adapters)
        x = self._lm.embed(codes, span.positions)[:, 0].float()  # [R, D]
        for number, layer in enumerate(self._layers):
            x = self._layer(x, number, layer, span, cache, text, adapters)
        logits = self._linear(x, self._heads)
        return logits.unflatten(1, (self.config.codebooks, self.config.card))

    def _layer(
        self,
        x: Tensor,
        number: int,
        layer: _Layer,
        span: StepSpan,
        cache: Cache,
        text: TextState | None,
        adapters: AdapterState | None,
    ) -> Tensor:
        """`[R, D]` after a layer that gets `x` of the same shape."""
        qkv = self._linear(x, layer.qkv)
        at = -1 if adapters is None else number - adapters.bank.first_layer
        added = None
        if adapters is not None and at >= 0:
            bank = adapters.bank
            added = (bank.keys[at], bank.values[at], adapters.gains[at, 0, :, :, 0], bank.absent)
        heard = self._kernels.attend(qkv, cache.layers[number], span.positions, added)
        x = self._linear(heard, layer.out, residual=x)
        if text is not None:
            q = self._linear(x, layer.cross_q)
            heard = self._kernels.attend_text(q, text.keys[number], text.values[number])
            x = self._linear(heard, layer.cross_out, residual=x)
        wide = self._linear(x, layer.widen, gelu=True)
        return self._linear(wide, layer.narrow, residual=x)

    def _linear(self, x: Tensor, by: Product, gelu: bool = False, residual: Tensor | None = None) -> Tensor:
        out: Tensor = self._kernels.linear(x, by.weight, by.scale, by.norm, gelu, residual)
        return out


def on_gpu(lm: MusicGen) -> MusicGen | FusedMusicGen:
    """`lm`, which is ready on a GPU, with fused steps where they work there and give what the plain ones give."""
    if find_spec("triton") is None:
        return lm
    try:
        from . import kernels

        fused = FusedMusicGen(lm, kernels)
        differ = largest_difference(lm, fused)
    except Exception as error:  # a compiler that is missing, a card that is too old, whatever Triton says
        log.warning("Decode steps are not fused: %s: %s", type(error).__name__, error)
        return lm
    if not differ <= BOUND:
        log.warning("Decode steps are not fused: a probability would differ by %.2g.", differ)
        return lm
    return fused


@torch.inference_mode()
def largest_difference(lm: MusicGen, fused: FusedMusicGen, rows: int = 1, steps: int = 3) -> float:
    """Between a probability after each of a few steps of `fused` and of `lm`; NaN where one has none."""
    c, device = lm.config, lm.offsets.device
    codes = torch.arange(rows * c.codebooks * steps, device=device).view(rows, c.codebooks, steps) % c.card
    caches = lm.new_cache(rows, steps), lm.new_cache(rows, steps)
    largest = torch.zeros((), device=device)
    for step in range(steps):
        span = StepSpan.at(torch.tensor([step], device=device), steps, caches[0].layers[0].dtype)
        fed = codes[..., step : step + 1]
        one = lm.next_logits(fed, span, caches[0]).float().softmax(-1)
        other = fused.next_logits(fed, span, caches[1]).softmax(-1)
        largest = torch.maximum(largest, (one - other).abs().max())
    return float(largest)
