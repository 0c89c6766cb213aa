"""What a musician should know of the levels of takes. Pure: reports in, sentences out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from punchin_wire.silence import MOSTLY

from ..splice.seam import SeamReport
from .report import TakeReport

MISSED_DB = 3.0
"""A take further than this from the level it should have is said."""
TURNED_DOWN_DB = 1.0


def notes(takes: Sequence[TakeReport]) -> tuple[str, ...]:
    """A sentence for each take that missed its level, has none to go by, is mostly silent, or exceeds full scale."""
    return tuple(
        f"Take {number} {what}"
        for number, take in enumerate(takes, start=1)
        for what in dict.fromkeys(text for seam in take.seam for text in _remarks(seam))
    )


def _remarks(seam: SeamReport) -> Iterator[str]:
    error, peak = seam.level_error_db, seam.peak_dbfs
    against = "what it replaces" if seam.gain.source == "replaced" else "the song around it"
    if error is not None and abs(error) > MISSED_DB:
        yield f"is {abs(error):.1f} dB {'louder' if error > 0 else 'quieter'} than {against}{_reason(seam)}."
    if seam.silent is not None and seam.silent > MOSTLY:
        yield f"sounds for {seam.silent:.0%} less of the time than what it replaces: ask for another seed."
    if seam.gain.source == "nothing" and peak is not None:
        yield "is as loud as the model made it: the song is silent there and around."
    if peak is not None and peak > 0.0:
        yield f"goes {peak:.1f} dB above full scale, as a float file can: turn it down before it is converted."


def _reason(seam: SeamReport) -> str:
    if seam.reduction_db > TURNED_DOWN_DB:
        down = f": it was turned down by {seam.reduction_db:.1f} dB so that it does not clip"
        return f"{down}; without --full it keeps its level"
    return ": it could not be raised further" if seam.gain.clamped else ""


__all__ = ["notes"]
