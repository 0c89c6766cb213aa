"""How near a fast solver comes to DDIM: the same clip, prompts and noise, heard against the result of 200 steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from punchin_server.codecs.mel import log_mel
from punchin_server.engines.transfer.engine import Transfer
from punchin_train.measures import chroma_cosine
from punchin_train.transfer.solos import NAMES, compose, play
from punchin_wire.frames import Audio
from punchin_wire.messages import Take, TakeSpec
from punchin_wire.params import Solver

from . import Row, in_process, use_cores
from .audioldm2 import load
from .transfer import PUBLISHED, RATE, SECONDS, request

FIRST_CLIP = 9_500_000
"""Seed of the first clip: lines that no training and no evaluation heard."""
FINEST = 200
STEPS = (8, 10, 12, 15, 20, 25, 30)
DECIBELS = 20 / np.log(10)
"""Of one natural logarithm of a magnitude."""


class Distance(NamedTuple):
    """From what 200 steps of DDIM make: mean distance of log mels, and mean cosine of chromas."""

    decibels: float
    chroma: float

    def within(self, other: Distance) -> bool:
        return self.decibels <= other.decibels and self.chroma >= other.chroma


Case = tuple[Solver, int]


def distances(source: str, cores: int, precision: str, clips: int, cases: list[Case]) -> dict[Case, Distance]:
    """Each case's mean over `clips`, in `precision`, from DDIM's finest in float32."""
    use_cores(cores)
    exact = Transfer(load(source, "float32"))
    engine = exact if precision == "float32" else Transfer(load(source, precision))
    found: dict[Case, list[Distance]] = {case: [] for case in cases}
    for number in range(clips):
        finest = _take(exact, number, "ddim", FINEST)
        for solver, steps in cases:
            found[solver, steps].append(_distance(_take(engine, number, solver, steps), finest))
    return {case: Distance(*np.mean(each, axis=0).tolist()) for case, each in found.items()}


def _take(engine: Transfer, number: int, solver: Solver, steps: int) -> Audio:
    """Line `number` on one instrument, transferred to the next: `[N]`."""
    source, target = (NAMES[(number + shift) % len(NAMES)] for shift in (0, 2))
    clip = play(compose(FIRST_CLIP + number, held_out=True).melody, source)[: SECONDS * RATE]
    asked = request(
        clip,
        prompt=f"a recording of a {target} solo",
        negative_prompt=f"a recording of a {source} solo",
        takes=(TakeSpec(number),),
        scheduler=solver,
        steps=steps,
    )
    (audio,) = (audio for event, audio in engine.run(asked, [clip[None]]) if isinstance(event, Take))
    assert audio is not None
    return audio[0]


def _distance(one: Audio, other: Audio) -> Distance:
    a, b = (torch.from_numpy(wave)[None] for wave in (one, other))
    mels = (log_mel(a) - log_mel(b)).abs().mean().item()
    return Distance(DECIBELS * mels, chroma_cosine(a, b, RATE).mean().item())


def rows(shape: str, source: str, cores: int, clips: int) -> Iterator[Row]:
    """The yardstick is DDIM's own distance at the published 50 steps."""
    solvers: tuple[Solver, ...] = ("dpm++", "unipc")
    cases: list[Case] = [("ddim", PUBLISHED), *((solver, steps) for solver in solvers for steps in STEPS)]
    found = in_process(distances, source, cores, "float32", clips, cases)
    half = in_process(distances, source, cores, "bfloat16", clips, [("dpm++", 20)])
    yardstick = found["ddim", PUBLISHED]
    for (solver, steps), distance in found.items():
        yield Row("quality", f"{shape}: {solver} {steps}, log mel to ddim {FINEST}", distance.decibels, "dB")
        yield Row("quality", f"{shape}: {solver} {steps}, chroma to ddim {FINEST}", distance.chroma, "cosine")
    for (solver, steps), distance in half.items():
        yield Row("quality", f"{shape}, bfloat16: {solver} {steps}, log mel to ddim {FINEST}", distance.decibels, "dB")
    for solver in solvers:
        enough = [steps for steps in STEPS if found[solver, steps].within(yardstick)]
        least = float(min(enough, default=float("nan")))
        yield Row("quality", f"{shape}: steps of {solver} as near as ddim {PUBLISHED}", least, "steps")
