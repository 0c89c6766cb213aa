"""Audio as engines hear it. Knows no models."""

from __future__ import annotations

import numpy as np
import soxr
from punchin_wire.frames import Audio


def mono(audio: Audio, rate: int, to: int) -> Audio:
    """`[channels, samples]` at `rate` folded to one channel `[samples]` and resampled to the rate `to`."""
    folded = audio.mean(axis=0, dtype=np.float32)
    if rate == to:
        return folded
    resampled: Audio = soxr.resample(folded, rate, to, quality="HQ")
    return resampled.astype(np.float32, copy=False)
