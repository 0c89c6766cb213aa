"""The kernels of a decode step on a GPU, in Triton: six a layer, each of which reads what it must and once.

A step multiplies a few rows by every weight, so its time is the time to read the weights, if nothing else takes any.
Here the norm, the activation and the sum of a layer's linears are inside their products, and attention reads as much of
the cache as there is. Import it where Triton is installed, as it is beside torch for CUDA. Knows tensors alone.

Shapes: R rows (takes times branches), H heads of width d, D = H * d, N outputs and K inputs of a linear layer, C
columns of the cache, P pieces into which attention is divided, G pairs of adapter and type of m tokens each. Sums,
scores and what goes from kernel to kernel are float32.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

PIECES = 8
"""Programs that share a head's attention: a take alone has too few heads to keep a large GPU's memory busy."""
COLUMNS = 64
"""Of the cache, read at once."""
FEW = 2
"""Rows up to which products are summed as they are; more of them are worth the tensor cores, which take 16."""


@triton.jit
def _linear(
    x, weight, scale, gain, weight_sum, bias, residual, out,
    N, K, eps,
    ROWS: tl.constexpr, PADDED: tl.constexpr, NORM: tl.constexpr, GELU: tl.constexpr, ADD: tl.constexpr,
    SCALED: tl.constexpr, TYPE: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    row, inside = tl.arange(0, PADDED), n < N
    there = row < ROWS
    products = tl.zeros([BLOCK_N, PADDED], tl.float32)
    total = tl.zeros([PADDED], tl.float32)
    squares = tl.zeros([PADDED], tl.float32)
    for start in range(0, K, BLOCK_K):
        k = start + tl.arange(0, BLOCK_K)
        values = tl.load(x + row[:, None] * K + k[None, :], mask=there[:, None], other=0.0)
        if NORM:
            total += tl.sum(values, 1)
            squares += tl.sum(values * values, 1)
            values *= tl.load(gain + k).to(tl.float32)[None, :]
        weights = tl.load(weight + n[:, None].to(tl.int64) * K + k[None, :], mask=inside[:, None], other=0.0)
        if PADDED < 16:
            products += tl.sum(weights.to(tl.float32)[:, None, :] * values[None, :, :], 2)
        else:
            products = tl.dot(weights.to(TYPE), tl.trans(values.to(TYPE)), products, input_precision="ieee")
    if SCALED:
        products *= tl.load(scale + n, mask=inside, other=0.0)[:, None]
    if NORM:  # of x, though the products are of x as it is: the norm is linear but for the row's own two numbers
        mean = total / K
        deviation = tl.sqrt(tl.maximum(squares / K - mean * mean, 0.0) + eps)
        centre = tl.load(weight_sum + n, mask=inside, other=0.0)[:, None] * mean[None, :]
        products = (products - centre) / deviation[None, :] + tl.load(bias + n, mask=inside, other=0.0)[:, None]
    if GELU:
        products = 0.5 * products * (1.0 + tl.erf(products * 0.7071067811865476))
    at = row[None, :] * N + n[:, None]
    mask = inside[:, None] & there[None, :]
    if ADD:
        products += tl.load(residual + at, mask=mask, other=0.0)
    tl.store(out + at, products, mask=mask)


@triton.jit
def _heard(q, keys, values, there, peak, weight, summed):
    """The running softmax `peak`, `weight` and `summed` after the columns at `keys` and `values`, where they are."""
    scores = tl.sum(tl.load(keys, mask=there[:, None], other=0.0).to(tl.float32) * q[None, :], 1)
    scores = tl.where(there, scores, float("-inf"))
    higher = tl.maximum(peak, tl.max(scores))
    shrink = tl.exp(peak - higher)
    each = tl.exp(scores - higher)
    read = tl.load(values, mask=there[:, None], other=0.0).to(tl.float32)
    return higher, weight * shrink + tl.sum(each), summed * shrink + tl.sum(each[:, None] * read, 0)


@triton.jit
def _attend(
    qkv, cache, index, sums, peaks, weights,
    C, scale,
    ROWS: tl.constexpr, HEADS: tl.constexpr, WIDTH: tl.constexpr, PIECES: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    head, piece = tl.program_id(0), tl.program_id(1)  # of all heads of all rows
    filled = tl.load(index).to(tl.int32)
    i = tl.arange(0, WIDTH)
    own = qkv + (head // HEADS) * (3 * HEADS * WIDTH) + (head % HEADS) * WIDTH + i
    keys = cache + head.to(tl.int64) * C * WIDTH
    values = keys + ROWS * HEADS * C.to(tl.int64) * WIDTH
    q = tl.load(own) * scale
    peak = float("-inf")
    weight = 0.0
    summed = tl.zeros([WIDTH], tl.float32)
    if piece == 0:  # the new step, which the cache has yet to get
        key = tl.load(own + HEADS * WIDTH).to(cache.dtype.element_ty)
        value = tl.load(own + 2 * HEADS * WIDTH).to(cache.dtype.element_ty)
        tl.store(keys + filled * WIDTH + i, key)
        tl.store(values + filled * WIDTH + i, value)
        peak = tl.sum(q * key.to(tl.float32))
        weight = 1.0
        summed = value.to(tl.float32)
    size = tl.cdiv(tl.cdiv(filled, PIECES), COLUMNS) * COLUMNS
    end = tl.minimum((piece + 1) * size, filled)
    for start in range(piece * size, end, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        at = column[:, None] * WIDTH + i[None, :]
        there = column < end
        peak, weight, summed = _heard(q, keys + at, values + at, there, peak, weight, summed)
    part = head * PIECES + piece
    tl.store(sums + part * WIDTH + i, summed)
    tl.store(peaks + part, peak)
    tl.store(weights + part, weight)


@triton.jit
def _merge(
    qkv, sums, peaks, weights, keys, values, gains, absent, out,
    pairs, tokens, scale,
    HEADS: tl.constexpr, WIDTH: tl.constexpr, PIECES: tl.constexpr, ADAPTED: tl.constexpr, TOKENS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(0)
    row, h = head // HEADS, head % HEADS
    i = tl.arange(0, WIDTH)
    part = head * PIECES + tl.arange(0, PIECES)
    peak = tl.load(peaks + part)
    share = tl.exp(peak - tl.max(peak))
    summed = tl.sum(share[:, None] * tl.load(sums + part[:, None] * WIDTH + i[None, :]), 0)
    summed /= tl.sum(share * tl.load(weights + part))
    if ADAPTED:
        q = tl.load(qkv + row * (3 * HEADS * WIDTH) + h * WIDTH + i) * scale
        columns = pairs * tokens
        for pair in range(pairs):
            gain = tl.load(gains + row * pairs + pair).to(tl.float32)
            if gain != 0.0:  # pairs of other types than the step's are shut
                token = tl.arange(0, TOKENS)
                column, there = pair * tokens + token, token < tokens
                key = tl.load(
                    keys + (h * WIDTH + i[:, None]) * columns + column[None, :], mask=there[None, :], other=0.0
                )
                scores = tl.sum(q[:, None] * key.to(tl.float32), 0)
                scores += tl.load(absent + column, mask=there, other=float("-inf")).to(tl.float32)
                each = tl.exp(scores - tl.max(scores))
                value = tl.load(
                    values + (h * columns + column[:, None]) * WIDTH + i[None, :], mask=there[:, None], other=0.0
                )
                summed += gain / tl.sum(each) * tl.sum(each[:, None] * value.to(tl.float32), 0)
    tl.store(out + head * WIDTH + i, summed)


@triton.jit
def _attend_text(
    q, keys, values, out,
    tokens, scale,
    WIDTH: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(0)
    i = tl.arange(0, WIDTH)
    own = tl.load(q + head * WIDTH + i) * scale
    peak = float("-inf")
    weight = 0.0
    summed = tl.zeros([WIDTH], tl.float32)
    for start in range(0, tokens, COLUMNS):
        token = start + tl.arange(0, COLUMNS)
        at = (head * tokens + token[:, None]) * WIDTH + i[None, :]
        there = token < tokens
        peak, weight, summed = _heard(own, keys + at, values + at, there, peak, weight, summed)
    tl.store(out + head * WIDTH + i, summed / weight)


def linear(
    x: Tensor, weight: Tensor, scale: Tensor | None, norm: tuple[Tensor, Tensor, Tensor, float] | None = None,
    gelu: bool = False, residual: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`[R, N]` of `x` `[R, K]`: the linear layer `weight` `[N, K]` (times `scale` `[N]`) of x, normalised first if
    `norm` is its gain `[K]`, the weights' sums under the gain `[N]`, the bias `[N]` that the norm's own becomes, and
    epsilon; then `gelu`; then plus `residual` `[R, N]`."""
    (rows, K), N = x.shape, len(weight)
    gain, weight_sum, bias, eps = norm or (x, x, x, 0.0)
    out = torch.empty(rows, N, dtype=torch.float32, device=x.device)
    few = rows <= FEW
    widest = 512 if few else 256 // weight.element_size()
    block_n, block_k = 16, next(size for size in (512, 256, 128, 64, 32, 16) if size <= widest and K % size == 0)
    _linear[(triton.cdiv(N, block_n),)](
        x, weight, x if scale is None else scale, gain, weight_sum, bias, x if residual is None else residual, out,
        N, K, eps,
        ROWS=rows, PADDED=triton.next_power_of_2(rows) if few else 16, NORM=norm is not None, GELU=gelu,
        ADD=residual is not None, SCALED=scale is not None, TYPE=_PRODUCT.get(weight.dtype, tl.float16),
        BLOCK_N=block_n, BLOCK_K=block_k, num_warps=4, num_stages=3,
    )  # fmt: skip
    return out


