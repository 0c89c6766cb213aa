"""Melodies and the instruments that play them, synthesised: what measures of takes are tested on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RATE = 16_000
BEAT = 0.4
TUNE = (60, 64, 67, 72, 71, 67, 65, 62, 60, 69, 65, 64, 62, 67, 60)
OTHER = (61, 66, 68, 70, 63, 66, 61, 73, 68, 66, 63, 70, 61, 68, 66)
PIANO, FLUTE, REED = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05), (1.0, 0.15, 0.02), (1.0, 0.1, 0.7, 0.1, 0.5, 0.1, 0.3)
"""Partials."""


def play(
    pitches: Sequence[int], partials: Sequence[float], decay: float = 3.0, rate: int = RATE, seed: int = 0
) -> np.ndarray:
    """One note a beat, `[samples]`."""
    random = np.random.default_rng(seed)
    time = np.arange(round(BEAT * rate)) / rate
    shape = np.minimum(1.0, time / 0.01) * np.exp(-decay * time) * np.minimum(1.0, (BEAT - time) / 0.02)
    notes = []
    for pitch in pitches:
        hz = 440 * 2 ** ((pitch - 69) / 12)
        heard = [(n, size) for n, size in enumerate(partials, start=1) if n * hz < 0.45 * rate]
        tone = sum(size * np.sin(2 * np.pi * (n * hz * time + random.uniform())) for n, size in heard)
        notes.append(0.1 * shape * tone)
    return np.concatenate(notes)
