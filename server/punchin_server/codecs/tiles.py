"""Runs stacks of 1-D convolutions over long signals in tiles that fit the cache. Knows no backend and no audio.

A convolution only sees its neighbourhood, so a tile that is given enough neighbours gives the same values as the whole
signal; what its own edges spoil is cut off. That bounds memory and is the faster way too: between two layers a tile
stays in the processor's cache, while a whole song goes to memory and back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from torch import nn

Signal = npt.NDArray[np.float32]
Run = Callable[[Signal], Signal]

_TILE_BYTES = 2 * 2**20
"""Of the largest activation in a tile: about what a core's own cache holds. Half and double are within 3 %."""


@dataclass(frozen=True)
class Stage:
    """The geometry of layers that turn `[B, C, n]` into `[B, out_channels, ceil(n * up / down)]`.

    `halo` is how many positions on either side an output depends on; a tile is `tile` positions, whole strides.
    """

    out_channels: int
    up: int
    down: int
    halo: int
    tile: int

    @classmethod
    def of(cls, layers: Sequence[nn.Module]) -> Stage:
        convs = [m for layer in layers for m in layer.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]
        up = down = 1
        widest = convs[0].in_channels * 1.0  # channels, per position of the input
        for conv in convs:
            if isinstance(conv, nn.ConvTranspose1d):
                up *= conv.stride[0]
            else:
                down *= conv.stride[0]
            widest = max(widest, conv.out_channels * up / down)
        halo = 0
        for conv in reversed(convs):  # from what the output needs back to what the input must bring
            if isinstance(conv, nn.ConvTranspose1d):
                halo = ceil(halo / conv.stride[0]) + 1
            else:
                halo = halo * conv.stride[0] + (conv.kernel_size[0] - 1) * conv.dilation[0]
        tile = max(int(_TILE_BYTES / (4 * widest)), 4 * halo, 32)
        return cls(convs[-1].out_channels, up, down, ceil(halo / down) * down, ceil(tile / down) * down)


def tiled(
    run: Run, x: Signal, out_channels: int, up: int, down: int, halo: int, tile: int, pool: Executor | None = None
) -> Signal:
    """`run` over `x` `[B, C, n]`, tile by tile (each alone, `[1, C, t]`): `[B, out_channels, ceil(n * up / down)]`."""
    batch, _, length = x.shape
    out = np.empty((batch, out_channels, ceil(length * up / down)), np.float32)

    def one(place: tuple[int, int]) -> None:
        b, start = place
        stop = min(start + tile, length)
        first = max(start - halo, 0)
        y = run(x[b : b + 1, :, first : min(stop + halo, length)])
        begin, end = start * up // down, ceil(stop * up / down)
        skip = begin - first * up // down
        out[b][:, begin:end] = y[0][:, skip : skip + end - begin]

    places = [(b, start) for b in range(batch) for start in range(0, length, tile)]
    if pool is None or len(places) == 1:
        for place in places:
            one(place)
    else:
        list(pool.map(one, places))  # the list raises what a tile raised
    return out


@dataclass(frozen=True)
class Chain:
    """Stages one after the other, each in its own tiles; long signals in chunks, so that memory stays bounded."""

    stages: tuple[tuple[Stage, Run], ...]
    chunk: int
    pool: Executor | None

    def __call__(self, x: Signal) -> Signal:
        up = down = 1
        halo = 0
        for stage, _ in self.stages:
            halo += ceil(stage.halo * down / up)
            up, down = up * stage.up, down * stage.down
        whole = ceil(halo / down) * down
        return tiled(self._chunk, x, self.stages[-1][0].out_channels, up, down, whole, self.chunk * down)

    def _chunk(self, x: Signal) -> Signal:
        for stage, run in self.stages:
            x = tiled(run, x, stage.out_channels, stage.up, stage.down, stage.halo, stage.tile, self.pool)
        return x