_PRODUCT: dict[torch.dtype, Any] = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16}
"""In what rows are multiplied by weights of a type; 8-bit ones, which float16 holds exactly, in that."""


def attend(qkv: Tensor, cache: Tensor, index: Tensor, adapter: tuple[Tensor, Tensor, Tensor, Tensor] | None) -> Tensor:
    """`[R, D]`: attention of the step `index` `[1]` with its `qkv` `[R, 3 * D]` to `cache` `[2, R, H, C, d]`, which
    gets that step, plus what an `adapter` adds: keys `[H, d, G * m]`, values `[H, G * m, d]`, gains `[R, G]`, and what
    is added to the scores `[G * m]`."""
    _, rows, heads, columns, width = cache.shape
    parts = (rows * heads, PIECES)
    sums = torch.empty(*parts, width, dtype=torch.float32, device=qkv.device)
    peaks, weights = torch.empty(2, *parts, dtype=torch.float32, device=qkv.device).unbind()
    _attend[parts](
        qkv, cache, index, sums, peaks, weights, columns, width**-0.5,
        ROWS=rows, HEADS=heads, WIDTH=width, PIECES=PIECES, COLUMNS=COLUMNS, num_warps=4,
    )  # fmt: skip
    keys, values, gains, absent = adapter or (qkv, qkv, qkv, qkv)
    pairs = gains.shape[1]
    tokens = len(absent) // pairs if adapter else 1
    out = torch.empty(rows, heads * width, dtype=torch.float32, device=qkv.device)
    _merge[(rows * heads,)](
        qkv, sums, peaks, weights, keys, values, gains, absent, out, pairs, tokens, width**-0.5,
        HEADS=heads, WIDTH=width, PIECES=PIECES, ADAPTED=adapter is not None,
        TOKENS=triton.next_power_of_2(tokens), num_warps=1,
    )  # fmt: skip
    return out


def attend_text(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """`[R, D]`: attention of `q` `[R, D]` to all of `keys` and `values` `[R, H, N, d]`."""
    rows, heads, tokens, width = keys.shape
    out = torch.empty_like(q)
    _attend_text[(rows * heads,)](q, keys, values, out, tokens, width**-0.5, WIDTH=width, COLUMNS=16, num_warps=1)
    return out
