"""The gain that makes a take as loud as what it replaces, and steps at its edges as the song does. Pure.

Levels are loudness as ITU-R BS.1770-4 gates it, but with the relative gate alone, so that a song may be as quiet as it
likes; shorter than its block of 400 ms they are plain RMS. All channels and the whole band count: what is heard.
"""

from __future__ import annotations

import math

import numpy as np
from punchin_wire.silence import AUDIBLE_DB

from ..audio.types import Samples
from .level import Gain, Source, hop_powers

BLOCK = 4
"""Hops of 100 ms in a block of BS.1770-4: momentary loudness."""
RELATIVE_GATE = 0.1
ROUNDS = 6
"""How often the gains are corrected by what they gave: the edges change the whole, and the whole bounds the edges."""


def level(audio: Samples, rate: int) -> float:
    """How loud `audio` `[channels, samples]` is: gated loudness in LUFS from 400 ms on, below that RMS in dB, of the
    channels' sum of powers; -inf for silence."""
    if not audio.shape[-1]:
        return -math.inf
    powers = hop_powers(audio, rate)
    if len(powers) >= BLOCK:
        return _gated(powers)
    return _decibels(float(np.sum(np.mean(audio**2, axis=-1))))


def fit(
    song: Samples,
    take: Samples,
    rate: int,
    target: float,
    source: Source,
    joins: tuple[bool, bool],
    limit_db: float,
    edge_db: float,
) -> Gain:
    """The gain that brings `take` to `target` (:func:`level`), raising it by `limit_db` at most.

    `song` is what it replaces, both `[channels, samples]`. Towards an edge that is one of the `joins`, the gain turns
    by up to `edge_db` to where the take's first or last 400 ms are as loud as the song's there.
    """
    own = level(take, rate)
    if min(own, target) == -math.inf:
        return Gain()
    want, have = hop_powers(song, rate), hop_powers(take, rate)
    middle = target - own
    if len(have) < BLOCK:
        allowed = min(middle, limit_db)
        return Gain(allowed, allowed, source, allowed < middle)
    edge = min(BLOCK, len(have) // 2)
    ends = slice(0, edge), slice(len(have) - edge, len(have))
    turned = [
        is_join and min(_mean(want[end]) - target, _mean(have[end]) - own) > -AUDIBLE_DB
        for is_join, end in zip(joins, ends, strict=True)
    ]
    edges = [middle, middle]
    for _ in range(ROUNDS):
        made = have * _hop_gains(Gain(edges[0], edges[1], middle_db=middle), len(have)) ** 2
        middle = min(middle + target - _gated(made), limit_db)
        wished = [db + _mean(want[end]) - _mean(made[end]) for db, end in zip(edges, ends, strict=True)]
        edges = [
            min(max(db, middle - edge_db), middle + edge_db) if turns else middle
            for db, turns in zip(wished, turned, strict=True)
        ]
    return Gain(edges[0], edges[1], source, middle == limit_db, middle)


def _hop_gains(gain: Gain, hops: int) -> Samples:
    return gain.ramp(hops, rate=10)


def _gated(powers: Samples) -> float:
    """Integrated loudness of the mean powers of at least four hops."""
    blocks = np.convolve(powers, np.full(BLOCK, 1 / BLOCK), "valid")
    return _decibels(float(np.mean(blocks[blocks >= RELATIVE_GATE * np.mean(blocks)]))) - 0.691


def _mean(powers: Samples) -> float:
    return _decibels(float(np.mean(powers))) - 0.691


def _decibels(power: float) -> float:
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf


__all__ = ["fit", "level"]
