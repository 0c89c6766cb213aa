"""Writes the layers of diffusers' image networks as ONNX nodes that run fast on a CPU. Knows no whole network.

Images are `[B, C, T, F]`. What becomes of a layer:

- GroupNorm is InstanceNormalization over the groups, which onnxruntime has a kernel for, and a product by channel;
- SiLU is QuickGelu with factor 1: one pass where Sigmoid and Mul are two;
- a convolution is left to onnxruntime, which writes its weights in blocks of channels.

Weights are moved out of the modules: a network is never stored twice for longer than onnxruntime packs it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from ...codecs.onnx_graph import MICROSOFT, Array, Graph

BLOCK = 16
"""Channels that onnxruntime keeps together with AVX-512, a multiple of those with AVX2. It packs the weights of
convolutions between whole blocks, and goes on reading those of others."""


def taken(*weights: Tensor) -> Array:
    """Parameters of a module in float32, those of several one below the other; the module has none of them left."""
    values = [weight.detach().float() for weight in weights]
    for weight in weights:
        weight.data = weight.data.new_empty(0)
    return (torch.cat(values) if len(values) > 1 else values[0]).numpy()


class ImageGraph(Graph):
    def linear(self, x: str, *layers: nn.Linear) -> str:
        """`[..., K]` to `[..., N]`, the outputs of several layers side by side."""
        y = self("MatMul", x, self.packed(taken(*(layer.weight for layer in layers)).T))
        biases = [layer.bias for layer in layers if layer.bias is not None]
        return self("Add", y, self.constant(taken(*biases))) if biases else y

    def conv(self, x: str, layer: nn.Conv2d) -> str:
        weight, bias = taken(layer.weight), "" if layer.bias is None else self.constant(taken(layer.bias))
        keep = self.packed if all(channels % BLOCK == 0 for channels in weight.shape[:2]) else self.weight
        return self("Conv", x, keep(weight), bias, strides=layer.stride, pads=2 * list(layer.padding))

    def silu(self, x: str) -> str:
        return self("QuickGelu", x, domain=MICROSOFT, alpha=1.0)

    def group_norm(self, x: str, layer: nn.GroupNorm) -> str:
        groups = layer.num_groups
        one, zero = (self.constant(np.full(groups, value, np.float32)) for value in (1, 0))
        y = self("Reshape", x, self.ints(0, groups, -1))
        y = self("InstanceNormalization", y, one, zero, epsilon=layer.eps)
        y = self("Reshape", y, self("Shape", x))
        scale, shift = (self.constant(taken(part)[:, None, None]) for part in (layer.weight, layer.bias))
        return self("Add", self("Mul", y, scale), shift)

    def resnet(self, x: str, block: ResnetBlock2D, time: str | None = None) -> str:
        """A residual block, whose inside hears the `time` `[1 or B, E]`."""
        h = self.conv(self.silu(self.group_norm(x, block.norm1)), block.conv1)
        if time is not None:
            h = self("Add", h, self("Unsqueeze", self.linear(time, block.time_emb_proj), self.ints(2, 3)))
        h = self.conv(self.silu(self.group_norm(h, block.norm2)), block.conv2)
        return self("Add", x if block.conv_shortcut is None else self.conv(x, block.conv_shortcut), h)

    def upsample(self, x: str, layer: Any, like: str | None = None) -> str:
        """Twice the size, or that of `like` where it is one less: every value two times, then a convolution."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        x = self("Resize", x, "", scales, **nearest)
        if like is not None:
            x = self("Slice", x, self.ints(0, 0), self("Shape", like, start=2), self.ints(2, 3))
        return self.conv(x, layer.conv)
