"""SoundFont modulators: what velocity, key and controllers add to a sound's generators when a key is struck.

Knows numbers of the format only. Controllers stand where a MIDI file that sets none leaves them, so all is settled
when the key goes down. Source: SoundFont Technical Specification 2.04, chapters 8.2 and 8.4, as FluidSynth reads it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple


class Modulator(NamedTuple):
    """What a modulator is besides its amount; of two that are the same the nearer one counts."""

    source: int
    destination: int
    amount_source: int
    transform: int


Amounts = Mapping[Modulator, int]

VELOCITY, KEY = 2, 3
CONTROLLER, NEGATIVE, BIPOLAR = 0x80, 0x100, 0x200  # flags of a source; its curve is in the bits above
CONCAVE, CONVEX, SWITCH = 1, 2, 3
CUTOFF, ATTENUATION = 8, 48  # generators
ABSOLUTE = 2  # a transform
GENERATORS = 61  # destinations from here on are other modulators, which FluidSynth ignores

VELOCITY_TO_ATTENUATION = Modulator(VELOCITY | NEGATIVE | CONCAVE << 10, ATTENUATION, 0, 0)
VELOCITY_TO_CUTOFF = Modulator(VELOCITY | NEGATIVE, CUTOFF, VELOCITY | SWITCH << 10, 0)
DEFAULTS: Amounts = {VELOCITY_TO_ATTENUATION: 960, VELOCITY_TO_CUTOFF: -2400}
"""Those of chapter 8.4 that sound where no controller moves. Volume (7) and expression (11) turn all notes alike."""
IGNORED = VELOCITY_TO_CUTOFF
"""FluidSynth applies it nowhere, because sounds were made on players that do not know it."""

RESTING = {7: 100, 8: 64, 10: 64, 11: 127, **dict.fromkeys(range(70, 80), 64), 91: 40}
"""Where controllers stand that do not stand at 0."""


def offsets(amounts: Amounts, key: int, velocity: int) -> dict[int, float]:
    """What is added to each generator that is modulated, by its number, in its own unit."""
    added: dict[int, float] = {}
    for modulator, amount in amounts.items():
        if modulator == IGNORED or modulator.destination >= GENERATORS:
            continue
        value = amount * _source(modulator.source, key, velocity)
        if modulator.amount_source:
            value *= _source(modulator.amount_source, key, velocity)
        if modulator.transform == ABSOLUTE:
            value = abs(value)
        added[modulator.destination] = added.get(modulator.destination, 0.0) + value
    return added


def concave(share: float) -> float:
    """0 to 1 as the square of a level falls from full to -96 dB. Convex is its mirror."""
    return min(-40 / 96 * math.log10(max(1 - share, 1e-6)), 1.0)


def _source(source: int, key: int, velocity: int) -> float:
    """Where a source stands, from 0 (bipolar: -1) to 1."""
    index = source & 0x7F
    if source & CONTROLLER:
        value = RESTING.get(index, 0)
    else:
        value = {VELOCITY: velocity, KEY: key, 14: 64}.get(index, 0)  # 14: the pitch wheel, in the middle
    share = value / 128
    if source & NEGATIVE:
        share = 1 - share
    if source & BIPOLAR:
        sign, share = math.copysign(1, 2 * share - 1), abs(2 * share - 1)
        return sign * _curved(source >> 10, share)
    return _curved(source >> 10, share)


def _curved(curve: int, share: float) -> float:
    if curve == CONCAVE:
        return concave(share)
    if curve == CONVEX:
        return 1 - concave(1 - share)
    return float(share >= 0.5) if curve == SWITCH else share
