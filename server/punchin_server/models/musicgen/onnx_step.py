"""MusicGen whose layers and heads run as one onnxruntime graph on the CPU. Knows models; knows no files or audio.

It stands in for :class:`.musicgen.MusicGen` where a window is filled: the same tokens in, the same logits out, from
one copy of the weights for prefill and step. Embeddings, the text's keys and what makes adapters stay with torch.

Shapes: B rows, S input steps, K codebooks, D width, H heads, L layers, C steps in the cache.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard, cast

import numpy as np
import torch
from torch import Tensor

from ..cpu_session import CPUSession
from . import linear
from .airgen import AdapterBank, AdapterState
from .cache import Cache, StepSpan
from .musicgen import Block, MusicGen, MusicGenAround, TextState
from .step_graph import Adapted, GraphPrecision, StepModel, write_step

NUMPY = {torch.float32: np.float32, torch.int32: np.int32, torch.bool: np.bool_}


def is_faster(precision: linear.Precision) -> TypeGuard[GraphPrecision]:
    """Whether the graph was measured to be faster than torch: in int8 on x86 with 8-bit products. In float32 both
    read the weights at the memory's speed, and torch prefills faster."""
    return precision == "int8" and linear.can_pack(precision) and torch.cpu._is_vnni_supported()


class Graph:
    """A session of a step's graph, with the weights that it refers to (`bound`: as inputs)."""

    def __init__(self, model: StepModel) -> None:
        self.session = CPUSession(model.graph, model.kept, model.packed)
        self.bound = {name: torch.from_numpy(weight) for name, weight in model.bound.items()}


class _Bound:
    """Some rows of a cache, with their text and the adapters of a window, as inputs and outputs of the graph."""

    def __init__(self, graph: Graph, layers: list[Tensor], text: TextState | None, bank: AdapterBank | None) -> None:
        self._session, self._binding = graph.session, graph.session.io_binding()
        self._kept: dict[str, Tensor] = {}
        for name, weight in graph.bound.items():
            self._input(name, weight)
        for i, layer in enumerate(layers):
            for name, part in zip((f"keys{i}", f"values{i}"), layer, strict=True):
                self._input(name, part)
                self._output(f"{name}_out", part)
        if bank is not None:
            self._input("absent", bank.absent)
            scaled = bank.keys * bank.keys.shape[2] ** -0.5
            for i, (keys, values) in enumerate(zip(scaled, bank.values, strict=True), start=bank.first_layer):
                self._input(f"adapter_keys{i}", keys)
                self._input(f"adapter_values{i}", values)
        if any(value.name == "has_text" for value in graph.session.get_inputs()):
            self._bind_text(layers, text)

    def _bind_text(self, layers: list[Tensor], text: TextState | None) -> None:
        self._input("has_text", torch.tensor(text is not None))
        _, B, H, _, d = layers[0].shape
        nothing = torch.zeros(B, H, d, 1)
        for i in range(len(layers)):
            if text is None:
                keys, values = nothing, nothing.transpose(2, 3)
            else:
                keys, values = text.keys[i].transpose(2, 3) * d**-0.5, text.values[i]
            self._input(f"text_keys{i}", keys)
            self._input(f"text_values{i}", values)

    def _input(self, name: str, value: Tensor) -> None:
        value = self._kept[name] = value.contiguous()
        self._binding.bind_input(name, "cpu", 0, NUMPY[value.dtype], value.shape, value.data_ptr())

    def _output(self, name: str, value: Tensor) -> None:
        self._kept[name] = value
        self._binding.bind_output(name, "cpu", 0, NUMPY[value.dtype], value.shape, value.data_ptr())

    def __call__(self, x: Tensor, last: int, gains: Tensor | None, logits: Tensor) -> None:
        """Feed `x` `[B, S, D]`, of which `last` is the last step; fills `logits` `[B, 1, K * card]`."""
        self._input("x", x)
        self._input("last", torch.full((len(x),), last, dtype=torch.int32))
        self._input("filled", torch.tensor(last + 1, dtype=torch.int32))
        if gains is not None:
            self._input("gains", gains)
        self._output("logits", logits)
        self._session.run_with_iobinding(self._binding)


