"""Put a model-rate take on the project's time line, sample for sample. Knows nothing of levels, seams or files."""

from __future__ import annotations

import math

import numpy as np
import soxr

from ..audio.types import Samples

GUARD = 1024
"""Model samples of silence laid around a take, longer than soxr's filter, so that nothing of its ringing is lost."""


def place(take: Samples, take_start: int, model_rate: int, project_rate: int, samples: int) -> Samples:
    """The time line `[samples]` at `project_rate` on which `take` `[n]` begins at model sample `take_start`; silent
    elsewhere.

    The take lies on a silent canvas that begins where a sample of either grid falls on the same instant (they share
    sample 0, and one every `model_rate / gcd` model samples), and the canvas is resampled once by soxr, whose filters
    are linear-phase and delay-compensated. So model sample `k` sounds at exactly `k / model_rate` seconds at any pair
    of rates: nothing is rounded, stretched or shifted.
    """
    divisor = math.gcd(model_rate, project_rate)
    model_step, project_step = model_rate // divisor, project_rate // divisor
    steps = max(0, (take_start - GUARD) // model_step)
    canvas = np.pad(take, (take_start - steps * model_step, GUARD))
    if model_rate != project_rate:
        canvas = soxr.resample(canvas, model_rate, project_rate, quality="VHQ")
    line = np.zeros(samples)
    origin = steps * project_step
    piece = canvas[: max(0, samples - origin)]
    line[origin : origin + len(piece)] = piece
    return line


def coverage(take_start: int, take_samples: int, model_rate: int, project_rate: int) -> tuple[int, int]:
    """The project samples `[first, last)` that lie inside a take."""
    first = -(-take_start * project_rate // model_rate)
    return first, (take_start + take_samples) * project_rate // model_rate


__all__ = ["GUARD", "coverage", "place"]
