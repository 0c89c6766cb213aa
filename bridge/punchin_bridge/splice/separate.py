"""The new part of an accompaniment, alone, and its mix with the clip. Pure: arrays in, arrays out.

The model gives clip and part together, the clip played anew: its phases are others, its magnitudes nearly the same. So
the part is what the clip's magnitudes do not explain. In frames of 128 ms, octave by octave, the clip's level in the
take is the median of their power ratio where the clip is strong (most of the clip's bins hold no part); the clip's
power at that level, widened by one bin and one frame for what is not quite in time or in tune, is what it explains;
a Wiener mask keeps the rest. What both play at the same pitch and time cannot be told apart and goes to the clip.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..audio.types import Samples, decibels
from .level import FULL_SCALE

FRAME = 2048
"""Samples at 16 kHz; of shorter and longer ones this separates known mixtures best."""
OCTAVES_HZ = (0, 200, 400, 800, 1600, 3200, 6400)
STRONG = 0.01
"""Power of a bin, of its octave's strongest, from which the clip's level is read."""
MARGIN = 2.0
"""The clip is given twice what it explains: a little of it left over is heard sooner than a little of the part lost."""
DUCK_SECONDS = 0.01


class Part(NamedTuple):
    """`audio` `[samples]`, at the level at which it stands beside the clip as the model balanced them, but never
    louder than the clip. `clip_db` is the clip's level in the take, `part_db` the part's over the clip, and
    `explained` the share of the take's energy that was the clip's."""

    audio: Samples
    clip_db: float | None
    part_db: float | None
    explained: float


def part(take: Samples, clip: Samples, rate: int) -> Part:
    """What `take` `[samples]` holds beside `clip` `[samples]`, both mono at `rate`."""
    from scipy.ndimage import maximum_filter
    from scipy.signal import ShortTimeFFT

    frame = round(FRAME * rate / 16_000 / 4) * 4
    transform = ShortTimeFFT(np.hanning(frame + 1)[:-1], frame // 4, rate)
    taken, power = transform.stft(np.pad(take, frame)), np.abs(transform.stft(np.pad(clip, frame))) ** 2
    level = _levels(np.abs(taken) ** 2, power, transform.f)[:, None]
    clips = MARGIN * level * maximum_filter(power, 3)
    rest = np.maximum(np.abs(taken) ** 2 - clips, 0.0)
    mask = rest / np.maximum(rest + clips, 1e-20)
    alone: Samples = transform.istft(taken * mask, k1=len(take) + 2 * frame)[frame:-frame]

    own, whole, left = (float(np.sum(audio**2)) for audio in (clip, take, alone))
    clip_power = float(np.sum(level * power)) / max(float(np.sum(power)), 1e-30)
    gain = min(clip_power**-0.5 if clip_power > 0.0 else np.inf, (own / left) ** 0.5 if left > 0.0 else 1.0)
    return Part(
        alone * gain,
        decibels(clip_power**0.5),
        decibels(gain * (left / own) ** 0.5) if own > 0.0 else None,
        1.0 - min(left / whole, 1.0) if whole > 0.0 else 0.0,
    )


def _levels(taken: Samples, power: Samples, frequency: Samples) -> Samples:
    """The power at which the clip sounds in the take, over the clip's own, for each bin `[bins]`."""
    level = np.zeros(len(frequency))
    for low, high in zip(OCTAVES_HZ, (*OCTAVES_HZ[1:], np.inf), strict=True):
        octave = (frequency >= low) & (frequency < high)
        theirs, whole = power[octave], taken[octave]
        strong = theirs > STRONG * theirs.max(initial=0.0)
        if strong.any():
            ratio, weight = whole[strong] / theirs[strong], theirs[strong]
            order = np.argsort(ratio)
            middle = np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum())
            level[octave] = ratio[order][min(middle, len(order) - 1)]
    return level


class Mix(NamedTuple):
    """`audio` `[channels, samples]`: the clip's own samples plus the part. `ducked_db` is the most that the part was
    turned down by, and `ducked` the share of the time."""

    audio: Samples
    ducked_db: float
    ducked: float


def mix(clip: Samples, added: Samples, rate: int, integer: bool) -> Mix:
    """`clip` and the part `added`, `[channels, samples]`. The clip is never touched: where the sum would exceed an
    integer file's full scale, the part ducks for 10 ms on either side, as far as it must."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    if not integer:
        return Mix(clip + added, 0.0, 0.0)
    room = np.maximum(FULL_SCALE - np.sign(added) * clip, 0.0)
    fits = np.divide(room, np.abs(added), out=np.ones_like(added), where=np.abs(added) > room).min(axis=0)
    if fits.min(initial=1.0) >= 1.0:
        return Mix(clip + added, 0.0, 0.0)
    reach = 2 * round(DUCK_SECONDS * rate) + 1
    # The mean over a window of minima over a window as long is nowhere above what fits.
    gain = uniform_filter1d(minimum_filter1d(fits, reach, mode="nearest"), reach, mode="nearest")
    gain = np.clip(gain, 0.0, fits)
    deepest = max(float(gain.min()), 1e-5)
    return Mix(clip + gain * added, -20.0 * float(np.log10(deepest)), float(np.mean(gain < 0.999)))


__all__ = ["Mix", "Part", "mix", "part"]
