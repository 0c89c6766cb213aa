"""A real engine without a model, which hears as the real one does. Its `text`, or the prompt of a transfer, steers it.

An inpainted take is the source from its first hole to the last, louder by its seed. A transferred one is the source in
mono at 16 kHz, in noise that grows with pooling and shrinks with alpha, and with a tone beside it where the prompt asks
for accompaniment; pack `deaf` gives no scores.

Words in a request's text: `steps=N` decode steps, `step=S` seconds each, `load=S` seconds that loading the pack
blocks, `fail`, `bug`, `oom`, `nan`, `endless` go wrong in that way, `after=N` only after N takes, `once=FILE` only
if FILE is not there yet (it is made), `die` kills the process, `least=W` only where the pooling is at least W; a take
is `backwards`, or counts as silent with seed `silent=SEED`. `meet=FOLDER` waits in every step for another process
that is in the same step of a job with the same folder, `hold=FILE` in the middle until FILE is there, and takes it
away.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from punchin_server.engines.clock import Clock
from punchin_server.engines.events import Emission
from punchin_server.engines.inpaint import by_ear
from punchin_server.engines.tries import Tries
from punchin_server.worker import Loader
from punchin_wire.errors import AdapterMismatch
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import AudioChunk, Done, EventBody, Hole, InpaintRequest, Progress, Take, TransferRequest

TRANSFER_RATE = 16_000
TONE_HZ = 1975.5
HOLD_SECONDS = 120.0


class FakeEmission(NamedTuple):
    event: EventBody
    audio: Audio | None = None


class FakeEngine:
    def run(
        self, request: InpaintRequest | TransferRequest, audio: tuple[Audio, ...]
    ) -> Generator[FakeEmission | Emission, None, None]:
        transfers = isinstance(request, TransferRequest)
        text, stage = (request.prompt, "denoise") if transfers else (request.text, "decode")
        words = dict(word.partition("=")[::2] for word in text.split())
        steps, seconds = int(words.get("steps", 4)), float(words.get("step", 0.0))
        least = int(words.get("least", 0))
        time.sleep(float(words.get("block", 0.0)))
        source = audio[request.source.frame]
        started = time.monotonic()
        if isinstance(request, InpaintRequest):
            request = yield from by_ear.brought(request, audio, Clock())
        yield FakeEmission(Progress("encode", 1, 1))
        tries = Tries(request.takes, request.retries)
        for tried in itertools.chain.from_iterable(tries.rounds()):
            number, take = tried
            if transfers:
                sound, rate, start = _transferred(request, source, take.seed), TRANSFER_RATE, 0
                scores = {"clap": 0.1 * request.pooling[0]} if request.score and request.pack != "deaf" else {}
            else:
                rate, scores, hole = request.source.sample_rate, {}, Hole(request.holes[0].start, request.holes[-1].end)
                sound, start = source[:1, hole.start : hole.end] * np.float32(1 + take.seed), hole.start
            for step in range(steps):
                time.sleep(seconds)
                at, total = number * steps + step, len(request.takes) * steps
                if "meet" in words:
                    _meet(Path(words["meet"]), f"{number}-{step}")
                if step == steps // 2 and "hold" in words:
                    yield from _held(Path(words["hold"]), Progress(stage, at, total))
                yield FakeEmission(Progress(stage, at + 1, total))
                if request.preview and tries.previewed:
                    first, last = (sound.shape[1] * done // steps for done in (step, step + 1))
                    chunk = sound[:, first:last]
                    yield FakeEmission(AudioChunk(number, start + first, describe(chunk, rate)), chunk)
            wrong = number >= int(words.get("after", 0)) and (not transfers or request.pooling[0] >= least)
            if wrong and _now(words.get("once")):
                _go_wrong(words)
            if not tries.passes(tried, float(words.get("silent") == str(take.seed))):
                continue
            if "nan" in words:
                sound = sound * np.float32("nan")
            if "backwards" in words:  # a take that is the song, louder, becomes the song when it is laid
                sound = np.ascontiguousarray(sound[:, ::-1])
            yield FakeEmission(Take(number, take.seed, start, describe(sound, rate), scores), sound)
        yield FakeEmission(Done({stage: time.monotonic() - started}, {"pack": request.pack}))


def _transferred(request: TransferRequest, source: Audio, seed: int) -> Audio:
    mono = soxr.resample(source.mean(axis=0), request.source.sample_rate, TRANSFER_RATE)
    samples = math.ceil(source.shape[1] * TRANSFER_RATE / request.source.sample_rate)
    mono = np.pad(mono, (0, max(0, samples - len(mono))))[:samples]
    level = float(mono.std())
    free = request.pooling[0] / 8 * (1 - min(request.alpha, 1.0)) if request.method == "adapter" else request.strength
    sound = mono + free * level * np.random.default_rng(seed).standard_normal(samples)
    if "accompaniment" in request.prompt:
        sound += level * np.sin(2 * np.pi * TONE_HZ * np.arange(samples) / TRANSFER_RATE)
    return (0.5 * sound[None]).astype(np.float32)


def _meet(folder: Path, step: str) -> None:
    (folder / f"{step}-{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while len(list(folder.glob(f"{step}-*"))) < 2:
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody else came to step {step}")
        time.sleep(0.01)


def _held(file: Path, progress: Progress) -> Generator[FakeEmission, None, None]:
    """Nothing more, until the file is there; a cancelled job is closed meanwhile."""
    deadline = time.monotonic() + HOLD_SECONDS
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
        yield FakeEmission(progress)
    file.unlink(missing_ok=True)


def _now(once: str | None) -> bool:
    if once is None:
        return True
    first = not Path(once).exists()
    Path(once).touch()
    return first


def _go_wrong(words: dict[str, str]) -> None:
    if "fail" in words:
        raise AdapterMismatch("The adapter is 1024 wide, the model 64.")
    if "bug" in words:
        raise ZeroDivisionError("a bug")
    if "oom" in words:
        raise MemoryError
    if "die" in words:
        os.kill(os.getpid(), signal.SIGKILL)


def load(pack: str, _device: str, _precision: str) -> FakeEngine:
    """`slow-S` blocks for S seconds."""
    if pack.startswith("slow-"):
        time.sleep(float(pack.removeprefix("slow-")))
    return FakeEngine()


ENGINES: dict[str, Loader] = {"inpaint": load, "transfer": load}
