"""How loud things are, and the gain that makes a take as loud as its song. Knows nothing of seams or files."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import soxr

from .place import Samples

GATE_LUFS = -70.0
"""Quieter than this is silence: the absolute gate of ITU-R BS.1770-4."""

Span = tuple[int, int]


@cache
def _k_weighting(rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Numerator and denominator of the two K-weighting filters in series (ITU-R BS.1770-4, annex 1)."""
    import pyloudnorm  # brings scipy.signal, a second of import that most commands never need

    shelf = pyloudnorm.IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, rate, "high_shelf")
    highpass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, rate, "high_pass")
    return np.polymul(shelf.b, highpass.b), np.polymul(shelf.a, highpass.a)


def loudness(audio: Samples, rate: int, band_hz: float = math.inf) -> float:
    """Loudness in LUFS of `audio` `[..., samples]` below `band_hz`, ungated, every channel with weight 1; -inf for
    silence.

    A Hann taper over the whole piece takes the place of the filters' settling time, so pieces of a few milliseconds
    can be compared with each other. On steady sound it equals BS.1770's momentary loudness.
    """
    samples = audio.shape[-1]
    if samples < 2:
        return -math.inf
    window = np.hanning(samples + 2)[1:-1]
    power = np.abs(np.fft.rfft(audio * window)) ** 2  # [..., bins]
    angle = 2 * np.pi * np.fft.rfftfreq(samples)
    numerator, denominator = _k_weighting(rate)
    z = np.exp(-1j * angle)
    weight = np.abs(np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)) ** 2
    weight[angle * rate / (2 * np.pi) > band_hz] = 0.0
    mean_square = 2.0 * float(np.sum(power * weight)) / (samples * float(np.sum(window**2)))
    return -0.691 + 10.0 * math.log10(mean_square) if mean_square > 0.0 else -math.inf


def decibels(ratio: float) -> float | None:
    """20·log10, or `None` for nothing at all (JSON has no infinity)."""
    return 20.0 * math.log10(ratio) if ratio > 0.0 else None


def true_peak(audio: Samples, rate: int) -> float:
    """The largest absolute value between and on the samples, linear (ITU-R BS.1770-4, annex 2: at 192 kHz or more)."""
    peak = float(np.max(np.abs(audio), initial=0.0))
    times = 4 if rate < 96_000 else 2 if rate < 192_000 else 1
    if times == 1 or peak == 0.0:
        return peak
    for channel in np.atleast_2d(audio):
        peak = max(peak, float(np.max(np.abs(soxr.resample(channel, rate, times * rate, quality="HQ")), initial=0.0)))
    return peak


class Gain(msgspec.Struct, frozen=True):
    """The take's gain in dB at the left and right edge of the hole, linear in dB between them.

    `source` says what it was measured on: the take's re-synthesised `context` on both sides, or on the one side that
    has sound; what the take `replaces`, where there is no context at all; or `nothing`, which is 0 dB.
    `clamped` is true where the measured gain was larger than the settings allow.
    """

    left_db: float = 0.0
    right_db: float = 0.0
    source: Literal["context", "left context", "right context", "replaced", "nothing"] = "nothing"
    clamped: bool = False

    def ramp(self, samples: int, before: int = 0, after: int = 0) -> Samples:
        """The linear gain over `samples` of hole, held for `before` and `after` samples around them."""
        db = np.linspace(self.left_db, self.right_db, samples)
        gain: Samples = 10.0 ** (np.pad(db, (before, after), mode="edge") / 20.0)
        return gain


def match(
    song: Samples, take: Samples, rate: int, band_hz: float, hole: Span, left: Span, right: Span, limit_db: float
) -> Gain:
    """The gain that brings `take` `[samples]` to the level of `song` `[samples]`, both mono on one time line.

    In the spans `left` and `right` of the hole both hold the same music, once original and once re-synthesised by the
    model's codec, so their difference in loudness (below `band_hz`, which the model can make) is the codec's error.
    """

    def difference(span: Span) -> float | None:
        start, end = span
        levels = [loudness(x[start:end], rate, band_hz) for x in (song, take)]
        return levels[0] - levels[1] if min(levels) > GATE_LUFS else None

    at_left, at_right = difference(left), difference(right)
    source: Literal["context", "left context", "right context", "replaced", "nothing"]
    if at_left is not None and at_right is not None:
        source = "context"
    elif at_left is not None:
        source, at_right = "left context", at_left
    elif at_right is not None:
        source, at_left = "right context", at_right
    elif left[1] - left[0] == right[1] - right[0] == 0 and (overall := difference(hole)) is not None:
        source, at_left, at_right = "replaced", overall, overall
    else:
        return Gain()
    measured = np.array([at_left, at_right], dtype=np.float64)
    allowed = np.clip(measured, -limit_db, limit_db)
    return Gain(float(allowed[0]), float(allowed[1]), source, bool(np.any(allowed != measured)))


__all__ = ["GATE_LUFS", "Gain", "Span", "decibels", "loudness", "match", "true_peak"]
