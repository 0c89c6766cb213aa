"""Which windows fill the holes of a song, and which input steps the language model is fed for each. Pure.

Positions are codec frames. A window shows T frames of the song; the model sees them twice, as the prefix (kept frames,
and the condition where frames are unknown) and then as the prediction, of which only the hole is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..spans import Span

Mask: TypeAlias = NDArray[np.bool_]


class Chunk(NamedTuple):
    """Input steps `[start, end)` that are fed together; the output of the last one is sampled."""

    start: int
    end: int


@dataclass(frozen=True)
class Window:
    """Frames `[start, start + length)` of the song, of which `write` are sampled and kept.

    `unknown` are all frames in view that hold nothing yet: those of `write`, what a later window will write, and
    what lies past the end of a song shorter than a window. The model sees the condition there.
    """

    start: int
    length: int
    write: tuple[Span, ...]
    unknown: tuple[Span, ...]

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def frames(self) -> int:
        """How many frames the window writes."""
        return sum(b - a for a, b in self.write)

    def written(self) -> Mask:
        """`[length]`, true where the window writes."""
        return self._mask(self.write)

    def kept(self) -> Mask:
        """`[length]`, AIRGen's mask: true (1) where frames are kept, false (0) where they are unknown."""
        return ~self._mask(self.unknown)

    def _mask(self, spans: tuple[Span, ...]) -> Mask:
        mask = np.zeros(self.length, bool)
        for a, b in spans:
            mask[a - self.start : b - self.start] = True
        return mask


def plan_windows(holes: Sequence[tuple[int, int]], total: int, length: int) -> list[Window]:
    """Windows of `length` frames that write every frame of `holes` once, from left to right.

    `holes` are ascending, disjoint, non-empty `[start, end)` within `total` frames. A window writes at most three
    quarters of itself: a longer hole is cut into even pieces, each of which sees what the last one wrote; neighbouring
    holes share a window where they fit. A window is centred on what it writes where both sides are known, and
    ends with it where the rest is still to come. Windows stay inside the song; a song shorter than one is followed by
    unknown frames.
    """
    most = length - length // 4
    groups: list[list[Span]] = []
    for hole in holes:
        pieces = _divide(Span(*hole), most)
        if groups and len(pieces) == 1 and pieces[0].end - groups[-1][0].start <= most:
            groups[-1].append(pieces[0])
        else:
            groups += [[piece] for piece in pieces]
    ends = {end for _, end in holes}
    windows = []
    for group in groups:
        first, last = group[0].start, group[-1].end
        free = length - (last - first)
        start = first - free // 2 if last in ends else first - free
        start = max(0, min(start, total - length))
        unknown = [Span(max(a, first), min(b, start + length)) for a, b in holes if b > first and a < start + length]
        if start + length > total:
            unknown.append(Span(total, start + length))
        windows.append(Window(start, length, tuple(group), tuple(unknown)))
    return windows


def _divide(hole: Span, most: int) -> list[Span]:
    """Pieces of `hole` of nearly equal size, none above `most`."""
    size = hole.end - hole.start
    count = ceil(size / most)
    edges = [hole.start + size * i // count for i in range(count + 1)]
    return [Span(a, b) for a, b in pairwise(edges)]


def sampled_outputs(frames: Mask, codebooks: int) -> Mask:
    """`[steps, codebooks]`, true where the output of a step is a token of `frames` `[F]`; steps = F + codebooks.

    Under the delay pattern the output of step s is codebook k of frame s - k, which is the input of step s + 1.
    """
    out = np.zeros((len(frames) + codebooks, codebooks), bool)
    for k in range(codebooks):
        out[k : k + len(frames), k] = frames
    return out


def schedule(write: Mask, codebooks: int) -> list[Chunk]:
    """The chunks to feed so that every token of the frames `write` `[F]` is sampled and nothing after them is.

    Everything known before a sampled output is fed with it in one chunk: the prefix and what precedes the hole, and
    what lies between holes. Inside a hole chunks are single steps; its last frame needs `codebooks` - 1 more of them.
    """
    needed = np.flatnonzero(sampled_outputs(write, codebooks).any(axis=1))
    ends = [0, *(int(s) + 1 for s in needed)]
    return [Chunk(a, b) for a, b in pairwise(ends)]


class Piece(NamedTuple):
    """Frames of a window that are heard together while it is filled, once its first `due` frames are final."""

    span: Span
    due: int


def preview_pieces(window: Window, size: int, reach: int) -> list[Piece]:
    """Pieces of at most `size` frames of all that `window` writes, in order.

    A piece waits for `reach` more frames of its hole, which the codec's convolutions mix into its end.
    """
    return [
        Piece(Span(a, min(a + size, span.end)), min(a + size + reach, span.end) - window.start)
        for span in window.write
        for a in range(span.start, span.end, size)
    ]
