"""Writes MusicGen's layers and heads as one ONNX graph that runs fast on a CPU. Knows nothing about sessions.

Written node by node from the loaded modules, as :mod:`...codecs.onnx_graph` writes the codec: weights of 8 bits are
read by MatMulNBits, a scale for each block of 128 inputs; self-attention is GroupQueryAttention, which writes the new
keys and values into the cache that is bound as its input and its output; adapters and cross-attention are plain
products. The weights themselves stay outside of the graph, which protobuf would copy and end at 2 GB.

Inputs, for B rows, S steps, C columns of cache, layer i:

- `x` `[B, S, D]`: embedded tokens and positions; `last` int32 `[B]` and `filled` int32 `[]`: the number of the last
  step, and how many columns are filled with it. Several steps at once need B = 1, or to be the very first ones.
- `keys{i}`, `values{i}` `[B, H, C, D/H]`: the cache; `keys{i}_out`, `values{i}_out` are to be the same memory.
- With adapters: `gains` `[L, B * S, G, 1]`, `absent` `[G * m]`, `adapter_keys{i}` `[H, D/H, G * m]` (times the queries'
  scale) and `adapter_values{i}` `[H, G * m, D/H]` of the adapted layers.
- With text: `has_text`, and `text_keys{i}` `[B, H, D/H, N]` (times the queries' scale), `text_values{i}`
  `[B, H, N, D/H]`, looked at where `has_text` is true.

Output: `logits` `[B, 1, K * card]` after the last step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple, cast

import torch
from onnx import NodeProto, TensorProto, ValueInfoProto, helper
from torch import Tensor, nn

from ...codecs.onnx_graph import MICROSOFT, Array, Graph
from .linear import Linear
from .musicgen import Block, LMConfig, MusicGen

BLOCK = 128
"""Inputs that share a scale: with 32, onnxruntime takes half as long again."""

GraphPrecision = Literal["float32", "int8"]


class Adapted(NamedTuple):
    """Which layers have adapters, and the tokens m of each (adapter, type) pair."""

    first_layer: int
    tokens: int


class StepModel(NamedTuple):
    """A graph with `kept` and `packed` weights, as :class:`...codecs.onnx_graph.Model`, and those of `bound`, which are
    inputs."""

    graph: bytes
    kept: dict[str, Array]
    packed: dict[str, Array]
    bound: dict[str, Array]


def quantize_blocks(weight: Tensor) -> tuple[Array, Array]:
    """`[N, K]` as bytes `[N, blocks, 128]` around 128, and a scale `[N * blocks]` for each block."""
    rows = nn.functional.pad(weight.float(), (0, -weight.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK))
    scales = (rows.abs().amax(dim=-1) / 127).clamp_min(1e-30)
    quantized = (rows / scales[..., None]).round_().add_(128).to(torch.uint8)
    return quantized.numpy(), scales.flatten().numpy()


class _StepGraph(Graph):
    """A graph with weights of a precision, and with branches."""

    def __init__(self, precision: GraphPrecision) -> None:
        super().__init__()
        self._precision = precision
        self._bound: dict[str, Array] = {}

    def bound(self, value: Array) -> str:
        """A weight that is an input: as a constant it would be copied."""
        name = self._new()
        self._bound[name] = value
        self._graph.input.append(_value(name, *value.shape))
        return name

    def linear(self, x: str, layer: Linear) -> str:
        """`[..., K]` to `[..., N]`. Takes the weights out of `layer`, so that they are never stored twice."""
        weight = layer.weight.detach()
        layer.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)
        if self._precision == "float32":
            return self("MatMul", x, self.bound(weight.float().T.contiguous().numpy()))
        quantized, scales = quantize_blocks(weight)
        sizes = {"K": weight.shape[1], "N": weight.shape[0], "bits": 8, "block_size": BLOCK}
        given = [self.packed(quantized), self.weight(scales)]
        return self("MatMulNBits", x, *given, domain=MICROSOFT, accuracy_level=4, **sizes)

    def attend(self, qkv: str, i: int, heads: int) -> str:
        """Self-attention `[B, S, D]` of projected `qkv` `[B, S, 3 D]` by way of the cache of layer `i`."""
        o, cached = self._new(), [f"keys{i}", f"values{i}"]
        given = [qkv, "", "", *cached, "last", "filled"]
        made = [o, *(f"{name}_out" for name in cached)]  # by these names: what would rename them would copy the cache
        sizes = {"num_heads": heads, "kv_num_heads": heads}
        self._graph.node.append(helper.make_node("GroupQueryAttention", given, made, domain=MICROSOFT, **sizes))
        return o

    def finish(self, inputs: Sequence[ValueInfoProto], cache: Sequence[ValueInfoProto], logits: str) -> StepModel:
        self._graph.input.extend(inputs)
        self._graph.output.extend(cache)
        made = self.model([], {"logits": logits}, [_value("logits", None, None, None)])
        return StepModel(*made, self._bound)

    @contextmanager
    def aside(self) -> Iterator[list[NodeProto]]:
        """Collect the nodes that are added meanwhile: those of a branch."""
        start, nodes = len(self._graph.node), list[NodeProto]()
        yield nodes
        for node in self._graph.node[start:]:
            nodes.append(NodeProto())
            nodes[-1].CopyFrom(node)
        del self._graph.node[start:]


def write_step(lm: MusicGen, precision: GraphPrecision, adapted: Adapted | None, text: bool) -> StepModel:
    """The graph of `lm`, whose weights are moved out of it but for those of embeddings and of the text's keys."""
    c, g = lm.config, _StepGraph(precision)
    x = "x"
    for i, block in enumerate(cast(list[Block], lm.layers)):
        x = g("Add", x, _attention(g, g.layer_norm(x, block.norm1), i, block, c, adapted))
        if text:
            x = _if_text(g, x, i, block, c)
        h = g.linear(g.layer_norm(x, block.norm2), block.linear1)
        x = g("Add", x, g.linear(g("Gelu", h, domain=MICROSOFT), block.linear2))
    last = g("Gather", x, g.ints(-1), axis=1)  # [B, 1, D]
    logits = g.linear(g.layer_norm(last, lm.out_norm), lm.heads)
    return g.finish(_inputs(c, adapted, text), _cache(c, "_out"), logits)


