"""Sound above the model's band for a take that ends there. Knows nothing of levels, widths, seams or files.

Two ways, both mono, so that the take's width and the mono mix stay what they are:

`extend`   from the take alone: its top octave moved up by half an octave's worth of hertz at a time (single-sideband,
           so nothing is smeared), each copy 15 dB an octave below the one it came from. One linear filter: what is
           silent, or attacks, in the take does so above it too.
`source`   from what the take replaces: its own sound above the model's band (itself minus what the model's rate can
           carry, so it adds up to the original exactly), as loud as the take is in the octave below, compared with
           the original there, over 20 ms.

Neither knows what the instrument really does up there. What each is worth is measured in docs/splice.md.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

from ..audio.types import Samples
from .place import place

Highband = Literal["none", "source", "extend"]

TILT_DB = -15.0
"""An octave. Measured on real clips and rendered lines; an estimate from each take's own spectrum was no better."""
TOP = 0.95
"""Where the take's own sound ends, of the model's band: resamplers need the rest."""
FILTER_SECONDS = 0.006
FOLLOWING_SECONDS = 0.02
LARGEST_GAIN = 4.0
PIECE = 2**20
"""Samples at a time: the complex copies of a whole song would fill the memory."""

HOW = {
    "none": "nothing",
    "source": "what the take replaces has there, following the take",
    "extend": f"the take's top octave moved up, {-TILT_DB:g} dB an octave",
}


def extend(take: Samples, rate: int, band_hz: float) -> Samples:
    """What to add to `take` `[samples]`, which ends at `band_hz`: sound up to an octave above, `[samples]`."""
    from scipy.signal import oaconvolve  # a second of import that most commands never need

    top = TOP * band_hz
    filters = [(shift, _top_octave(rate, top, shift)) for shift in (top / 2, top)]
    reach = len(filters[0][1]) // 2
    padded, above = np.pad(take, reach), np.zeros(len(take))
    for start in range(0, len(take), PIECE):
        piece = padded[start : start + PIECE + 2 * reach]
        time = np.arange(start, start + len(piece) - 2 * reach) / rate
        for shift, taps in filters:
            moved = oaconvolve(piece, taps, mode="valid")  # the positive frequencies alone
            above[start : start + PIECE] += 2 * np.real(moved * np.exp(2j * np.pi * shift * time))
    return above


def _top_octave(rate: int, top: float, shift: float) -> npt.NDArray[np.complex128]:
    """Taps that pass the octave below `top`, at the gain it has after a shift by `shift` Hz under the tilt; nothing
    that would land above half the rate."""
    half = round(FILTER_SECONDS * rate / 2)
    size = 16 * half
    frequency = np.fft.fftfreq(size, 1 / rate)
    inside = (frequency >= top / 2) & (frequency < top) & (frequency + shift < 0.49 * rate)
    octaves = np.log2((frequency + shift) / np.maximum(frequency, 1.0), where=inside, out=np.zeros(size))
    response = np.where(inside, 10 ** (TILT_DB * octaves / 20), 0.0)
    taps: npt.NDArray[np.complex128] = np.roll(np.fft.ifft(response), half)[: 2 * half + 1]
    return taps * np.hanning(2 * half + 3)[1:-1]


def source(take: Samples, replaced: Samples, rate: int, model_rate: int) -> Samples:
    """What to add to `take` `[samples]`, made at `model_rate`: the sound of `replaced` `[samples]` above that rate's
    band, following the take, `[samples]`."""
    low = place(soxr.resample(replaced, rate, model_rate, quality="VHQ"), 0, model_rate, rate, len(replaced))
    own, theirs = (_power_below(audio, rate, model_rate / 2) for audio in (take, replaced))
    gain = np.minimum(np.sqrt(own / np.maximum(theirs, 1e-12)), LARGEST_GAIN)
    return (replaced - low) * _smooth(gain, rate)


def _power_below(audio: Samples, rate: int, band_hz: float) -> Samples:
    """Short-time power of the octave below the band's end, `[samples]`."""
    from scipy.signal import firwin, oaconvolve

    octave = firwin(2 * round(FILTER_SECONDS * rate) + 1, [0.5 * band_hz, 0.9 * band_hz], fs=rate, pass_zero=False)
    return np.maximum(_smooth(oaconvolve(audio, octave, mode="same") ** 2, rate), 0.0)


def _smooth(curve: Samples, rate: int) -> Samples:
    from scipy.signal import oaconvolve

    window = np.hanning(round(FOLLOWING_SECONDS * rate) + 2)[1:-1]
    smooth: Samples = oaconvolve(curve, window / window.sum(), mode="same")
    return smooth


__all__ = ["HOW", "Highband", "extend", "source"]
