"""A real engine without a model: each take is the hole of the source, louder by its seed. Its `text` steers it.

Words in a request's text: `steps=N` decode steps, `step=S` seconds each, `load=S` seconds that loading the pack
blocks, `fail`, `bug`, `oom`, `nan`, `endless` go wrong in that way, `after=N` only after N takes, `once=FILE` only
if FILE is not there yet (it is made), `die` kills the process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from punchin_server.worker import Loader
from punchin_wire.errors import AdapterMismatch
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Done, EventBody, InpaintRequest, Progress, Take, TransferRequest


class FakeEmission(NamedTuple):
    event: EventBody
    audio: Audio | None = None


class FakeEngine:
    def run(
        self, request: InpaintRequest | TransferRequest, audio: tuple[Audio, ...]
    ) -> Generator[FakeEmission, None, None]:
        assert isinstance(request, InpaintRequest)
        words = dict(word.partition("=")[::2] for word in request.text.split())
        steps, seconds = int(words.get("steps", 4)), float(words.get("step", 0.0))
        time.sleep(float(words.get("block", 0.0)))
        source = audio[request.source.frame]
        started = time.monotonic()
        yield FakeEmission(Progress("encode", 1, 1))
        for number, take in enumerate(request.takes):
            for step in range(steps):
                time.sleep(seconds)
                yield FakeEmission(Progress("decode", number * steps + step + 1, len(request.takes) * steps))
            if number >= int(words.get("after", 0)) and _now(words.get("once")):
                _go_wrong(words)
            hole = request.holes[0]
            sound = source[:1, hole.start : hole.end] * np.float32(1 + take.seed)
            if "nan" in words:
                sound = sound * np.float32("nan")
            yield FakeEmission(Take(number, take.seed, hole.start, describe(sound, request.source.sample_rate)), sound)
        yield FakeEmission(Done({"decode": time.monotonic() - started}, {"pack": request.pack}))


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


ENGINES: dict[str, Loader] = {"inpaint": load}
