"""Where a clip lies on the latent canvas, and by which windows the model sees it. Pure: numbers in, numbers out.

A latent frame is `scale` mel frames of 10 ms. The models were trained on windows of 10.24 s and asked for 10 s, and
know a place in time by the borders of their window alone; so a window keeps that length, and a shorter clip is
followed by silence that is cut off again. Of a few seconds before a long silence the models make a burst and silence;
so a clip shorter than half of that is looped, and what was made of its middle round is cut out. A longer clip is one
canvas under overlapping windows, denoised together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
import numpy.typing as npt

from ..spans import Span

SAMPLES = 160
"""Of a mel frame, at 16 kHz."""
ASKED, WINDOW = 1000, 1024
"""Mel frames that the published pipeline asks for (10 s), and that a window holds at most (10.24 s)."""
OVERLAP = 0.25
"""Least share of a window that it has in common with the next."""


def heard(samples: int, looped: bool) -> tuple[int, Span]:
    """How many samples the models hear of a clip of `samples`, and which of them are the take: the clip, or, where it
    is to be `looped` and fits at least twice, a window full of it and its middle round."""
    whole = ASKED * SAMPLES
    if not looped or 2 * samples > whole:
        return samples, Span(0, samples)
    middle = whole // samples // 2 * samples
    return whole, Span(middle, middle + samples)


@dataclass(frozen=True)
class Canvas:
    """`samples` of 16 kHz audio on `frames` latent frames, seen through `windows`, each `[start, end)` frames."""

    samples: int
    scale: int
    frames: int
    windows: tuple[Span, ...]

    @classmethod
    def of(cls, samples: int, scale: int) -> Canvas:
        """The canvas of a clip; `scale` divides 1000."""
        window = WINDOW // scale
        frames = max(ceil(samples / (SAMPLES * scale)), ASKED // scale)
        if frames <= window:
            return cls(samples, scale, frames, (Span(0, frames),))
        overlap = ceil(OVERLAP * window)
        count = ceil((frames - overlap) / (window - overlap))
        starts = [round(i * (frames - window) / (count - 1)) for i in range(count)]
        return cls(samples, scale, frames, tuple(Span(start, start + window) for start in starts))

    @cached_property
    def weights(self) -> tuple[npt.NDArray[np.float32], ...]:
        """How much each window counts in each of its frames; all windows together count 1 in every frame.

        A window fades in over what it shares with the one before and out over what it shares with the next: the model
        knows least at its borders.
        """
        raw = []
        for i, window in enumerate(self.windows):
            weight = np.ones(window.end - window.start)
            if i:
                shared = self.windows[i - 1].end - window.start
                weight[:shared] *= (np.arange(shared) + 0.5) / shared
            if i + 1 < len(self.windows):
                shared = window.end - self.windows[i + 1].start
                weight[-shared:] *= (np.arange(shared)[::-1] + 0.5) / shared
            raw.append(weight)
        total = np.zeros(self.frames)
        for window, weight in zip(self.windows, raw, strict=True):
            total[window.start : window.end] += weight
        return tuple(
            (weight / total[window.start : window.end]).astype(np.float32)
            for window, weight in zip(self.windows, raw, strict=True)
        )

    def samples_in(self, window: Span) -> Span:
        """The samples of the clip in a window, as far as the clip goes."""
        return Span(*(min(self.samples, frame * self.scale * SAMPLES) for frame in window))
