"""Random training windows for the language model: prefix and prediction halves, masks, chord labels.

Knows tokens on disk and AIRGen's sequence layout; knows nothing about the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from punchin_wire.messages import ChordSegment
from torch import Tensor

from ..songs.harmony import NAMES
from ..songs.songs import compose
from .tokens import control_of

FRAME_RATE = 50
SILENT_SHARE = 0.1  # conditions replaced by silence, so that silence comes to mean "as you like"
MEDIAN_KERNEL, NOISE_SHARE = 11, 0.25
UNLABELLED = -1
MINOR_QUALITIES, MAJOR_QUALITIES = frozenset({"min", "min7"}), frozenset({"maj", "7", "maj7"})


@dataclass(frozen=True)
class Batch:
    """`codes` [B, K, 2T] prefix then prediction, `kept` [B, T] (1 = context), `chords` [B, T] (0..23 or -1)."""

    codes: Tensor
    kept: Tensor
    chords: Tensor


class TokenCorpus:
    """Every encoded song of a folder, in memory."""

    def __init__(self, folder: Path, silence: Tensor, window: int, seed: int) -> None:
        self.folder, self.silence, self.window = folder, silence, window
        self.random = np.random.default_rng(seed)
        self.codes: list[NDArray[np.int16]] = []
        self.chords: list[NDArray[np.int64]] = []
        self.controlled_by: dict[str, list[int]] = defaultdict(list)
        self._known: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Pick up songs that have been encoded since."""
        for path in sorted(self.folder.glob("*.npy")):
            if path not in self._known:
                self._known.add(path)
                self.controlled_by[control_of(int(path.stem))].append(len(self.codes))
                codes: NDArray[np.int16] = np.load(path)
                self.codes.append(codes)
                song = compose(int(path.stem), codes.shape[2] / FRAME_RATE)
                self.chords.append(chord_frames(song.chords, codes.shape[2]))

    def controlled(self, size: int, condition: str) -> Batch:
        """Windows whose prefix holds the context where kept and the condition where not."""
        codes, kept, chords = [], [], []
        for _ in range(size):
            song, start = self._place(self.window, self.controlled_by[condition])
            part = slice(start, start + self.window)
            mix, control = (_tensor(row) for row in self.codes[song][:, :, part])
            if self.random.random() < SILENT_SHARE:
                control = self.silence[:, : self.window]
            mask = torch.from_numpy(training_mask(self.random, self.window))
            codes.append(torch.cat([torch.where(mask.bool(), mix, control), mix], 1))
            kept.append(mask)
            chords.append(torch.from_numpy(self.chords[song][part]))
        return Batch(torch.stack(codes), torch.stack(kept), torch.stack(chords))

    def plain(self, size: int) -> Tensor:
        """Uncontrolled music, [size, K, 2T]."""
        places = [self._place(2 * self.window, range(len(self.codes))) for _ in range(size)]
        return torch.stack([_tensor(self.codes[s][0, :, t : t + 2 * self.window]) for s, t in places])

    def _place(self, frames: int, songs: Sequence[int]) -> tuple[int, int]:
        song = songs[int(self.random.integers(len(songs)))]
        return song, int(self.random.integers(self.codes[song].shape[2] - frames + 1))


def training_mask(random: np.random.Generator, frames: int) -> NDArray[np.int64]:
    """A quarter AIRGen's median-filtered noise, else one block of 25-90 % of the window: what lies far from any
    context can only be heard from the condition. 1 = kept. [frames]"""
    if random.random() < NOISE_SHARE:
        drawn = (random.random(frames) >= random.uniform(0.4, 0.8)).astype(np.int64)
        sums = np.convolve(drawn, np.ones(MEDIAN_KERNEL, np.int64), "same")
        return (sums > MEDIAN_KERNEL // 2).astype(np.int64)
    length = int(frames * random.uniform(0.25, 0.9))
    start = int(random.integers(frames - length))
    mask = np.ones(frames, np.int64)
    mask[start : start + length] = 0
    return mask


def chord_frames(segments: Sequence[ChordSegment], frames: int, rate: float = FRAME_RATE) -> NDArray[np.int64]:
    """Major or minor triad of every frame as 2 * root + minor; -1 where a chord is neither. [frames]"""
    labels = np.full(frames, UNLABELLED, np.int64)
    for segment in segments:
        root, quality = segment.label.split(":")
        if quality in MINOR_QUALITIES or quality in MAJOR_QUALITIES:
            start, end = round(segment.start * rate), round(segment.end * rate)
            labels[max(start, 0) : max(end, 0)] = 2 * NAMES.index(root) + (quality in MINOR_QUALITIES)
    return labels


def _tensor(codes: NDArray[np.int16]) -> Tensor:
    return torch.from_numpy(codes.astype(np.int64))
