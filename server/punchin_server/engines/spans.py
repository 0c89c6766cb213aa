"""Spans of codec frames or samples, and how long ones are cut and joined. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Frames `[start, end)`."""

    start: int
    end: int


def merge(spans: Iterable[tuple[int, int]]) -> list[Span]:
    """Ascending disjoint spans that cover the same frames; what overlaps or touches becomes one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(Span(start, end))
    return merged


class Part(NamedTuple):
    """Frames `core` to translate in one go, and the frames `around` them that are heard for it."""

    core: Span
    around: Span


def parts(span: Span, size: int, context: int) -> list[Part]:
    """`span` in parts of at most `size` frames, each heard with `context` more on both sides where there are any."""
    cores = [Span(a, min(a + size, span.end)) for a in range(span.start, span.end, size)]
    return [Part(c, Span(max(c.start - context, span.start), min(c.end + context, span.end))) for c in cores]
