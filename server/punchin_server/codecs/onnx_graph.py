"""Writes EnCodec's networks as ONNX graphs that run fast on a CPU. Knows nothing about sessions, tiles or files.

The graphs are written node by node from the loaded modules instead of being traced by `torch.onnx`: that takes a
tenth of a second, keeps every length and batch dynamic, and lets each layer take the form onnxruntime is quick at:

- 1-D convolutions become 2-D ones of height 1, the only ones for which onnxruntime has blocked kernels;
- a transposed convolution (kernel = 2 strides) becomes a convolution of width 2 with `stride` times the channels,
  whose outputs are then interleaved (Shi et al., arXiv 1609.07009);
- ELU becomes max(x, exp(min(x, 0)) - 1), because onnxruntime's own ELU is not vectorised;
- the LSTM becomes one product over all steps for its input and a Scan with one matrix-vector product a step, which
  runs at the speed of the cache where onnxruntime's LSTM does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper
from torch import nn

from .network import EncodecConv1d, EncodecConvTranspose1d, EncodecResnetBlock

Array = npt.NDArray[Any]
Dim = int | str | None
"""A length, a name of lengths that are the same, or any. In a large graph names save time: what has none is given one
of its own after every node, each compared with all others."""

MICROSOFT = "com.microsoft"
"""Where onnxruntime's own operations are."""
_OPSET = 18
_IR_VERSION = 9  # the newest that onnxruntime 1.20 reads


class Model(NamedTuple):
    """A serialised graph, and its weights by their names in it: onnxruntime takes them as they are, while protobuf
    would copy them three times. It packs those of `packed` when it loads the graph, and then needs them no more."""

    graph: bytes
    weights: dict[str, Array]
    packed: dict[str, Array]


