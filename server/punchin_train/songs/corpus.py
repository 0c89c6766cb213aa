"""What training reads: rendered songs and their codes, as memory-mapped arrays.

Knows file layout and random crops; knows nothing about models.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .rendering import TRACKS

TRACK_SHARES = {  # how often the codec hears each track, where there is one
    "mix": 0.5,
    "drums": 0.12,
    "bass": 0.05,
    "comp": 0.06,
    "melody": 0.05,
    "chord": 0.11,
    "piano": 0.11,
    "pad": 0.05,
}
AUDIBLE = 0.01  # peak below which a crop is drawn again


class AudioCorpus:
    """Random one-second crops of every rendered song in a folder."""

    def __init__(self, folder: Path, sample_rate: int, seed: int) -> None:
        self.folder, self.samples = folder, sample_rate
        self.random = np.random.default_rng(seed)
        self.songs: list[NDArray[np.int16]] = []
        self.refresh()

    def refresh(self) -> None:
        """Pick up songs that have been rendered since."""
        self.songs = [np.load(path, mmap_mode="r") for path in sorted(self.folder.glob("*.npy"))]

    def batch(self, size: int) -> Tensor:
        """Float32 [size, 1, sample_rate], gain -6..+3 dB."""
        return torch.from_numpy(np.stack([self._crop() for _ in range(size)])[:, None])

    def _crop(self) -> NDArray[np.float32]:
        crop = np.zeros(self.samples, np.float32)
        for _ in range(4):
            song = self.songs[self.random.integers(len(self.songs))]
            shares = np.array([TRACK_SHARES[name] for name in TRACKS[: len(song)]])
            track = self.random.choice(len(song), p=shares / shares.sum())
            start = self.random.integers(song.shape[1] - self.samples)
            crop = song[track, start : start + self.samples].astype(np.float32) / np.float32(32767)
            if np.abs(crop).max() > AUDIBLE:
                break
        return crop * np.float32(10 ** (self.random.uniform(-6, 3) / 20))
