"""A clip of ten seconds transferred, part by part: our engine, and diffusers' own pipeline with the adapter in it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from punchin_server.engines.transfer.canvas import Canvas
from punchin_server.engines.transfer.engine import Transfer
from punchin_server.engines.transfer.loading import TransferModels
from punchin_server.models.audioldm2.onnx_unet import quicken
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Done, Progress, TakeSpec, TransferRequest
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from . import CLOCKS, Clock, Row, durations, forget_peak, gaps, in_process, peak_bytes, use_cores
from .audioldm2 import ALPHA, GUIDANCE, NEGATIVE, POOLING, PROMPT, Reference, load

SECONDS, RATE = 10, 16_000
PUBLISHED = 50
"""Steps of DDIM."""
TURNS = 3


class Measured(NamedTuple):
    """Seconds of a clip's parts and of one step."""

    encode: float
    step: float
    decode: float

    def clip(self, steps: int) -> float:
        return self.encode + steps * self.step + self.decode


class Floor(NamedTuple):
    """Floating-point operations of a step and a second, and the seconds that a step's keys and values take."""

    operations: float
    rate: float
    listening: float


class Turns(NamedTuple):
    """Both ways in one process and in turn, so that a busy machine slows each alike; and what a step consists of."""

    own: list[Measured]
    peer: list[Measured]
    floor: Floor

    def ratio(self, of: Callable[[Measured], float], own: Callable[[Measured], float] | None = None) -> float:
        """The median of reference ÷ Punchin of each turn; `own` says what of ours, if not the same."""
        pairs = zip(self.peer, self.own, strict=True)
        return statistics.median(of(peer) / (own or of)(ours) for peer, ours in pairs)


def middle(turns: list[Measured]) -> Measured:
    return Measured(*(statistics.median(part) for part in zip(*turns, strict=True)))


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


def turns(source: str, cores: int, precision: str, steps: int, clock: str) -> Turns:
    """TURNS times a clip of `steps` steps, by the engine's default solver and by the published DDIM."""
    use_cores(cores)
    models, clip, now = load(source, precision), noise_clip(), CLOCKS[clock]
    floor = floor_of(models, now)
    pipeline, engine = Reference.of(apart(models)), Transfer(quickened(models))
    pairs = [(own_clip(engine, clip, steps, now), peer_clip(pipeline, clip, steps, now)) for _ in range(TURNS)]
    own, peer = (list(each) for each in zip(*pairs, strict=True))
    return Turns(own, peer, floor)


def apart(models: TransferModels) -> TransferModels:
    """`models` with a UNet and decoders of its own, what reads prompts shared."""
    base = models.base
    own = {name: deepcopy(getattr(base, name)) for name in ("unet", "vae", "vocoder")}
    return replace(models, base=replace(base, **own))


def quickened(models: TransferModels) -> TransferModels:
    quicken(models.base.unet)
    return models


def own_clip(engine: Transfer, clip: Audio, steps: int, now: Clock) -> Measured:
    started, stamps = now(), []
    for event, _ in engine.run(request(clip, steps=steps), [clip[None]]):
        match event:
            case Progress(stage="encode"):
                encoded = now()
            case Progress(stage="denoise"):
                stamps.append(now())
            case Done():
                ended = now()
    return Measured(encoded - started, statistics.median(gaps(stamps)), ended - stamps[-1])


def peer_clip(pipeline: Reference, clip: Audio, steps: int, now: Clock) -> Measured:
    started = now()
    _, (encoded, *stamps) = pipeline.transfer(clip, steps, now)
    decode = now() - stamps[-1]
    return Measured(encoded - started, statistics.median(gaps(stamps)), decode)


def own_memory(source: str, cores: int, precision: str) -> int:
    """The most that a clip takes, models included."""
    use_cores(cores)
    engine, clip = Transfer(quickened(load(source, precision))), noise_clip()
    forget_peak()
    own_clip(engine, clip, 2, CLOCKS["wall"])
    return peak_bytes()


def peer_memory(source: str, cores: int, precision: str) -> int:
    use_cores(cores)
    pipeline, clip = Reference.of(load(source, precision)), noise_clip()
    forget_peak()
    peer_clip(pipeline, clip, 2, CLOCKS["wall"])
    return peak_bytes()


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
    """Both ways at equal precision. `measured` steps are run of those that ours takes (`steps`) and the published."""
    for precision in precisions:
        case = f"{shape}, {precision}"
        both = in_process(turns, source, cores, precision, measured, clock)
        yield from _step_rows(case, both)
        yield from _clip_rows(case, both, steps, measured)
        for name, memory in (("Punchin", own_memory), ("reference", peer_memory)):
            taken = in_process(memory, source, cores, precision)
            yield Row("clip", f"{case}: peak memory, {name}", taken / 2**20, "MiB")


def _step_rows(case: str, both: Turns) -> Iterator[Row]:
    own, peer, floor = middle(both.own).step, middle(both.peer).step, both.floor
    least = floor.operations / floor.rate
    yield Row("step", f"{case}: Punchin", 1000 * own, "ms")
    yield Row("step", f"{case}: reference", 1000 * peer, "ms")
    yield Row("step", f"{case}: reference ÷ Punchin", both.ratio(lambda one: one.step), "×")
    yield Row("step", f"{case}: keys and values, which it computes anew, ÷ its step", floor.listening / peer, "×")
    what = f"{floor.operations / 1e9:.4g} GFLOP at {floor.rate / 1e9:.4g} GFLOP/s"
    yield Row("step", f"{case}: floor, {what}", 1000 * least, "ms")
    yield Row("step", f"{case}: Punchin ÷ floor", own / least, "×", 2.0)


def _clip_rows(case: str, both: Turns, steps: int, measured: int) -> Iterator[Row]:
    own, peer = middle(both.own), middle(both.peer)
    for name, one, count in (("Punchin", own, steps), ("reference", peer, PUBLISHED)):
        yield Row("clip", f"{case}: encode, {name}", one.encode, "s")
        yield Row("clip", f"{case}: decode, {name}", one.decode, "s")
        how = "" if count == measured else f" ({measured} measured)"
        yield Row("clip", f"{case}: 10 s in {count} steps{how}, {name}", one.clip(count), "s")
    yield Row("clip", f"{case}: decode, Punchin, of the whole", own.decode / own.clip(steps), "", 0.2)
    ratio = both.ratio(lambda one: one.clip(PUBLISHED), lambda one: one.clip(steps))
    yield Row("clip", f"{case}: reference ÷ Punchin", ratio, "×", 3.0, at_least=True)
