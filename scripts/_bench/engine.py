"""What the engine saves: a hole against the whole window, four takes against one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from punchin_server.engines.inpaint.decode import TakeBatch, fill
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen import linear, onnx_step
from punchin_server.models.musicgen.airgen import AdapterWeights, build_bank

from . import Row, in_process, random_lm, use_cores

WINDOW = {"small": 750, "tiny": 250}


def fill_seconds(
    shape: str, cores: int, precision: linear.Precision, T: int, cases: list[tuple[str, int, int, int]]
) -> dict[str, float]:
    """Seconds to fill each case (name, first frame, end, takes) of a window of T frames under one adapter."""
    use_cores(cores)
    lm = random_lm(shape)
    c = lm.config
    adapter = AdapterWeights(torch.randn(c.layers, 4, 10, c.width), torch.randn(c.layers, 4))
    bank = build_bank(lm, {"chord": adapter})
    model = onnx_step.on_cpu(lm, precision, bank, text=False)
    seconds = {}
    for name, start, end, takes in cases:
        codes = torch.randint(0, c.card, (1, c.codebooks, T)).repeat(takes, 1, 1)
        hole = (Span(start, end),)
        noise = Noise(range(takes), c.codebooks, c.card)
        batch = TakeBatch(torch.ones(takes, 1), noise, SamplingParams(), bank)
        started = time.perf_counter()
        for _ in fill(model, codes.clone(), codes, Window(0, T, hole, hole), batch):
            pass
        seconds[name] = time.perf_counter() - started
    return seconds


def rows(shape: str, cores: int, precision: linear.Precision, window: int | None) -> Iterator[Row]:
    """The published hole (half a window, a quarter kept on each side), the whole window, and four takes."""
    T = window or WINDOW[shape]
    start = T // 2 // 2
    cases = [
        ("hole", start, start + T // 2, 1),
        ("window", 0, T, 1),
        ("four takes", start, start + T // 2, 4),
    ]
    took = in_process(fill_seconds, shape, cores, precision, T, cases)
    yield Row("engine", f"{precision}: hole of half a window, 1 take", took["hole"], "s")
    yield Row("engine", f"{precision}: full window, 1 take", took["window"], "s")
    yield Row("engine", f"{precision}: hole, 4 takes", took["four takes"], "s")
    yield Row("engine", f"{precision}: half-window hole ÷ full window", took["hole"] / took["window"], "×", 0.55)
    yield Row("engine", f"{precision}: 4 takes ÷ 1 take", took["four takes"] / took["hole"], "×", 2.5)
