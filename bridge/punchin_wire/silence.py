"""When a take is mostly silent: the rule by which engines make one anew and reports say so. Pure.

>>> song, take = np.ones((2, 1, 8000)) * np.sin(np.arange(8000.0))
>>> take[:, 6000:] = 0.0
>>> round(silent_share(song, take, 8000), 2)
0.2
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOSTLY = 0.5
"""A take with a larger :func:`silent_share` is mostly silent."""
AUDIBLE_DB = 30.0
"""What is further than this below what it belongs to is silence: a tail, a breath, a noise floor."""
HOP_SECONDS = 0.1
"""Sound is looked for in pieces of this length, or of a tenth where that is shorter."""
PAUSE = 5
"""Pieces between two that sound, at most, that are a rhythm's pause and no silence: half a second."""
LOUD = 0.1
"""Pieces of at least this share of the mean power say how loud the sound is; rests do not."""


def silent_share(song: npt.ArrayLike, take: npt.ArrayLike, rate: int, around: npt.ArrayLike = ()) -> float | None:
    """By what share `take` sounds for less of the time than the `song` that it replaces, 0 to 1; None where that is
    silent, by itself or beside the song `around` it.

    All `[..., samples]` at `rate`, channels taken together. Lengths of time are compared, not places: a phrase may come
    later than the one that it replaces.
    """
    replaced = _powers(song, rate)
    level = max(_loud(replaced), _loud(_powers(around, rate)))
    sounds = _sounding(replaced, level)
    made = _powers(take, rate)
    return max(0.0, 1.0 - _sounding(made, _loud(made)) / sounds) if sounds else None


def _powers(audio: npt.ArrayLike, rate: int) -> npt.NDArray[np.float64]:
    """The power of each whole piece `[pieces]`, without its offset."""
    sound = np.atleast_2d(np.asarray(audio))
    samples = sound.shape[-1]
    hop = max(1, min(round(HOP_SECONDS * rate), samples // 10))
    pieces = sound[..., : samples // hop * hop].reshape(*sound.shape[:-1], -1, hop)
    powers: npt.NDArray[np.float64] = pieces.var(axis=-1).sum(axis=0, dtype=np.float64)
    return powers


def _loud(powers: npt.NDArray[np.float64]) -> float:
    return float(np.mean(powers[powers >= LOUD * np.mean(powers)])) if len(powers) else 0.0


def _sounding(powers: npt.NDArray[np.float64], level: float) -> int:
    """How many pieces sound, pauses included, of something as loud as `level`."""
    places = np.flatnonzero(powers > level * 10.0 ** (-AUDIBLE_DB / 10.0))
    steps = np.diff(places)
    return int(np.sum(np.where(steps <= PAUSE + 1, steps, 1))) + bool(len(places))


__all__ = ["AUDIBLE_DB", "MOSTLY", "silent_share"]
