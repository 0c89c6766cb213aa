"""How loud things are, and the gain that makes a take as loud as its song. Knows nothing of seams or files."""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import soxr

from ..audio.types import Samples, Span

GATE_LUFS = -70.0
"""Quieter than this is silence: the absolute gate of ITU-R BS.1770-4."""
FULL_SCALE = 1.0 - 2.0**-15
"""The ceiling of an integer file: the largest positive 16-bit sample."""
SETTLING_SECONDS = 0.1
HOP_SECONDS = 0.1
"""From one block of 400 ms to the next (ITU-R BS.1770-4)."""
EDGE_SECONDS = 1.0
"""How far from the edge of a hole the gain is another one than in its middle; at most half the hole."""
EDGE_HELD = 0.4
"""The share of that, at the edge, in which it does not change yet: momentary loudness is measured over 400 ms."""
PIECE_SECONDS = 30.0
"""Longer spans are measured piece by piece: the spectrum of a whole song would fill the memory."""


@cache
def _k_filters(rate: int) -> tuple[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], ...]:
    """Numerators and denominators of the two K-weighting filters (ITU-R BS.1770-4, annex 1)."""
    import pyloudnorm  # brings scipy.signal, a second of import that most commands never need

    shelf = pyloudnorm.IIRfilter(4.0, 1 / math.sqrt(2), 1500.0, rate, "high_shelf")
    highpass = pyloudnorm.IIRfilter(0.0, 0.5, 38.0, rate, "high_pass")
    return (shelf.b, shelf.a), (highpass.b, highpass.a)


def loudness(audio: Samples, rate: int, span: Span, band_hz: float = math.inf) -> float:
    """Loudness in LUFS of the samples `span` of `audio` `[..., samples]`; -inf for silence. Over 400 ms this is the
    momentary loudness of ITU-R BS.1770-4, with weight 1 for every channel, since the layout is not known.

    The filters run in the frequency domain, which also lets them stop at `band_hz`, and start a little before the
    span so that they have settled.
    """
    start, end = span
    piece = round(PIECE_SECONDS * rate)
    energy = sum(_energy(audio, rate, (at, min(at + piece, end)), band_hz) for at in range(start, end, piece))
    return -0.691 + 10.0 * math.log10(energy / (end - start)) if energy > 0.0 else -math.inf


def hop_powers(audio: Samples, rate: int) -> Samples:
    """Mean power of each whole 100 ms `[hops]` of `audio` `[channels, samples]`, K-weighted, all channels summed."""
    hop = max(round(HOP_SECONDS * rate), 1)
    piece = hop * round(PIECE_SECONDS / HOP_SECONDS)
    total = audio.shape[-1] // hop * hop
    powers = [np.empty(0)]
    for at in range(0, total, piece):
        weighted = _weighted(audio, rate, (at, min(at + piece, total)), math.inf)
        powers.append(np.sum(np.mean(weighted.reshape(*weighted.shape[:-1], -1, hop) ** 2, axis=-1), axis=0))
    return np.concatenate(powers)


def _energy(audio: Samples, rate: int, span: Span, band_hz: float) -> float:
    """The sum of the squares of the K-weighted samples `span`."""
    return float(np.sum(_weighted(audio, rate, span, band_hz) ** 2))


def _weighted(audio: Samples, rate: int, span: Span, band_hz: float) -> Samples:
    """The samples `span` of `audio` `[..., samples]`, K-weighted."""
    start, end = span
    before = max(0, start - round(SETTLING_SECONDS * rate))
    size = 2 ** math.ceil(math.log2(end - before + SETTLING_SECONDS * rate))
    frequency = np.fft.rfftfreq(size, 1 / rate)
    delay = np.exp(-2j * np.pi * frequency / rate)
    response = (frequency <= band_hz).astype(np.complex128)
    for numerator, denominator in _k_filters(rate):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    weighted: Samples = np.fft.irfft(np.fft.rfft(audio[..., before:end], size) * response, size)
    return weighted[..., start - before : end - before]


def true_peak(audio: Samples, rate: int) -> float:
    """The largest absolute value between and on the samples, linear (ITU-R BS.1770-4, annex 2: at 192 kHz or more)."""
    peak = float(np.max(np.abs(audio), initial=0.0))
    times = 4 if rate < 96_000 else 2 if rate < 192_000 else 1
    if times == 1 or peak == 0.0:
        return peak
    for channel in np.atleast_2d(audio):
        peak = max(peak, float(np.max(np.abs(soxr.resample(channel, rate, times * rate, quality="HQ")), initial=0.0)))
    return peak


