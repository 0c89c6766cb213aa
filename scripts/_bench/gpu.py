"""A GPU against the CPU's numbers, and its steps against the bandwidth floor: the sections of `gpu_check.py`.

Every case has a process of its own. Where there is no GPU `device` may be `cpu`: the same code runs, and shows nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from punchin_server.engines.cuda_graph import mark
from punchin_server.engines.device import prepare
from punchin_server.engines.inpaint.captured import GraphDecoder
from punchin_server.engines.inpaint.decode import PLAIN, Decoder, LanguageModel, TakeBatch, fill
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen import fused, linear
from punchin_server.models.musicgen.airgen import AdapterBank, AdapterWeights, build_bank
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import LARGE, LMConfig, MusicGen
from torch import Tensor

from . import SHAPES, Row, durations, in_process, use_cores
from .rest import sharpen

CONFIGS = SHAPES | {"large": LARGE}
TEXT = 12
"""Tokens of the text."""
FRAMES = {"large": 750, "small": 750, "tiny": 60}
"""Of a window."""
PRECISIONS: tuple[linear.Precision, ...] = ("bfloat16", "float16", "int8", "float8")
WAYS: dict[str, Callable[[], Decoder]] = {"plain": lambda: PLAIN, "recorded": GraphDecoder, "fused": GraphDecoder}
"""Of decoding: kernel by kernel, recorded, and recorded with fused kernels."""
HALF_BOUND = 1e-2
"""Of probabilities, between half precision on a GPU and float32 on the CPU."""


class Case(NamedTuple):
    """What is decoded: a hole of half a window under one adapter."""

    shape: str
    device: str
    precision: linear.Precision
    takes: int = 1
    text: bool = False


def model(case: Case) -> tuple[MusicGen, AdapterBank]:
    """Random weights, always the same, and an adapter on every layer; not fused."""
    torch.manual_seed(0)
    config, frames = CONFIGS[case.shape], FRAMES[case.shape]
    lm = sharpen(MusicGen(config, 2 * frames + config.codebooks).eval().requires_grad_(False))
    adapter = AdapterWeights(torch.randn(config.layers, 4, 10, config.width), torch.randn(config.layers, 4))
    device = torch.device(case.device)
    prepare(device)
    if device.type == "cpu" or linear.is_eight_bit(case.precision):  # which replaces what the bank is made of
        bank = build_bank(lm, {"chord": adapter})
        linear.prepare(lm, case.precision, device)
        bank = bank.to(device, lm.emb.weight.dtype)
    else:
        linear.prepare(lm, case.precision, device)
        bank = build_bank(lm, {"chord": AdapterWeights(*(part.to(device) for part in adapter))})
    lm.prepare(2 * frames + config.codebooks)
    return lm, bank


def card_rows(device: str) -> Iterator[Row]:
    if torch.device(device).type == "cuda":
        found = torch.cuda.get_device_properties(torch.device(device))
        yield Row("card", f"{found.name}: memory", found.total_memory / 2**30, "GiB")
    yield Row("card", "read bandwidth", in_process(bandwidth, device) / 1e9, "GB/s")


def bandwidth(device: str) -> float:
    """Bytes a second that are read, the best of many passes."""
    buffer = torch.ones(2**28 if device != "cpu" else 2**26, device=device)

    def read() -> None:
        buffer.sum()
        mark(buffer.device)()

    read()
    return buffer.nbytes / min(durations(read, 20))


# ---- the same numbers ----------------------------------------------------------------------------------------


def probabilities(case: Case) -> Tensor:
    """`[K, card]` after a prompt, float32 on the CPU."""
    use_cores(torch.get_num_threads())
    lm, _ = model(case)
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, lm.config.card, (1, lm.config.codebooks, 50), generator=generator).to(case.device)
    cache, span = lm.new_cache(1, 50), StepSpan.of(0, 50, codes.device)
    return lm.next_logits(codes, span, cache)[0].float().softmax(-1).cpu()


def tokens(case: Case, way: str) -> Tensor:
    """`[B, K, T]` of a filled window."""
    use_cores(torch.get_num_threads())
    lm, bank = model(case)
    frames, _, _ = filled(fused.on_gpu(lm) if way == "fused" else lm, bank, case, WAYS[way]())
    return frames.cpu()


def parity_rows(shape: str, device: str) -> Iterator[Row]:
    """Tokens in float32, recorded steps and plain ones; probabilities in half precision."""
    own = Case(shape, "cpu", "float32", takes=2, text=True)
    there = own._replace(device=device)
    expected = in_process(tokens, own, "plain")
    for way in WAYS:
        same = (in_process(tokens, there, way) == expected).float().mean()
        yield Row("parity", f"float32, {way} steps: tokens as on the CPU", float(same), "", 1.0, at_least=True)
    exact = in_process(probabilities, own)
    for precision in PRECISIONS if device != "cpu" else ("bfloat16", "int8"):
        found = in_process(probabilities, there._replace(precision=precision))
        differ = (found - exact).abs().max()
        half = precision.endswith("float16")
        bound = HALF_BOUND if half else None
        yield Row("parity", f"{precision}: largest difference of a probability", float(differ), "", bound)
        divergence = (exact * (exact / found.clamp_min(1e-12)).clamp_min(1e-12).log()).sum(-1).mean()
        yield Row("parity", f"{precision}: KL(float32 ‖ {precision})", float(divergence), "nat", None if half else 1e-3)
        top = [set(row.topk(250).indices.tolist()) for row in (*exact, *found)]
        shared = [len(one & other) / 250 for one, other in zip(top[: len(exact)], top[len(exact) :], strict=True)]
        yield Row("parity", f"{precision}: top-250 overlap", sum(shared) / len(shared), "share")


# ---- steps ---------------------------------------------------------------------------------------------------


def filled(lm: LanguageModel, bank: AdapterBank, case: Case, decoder: Decoder) -> tuple[Tensor, float, int]:
    """The window's frames, the seconds of its decode steps, and how many those were."""
    c, frames = lm.config, FRAMES[case.shape]
    generator = torch.Generator().manual_seed(2)
    codes = torch.randint(0, c.card, (1, c.codebooks, frames), generator=generator)
    codes = codes.repeat(case.takes, 1, 1).to(case.device)
    state = lm.read_text(torch.randn(TEXT, c.text_width, generator=generator).to(case.device)) if case.text else None
    hole = (Span(frames // 4, frames // 4 + frames // 2),)
    noise = Noise(range(case.takes), c.codebooks, c.card)
    batch = TakeBatch(torch.ones(case.takes, 1, device=case.device), noise, SamplingParams(), bank, state)
    started = first = 0.0
    begun = 0
    for step in fill(lm, codes.clone(), codes, Window(0, frames, hole, hole), batch, decoder):
        if step.prefill:
            mark(codes.device)()
            started, begun = time.perf_counter(), step.fed
        first = time.perf_counter()
    return codes, first - started, step.fed - begun


def step_seconds(case: Case) -> tuple[dict[str, float], int]:
    """Seconds a step in each way (of the second window, whose recording is there), and most memory in bytes."""
    use_cores(torch.get_num_threads())
    lm, bank = model(case)
    measured = {}
    for way, make in WAYS.items():
        decoder, stepping = make(), fused.on_gpu(lm) if way == "fused" else lm
        for _ in range(2):
            _, seconds, steps = filled(stepping, bank, case, decoder)
        measured[way] = seconds / steps
    on_gpu = torch.device(case.device).type == "cuda"
    return measured, torch.cuda.max_memory_allocated() if on_gpu else 0


def step_bytes(config: LMConfig, case: Case, frames: int) -> int:
    """What a step reads: weights, and the cache as filled on average."""
    D, size = config.width, 4 if case.precision == "float32" else 2
    weights = config.layers * (12 + 2 * case.text) * D * D + config.codebooks * config.card * D
    rows = case.takes * (2 if case.text else 1)
    cache = size * rows * config.layers * 2 * D * (frames + frames // 2)
    return weights * (1 if linear.is_eight_bit(case.precision) else size) + cache


def step_rows(shape: str, device: str) -> Iterator[Row]:
    """Milliseconds a step of one take and of four, with and without text, beside the floor."""
    speed = in_process(bandwidth, device)
    precisions = PRECISIONS if device != "cpu" else ("float32",)
    for precision in precisions:
        for text in (False, True):
            alone = 0.0
            for takes in (1, 4):
                case = Case(shape, device, precision, takes, text)
                ways, memory = in_process(step_seconds, case)
                fast = ways["fused"]
                alone = alone or fast
                floor = step_bytes(CONFIGS[shape], case, FRAMES[shape]) / speed
                row = partial(Row, "step")
                name = f"{precision}, {'text and CFG' if text else 'no text'}, {takes} take{'s' * (takes > 1)}"
                yield row(f"{name}: recorded and fused", 1000 * fast, "ms")
                yield row(f"{name}: recorded ÷ fused", ways["recorded"] / fast, "×")
                yield row(f"{name}: launched one by one ÷ fused", ways["plain"] / fast, "×")
                goal = 1.25 if takes == 1 and not text and shape == "large" else None
                yield row(f"{name}: ÷ floor of {1000 * floor:.3g} ms", fast / floor, "×", goal)
                if takes == 4:
                    yield row(f"{name}: ÷ 1 take", fast / alone, "×", 1.3 if shape == "large" else None)
                yield row(f"{name}: peak memory", memory / 2**30, "GiB")
