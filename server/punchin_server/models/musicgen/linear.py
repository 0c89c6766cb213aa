"""The language model's linear layer, and what takes its place: packed float and int8 weights on x86, 8 bits on a GPU.

A step of decoding multiplies a few rows by every weight, so its time is the time to read the weights. oneDNN reads
weights in its own blocked order about three times as fast as rows of a plain matrix, and the same order serves the
hundreds of rows of a prefill. Weights are stored once, in one form. Activations stay float32. Knows no model.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeGuard, get_args

import torch
import torch.nn.functional as F
from punchin_wire.errors import Unsupported
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16", "float16", "int8", "float8"]

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


class ScaledLinear(nn.Module):
    """8-bit weights on a GPU, whole numbers or floats of four and three bits, with one scale for each output. What goes
    in and comes out, and the product, are of the type of the rest of the model."""

    def __init__(self, weight: Tensor, precision: Literal["int8", "float8"]) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        make = quantize_float if precision == "float8" else partial(quantize, largest=127)
        self.quantized, self.scales = make(weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.quantized.to(x.dtype)) * self.scales.to(x.dtype)


def quantize_float(weight: Tensor) -> tuple[Tensor, Tensor]:
    """As :func:`quantize`, in floats of 8 bits (4 of them the exponent's), the largest of a row being their largest."""
    weight = weight.detach().float()
    largest = torch.finfo(torch.float8_e4m3fn).max
    scale = (torch.linalg.vector_norm(weight, torch.inf, dim=1) / largest).clamp_min(TINIEST)
    return (weight / scale[:, None]).to(torch.float8_e4m3fn), scale


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


def is_eight_bit(precision: Precision) -> TypeGuard[Literal["int8", "float8"]]:
    return precision in {"int8", "float8"}


def prepare(model: nn.Module, precision: Precision, device: torch.device) -> nn.Module:
    """Put `model`, just loaded in any float type, on `device` in `precision`; returns `model`, changed in place.

    On the CPU, and in 8 bits on a GPU, each :class:`Linear` is replaced, one after the other so that no second copy of
    the weights ever exists, and the rest becomes float32 (float16 on a GPU). One with a bias stays: it runs once a
    request. Else the whole model is converted. Raises Unsupported for what a device does not have.
    """
    if precision not in get_args(Precision):
        raise Unsupported(f"{precision!r} is not a precision.", f"Choose one of {', '.join(get_args(Precision))}.")
    if device.type != "cpu":
        if is_eight_bit(precision):
            return _in_eight_bits(model, precision, device)
        return model.to(device, getattr(torch, precision))
    if precision in {"float16", "float8"}:
        raise Unsupported(f"No CPU computes in {precision}.", "Choose float32, bfloat16 or int8 on the CPU.")
    replace(model, _to_float, lambda weight: _faster(weight, precision))
    return model.eval().requires_grad_(False)


def _in_eight_bits(model: nn.Module, precision: Literal["int8", "float8"], device: torch.device) -> nn.Module:
    if device.type != "cuda":
        raise Unsupported(f"{device.type} computes nothing in {precision}.", "Choose float16 on this device.")
    if precision == "float8" and torch.cuda.get_device_capability(device) < (8, 9):
        raise Unsupported("This GPU has no floats of 8 bits.", "Choose int8, which needs as little memory.")

    def convert(rest: Tensor) -> Tensor:
        return rest.to(device, torch.float16 if rest.is_floating_point() else None)

    replace(model, convert, lambda weight: ScaledLinear(weight.to(device), precision))
    return model.eval().requires_grad_(False)


def _to_float(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def replace(model: nn.Module, convert: Callable[[Tensor], Tensor], make: Callable[[Tensor], nn.Module]) -> None:
    """Put what `make` makes of its weights in the place of each :class:`Linear` of `model`, and `convert` the rest."""
    for parent in [module for module in model.modules() if not _is_swapped(module)]:
        parent._apply(convert, recurse=False)
        for name, child in list(parent.named_children()):
            if _is_swapped(child):
                setattr(parent, name, make(child.weight))
