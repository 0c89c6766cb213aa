"""AIRGen's heterogeneous adapters on a frozen MusicGen (arXiv 2402.09508, section 3 of the paper's method).

Every adapted layer owns m learned tokens per frame type. Their keys and values come from the layer's own frozen norm
and projection; a query attends to the tokens of its frame's type in a softmax of its own, and the gated result joins
the self-attention before its output projection. Knows nothing about files, audio or decoding.

The paper adapts to one condition at a time. Here one batch may hold takes that follow different controls, and a take
may follow several: with weights w_c it gets `sum_c a_c delta_c`, `a_c = w_c^2 / sum w`. That is the average of the
deltas, weighted by w, of which each is scaled by its own w; a single control of weight w gives w * delta.

Shapes: B rows, S steps, H heads, L adapted layers, A adapters, m tokens a type, G = A * 4 (adapter, type) pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from punchin_wire.errors import AdapterMismatch
from torch import Tensor

from .musicgen import Block, LMConfig, MusicGen, split_heads

TYPES = 4
CONDITION, CONTEXT, INPAINT, REPEAT = range(TYPES)
"""Frame types: the prefix under the condition and as kept; the prediction to inpaint and to repeat."""


class AdapterWeights(NamedTuple):
    """One published adapter: `adaptor` `[L, 4, m, D]` and `gates` `[L, 4]`, for the top L layers."""

    adaptor: Tensor
    gates: Tensor


def frame_types(mask: Tensor, codebooks: int) -> Tensor:
    """The type of every input step `[2T + K]` of a window whose frames `mask` `[T]` keeps (true) or inpaints.

    K is the model's number of `codebooks`. A step has the type of the frame that it predicts in codebook 0. The
    reference stops at 2T + 1 types; the last is repeated, so that the steps that finish the higher codebooks keep
    their adapter.
    """
    keep = mask.long()
    types = torch.cat([keep, keep + INPAINT])
    return torch.cat([types, types[-1:].expand(codebooks)])


def mix_weights(controls: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """The coefficient of each adapter in `names` for a take that follows `controls` (see the module)."""
    total = sum(controls.values())
    return [controls[name] ** 2 / total if name in controls else 0.0 for name in names]


class AdapterBank(NamedTuple):
    """Keys and values of all adapters of a pack, computed once when it is loaded.

    `keys` `[L, H, D/H, G*m]` and `values` `[L, H, G*m, D/H]` are laid out for two matrix products; `gates` `[L, G]`;
    `absent` `[G*m]` is -inf where an adapter has fewer tokens than the largest one, else 0. `names` gives the order.
    """

    names: tuple[str, ...]
    first_layer: int
    keys: Tensor
    values: Tensor
    gates: Tensor
    absent: Tensor

    def only(self, names: Collection[str]) -> AdapterBank:
        """The bank of the adapters in `names` alone: what a request does not follow costs it nothing."""
        kept = [a for a, name in enumerate(self.names) if name in names]
        tokens = self.absent.unflatten(0, (len(self.names), -1))  # [A, 4 * m]
        columns = torch.arange(tokens.numel(), device=tokens.device).view_as(tokens)[kept].flatten()
        return AdapterBank(
            names=tuple(self.names[a] for a in kept),
            first_layer=self.first_layer,
            keys=self.keys[..., columns].contiguous(),
            values=self.values[:, :, columns].contiguous(),
            gates=self.gates.unflatten(1, (-1, TYPES))[:, kept].flatten(1),
            absent=self.absent[columns],
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> AdapterBank:
        """The bank on `device`, in `dtype`."""
        keys, values, gates, absent = (part.to(device, dtype) for part in self[2:])
        return self._replace(keys=keys, values=values, gates=gates, absent=absent)


@torch.inference_mode()
def build_bank(lm: MusicGen, adapters: Mapping[str, AdapterWeights], dtype: torch.dtype | None = None) -> AdapterBank:
    """Compute the keys and values of `adapters` from the norms and projections of `lm`, in `dtype` (None: its own).

    Call it before the linears of `lm` are packed. Raises AdapterMismatch when one was made for another model.
    """
    for name, adapter in adapters.items():
        check_fit(name, adapter, lm.config)
    depth = max(len(adapter.gates) for adapter in adapters.values())
    tokens = max(adapter.adaptor.shape[2] for adapter in adapters.values())
    first = lm.config.layers - depth
    like = lm.out_norm.weight.to(dtype or lm.out_norm.weight.dtype)
    shape = (depth, lm.config.heads, TYPES, tokens, lm.config.head_width)
    parts = [(like.new_zeros(shape), like.new_zeros(shape)) for _ in adapters]
    for layer in range(depth):
        projection = _Projection.of(cast(Block, lm.layers[first + layer]), like.dtype)
        for adapter, (keys, values) in zip(adapters.values(), parts, strict=True):
            own = layer - (depth - len(adapter.gates))  # zero where it has no layer or token
            if own >= 0:
                adaptor = adapter.adaptor[own].to(like)  # [4, m, D]
                keys[layer, :, :, : adaptor.shape[1]], values[layer, :, :, : adaptor.shape[1]] = projection(adaptor)
    gates = [_pad_top(adapter.gates.to(like), depth) for adapter in adapters.values()]
    absent = [
        torch.where(torch.arange(tokens) < adapter.adaptor.shape[2], 0.0, -torch.inf).repeat(TYPES)
        for adapter in adapters.values()
    ]
    keys, values = (torch.cat(part, dim=2).flatten(2, 3) for part in zip(*parts, strict=True))  # [L, H, G*m, D/H]
    return AdapterBank(
        names=tuple(adapters),
        first_layer=first,
        keys=keys.transpose(2, 3).contiguous(),
        values=values.contiguous(),
        gates=torch.cat(gates, dim=1),
        absent=torch.cat(absent).to(like),
    )


def check_fit(name: str, adapter: AdapterWeights, config: LMConfig) -> None:
    """Raise AdapterMismatch unless `adapter` fits a model of this size."""
    adaptor, gates = adapter
    if adaptor.dim() != 4 or adaptor.shape[1] != TYPES or tuple(gates.shape) != tuple(adaptor.shape[:2]):
        raise AdapterMismatch(
            f"The adapter {name!r} has tensors of shapes {tuple(adaptor.shape)} and {tuple(gates.shape)}; "
            f"AIRGen's are [layers, {TYPES}, tokens, width] and [layers, {TYPES}]."
        )
    if adaptor.shape[3] != config.width or len(adaptor) > config.layers:
        raise AdapterMismatch(
            f"The adapter {name!r} was made for width {adaptor.shape[3]} and at least {len(adaptor)} layers; "
            f"this language model has width {config.width} and {config.layers} layers.",
            "Use the adapter made for this size of MusicGen: those that AIRGen published fit musicgen-large alone.",
        )


class _Projection(NamedTuple):
    """What makes keys and values of a layer's adapter tokens: its norm and its projection, each tensor in one type."""

    norm: Tensor
    bias: Tensor
    qkv: Tensor
    heads: int
    eps: float

    @classmethod
    def of(cls, block: Block, dtype: torch.dtype) -> _Projection:
        weights = (block.norm1.weight, block.norm1.bias, block.attention.qkv.weight)
        norm, bias, qkv = (weight.to(dtype) for weight in weights)
        return cls(norm, bias, qkv, block.attention.heads, block.norm1.eps)

    def __call__(self, adaptor: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, each `[H, 4, m, D/H]`, of `adaptor` `[4, m, D]`; they have no positions."""
        n = F.layer_norm(adaptor, self.norm.shape, self.norm, self.bias, self.eps)
        _, *both = F.linear(n, self.qkv).chunk(3, dim=-1)
        k, v = (split_heads(x, self.heads).transpose(0, 1) for x in both)
        return k, v


def _pad_top(gates: Tensor, depth: int) -> Tensor:
    """Gates of the top layers with zero gates below them: `[L_a, 4]` to `[depth, 4]`."""
    return torch.cat([gates.new_zeros(depth - len(gates), TYPES), gates])


class AdapterGains(NamedTuple):
    """How much each adapter adds to each row of a batch: `by_type` `[4, L, B, G]` multiplies what each (adapter, type)
    pair of `bank` adds in each layer, for a step of each type: the pair's gate times the row's coefficient of the
    adapter where the type is the pair's, and 0 elsewhere."""

    bank: AdapterBank
    by_type: Tensor

    @classmethod
    def of(cls, bank: AdapterBank, coefficients: Tensor) -> AdapterGains:
        """For rows with `coefficients` `[B, A]`."""
        own = torch.eye(TYPES, dtype=coefficients.dtype, device=coefficients.device)
        share = (coefficients[:, :, None] * own[:, None, None, :]).flatten(2)  # [4, B, G]
        return cls(bank, share[:, None] * bank.gates[:, None, :])

    def at(self, types: Tensor) -> AdapterState:
        """For steps of `types` `[S]`."""
        gains = self.by_type.index_select(0, types)  # [S, L, B, G]
        return AdapterState(self.bank, gains.permute(1, 2, 0, 3).flatten(1, 2)[:, None, :, :, None])


@dataclass(frozen=True)
class AdapterState:
    """The adapters at work on the steps of one forward: `gains` `[L, 1, B * S, G, 1]`, see :class:`AdapterGains`."""

    bank: AdapterBank
    gains: Tensor

    def delta(self, layer: int, queries: Tensor) -> Tensor | None:
        """`[B, H, S, D/H]`: the gated, weighted attention of `queries` (same shape) to the adapter tokens; None below
        the adapted layers."""
        at = layer - self.bank.first_layer
        if at < 0:
            return None
        B, H, S, d = queries.shape
        pairs = self.gains.shape[3]
        rows = queries.transpose(0, 1).reshape(H, B * S, d)
        scores = torch.baddbmm(self.bank.absent, rows, self.bank.keys[at], alpha=d**-0.5)  # [H, B * S, G * m]
        weights = scores.view(H, B * S, pairs, -1).softmax(dim=-1) * self.gains[at]  # each pair by itself
        return torch.bmm(weights.flatten(2), self.bank.values[at]).view(H, B, S, d).transpose(0, 1)
