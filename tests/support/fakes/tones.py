"""Chords as sound: a few partials a tone, as of something struck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRIADS = {"C": (48, 60, 64, 67), "Am": (45, 60, 64, 69), "F": (41, 57, 60, 65), "G": (43, 59, 62, 67)}


def chords(names: Sequence[str], seconds: float, rate: int) -> NDArray[np.float32]:
    """`[N]`: each of the chords `seconds` long, struck once a second."""
    time = np.arange(round(rate * seconds)) / rate
    return np.concatenate([_struck(TRIADS[name], time) for name in names]).astype(np.float32)


def _struck(pitches: Sequence[int], time: NDArray[np.float64]) -> NDArray[np.float64]:
    since = time % 1.0
    shape = np.exp(-2 * since) * np.minimum(since / 0.005, 1)
    tones = (
        0.6**k * np.sin(2 * np.pi * k * 440 * 2 ** ((pitch - 69) / 12) * time) for pitch in pitches for k in range(1, 7)
    )
    sound: NDArray[np.float64] = 0.06 * shape * np.sum(list(tones), axis=0)
    return sound