def _value(name: str, *shape: int | None, kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _cache(c: LMConfig, suffix: str = "") -> list[ValueInfoProto]:
    names = [f"{kind}{i}{suffix}" for i in range(c.layers) for kind in ("keys", "values")]
    return [_value(name, None, c.heads, None, c.head_width) for name in names]


def _inputs(c: LMConfig, adapted: Adapted | None, text: bool) -> list[ValueInfoProto]:
    H, d, int32 = c.heads, c.head_width, TensorProto.INT32
    inputs = [_value("x", None, None, c.width), _value("last", None, kind=int32), _value("filled", kind=int32)]
    inputs += _cache(c)
    if adapted is not None:
        inputs += [_value("gains", None, None, None, 1), _value("absent", None)]
        for i in range(adapted.first_layer, c.layers):
            inputs += [_value(f"adapter_keys{i}", H, d, None), _value(f"adapter_values{i}", H, None, d)]
    if text:
        inputs.append(_value("has_text", kind=TensorProto.BOOL))
        for i in range(c.layers):
            inputs += [_value(f"text_keys{i}", None, H, d, None), _value(f"text_values{i}", None, H, None, d)]
    return inputs


def _attention(g: _StepGraph, x: str, i: int, block: Block, c: LMConfig, adapted: Adapted | None) -> str:
    qkv = g.linear(x, block.attention.qkv)  # [B, S, 3 D]
    o = g.attend(qkv, i, c.heads)
    if adapted is not None and i >= adapted.first_layer:
        o = g("Add", o, g("Reshape", _adapters(g, qkv, i, c, adapted), g("Shape", o)))
    return g.linear(o, block.attention.out)


def _adapters(g: _StepGraph, qkv: str, i: int, c: LMConfig, adapted: Adapted) -> str:
    """What :meth:`.airgen.AdapterState.delta` gives, `[B * S, H, D/H]`."""
    H, d = c.heads, c.head_width
    q = g("Slice", qkv, g.ints(0), g.ints(c.width), g.ints(2))
    q = g("Transpose", g("Reshape", q, g.ints(-1, H, d)), perm=[1, 0, 2])  # [H, B * S, D/H]
    scores = g("Add", g("MatMul", q, f"adapter_keys{i}"), "absent")
    scores = g("Reshape", scores, g.ints(H, 0, -1, adapted.tokens))
    gains = g("Gather", "gains", g.ints(i - adapted.first_layer), axis=0)  # [1, B * S, G, 1]
    weights = g("Reshape", g("Mul", g("Softmax", scores, axis=-1), gains), g.ints(H, 0, -1))
    return g("Transpose", g("MatMul", weights, f"adapter_values{i}"), perm=[1, 0, 2])


def _if_text(g: _StepGraph, x: str, i: int, block: Block, c: LMConfig) -> str:
    """`x` with the cross-attention to the text where there is one."""
    with g.aside() as reads:
        q = g("Reshape", g.linear(g.layer_norm(x, block.norm_cross), block.cross.q), g.ints(0, 0, c.heads, -1))
        scores = g("MatMul", g("Transpose", q, perm=[0, 2, 1, 3]), f"text_keys{i}")  # [B, H, S, N]
        o = g("MatMul", g("Softmax", scores, axis=-1), f"text_values{i}")
        o = g("Reshape", g("Transpose", o, perm=[0, 2, 1, 3]), g.ints(0, 0, -1))
        read = g("Add", x, g.linear(o, block.cross.out))
    with g.aside() as skips:
        skipped = g("Identity", x)
    branches = {
        name: helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)])
        for name, nodes, y in (("then", reads, read), ("else", skips, skipped))
    }
    return g("If", "has_text", then_branch=branches["then"], else_branch=branches["else"])
