"""A clip of ten seconds transferred, part by part: our engine, and diffusers' own pipeline with the adapter in it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from punchin_server.engines.transfer.canvas import Canvas
from punchin_server.engines.transfer.engine import Transfer
from punchin_server.engines.transfer.loading import TransferModels
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Done, Progress, TakeSpec, TransferRequest
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from . import CLOCKS, Clock, Row, durations, forget_peak, gaps, in_process, peak_bytes, use_cores
from .audioldm2 import ALPHA, GUIDANCE, NEGATIVE, POOLING, PROMPT, Reference, load

SECONDS, RATE = 10, 16_000
PUBLISHED = 50
"""Steps of DDIM."""


class Measured(NamedTuple):
    """Seconds of a clip's parts and of one step, and `memory` in bytes."""

    encode: float
    step: float
    decode: float
    memory: float

    def clip(self, steps: int) -> float:
        return self.encode + steps * self.step + self.decode


class Floor(NamedTuple):
    """Floating-point operations of a step and a second, and the seconds that a step's keys and values take."""

    operations: float
    rate: float
    listening: float


def noise_clip() -> Audio:
    return np.random.default_rng(0).normal(0, 0.1, SECONDS * RATE).astype(np.float32)


def request(clip: Audio, **settings: Any) -> TransferRequest:
    usual: dict[str, Any] = {
        "takes": (TakeSpec(0),),
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "pooling": (POOLING, POOLING),
        "alpha": ALPHA,
        "guidance": GUIDANCE,
    }
    return TransferRequest(source=describe(clip[None], RATE), **(usual | settings))


def ours(source: str, cores: int, precision: str, steps: int, clock: str) -> tuple[Measured, Floor]:
    """The engine with `steps` of its default solver, and what its steps consist of."""
    use_cores(cores)
    models, clip, now = load(source, precision), noise_clip(), CLOCKS[clock]
    forget_peak()
    started, stamps = now(), []
    for event, _ in Transfer(models).run(request(clip, steps=steps), [clip[None]]):
        match event:
            case Progress(stage="encode"):
                encoded = now()
            case Progress(stage="denoise"):
                stamps.append(now())
            case Done():
                ended = now()
    step = statistics.median(gaps(stamps))
    measured = Measured(encoded - started, step, ended - stamps[-1], peak_bytes())
    return measured, floor_of(models, now)


def reference(source: str, cores: int, precision: str, steps: int, clock: str) -> Measured:
    """The published way with `steps` of DDIM."""
    use_cores(cores)
    pipeline, clip, now = Reference.of(load(source, precision)), noise_clip(), CLOCKS[clock]
    forget_peak()
    started = now()
    _, (encoded, *stamps) = pipeline.transfer(clip, steps, now)
    decode = now() - stamps[-1]
    return Measured(encoded - started, statistics.median(gaps(stamps)), decode, peak_bytes())


# ---- the floor -----------------------------------------------------------------------------------------------


def floor_of(models: TransferModels, clock: Clock) -> Floor:
    base, dtype = models.base, models.base.unet.unet.dtype
    assert models.audiomae is not None
    text = base.text.encode([NEGATIVE, PROMPT])
    audio = models.audiomae.prompt(torch.zeros(2, 1, 1024, 128), (POOLING, POOLING))
    listening = min(durations(lambda: base.unet.read_prompt(*text, audio, ALPHA), 5, clock))
    frames = Canvas.of(SECONDS * RATE, base.scale).frames
    x = torch.zeros(2, base.latent_channels, frames, base.freq, dtype=dtype)
    with FlopCounterMode(display=False, custom_mapping={ATTENTION: attention_operations}) as counter:
        base.unet(x, torch.tensor(1))
    return Floor(counter.get_total_flops(), arithmetic_rate(dtype, clock), listening)


ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
"""What torch runs on CPUs, and forgets to count."""


def attention_operations(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def arithmetic_rate(dtype: torch.dtype, clock: Clock) -> float:
    """Operations a second of the fastest product here: a square one, or a convolution."""
    square, image, kernel = torch.randn(1024, 1024), torch.randn(1, 256, 128, 16), torch.randn(256, 256, 3, 3)
    square, image, kernel = square.to(dtype), image.to(dtype), kernel.to(dtype)
    product = 2 * 1024**3 / min(durations(lambda: square @ square, 25, clock))
    convolution = 2 * kernel.numel() * 128 * 16 / min(durations(lambda: F.conv2d(image, kernel, padding=1), 25, clock))
    return max(product, convolution)


# ---- rows ----------------------------------------------------------------------------------------------------


def rows(
    shape: str, source: str, cores: int, precisions: list[str], measured: int, steps: int, clock: str
) -> Iterator[Row]:
    """Both ways at equal precision, and ours in bfloat16 against the published float32. `measured` steps are run of the
    `steps` that ours takes and of the published ones."""
    float32: Measured | None = None
    for precision in precisions:
        own, floor = in_process(ours, source, cores, precision, measured, clock)
        peer = in_process(reference, source, cores, precision, measured, clock)
        float32 = peer if precision == "float32" else float32
        yield from _step_rows(f"{shape}, {precision}", own, peer, floor)
        yield from _clip_rows(f"{shape}, {precision}", own, peer, steps, measured)
        if precision != "float32" and float32:
            ratio = float32.clip(PUBLISHED) / own.clip(steps)
            yield Row("clip", f"{shape}: reference in float32 ÷ Punchin in {precision}", ratio, "×")


def _step_rows(case: str, own: Measured, peer: Measured, floor: Floor) -> Iterator[Row]:
    least = floor.operations / floor.rate
    yield Row("step", f"{case}: Punchin", 1000 * own.step, "ms")
    yield Row("step", f"{case}: reference", 1000 * peer.step, "ms")
    yield Row("step", f"{case}: reference ÷ Punchin", peer.step / own.step, "×")
    yield Row("step", f"{case}: keys and values, which it computes anew, ÷ its step", floor.listening / peer.step, "×")
    what = f"{floor.operations / 1e9:.4g} GFLOP at {floor.rate / 1e9:.4g} GFLOP/s"
    yield Row("step", f"{case}: floor, {what}", 1000 * least, "ms")
    yield Row("step", f"{case}: Punchin ÷ floor", own.step / least, "×")


def _clip_rows(case: str, own: Measured, peer: Measured, steps: int, measured: int) -> Iterator[Row]:
    for name, one, count in (("Punchin", own, steps), ("reference", peer, PUBLISHED)):
        yield Row("clip", f"{case}: encode, {name}", one.encode, "s")
        yield Row("clip", f"{case}: decode, {name}", one.decode, "s")
        how = "" if count == measured else f" ({measured} measured)"
        yield Row("clip", f"{case}: 10 s in {count} steps{how}, {name}", one.clip(count), "s")
        yield Row("clip", f"{case}: peak memory, {name}", one.memory / 2**20, "MiB")
    ratio = peer.clip(PUBLISHED) / own.clip(steps)
    yield Row("clip", f"{case}: reference ÷ Punchin", ratio, "×", 3.0, at_least=True)
