"""How far two sounds play the same notes at the same time. Pure: what was heard in, figures out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .notes import Heard

TOLERANCE = 0.07
"""Seconds that an onset may be away: half as much again as is usual for scores, since both sides were heard."""


def onset_f1(ours: Heard, theirs: Heard) -> float:
    """F-measure of note onsets of the same pitch, matched one to one; NaN where neither plays a note."""
    times, pitches = ours.onsets
    return note_f1(times, pitches, *theirs.onsets)


def note_f1(
    times: NDArray[np.float64],
    pitches: NDArray[np.int64],
    expected_times: NDArray[np.float64],
    expected_pitches: NDArray[np.int64],
) -> float:
    """F-measure of notes by pitch and onset, times ascending; NaN where there are none on either side."""
    if not len(times) + len(expected_times):
        return float("nan")
    hits = sum(
        matched(times[pitches == pitch], expected_times[expected_pitches == pitch], TOLERANCE)
        for pitch in np.intersect1d(pitches, expected_pitches)
    )
    return 2 * hits / (len(times) + len(expected_times))


def frame_f1(ours: Heard, theirs: Heard) -> float:
    """F-measure of the pitches that sound, over all frames that both have; NaN where nothing does."""
    frames = min(len(ours.sounds), len(theirs.sounds))
    mine, other = ours.active[:frames], theirs.active[:frames]
    total = int(mine.sum()) + int(other.sum())
    return 2 * int((mine & other).sum()) / total if total else float("nan")


def matched(found: NDArray[np.float64], expected: NDArray[np.float64], tolerance: float) -> int:
    """How many times of two ascending lists can be paired one to one, each within `tolerance` of the other."""
    hits, i, j = 0, 0, 0
    while i < len(found) and j < len(expected):
        gap = found[i] - expected[j]
        if abs(gap) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif gap < 0:
            i += 1
        else:
            j += 1
    return hits
