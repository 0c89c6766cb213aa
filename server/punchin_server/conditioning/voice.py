"""One sound of a key as FluidSynth plays it: envelopes, low-pass filter, modulators, in its steps of 64 samples.

Knows zones of a soundfont and samples; knows nothing about notes or models. Mono and dry. Low-frequency oscillators
are left out: conditions are played by a piano. Sources: SoundFont Technical Specification 2.04, chapters 8 and 9;
FluidSynth 2.3 where that leaves a choice; Robert Bristow-Johnson's low-pass.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from . import modulators, soundfont
from .soundfont import ATTENUATION_SHARE, FULL_SCALE, Zone

BLOCK = 64
"""Samples for which envelopes and the filter stand still; keys are struck and let go between two blocks."""
PEAK_DB = 96.0
"""What an envelope falls from its top to nothing."""
CUTOFF_STEP = 10.0
"""Cents by which the filter's cutoff moves at a time."""
PIECES = 8
"""Of a block, in which the filter glides to a new cutoff."""
HIGHEST = 0.45
"""Cutoff where the filter stays open, in cycles a sample."""
SHORTEST_RELEASE, LONGEST, LONGEST_PAUSE = -7_200, 8_000, 5_000  # timecents
KILLED = -200
"""Timecents of the release of a sound that another of its exclusive class ends."""

Values = defaultdict[int, float]
"""Generators by number, modulators included."""
Signal = NDArray[np.float64]
Blocks = NDArray[np.float64]


def play(
    zone: Zone, key: int, velocity: int, held: int, rate: int, longest: int, killed: int | None = None
) -> NDArray[np.float32]:
    """A key held for `held` blocks (1 or more), and its release: whole blocks, at most `longest`, fewer where the
    sample ends. `killed` is the block in which another sound of the same exclusive class begins."""
    added = modulators.offsets(zone.modulators, key, velocity)
    values: Values = defaultdict(float, zone.generators)
    for number, amount in added.items():
        values[number] += amount
    volume = Envelope(values, soundfont.DELAY, key, rate, SHORTEST_RELEASE)
    filtering = Envelope(values, soundfont.MOD_DELAY, key, rate, soundfont.INSTANT)
    level = _level(volume, held, killed)
    audible = slice(volume.delay, longest)
    if not len(level[audible]):  # let go before it began
        return np.zeros(0, np.float32)
    timbre = _timbre(filtering, held, len(level))[audible]
    level = np.concatenate([[0.0], level[audible]])
    ramps = np.linspace(level[:-1], level[1:], BLOCK + 1)[1:].T.ravel()
    wave = _wave(zone, key, values[soundfont.MOD_TO_PITCH] * timbre, (held - volume.delay) * BLOCK, rate)
    wave *= ramps[: len(wave)] * _gain(values, ATTENUATION_SHARE * zone.generators.get(soundfont.ATTENUATION, 0), added)
    pause = np.zeros(volume.delay * BLOCK)
    return np.concatenate([pause, _filtered(wave, values, timbre, rate)]).astype(np.float32)


class Envelope:
    """Delay, attack, hold, decay, sustain, release, their generators numbered from `first` on. Its values are from 0
    to 1, one a block."""

    def __init__(self, values: Values, first: int, key: int, rate: int, shortest_release: int) -> None:
        def blocks(timecents: float, longest: int) -> float:
            return rate / BLOCK * 2.0 ** (min(max(timecents, soundfont.INSTANT), longest) / 1200)

        delay, attack, hold, decay, sustain, release, key_hold, key_decay = (values[first + i] for i in range(8))
        below = 60 - key
        self.delay = int(blocks(delay, LONGEST_PAUSE))
        self.attack = 1 + int(blocks(attack, LONGEST))
        self.hold = round(blocks(hold + key_hold * below, LONGEST_PAUSE))
        self.decay = max(round(blocks(decay + key_decay * below, LONGEST)), 1)
        self.sustain = 1 - min(max(sustain / 1000, 0.0), 1.0)
        self.release = 1 + int(blocks(max(release, shortest_release), LONGEST))
        self.killed = min(self.release, 1 + int(blocks(KILLED, LONGEST)))

    def held(self, blocks: int) -> Blocks:
        """[blocks], from the strike."""
        at = np.arange(1.0, blocks + 1) - self.delay
        rise = np.clip(at / self.attack, 0, 1)
        return np.minimum(rise, np.maximum(1 - (at - self.attack - self.hold).clip(0) / self.decay, self.sustain))

    def rising(self, blocks: int) -> NDArray[np.bool_]:
        """Which of the blocks from the strike are before the top. [blocks]"""
        return np.arange(blocks) < self.delay + self.attack

    def let_go(self, level: float, killed: int | None = None) -> Blocks:
        """The blocks after the key is let go at `level` until nothing is left, faster from block `killed` on."""
        fall = _fall(level, self.release)
        if killed is None or killed >= len(fall):
            return fall
        return np.concatenate([fall[:killed], _fall(fall[killed - 1] if killed else level, self.killed)])


