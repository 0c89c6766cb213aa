"""The part of a song that a request is about, in the model's samples and frames. Knows no model.

Frames count from the start of the source excerpt; frame f is samples `[f * hop, (f + 1) * hop)` of the model's rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from punchin_wire.frames import Audio
from punchin_wire.messages import Hole

from .conditions import Excerpt
from .windows import Mask, Span, Window, plan_windows


@dataclass(frozen=True)
class Scene:
    """Frames `span` of a song of `samples`, wide enough for all `windows`; silence where it reaches beyond the song."""

    song: Audio
    rate: int
    hop: int
    holes: tuple[Span, ...]
    windows: tuple[Window, ...]
    span: Span

    @classmethod
    def of(cls, song: Audio, holes: Iterable[Span], rate: int, hop: int, window: int, past: int) -> Scene:
        """For `song` `[N]` at the model's rate; with `past` frames before the first window."""
        spans = tuple(holes)
        windows = tuple(plan_windows(spans, ceil(len(song) / hop), window))
        start = min(w.start for w in windows) - past
        return cls(song, rate, hop, spans, windows, Span(start, max(w.end for w in windows)))

    @property
    def heard(self) -> Span:
        """The frames that a take consists of: all windows, as far as the song goes."""
        start = min(w.start for w in self.windows)
        return Span(start, min(self.span.end, ceil(len(self.song) / self.hop)))

    def at(self, start: int, end: int) -> slice:
        """Where frames `[start, end)` lie within the scene."""
        return slice(start - self.span.start, end - self.span.start)

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


def to_frames(holes: Iterable[Hole], sample_rate: int, samples: int, rate: int, hop: int) -> list[Span]:
    """The frames that `holes` (samples at `sample_rate`) touch, joined where they meet.

    `samples` is the song's length at the model's `rate`; a hole always has at least one frame of it.
    """
    total, scale = ceil(samples / hop), rate / sample_rate / hop
    spans: list[Span] = []
    for hole in holes:
        start = min(floor(hole.start * scale), total - 1)
        end = min(max(ceil(hole.end * scale), start + 1), total)
        if spans and start <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(end, spans[-1].end))
        else:
            spans.append(Span(start, end))
    return spans
