"""How loud a sound is, and the gain that makes a song as loud as the music a model learned from. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from punchin_wire.frames import Audio

from ..spans import Span

SILENT_LUFS = -80.0
"""Quieter than this is what 16 bits leave of silence; it is not raised."""
BLOCK_SECONDS = 0.4
"""The block of BS.1770-4, the least that has a loudness."""


def gain_db(song: Audio, holes: Sequence[Span], hop: int, rate: int, learned: float | None) -> float:
    """Decibels that bring `song` `[samples]` outside `holes` (frames of `hop` samples) to `learned` LUFS; 0 where
    that is not known, and for silence."""
    kept = np.ones(len(song), bool)
    for hole in holes:
        kept[hole.start * hop : hole.end * hop] = False
    if learned is None:
        return 0.0
    loudness = lufs(song[kept], rate)
    return learned - loudness if loudness > SILENT_LUFS else 0.0


def lufs(sound: Audio, rate: int) -> float:
    """The integrated loudness of `sound` `[samples]` (BS.1770-4); minus infinity for silence and for less than a
    block."""
    known = sound.astype(np.float64)
    peak = float(np.max(np.abs(known), initial=0.0))
    if peak == 0.0 or len(known) < BLOCK_SECONDS * rate:
        return -np.inf
    import pyloudnorm  # brings scipy.signal, half a second; the worker imports it while models load

    # At a peak of 1, or the meter's absolute gate would take quiet music for silence.
    return float(pyloudnorm.Meter(rate).integrated_loudness(known / peak) + 20.0 * np.log10(peak))