class Graph:
    """Collects nodes and weights; every call adds one node and returns the name of its output."""

    def __init__(self) -> None:
        opset = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        empty = helper.make_graph([], "encodec", [], [])
        self._weights: dict[str, Array] = {}
        self._packed: dict[str, Array] = {}
        self._model = helper.make_model(empty, opset_imports=opset, ir_version=_IR_VERSION)
        self._graph = self._model.graph
        self._names = 0

    def _new(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def weight(self, value: Array) -> str:
        """A large constant, which stays where it is in memory."""
        name = self._new()
        self._weights[name] = np.ascontiguousarray(value)
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        place = TensorProto(name=name, dims=value.shape, data_type=kind, data_location=TensorProto.EXTERNAL)
        place.external_data.add(key="location", value="memory")
        self._graph.initializer.append(place)
        return name

    def packed(self, value: Array) -> str:
        """A large constant of which onnxruntime makes a copy in an order of its own."""
        name = self.weight(value)
        self._packed[name] = self._weights.pop(name)
        return name

    def constant(self, value: Array) -> str:
        """A small one, which is a part of the graph."""
        name = self._new()
        self._graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.many(op, 1, *inputs, **attributes)[0]

    def layer_norm(self, x: str, layer: nn.LayerNorm) -> str:
        weight, bias = (self.constant(part.detach().float().numpy()) for part in (layer.weight, layer.bias))
        return self("LayerNormalization", x, weight, bias, axis=-1, epsilon=layer.eps)

    def many(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [self._new() for _ in range(outputs)]
        self._graph.node.append(helper.make_node(op, inputs, names, **attributes))
        return names

    def model(
        self,
        inputs: Sequence[tuple[str, Sequence[Dim]]],
        outputs: dict[str, str],
        types: Sequence[ValueInfoProto] | None = None,
    ) -> Model:
        """The model; `outputs` maps the public name of each output to the value it has here.

        Outputs are float32 unless `types` says otherwise.
        """
        self._graph.node.extend(helper.make_node("Identity", [v], [k]) for k, v in outputs.items())
        self._graph.input.extend(_float(*i) for i in inputs)
        self._graph.output.extend(types or [_float(o, None) for o in outputs])
        return Model(self._model.SerializeToString(), self._weights, self._packed)


def _float(name: str, shape: Sequence[Dim] | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def convolutions(layers: Sequence[nn.Module]) -> Model:
    """The graph of `layers` (convolutions, residual blocks, ELUs): x `[B, C, 1, t]` to y of the same form."""
    g = Graph()
    channels = next(
        m.in_channels for layer in layers for m in layer.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)
    )
    return g.model([("x", (None, channels, 1, None))], {"y": _layers(g, "x", layers)})


def _layers(g: Graph, x: str, layers: Iterable[nn.Module]) -> str:
    for layer in layers:
        match layer:
            case EncodecConv1d():
                x = _conv(g, x, layer)
            case EncodecConvTranspose1d():
                x = _upsample(g, x, layer)
            case EncodecResnetBlock():
                x = g("Add", _layers(g, x, layer.block), x)
            case nn.ELU():
                x = g("Max", x, g("Sub", g("Exp", g("Min", x, g.scalar(0.0))), g.scalar(1.0)))
            case _:
                raise TypeError(f"EnCodec has no {type(layer).__name__}")
    return x


def _conv(g: Graph, x: str, layer: EncodecConv1d) -> str:
    kernel, stride, dilation = (p[0] for p in (layer.conv.kernel_size, layer.conv.stride, layer.conv.dilation))
    total = (kernel - 1) * dilation + 1 - stride
    left, right = total - total // 2, total // 2
    if stride > 1:  # what lacks to a whole number of strides is padded too: (-length) mod stride
        length = g("Slice", g("Shape", x), g.ints(3), g.ints(4))
        lack = g("Mod", g("Neg", length), g.ints(stride))
        pads = g("Concat", g.ints(0, 0, 0, left, 0, 0, 0), g("Add", lack, g.ints(right)), axis=0)
        x = g("Pad", x, pads, mode=layer.pad_mode)
    elif total:
        x = g("Pad", x, g.ints(0, 0, 0, left, 0, 0, 0, right), mode=layer.pad_mode)
    weight = g.weight(layer.conv.weight.numpy(force=True)[:, :, None])  # [out, in, 1, k]
    bias = g.weight(_bias(layer.conv))
    return g("Conv", x, weight, bias, strides=[1, stride], dilations=[1, dilation])


def _bias(conv: nn.Conv1d | nn.ConvTranspose1d) -> Array:
    assert conv.bias is not None
    return conv.bias.numpy(force=True)


def _upsample(g: Graph, x: str, layer: EncodecConvTranspose1d) -> str:
    stride, out = layer.conv.stride[0], layer.conv.out_channels
    w = layer.conv.weight.numpy(force=True)  # [in, out, 2 * stride]
    # y[q * stride + r] = x[q] w[r] + x[q - 1] w[r + stride]: the two taps, oldest first.
    taps = np.stack([w[:, :, stride:], w[:, :, :stride]], axis=-1)  # [in, out, stride, 2]
    weight = taps.transpose(1, 2, 0, 3).reshape(out * stride, -1, 1, 2)
    bias = np.repeat(_bias(layer.conv), stride)
    y = g("Conv", x, g.weight(weight), g.weight(bias), pads=[0, 1, 0, 1])  # [B, out * stride, 1, t + 1]
    y = g("Transpose", g("Reshape", y, g.ints(0, out, stride, -1)), perm=[0, 1, 3, 2])
    y = g("Reshape", y, g.ints(0, out, 1, -1))  # [B, out, 1, (t + 1) * stride]
    right = stride // 2
    return g("Slice", y, g.ints(stride - right), g.ints(-right), g.ints(3))


def recurrence(lstm: nn.LSTM) -> Model:
    """The graph of an LSTM with its skip: x `[t, B, D]`, h and c `[layers, B, D]` to y `[t, B, D]`, h_n and c_n."""
    g = Graph()
    size, layers = lstm.hidden_size, lstm.num_layers
    split = g.ints(*[1] * layers)
    h, c = (g.many("Split", layers, state, split, axis=0) for state in ("h", "c"))
    y, last_h, last_c = "x", [], []
    for k in range(layers):
        w_ih, w_hh, b_ih, b_hh = (
            getattr(lstm, f"{name}_l{k}").numpy(force=True) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        # torch orders the gates i, f, g, o; i, f, o side by side take one sigmoid.
        order = np.r_[0 : 2 * size, 3 * size : 4 * size, 2 * size : 3 * size]
        given = g("Add", g("MatMul", y, g.weight(w_ih[order].T)), g.weight((b_ih + b_hh)[order]))  # [t, B, 4 D]
        body = _lstm_step(g, size, g.weight(w_hh[order].T))
        h_k, c_k = (g("Squeeze", s, g.ints(0)) for s in (h[k], c[k]))
        h_n, c_n, y = g.many("Scan", 3, h_k, c_k, given, body=body, num_scan_inputs=1)
        last_h.append(g("Unsqueeze", h_n, g.ints(0)))
        last_c.append(g("Unsqueeze", c_n, g.ints(0)))
    state = (layers, None, size)
    return g.model(
        [("x", (None, None, size)), ("h", state), ("c", state)],
        {
            "y": g("Add", y, "x"),
            "h_n": g("Concat", *last_h, axis=0),
            "c_n": g("Concat", *last_c, axis=0),
        },
    )


def nearest(codebooks: Array) -> Model:
    """The graph that finds the nearest entries of `codebooks` `[K, card, D]`, each for what the one before left over.

    x `[B, D, t]` to codes int64 `[B, K, t]`. The distance is summed as transformers does, so that ties fall alike.
    """
    g = Graph()
    left = g("Transpose", "x", perm=[0, 2, 1])  # [B, t, D]
    found = []
    for entries in codebooks:
        length = g("ReduceSumSquare", left, g.ints(2))  # [B, t, 1]
        shared = g("Mul", g("MatMul", left, g.weight(entries.T)), g.scalar(2.0))
        distance = g("Add", g("Sub", length, shared), g.weight((entries**2).sum(axis=1)))
        index = g("ArgMin", distance, axis=2, keepdims=0)  # [B, t]
        found.append(g("Unsqueeze", index, g.ints(1)))
        left = g("Sub", left, g("Gather", g.weight(entries), index))
    output = helper.make_tensor_value_info("codes", TensorProto.INT64, None)
    return g.model([("x", (None, codebooks.shape[2], None))], {"codes": g("Concat", *found, axis=1)}, [output])


def _lstm_step(g: Graph, size: int, weight: str) -> GraphProto:
    """One step as the body of a Scan: (h, c, what the input gives to the gates) to (h, c, output)."""
    thirds = g.ints(3 * size, size)
    nodes = [
        ("Gemm", ["h", weight, "given"], ["gates"], {}),
        ("Split", ["gates", thirds], ["ifo", "g"], {"axis": 1}),
        ("Sigmoid", ["ifo"], ["open"], {}),
        ("Tanh", ["g"], ["new"], {}),
        ("Split", ["open"], ["i", "f", "o"], {"axis": 1, "num_outputs": 3}),
        ("Mul", ["i", "new"], ["written"], {}),
        ("Mul", ["f", "c"], ["kept"], {}),
        ("Add", ["written", "kept"], ["c_next"], {}),
        ("Tanh", ["c_next"], ["shown"], {}),
        ("Mul", ["o", "shown"], ["h_next"], {}),
        ("Identity", ["h_next"], ["output"], {}),
    ]
    return helper.make_graph(
        [helper.make_node(op, i, o, **attributes) for op, i, o, attributes in nodes],
        "step",
        [_float("h", (None, size)), _float("c", (None, size)), _float("given", (None, 4 * size))],
        [_float(name, (None, size)) for name in ("h_next", "c_next", "output")],
    )
