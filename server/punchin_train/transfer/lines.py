"""Rendered solo lines as training reads them: memory-mapped, cropped, at random levels. Knows no models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .solos import NAMES, SAMPLES, companion

AUDIBLE = 0.02  # peak below which a crop is drawn again


class Lines:
    """Every line of a folder (see :func:`.solos.render_lines`)."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*.npy"))
        self.waves = [np.load(path, mmap_mode="r") for path in self.paths]

    def __len__(self) -> int:
        return len(self.waves)

    def wave(self, line: int, instrument: int) -> NDArray[np.float32]:
        """`[163840]`, peak 0.5."""
        return self.waves[line][instrument].astype(np.float32) / np.float32(32767)

    def accompaniment(self, line: int) -> tuple[int, NDArray[np.float32]]:
        """What accompanies a line: the instrument, and its wave."""
        return NAMES.index(companion(int(self.paths[line].stem))), self.wave(line, len(NAMES))

    def crops(self, random: np.random.Generator, count: int, samples: int, mixed: float = 0.0) -> Tensor:
        """Random crops `[count, samples]`, peak 0.5; a share of them with their accompaniment."""
        found: list[NDArray[np.float32]] = []
        while len(found) < count:
            line, start = int(random.integers(len(self))), int(random.integers(SAMPLES - samples + 1))
            crop = self.wave(line, int(random.integers(len(NAMES))))[start : start + samples]
            if random.random() < mixed:
                crop = crop + random.uniform(0.3, 1.0) * self.accompaniment(line)[1][start : start + samples]
            peak = float(np.abs(crop).max())
            if peak > AUDIBLE:
                found.append((crop * np.float32(0.5 / peak)).astype(np.float32))
        return torch.from_numpy(np.stack(found))