Source = Literal["context", "left context", "right context", "replaced", "own", "nothing"]


class Gain(msgspec.Struct, frozen=True):
    """The take's gain in dB: `left_db` and `right_db` at the edges of the hole and, where it turns there, `middle_db`
    from a second inside the hole on; without that it is linear in dB from edge to edge.

    `source` says what it was measured on: what the take `replaces`; the song around it, its `context` (on both sides,
    or on the one side that has sound), where what it replaces is silent or that was asked for. `own` is the take's own
    level, as asked for, and `nothing` nothing to measure it on: both are 0 dB.
    `clamped` is true where the measured gain was larger than the settings allow.
    """

    left_db: float = 0.0
    right_db: float = 0.0
    source: Source = "nothing"
    clamped: bool = False
    middle_db: float | None = None

    def ramp(self, samples: int, before: int = 0, after: int = 0, *, rate: int) -> Samples:
        """The linear gain over `samples` of hole at `rate`, held for `before` and `after` samples around them."""
        if self.middle_db is None:
            db = np.linspace(self.left_db, self.right_db, samples)
        else:
            reach = min(EDGE_SECONDS * rate, samples / 2)
            held = EDGE_HELD * reach
            knots = (held, reach, samples - reach, samples - held)
            values = (self.left_db, self.middle_db, self.middle_db, self.right_db)
            db = np.interp(np.arange(samples) + 0.5, knots, values)
        gain: Samples = 10.0 ** (np.pad(db, (before, after), mode="edge") / 20.0)
        return gain


def match(
    song: Samples, take: Samples, rate: int, band_hz: float, hole: Span, left: Span, right: Span, limit_db: float
) -> Gain:
    """The gain that brings `take` `[samples]` to the level of `song` `[samples]`, both mono on one time line.

    In the spans `left` and `right` of the hole both hold the same music, once original and once re-synthesised by the
    model's codec, so their difference in loudness (below `band_hz`, which the model can make) is the codec's error.
    """

    def levels(span: Span) -> tuple[float, float] | None:
        original, own = loudness(song, rate, span, band_hz), loudness(take, rate, span, band_hz)
        return (original, original - own) if min(original, own) > GATE_LUFS else None

    at_left, at_right = levels(left), levels(right)
    source: Source
    if at_left and at_right:
        source = "context"
        # A codec's noise makes quiet music louder, which is no matter of gain: the quieter side is believed as far
        # as it is loud, and for the rest it follows the louder one.
        (left_level, left_db), (right_level, right_db) = at_left, at_right
        belief = 10.0 ** (-abs(left_level - right_level) / 20.0)
        if left_level < right_level:
            left_db = right_db + belief * (left_db - right_db)
        else:
            right_db = left_db + belief * (right_db - left_db)
    elif one_side := at_left or at_right:
        source = "left context" if at_left else "right context"
        left_db = right_db = one_side[1]
    elif left[0] == left[1] and right[0] == right[1] and (replaced := levels(hole)):
        source = "replaced"
        left_db = right_db = replaced[1]
    else:
        return Gain()
    measured = np.array([left_db, right_db])
    allowed = np.clip(measured, -limit_db, limit_db)
    return Gain(float(allowed[0]), float(allowed[1]), source, bool(np.any(allowed != measured)))


def match_replaced(song: Samples, take: Samples, rate: int, band_hz: float, hole: Span, limit_db: float) -> Gain:
    """The gain that makes `take` as loud as what it replaces, however quiet that is, raising it by `limit_db` at most;
    arguments as of :func:`match`."""
    original, own = loudness(song, rate, hole, band_hz), loudness(take, rate, hole, band_hz)
    if min(original, own) == -math.inf:
        return Gain()
    allowed = min(original - own, limit_db)
    return Gain(allowed, allowed, "replaced", allowed != original - own)


__all__ = [
    "FULL_SCALE",
    "GATE_LUFS",
    "Gain",
    "Source",
    "hop_powers",
    "loudness",
    "match",
    "match_replaced",
    "true_peak",
]