def _fall(level: float, blocks: int) -> Blocks:
    """From `level` to 0, as steep as from 1 in `blocks`."""
    return level - np.arange(1, math.ceil(level * blocks - 1e-9)) / blocks


def _level(volume: Envelope, held: int, killed: int | None) -> Blocks:
    """The amplitude at the end of each block: a linear attack, then a fall in decibels."""
    if killed is not None and killed < held:
        held, killed = max(killed, 1), 0
    down, rising = volume.held(held), volume.rising(held)
    last = down[-1]
    if rising[-1] and last > 0:  # the fall starts at the amplitude that was reached
        last = min(max(1 + 20 * math.log10(last) / PEAK_DB, 0.0), 1.0)
    released = volume.let_go(last, None if killed is None else killed - held if killed > held else 0)
    level = 10 ** (-PEAK_DB / 20 * (1 - np.concatenate([down, released])))
    level[:held][rising] = down[rising]
    return level


def _timbre(envelope: Envelope, held: int, blocks: int) -> Blocks:
    """The modulation envelope, whose attack is convex. [blocks]"""
    values, rising = envelope.held(held), envelope.rising(held)
    values[rising] = [1 - modulators.concave(1 - value) for value in values[rising]]
    return np.pad(np.concatenate([values, envelope.let_go(values[-1])]), (0, blocks))[:blocks]


def _gain(values: Values, written: float, added: dict[int, float]) -> float:
    """Of attenuation, and of the pan when both sides are summed to mono."""
    attenuation_db = min(max(written + added.get(soundfont.ATTENUATION, 0.0), 0.0), 1440.0) / 10
    pan = min(max(values[soundfont.PAN] / 500, -1.0), 1.0)
    return math.cos(math.pi / 4 * pan) * 10 ** (-attenuation_db / 20)


def _wave(zone: Zone, key: int, cents: Blocks, held: int, rate: int) -> Signal:
    """The sample at the key's pitch, moved by `cents` in each block; as long as they are or until the sample ends.
    Cubic interpolation."""
    whole_cents = np.floor(100 * (key - zone.root) * zone.scale + cents + 1e-6)
    steps = np.repeat(zone.rate / rate * 2 ** (whole_cents / 1200), BLOCK)
    position = np.cumsum(steps) - steps[:1]
    if zone.loop is not None:
        start, end = zone.loop
        position = np.where(position < end, position, start + (position - start) % (end - start))
        if zone.loop_ends and held < len(position):
            position[held:] = position[held] + np.cumsum(steps[held:]) - steps[held]
    beyond = position > len(zone.samples) - 2
    if beyond.any():
        position = position[: int(beyond.argmax())]
    whole = position.astype(np.int64)
    x = position - whole
    a, b, c, d = (zone.samples[np.clip(whole + i, 0, len(zone.samples) - 1)] / FULL_SCALE for i in (-1, 0, 1, 2))
    cubic: Signal = b + x * ((c - a) / 2 + x * (a - 2.5 * b + 2 * c - d / 2 + x * (1.5 * (b - c) + (d - a) / 2)))
    return cubic


def _filtered(wave: Signal, values: Values, timbre: Blocks, rate: int) -> Signal:
    """`wave` through the resonant low-pass, whose cutoff follows the modulation envelope and glides through
    a block."""
    cents = values[soundfont.CUTOFF] + values[soundfont.MOD_TO_CUTOFF] * timbre
    steps = np.round(np.clip(cents, 1_500, 13_500) / CUTOFF_STEP)
    hertz = soundfont.KEY_0 * 2 ** (steps * CUTOFF_STEP / 1200)
    resonance_db = min(max(values[soundfont.RESONANCE], 0.0), 960.0) / 10 - 3.01  # 0 has no hump
    at_ends = _low_pass(np.minimum(hertz / rate, HIGHEST), 10 ** (resonance_db / 20))
    middles = (np.arange(len(steps) * PIECES) + 0.5) / PIECES
    gain, *feedback = (np.interp(middles, np.arange(1, len(steps) + 1), each) for each in at_ends)
    size = BLOCK // PIECES
    fed = wave * np.repeat(gain, size)[: len(wave)]
    out = np.zeros(2 + len(wave))  # what the poles make of it, after two zeros
    changes = np.flatnonzero(np.diff(feedback[0])) + 1
    for first, last in pairwise([0, *changes.tolist(), len(middles)]):
        start, end = first * size, min(last * size, len(wave))
        if start < end:
            a, b = feedback[0][first], feedback[1][first]
            state = [-a * out[start + 1] - b * out[start], -b * out[start + 1]]
            out[start + 2 : end + 2], _ = lfilter([1.0], [1.0, a, b], fed[start:end], zi=state)
    return out[2:] + 2 * out[1:-1] + out[:-2]


def _low_pass(turns: Blocks, resonance: float) -> tuple[Blocks, Blocks, Blocks]:
    """Gain and two feedbacks of the low-pass at `turns` cycles a sample, whose zeros are at half the rate; a hump is
    paid for by half of it."""
    cosine, alpha = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns) / (2 * resonance)
    return (1 - cosine) / 2 / math.sqrt(resonance) / (1 + alpha), -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)
