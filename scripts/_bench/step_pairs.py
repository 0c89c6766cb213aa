"""One decode step at a given place of the sequence: ours by onnxruntime, ours by torch, transformers' and audiocraft's.

All are in one process and take turns, so that a busy machine slows each alike: ratios are medians of those of a turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import NamedTuple

import torch
from punchin_server.engines.inpaint.decode import LanguageModel
from punchin_server.models.musicgen import linear
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.onnx_step import OnnxMusicGen
from punchin_server.models.musicgen.step_graph import GraphPrecision

from . import SHAPES, Row, bandwidth, in_process, random_lm, use_cores
from .steps import peer_model, step_bytes

FRAMES = (40, 1000)
"""Steps fed before: nearly nothing, and what a hole in the middle of a window has."""
TURNS = 20
PEERS = ("transformers", "audiocraft")


class Turns(NamedTuple):
    """Milliseconds of each turn, by engine; and bytes a second read meanwhile."""

    taken: dict[str, list[float]]
    bandwidth: float

    def ratio(self, slower: str, quicker: str) -> float:
        return statistics.median(a / b for a, b in zip(self.taken[slower], self.taken[quicker], strict=True))


def own_step(lm: LanguageModel, frames: int) -> Callable[[], object]:
    cache = lm.new_cache(1, frames + 1)
    for layer in cache.layers:
        layer.normal_()
    codes = torch.zeros(1, lm.config.codebooks, 1, dtype=torch.long)
    return lambda: lm.next_logits(codes, StepSpan.of(frames, 1), cache)


def peer_step(shape: str, precision: str, frames: int) -> Callable[[], object]:
    from peers.musicgens import transformers_musicgen
    from transformers import DynamicCache

    config = SHAPES[shape]
    model = peer_model(transformers_musicgen(config).decoder, precision)
    cache = DynamicCache()
    for layer in range(config.layers):
        cache.update(*torch.randn(2, 1, config.heads, frames, config.head_width), layer)
    codes = torch.zeros(config.codebooks, 1, dtype=torch.long)

    def step() -> None:
        model(codes, past_key_values=cache, use_cache=True)
        cache.crop(-1)

    return step


def audiocraft_step(shape: str, frames: int) -> Callable[[], object]:
    """Both branches, which it cannot leave out; each step is fed behind the one before."""
    from peers.musicgens import audiocraft_lm

    config = SHAPES[shape]
    model = audiocraft_lm(config)
    conditions = {"description": (torch.zeros(2, 1, config.width), torch.ones(2, 1))}
    streaming = model.streaming()
    streaming.__enter__()  # its cache lives inside, and the process ends with the measurement

    def feed(steps: int) -> None:
        model(torch.zeros(2, config.codebooks, steps, dtype=torch.long), [], conditions)

    feed(frames)
    return lambda: feed(1)


def turns(shape: str, cores: int, precision: GraphPrecision, frames: int) -> Turns:
    use_cores(cores)
    packed = linear.prepare(random_lm(shape), precision, torch.device("cpu"))
    steps = {
        "onnxruntime": own_step(OnnxMusicGen(random_lm(shape), precision, None, text=False), frames),
        "torch": own_step(packed, frames),  # type: ignore[arg-type]
        "transformers": peer_step(shape, precision, frames),
    }
    if find_spec("audiocraft") is not None and precision != "int8":  # its attention holds no Linear to quantise
        steps["audiocraft"] = audiocraft_step(shape, frames)
    for step in steps.values():
        step()
    before = bandwidth()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            taken[name].append(1000 * (time.perf_counter() - started))
    return Turns(taken, max(before, bandwidth()))


def rows(shape: str, cores: int) -> Iterator[Row]:
    config = SHAPES[shape]
    precisions: tuple[GraphPrecision, ...] = ("int8", "float32")
    for precision in precisions:
        for frames in FRAMES:
            measured = in_process(turns, shape, cores, precision, frames)
            cached = 2 * 4 * config.layers * config.width * frames
            floor = 1000 * (step_bytes(config, precision, text=False) + cached) / measured.bandwidth
            case = f"{precision}, no text, after {frames} steps"
            for name, taken in measured.taken.items():
                own = "" if name in PEERS else "Punchin by "
                yield Row("pairs", f"{case}: {own}{name}, median", statistics.median(taken), "ms")
                yield Row("pairs", f"{case}: {own}{name}, least", min(taken), "ms")
            used = "onnxruntime" if precision == "int8" else "torch"
            peers = {name: measured.ratio(name, used) for name in PEERS if name in measured.taken}
            faster = min(peers, key=lambda name: peers[name])
            yield Row("pairs", f"{case}: torch ÷ onnxruntime", measured.ratio("torch", "onnxruntime"), "×")
            yield Row("pairs", f"{case}: {faster} ÷ Punchin ({used})", peers[faster], "×", 2.0, at_least=True)
            yield Row("pairs", f"{case}: floor with the cache, {measured.bandwidth / 1e9:.1f} GB/s", floor, "ms")
            yield Row("pairs", f"{case}: Punchin ({used}, least) ÷ floor", min(measured.taken[used]) / floor, "×", 1.5)
