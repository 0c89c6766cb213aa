"""Milliseconds a decode step: ours, transformers' `generate`, audiocraft's `lm.generate`, and the bandwidth floor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from punchin_server.engines.inpaint.decode import TakeBatch, fill
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen import linear, onnx_step
from punchin_server.models.musicgen.musicgen import LMConfig

from . import SHAPES, Row, bandwidth, forget_peak, gaps, in_process, milliseconds, peak_bytes, random_lm, use_cores

BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
TEXT = 12
"""Tokens of the text."""


class Measured(NamedTuple):
    step: float
    memory: float
    bandwidth: float


def step_bytes(config: LMConfig, precision: str, text: bool) -> int:
    """Bytes of weights that a step multiplies: not those of cross-attention keys and values, computed once."""
    D = config.width
    cross = 2 * D * D if text else 0
    return BYTES[precision] * (config.layers * (12 * D * D + cross) + config.codebooks * config.card * D)


def ours(shape: str, cores: int, precision: linear.Precision, text: bool, frames: int) -> Measured:
    use_cores(cores)
    lm = random_lm(shape)
    c = lm.config
    model = onnx_step.on_cpu(lm, precision, None, text)
    known = torch.randint(0, c.card, (1, c.codebooks, frames))
    window = Window(0, frames, (Span(0, frames),), (Span(0, frames),))
    state = model.read_text(torch.randn(TEXT, c.text_width)) if text else None
    batch = TakeBatch(torch.zeros(1, 0), Noise([0], c.codebooks, c.card), SamplingParams(), None, state)
    before = bandwidth()  # it is shared with other machines on the host: the best of before and after is the floor's
    forget_peak()
    stamps = [time.perf_counter() for _ in fill(model, known.clone(), known, window, batch)]
    return Measured(milliseconds(gaps(stamps)[2:]), peak_bytes(), max(before, bandwidth()))


def peer_model(model: Any, precision: str) -> Any:
    if precision == "bfloat16":
        return model.bfloat16()
    if precision == "int8":
        from torch.ao.quantization import quantize_dynamic

        return quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return model


def transformers(shape: str, cores: int, precision: str, text: bool, frames: int) -> Measured:
    use_cores(cores)
    from peers.musicgens import transformers_musicgen
    from transformers import LogitsProcessor

    class Stamp(LogitsProcessor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.times: list[float] = []

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            del input_ids
            self.times.append(time.perf_counter())
            return scores

    config = SHAPES[shape]
    model = peer_model(transformers_musicgen(config).decoder, precision)
    hidden = torch.zeros(1, 1, config.width)
    if text:  # as MusicgenForConditionalGeneration stacks them
        read = torch.randn(1, TEXT, config.width)
        hidden = torch.cat([read, torch.zeros_like(read)])
    stamp = Stamp()
    forget_peak()
    model.generate(
        torch.randint(0, config.card, (config.codebooks, frames)),
        encoder_hidden_states=hidden.bfloat16() if precision == "bfloat16" else hidden,
        guidance_scale=3.0 if text else None,
        max_new_tokens=frames,
        do_sample=True,
        top_k=250,
        logits_processor=[stamp],
        decoder_start_token_id=config.card,
        pad_token_id=config.card,
        num_return_sequences=1,
        num_beams=1,
    )
    return Measured(milliseconds(gaps(stamp.times)[2:]), peak_bytes(), bandwidth())


def audiocraft(shape: str, cores: int, precision: str, text: bool, frames: int) -> Measured:
    use_cores(cores)
    from peers.musicgens import audiocraft_lm

    config = SHAPES[shape]
    model = peer_model(audiocraft_lm(config), precision)
    from audiocraft.modules.conditioners import ConditioningAttributes

    # The text itself is no part of a step: hand over what the text encoder would have made of it. Without text
    # `generate_unconditional` does the same with zeros: audiocraft always runs both branches.
    read = torch.randn(1, TEXT, config.width) if text else torch.zeros(1, 1, config.width)
    both = torch.cat([read, torch.zeros_like(read)]).to(next(model.parameters()).dtype)
    model.condition_provider.tokenize = lambda _: {}
    model.condition_provider.forward = lambda _: {"description": (both, torch.ones(both.shape[:2]))}
    conditions = [ConditioningAttributes(text={"description": "any"})]
    times: list[float] = []
    forget_peak()
    model.generate(
        torch.randint(0, config.card, (1, config.codebooks, frames)),
        conditions,
        max_gen_len=2 * frames,
        top_k=250,
        callback=lambda *_: times.append(time.perf_counter()),
    )
    return Measured(milliseconds(gaps(times)[2:]), peak_bytes(), bandwidth())


def rows(shape: str, cores: int, frames: int) -> Iterator[Row]:
    """At equal precision, with and without text: each engine, its share of the faster peer, and of the floor."""
    config = SHAPES[shape]
    for precision in ("float32", "bfloat16", "int8"):
        for text in (False, True):
            case = f"{precision}, {'text and CFG' if text else 'no text'}"
            own = in_process(ours, shape, cores, precision, text, frames)
            peers = {"transformers": in_process(transformers, shape, cores, precision, text, frames)}
            if find_spec("audiocraft") is not None and precision != "int8":  # its attention holds no Linear to quantise
                peers["audiocraft"] = in_process(audiocraft, shape, cores, precision, text, frames)
            floor = 1000 * step_bytes(config, precision, text) / own.bandwidth
            real_time = 20.0 if shape == "small" and precision == "int8" and not text else None
            yield Row("step", f"{case}: Punchin", own.step, "ms", real_time)
            for name, measured in peers.items():
                yield Row("step", f"{case}: {name}", measured.step, "ms")
            quickest = min(m.step for m in peers.values())
            yield Row("step", f"{case}: faster peer ÷ Punchin", quickest / own.step, "×", 2.0, at_least=True)
            yield Row("step", f"{case}: floor at {own.bandwidth / 1e9:.1f} GB/s", floor, "ms")
            yield Row("step", f"{case}: Punchin ÷ floor", own.step / floor, "×", 1.6)
            for name, measured in {"Punchin": own, **peers}.items():
                yield Row("step", f"{case}: peak memory, {name}", measured.memory / 2**20, "MiB")
