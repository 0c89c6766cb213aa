"""Spans of samples: holes, what lies outside them, and what lies next to one. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from punchin_wire.errors import BadRegion

from ..audio.types import Span


def merged(holes: Sequence[Span], samples: int) -> tuple[Span, ...]:
    """`holes` in order, those that touch made one. Raises BadRegion where one is empty or outside `[0, samples)`, and
    where there is none."""
    whole: list[Span] = []
    for start, end in sorted(holes):
        if not 0 <= start < end <= samples:
            raise BadRegion(
                f"The region of samples {start} to {end} is empty or outside the audio of {samples} samples."
            )
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    if not whole:
        raise BadRegion("There is no region to lay the take in.")
    return tuple(whole)


def outside(holes: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """The spans of `[start, end)` that no hole covers, in order."""
    edges = [start, *(edge for hole in holes for edge in hole), end]
    return within(tuple(zip(edges[::2], edges[1::2], strict=True)), start, end)


def within(spans: Sequence[Span], start: int, end: int) -> tuple[Span, ...]:
    """What of the `spans` lies in `[start, end)`."""
    return tuple((max(a, start), min(b, end)) for a, b in spans if max(a, start) < min(b, end))


def beside(hole: Span, spans: Sequence[Span], reach: int) -> tuple[Span, Span]:
    """At most `reach` samples of the `spans` that touch the hole on its left and on its right; empty if none does."""
    start, end = hole
    left = next(((max(a, b - reach), b) for a, b in spans if b == start), (start, start))
    right = next(((a, min(b, a + reach)) for a, b in spans if a == end), (end, end))
    return left, right


__all__ = ["beside", "merged", "outside", "within"]