class GraphCache(NamedTuple):
    """Keys and values of all steps fed so far: of each layer `[2, B, H, C, d]`; and what is bound of them, by rows."""

    layers: list[Tensor]
    bound: dict[tuple[int, int], _Bound]

    def expand(self, rows: Tensor, filled: int) -> GraphCache:
        """As :meth:`.cache.Cache.expand`."""
        plain = Cache(self.layers).expand(rows, filled)
        assert isinstance(plain, Cache)
        return GraphCache(plain.layers, {})


def _strip(lm: MusicGen, text: bool) -> None:
    """Drop what is in the graph, whose weights are gone: what stays is the embeddings, and what reads a text."""
    del lm.heads, lm.out_norm
    for block in cast(list[Block], lm.layers):
        del block.attention, block.linear1, block.linear2, block.norm1, block.norm_cross, block.norm2
        if text:
            del block.cross.q, block.cross.out
        else:
            del block.cross


class OnnxMusicGen(MusicGenAround):
    """A language model on the CPU, made of a plain one that it takes apart."""

    def __init__(self, lm: MusicGen, precision: GraphPrecision, bank: AdapterBank | None, text: bool) -> None:
        """For takes that follow adapters of `bank` (each of them some, where there is one), and texts if `text`.

        `lm` may be of any float type, as :func:`.weights.load_lm` leaves it with `dtype` None.
        """
        adapted = None if bank is None else Adapted(bank.first_layer, len(bank.absent) // bank.gates.shape[1])
        step = write_step(lm, precision, adapted, text)
        _strip(lm, text)
        linear.prepare(lm, precision, torch.device("cpu"))
        super().__init__(lm)
        self._graph = Graph(step)

    def new_cache(self, rows: int, steps: int | None = None) -> GraphCache:
        c = self.config
        shape = (2, rows, c.heads, steps or self.max_steps, c.head_width)
        return GraphCache([torch.zeros(shape) for _ in range(c.layers)], {})

    def _bound(self, cache: GraphCache, rows: slice, text: TextState | None, bank: AdapterBank | None) -> _Bound:
        """What serves `rows` of `cache`, whose text and adapters stay the same."""
        key = (rows.start, rows.stop)
        found = cache.bound.get(key)
        if found is None:
            layers = [layer[:, rows] for layer in cache.layers]
            own = None if text is None else TextState(text.keys[:, rows], text.values[:, rows])
            found = cache.bound[key] = _Bound(self._graph, layers, own, bank)
        return found

    def next_logits(
        self,
        codes: Tensor,
        span: StepSpan,
        cache: GraphCache,
        text: TextState | None = None,
        adapters: AdapterState | None = None,
    ) -> Tensor:
        """As :meth:`.musicgen.MusicGen.next_logits`."""
        x = self._lm.embed(codes, span.positions)
        rows, steps, _ = x.shape
        gains = None if adapters is None else adapters.gains.flatten(1, 2).unflatten(1, (rows, steps))
        bank = None if adapters is None else adapters.bank
        logits = x.new_empty(rows, 1, self.config.codebooks * self.config.card)
        # Several steps that follow on others go in row by row: onnxruntime attends no other way.
        for part in [slice(0, rows)] if steps == 1 else [slice(i, i + 1) for i in range(rows)]:
            bound = self._bound(cache, part, text, bank)
            bound(x[part], span.visible - 1, None if gains is None else gains[:, part].flatten(1, 2), logits[part])
        return logits[:, 0].unflatten(1, (self.config.codebooks, self.config.card))


def on_cpu(lm: MusicGen, precision: linear.Precision, bank: AdapterBank | None, text: bool) -> MusicGen | OnnxMusicGen:
    """`lm`, just loaded in any float type, as it is fastest on the CPU in `precision`; see :class:`OnnxMusicGen`.

    `lm` is changed. Raises Unsupported for a precision that no CPU has.
    """
    if is_faster(precision):
        return OnnxMusicGen(lm, precision, bank, text)
    linear.prepare(lm, precision, torch.device("cpu"))
    return lm
