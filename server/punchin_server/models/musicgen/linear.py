"""The language model's linear layer, and what takes its place for speed: packed float and int8 weights on x86.

A step of decoding multiplies a few rows by every weight, so its time is the time to read the weights. oneDNN reads
weights in its own blocked order about three times as fast as rows of a plain matrix, and the same order serves the
hundreds of rows of a prefill. Weights are stored once, in one form. Activations stay float32. Knows no model.
"""

from __future__ import annotations

import platform
from typing import Literal, TypeGuard, get_args

import torch
import torch.nn.functional as F
from punchin_wire.errors import Unsupported
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16", "float16", "int8"]

LEVELS = 32512  # an activation's 16 bits, less the half level by which its low byte may round up
OFFSET = 128 * 256 + 128 + 0.5  # centres both bytes on 128; the half turns truncation into rounding
TINIEST = 1e-30


class Linear(nn.Linear):
    """`[..., in_features]` to `[..., out_features]`, without bias unless asked (MusicGen has none but in text)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = False) -> None:
        super().__init__(in_features, out_features, bias=bias)


class PackedLinear(nn.Module):
    """A linear layer with weights of `dtype` in oneDNN's order. Takes and returns float32; rounds only to `dtype`."""

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.dtype = dtype
        # 8 rows: packing for a single row chooses an order that is slow for any other number.
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().to(dtype), 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise.default(x.to(self.dtype), self.packed, None, "none", [], "")
        return y.to(x.dtype)


class CastLinear(nn.Module):
    """:class:`PackedLinear` where oneDNN cannot pack: plain weights of `dtype`, float32 in and out."""

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.detach().to(dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight).to(x.dtype)


def quantize(weight: Tensor, largest: int) -> tuple[Tensor, Tensor]:
    """Integers `[N, K]` in [-largest, largest] and scales `[N]`, one a row, whose product is nearest to `weight`."""
    weight = weight.detach().float()
    scale = (torch.linalg.vector_norm(weight, torch.inf, dim=1) / largest).clamp_min(TINIEST)
    return (weight / scale[:, None]).round_().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer with 8-bit weights, one scale for each output, and 16-bit activations. Float32 in and out.

    The CPU multiplies bytes by bytes, so an activation goes in as two rows, its high and its low byte. While reading
    the weights is the bottleneck the second row costs nothing, and the error left is that of the weights alone. A
    row's scale comes from its length, which bounds its entries: the noise is sqrt(K) / 112600 of the row (-65 dB for
    K = 4096) however uneven the entries are, and no row depends on another.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        # Without VNNI the CPU adds two products in 16 bits: 255 * 63 * 2 still fits, 255 * 127 * 2 would not.
        quantized, self.scales = quantize(weight, 127 if torch.cpu._is_vnni_supported() else 63)
        self.packed = torch.ops.onednn.qlinear_prepack(quantized, None)
        self.zeros = torch.zeros(self.out_features, dtype=torch.int64)
        self.offset, self.tiniest = torch.tensor(OFFSET), torch.tensor(TINIEST)

    def forward(self, x: Tensor) -> Tensor:
        step = torch.add(self.tiniest, torch.linalg.vector_norm(x, dim=-1, keepdim=True), alpha=1 / LEVELS)
        words = torch.addcdiv(self.offset, x, step).to(torch.uint16).contiguous()  # [..., K], low byte first
        strides = (1, *(2 * n for n in words.stride()))
        halves = words.view(torch.uint8).as_strided((2, *words.shape), strides).contiguous()  # [2, ..., K]: low, high
        y = torch.ops.onednn.qlinear_pointwise.default(
            halves, 1.0, 128, self.packed, self.scales, self.zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        low, high = y.unbind()
        return torch.add(low, high, alpha=256).mul_(step)


class RowScaledLinear(nn.Module):
    """:class:`Int8Linear` where oneDNN cannot pack: 8-bit weights, bfloat16 products, float32 in and out."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        quantized, scales = quantize(weight, 127)
        self.quantized, self.scales = quantized, scales.bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        y: Tensor = torch.ops.aten._weight_int8pack_mm(rows, self.quantized, self.scales)
        return y.to(x.dtype).view(*x.shape[:-1], -1)


def can_pack(precision: Precision) -> bool:
    """Whether this CPU and this torch pack weights of `precision`."""
    if platform.machine().lower() not in {"x86_64", "amd64"} or not torch.backends.mkldnn.is_available():
        return False
    return precision != "bfloat16" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_swapped(module: nn.Module) -> TypeGuard[Linear]:
    return isinstance(module, Linear) and module.bias is None


def _faster(weight: Tensor, precision: Precision) -> nn.Module:
    if precision == "int8":
        return Int8Linear(weight) if can_pack(precision) else RowScaledLinear(weight)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    return PackedLinear(weight, dtype) if can_pack(precision) else CastLinear(weight, dtype)


def packing(layer: nn.Module) -> torch.dtype | None:
    """The float type in which to pack what works beside `layer`; None where nothing is packed."""
    if isinstance(layer, PackedLinear):
        return layer.dtype
    return torch.bfloat16 if isinstance(layer, Int8Linear) and can_pack("bfloat16") else None


def prepare(model: nn.Module, precision: Precision, device: torch.device) -> nn.Module:
    """Put `model`, just loaded in any float type, on `device` in `precision`; returns `model`, changed in place.

    On CPU each :class:`Linear` is replaced, one after the other so that no second copy of the weights ever exists, and
    the rest becomes float32. One with a bias stays: it runs once a request. Elsewhere the whole model is converted.
    Raises Unsupported for float16 on CPU and for int8 elsewhere.
    """
    if precision not in get_args(Precision):
        raise Unsupported(f"{precision!r} is not a precision.", f"Choose one of {', '.join(get_args(Precision))}.")
    if device.type != "cpu":
        if precision == "int8":
            raise Unsupported("int8 weights run on the CPU only.", "Choose float16 or bfloat16 on this device.")
        return model.to(device, getattr(torch, precision))
    if precision == "float16":
        raise Unsupported("No CPU computes in float16.", "Choose float32, bfloat16 or int8 on the CPU.")
    for parent in [module for module in model.modules() if not _is_swapped(module)]:
        for tensor in [*parent.parameters(recurse=False), *parent.buffers(recurse=False)]:
            if tensor.is_floating_point():
                tensor.data = tensor.data.float()
        for name, child in list(parent.named_children()):
            if _is_swapped(child):
                setattr(parent, name, _faster(child.weight, precision))
    return model.eval().requires_grad_(False)
