"""Pieces as recordings: played by several soundfonts, bent, in rooms, through amplifiers and noise; and crops of them.

A recording is a function of its seed and of which soundfonts there are. Knows no models.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_wire.disk import replacing
from torch import Tensor

from ..songs import studio
from .pieces import SECONDS, Piece, compose

SAMPLES = round(SECONDS * SAMPLE_RATE)
STUDIO_RATE = 32_000
PEAK, AUDIBLE = 0.9, 0.01
USUAL_DB, SPREAD_DB, LOUDEST_DB = -6.0, 8.0, 6.0
"""Levels at which crops are heard, beside a peak of 0.5."""
OWN_LEVEL = 0.5
"""Share of the crops that are brought to that peak first; the others keep how loud they are in their recording."""

Audio = NDArray[np.float32]


def record(piece: Piece) -> Audio:
    """The piece `[163840]` at 16 kHz, its peak at :data:`PEAK`; empty where it has no notes."""
    random = np.random.default_rng(piece.seed)
    stems = {str(number): list(notes) for number, notes in enumerate(piece.parts) if notes}
    if not stems:
        return np.empty(0, np.float32)
    played = studio.record(stems, SECONDS, STUDIO_RATE, None, random)
    levels = 10 ** (random.uniform(-10, 0, len(played)) / 20)
    mix = sum(
        gain * stem / (float(np.sqrt(np.mean(stem**2))) + 1e-6)
        for gain, stem in zip(levels, played.values(), strict=True)
    )
    sound = np.asarray(mix, np.float32)
    if piece.bent and random.random() < 0.6:
        sound = bent(sound, random)
    sound = soxr.resample(studio.master(sound, STUDIO_RATE, random), STUDIO_RATE, SAMPLE_RATE)[:SAMPLES]
    return sound * np.float32(PEAK / max(float(np.abs(sound).max()), 1e-6))


def bent(sound: Audio, random: np.random.Generator) -> Audio:
    """`sound` `[N]` read at a time that wavers: vibrato that comes and goes, and slides of up to a semitone."""
    time = np.arange(len(sound)) / STUDIO_RATE
    points = np.arange(0, time[-1] + 0.1, 0.05)

    def wandering(start: float, step: float) -> NDArray[np.float64]:
        return start + np.cumsum(random.normal(0, step, len(points)))

    rate = np.interp(time, points, wandering(random.uniform(4.2, 7.0), 0.05))  # Hz
    depth = np.interp(time, points, np.clip(wandering(random.uniform(-10, 35), 4.0), 0, 60))  # cents
    smooth = np.hanning(11)[1:-1] / 5
    slides = np.convolve(wandering(0.0, random.uniform(1, 12)), smooth, "same")
    cents = depth * np.sin(2 * np.pi * np.cumsum(rate) / STUDIO_RATE)
    cents += np.interp(time, points, np.clip(slides - slides.mean(), -90, 90))
    position = np.cumsum(2 ** (cents / 1200))
    position *= (len(sound) - 1) / position[-1]
    return np.interp(position, np.arange(len(sound)), sound).astype(np.float32)


def render_pieces(folder: Path, seeds: range) -> None:
    """Render what the folder lacks, `SEED.npy` each, int16 `[163840]`. Safe to run in several processes at once."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        path = folder / f"{seed:07d}.npy"
        if path.exists():
            continue
        sound = record(compose(seed))
        if len(sound):
            with replacing(path, durable=False) as file:
                np.save(file, np.round(sound * 32767).astype(np.int16))


class Recordings:
    """Every recording of a folder, memory-mapped."""

    def __init__(self, folder: Path) -> None:
        self.waves = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))]

    def crops(self, random: np.random.Generator, count: int, samples: int) -> Tensor:
        """Random crops `[count, samples]`, loud and soft."""
        found: list[Audio] = []
        while len(found) < count:
            wave = self.waves[random.integers(len(self.waves))]
            start = int(random.integers(len(wave) - samples + 1))
            crop = wave[start : start + samples].astype(np.float32) / np.float32(32767)
            peak = float(np.abs(crop).max())
            if peak > AUDIBLE:
                level = 10 ** (min(LOUDEST_DB, random.normal(USUAL_DB, SPREAD_DB)) / 20)
                found.append(crop * np.float32(0.5 * level / (peak if random.random() < OWN_LEVEL else PEAK)))
        return torch.from_numpy(np.stack(found).clip(-1, 1))
