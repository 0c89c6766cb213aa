"""Rebuild the song's width around a mono take, as the context has it. Knows nothing of seams, levels or files.

A channel of the song is seen as `x_c = a_c · m + e_c`, where `m` is the mean of all channels: what it shares with the
mono mix (its pan or balance), and what it does not (its width). Both are measured by third octaves in the context:
`a_c` by regression, the energy of `e_c` as what remains. The take `t` then becomes `a_c ∗ t` plus a decorrelated copy
of `t` with that energy: velvet noise (sparse ±1 impulses under a decay; Karjalainen & Järveläinen 2007) of 30 ms,
different for each channel and the same in every run. The decorrelated parts sum to zero and the `a_c` average to one,
so **the mono mix of the result is the take itself**. No side is louder than the middle: phase tricks stay out.
One rule serves any number of channels; for a subwoofer channel `a_c` is a low-pass by itself.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from ..audio.types import Samples

VELVET_SECONDS = 0.03
IMPULSES_PER_SECOND = 1500
DECAY_DB = 30.0
LOWEST_BAND_HZ = 50.0
FRAMES_AT_ONCE = 4096
"""Of a whole song the spectra would fill the memory."""


class Width(msgspec.Struct, frozen=True):
    """Shared part `pan` and separate part `spread` (amplitudes) `[channels, bands]` at `centres` `[bands]` in Hz."""

    centres: npt.NDArray[np.float64]
    pan: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]


def mono(channels: int) -> Width:
    """The same signal in every channel."""
    return Width(np.array([1000.0]), np.ones((channels, 1)), np.zeros((channels, 1)))


def measure(context: Samples, rate: int) -> Width:
    """The width of `context` `[channels, samples]`. Bands without sound are mono."""
    channels, samples = context.shape
    if channels == 1 or samples < 64:
        return mono(channels)
    size = min(2 ** round(math.log2(rate * 0.04)), samples)
    frames = np.lib.stride_tricks.sliding_window_view(context, size, axis=1)[:, :: size // 2]  # [C, frames, size]
    cross, power, middle_power = (np.zeros((n, size // 2 + 1)) for n in (channels, channels, 1))
    for first in range(0, frames.shape[1], FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[:, first : first + FRAMES_AT_ONCE] * np.hanning(size))  # [C, frames, bins]
        middle = spectra.mean(axis=0)
        cross += np.sum(np.real(spectra * middle.conj()), axis=1)  # [C, bins]
        power += np.sum(np.abs(spectra) ** 2, axis=1)
        middle_power += np.sum(np.abs(middle) ** 2, axis=0)

    edges = LOWEST_BAND_HZ * 2.0 ** (np.arange(math.ceil(3 * math.log2(rate / 2 / LOWEST_BAND_HZ))) / 3.0)
    band = np.searchsorted(edges, np.fft.rfftfreq(size, 1 / rate))  # [bins], 0 is everything below the first edge
    count = len(edges) + 1
    shared = np.stack([np.bincount(band, row, count) for row in cross])  # [C, bands]
    whole = np.stack([np.bincount(band, row, count) for row in power])
    middle_whole = np.bincount(band, middle_power[0], count)

    pan = np.ones((channels, count))
    spread = np.zeros((channels, count))
    loud = whole.sum(axis=0) > 1e-9 * max(whole.sum(), 1e-30)
    floor = 1e-3 * whole.sum(axis=0) / channels  # where the channels cancel, the mono mix tells little
    energy = np.maximum(middle_whole, floor)[loud]
    pan[:, loud] = np.maximum(shared[:, loud] / energy, 0.0)
    pan[:, loud] += np.maximum(1.0 - pan[:, loud].mean(axis=0), 0.0)  # what the floor or a reversed channel took
    pan[:, loud] /= pan[:, loud].mean(axis=0)
    rest = np.maximum(whole[:, loud] / energy - (shared[:, loud] / energy) ** 2, 0.0)
    limit = (pan[:, loud] ** 2).sum(axis=0) / np.maximum(rest.sum(axis=0), 1e-30)
    spread[:, loud] = np.sqrt(rest * np.minimum(limit, 1.0))
    centres = np.concatenate([[LOWEST_BAND_HZ / 2], edges * 2 ** (1 / 6)])
    occupied = np.bincount(band, minlength=count) > 0  # low third octaves are narrower than a bin
    return Width(centres[occupied], pan[:, occupied], spread[:, occupied])


def rebuild(take: Samples, width: Width, rate: int) -> Samples:
    """`take` `[samples]` with that width: `[channels, samples]`, aligned with the take; its mean over channels is the
    take."""
    from scipy.signal import oaconvolve  # a second of import that most commands never need

    channels = len(width.pan)
    if not width.spread.any() and np.all(width.pan == 1.0):
        return np.repeat(take[None], channels, axis=0)
    half = 2 ** math.ceil(math.log2(2 * VELVET_SECONDS * rate))
    curve_at = np.log(np.maximum(np.fft.rfftfreq(2 * half, 1 / rate), 1.0))
    pan, spread = (
        np.stack([np.interp(curve_at, np.log(width.centres), row) for row in rows])  # [C, bins]
        for rows in (width.pan, width.spread)
    )
    apart = spread * np.fft.rfft(_velvet(channels, rate), 2 * half)
    # Each channel gives up of the sum what its share in the energy is, so a channel without width gets none; the
    # energy that this costs all together is made up.
    share = spread**2 / np.maximum((spread**2).sum(axis=0), 1e-30)
    apart -= share * apart.sum(axis=0)
    apart /= np.sqrt(np.maximum(1.0 - (share**2).sum(axis=0), 1e-3))
    response = pan / pan.mean(axis=0) + apart
    kernels = np.roll(np.fft.irfft(response), half, axis=1)  # zero phase lies at tap `half`
    wide: Samples = np.stack([oaconvolve(take, kernel) for kernel in kernels])
    return wide[:, half : half + len(take)]


def _velvet(channels: int, rate: int) -> Samples:
    """Decorrelators `[channels, taps]` of unit energy."""
    taps = round(VELVET_SECONDS * rate)
    cell = rate / IMPULSES_PER_SECOND
    starts = np.arange(int(taps / cell)) * cell
    noise = np.zeros((channels, taps))
    random = np.random.RandomState(1948)  # the legacy generator: its stream is promised never to change
    for row in noise:
        at = np.minimum((starts + random.uniform(size=len(starts)) * cell).astype(int), taps - 1)
        row[at] = np.where(random.uniform(size=len(starts)) < 0.5, -1.0, 1.0) * 10 ** (-DECAY_DB / 20 * at / taps)
    unit: Samples = noise / np.sqrt(np.sum(noise**2, axis=1, keepdims=True))
    return unit


__all__ = ["Width", "measure", "mono", "rebuild"]
