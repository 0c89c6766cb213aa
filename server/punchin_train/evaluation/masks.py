"""Where the holes are, as AIRGen's authors put them (arXiv 2402.09508 and its demo), scaled to a pack's window."""

from __future__ import annotations

from typing import NamedTuple

PUBLISHED = 750  # frames of the published window
GAPS = {
    "one gap": ((187, 561),),
    "two gaps": ((93, 280), (467, 654)),
    "four gaps": ((47, 141), (234, 328), (422, 516), (609, 703)),
}
"""Masked frames of a window of 750. The last is the demo's unused layout, four of 1.9 s, spread evenly."""
LONG_SECONDS = 10.0


class Mask(NamedTuple):
    """Holes `[start, end)` in samples of an excerpt of `samples`."""

    name: str
    samples: int
    holes: tuple[tuple[int, int], ...]


def scaled(name: str, window: int, hop: int) -> Mask:
    """The mask called `name` in the second of two windows of `window` frames: a model without adapters continues
    from the first."""
    size = window * hop
    holes = tuple(
        (size + round(start * window / PUBLISHED) * hop, size + round(end * window / PUBLISHED) * hop)
        for start, end in GAPS[name]
    )
    return Mask(name, 2 * size, holes)


def long(window: int, hop: int, rate: int) -> Mask:
    """One hole of at least 10 s between two windows of context: longer than what the model sees at once."""
    size, hole = window * hop, round(LONG_SECONDS * rate)
    return Mask("10 s", 2 * size + hole, ((size, size + hole),))
