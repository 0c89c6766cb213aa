"""The part of a song that a request is about, in the model's samples and frames. Knows no model.

Frames count from the start of the source excerpt; frame f is samples `[f * hop, (f + 1) * hop)` of the model's rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from punchin_wire.frames import Audio
from punchin_wire.messages import Hole

from ..spans import Part, Span, merge, parts
from .conditions import Excerpt
from .windows import Mask, Window, plan_windows

PART, CONTEXT = 1000, 100
"""Frames that the codec translates in one go, and that it hears on both sides of them: its LSTM's memory."""


@dataclass(frozen=True)
class Scene:
    """Frames `span` of `song`, wide enough for all `windows`; silence where they reach beyond the song.

    Only `stretches` of it matter: the windows, joined where they overlap, and what the first of them looks back on.
    """

    song: Audio
    rate: int
    hop: int
    holes: tuple[Span, ...]
    windows: tuple[Window, ...]
    stretches: tuple[Span, ...]

    @classmethod
    def of(cls, song: Audio, holes: Iterable[Span], rate: int, hop: int, window: int, past: int) -> Scene:
        """For `song` `[N]` at the model's rate, when each window looks back on `past` frames before it."""
        spans = tuple(holes)
        windows = tuple(plan_windows(spans, ceil(len(song) / hop), window))
        return cls(song, rate, hop, spans, windows, tuple(merge((w.start - past, w.end) for w in windows)))

    @property
    def span(self) -> Span:
        """From the first frame of the first stretch to the last of the last."""
        return Span(self.stretches[0].start, self.stretches[-1].end)

    @property
    def take_span(self) -> Span:
        """The frames that a take consists of: from the first window to the last, as far as the song goes."""
        start = min(w.start for w in self.windows)
        return Span(start, min(self.span.end, ceil(len(self.song) / self.hop)))

    def at(self, start: int, end: int) -> slice:
        """Where frames `[start, end)` lie within the scene."""
        return slice(start - self.span.start, end - self.span.start)

    def parts(self, stretches: Iterable[Span]) -> list[Part]:
        """`stretches` in parts short enough to be cancelled between."""
        return [part for stretch in stretches for part in parts(stretch, PART, CONTEXT)]

    def sounding(self) -> list[Span]:
        """What of the stretches sounds in a take."""
        clipped = [Span(max(a, self.take_span.start), min(b, self.take_span.end)) for a, b in self.stretches]
        return [span for span in clipped if span.start < span.end]

    def wav(self) -> Audio:
        """The song's audio in the scene, `[frames * hop]`."""
        return cut(self.song, self.span.start * self.hop, self.span.end * self.hop)

    def unknown(self) -> Mask:
        """`[frames]`, true in the holes and past the end of the song: where the condition is heard instead."""
        mask = np.zeros(self.span.end - self.span.start, bool)
        for hole in (*self.holes, Span(ceil(len(self.song) / self.hop), self.span.end)):
            mask[max(hole.start - self.span.start, 0) : max(hole.end - self.span.start, 0)] = True
        return mask

    def excerpt(self) -> Excerpt:
        """Where conditions are rendered, and the level of what is kept there."""
        start, end = self.span.start * self.hop, self.span.end * self.hop
        known = ~np.repeat(self.unknown(), self.hop)
        known[: max(-start, 0)] = False
        around = self.wav()[known]
        return Excerpt(start, end - start, self.rate, around)


def cut(audio: Audio, start: int, end: int) -> Audio:
    """Samples `[start, end)` of `audio` `[N]`, silence where there are none."""
    out = np.zeros(end - start, np.float32)
    a, b = max(start, 0), min(end, len(audio))
    if a < b:
        out[a - start : b - start] = audio[a:b]
    return out


def to_frames(holes: Sequence[Hole], sample_rate: int, samples: int, rate: int, hop: int) -> list[Span]:
    """The frames that `holes` (samples at `sample_rate`) touch, joined where they meet.

    `samples` is the song's length at the model's `rate`; a hole always has at least one frame of it.
    """
    total, scale = ceil(samples / hop), rate / sample_rate / hop
    starts = [min(floor(hole.start * scale), total - 1) for hole in holes]
    ends = [min(ceil(hole.end * scale), total) for hole in holes]
    return merge((start, max(end, start + 1)) for start, end in zip(starts, ends, strict=True))
