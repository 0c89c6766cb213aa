"""Fidelity: how much a take plays the notes that its clip plays, as the likeness of their chroma. Pure.

A frame's chroma is the energy of the twelve pitch classes: the spectrum's peaks between 60 Hz and 5 kHz, each placed
by a parabola through its decibels, weighted by its magnitude, and shared between the two classes beside it. Frames
are 256 ms, every 64 ms; the likeness of two of them is their cosine (0: nothing in common, 1: the same), and the
fidelity of a take is the mean over all frames in which the clip sounds. A frame in which the take is silent and the
clip is not counts 0. The measure hears pitch, not octave, timbre or loudness; for drums and speech it says little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from .types import Samples

RATE = 16_000
FRAME, HOP = 4096, 1024
LOWEST_HZ, HIGHEST_HZ = 60.0, 5000.0
PEAK_FLOOR = 10 ** (-50 / 20)
"""Peaks so far below their frame's highest are noise."""
SILENCE = 10 ** (-60 / 10)
"""Power of a frame, of the loudest one, below which it is silent."""
FRAMES_AT_ONCE = 1024

Chroma = npt.NDArray[np.float64]


def fidelity(clip: npt.NDArray[np.floating], take: npt.NDArray[np.floating], rate: int) -> float | None:
    """The likeness of `take` to `clip`, both `[channels, samples]` at `rate` from the same instant; 0…1, or None where
    the clip is silent. They are mixed to mono, and the shorter one is silent from its end."""
    length = max(clip.shape[1], take.shape[1])
    (theirs, power), (ours, _) = (_analysed(audio, rate, length) for audio in (clip, take))
    sounds = power > SILENCE * power.max(initial=0.0)
    if not sounds.any():
        return None
    return float(np.mean(np.sum(theirs * ours, axis=1)[sounds]))


def frames(audio: npt.NDArray[np.floating], rate: int) -> Chroma:
    """The chroma of `audio` `[channels, samples]`, for the eye: `[frames, 12]` from C on, one each 64 ms; each of unit
    length, and as faint as it is quieter than the loudest."""
    chroma, power = _analysed(audio, rate, audio.shape[1])
    loudest = power.max(initial=0.0)
    return chroma * (power / loudest)[:, None] ** 0.25 if loudest > 0.0 else chroma


def _analysed(audio: npt.NDArray[np.floating], rate: int, samples: int) -> tuple[Chroma, Samples]:
    """Chroma of unit length `[frames, 12]`, zero in silence, and the power of each frame `[frames]`."""
    mono = np.pad(audio.mean(axis=0, dtype=np.float64), (0, samples - audio.shape[1]))
    mono = mono if rate == RATE else soxr.resample(mono, rate, RATE, quality="HQ")
    mono = np.pad(mono, FRAME // 2)
    count = 1 + (len(mono) - FRAME) // HOP
    chroma, power = np.zeros((count, 12)), np.zeros(count)
    window = np.hanning(FRAME + 1)[:-1]
    for first in range(0, count, FRAMES_AT_ONCE):
        last = min(first + FRAMES_AT_ONCE, count)
        piece = mono[first * HOP : (last - 1) * HOP + FRAME]
        frames = np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP] * window  # [frames, samples]
        spectra = np.abs(np.fft.rfft(frames))
        chroma[first:last], power[first:last] = _folded(spectra), np.sum(frames**2, axis=1)
    return chroma, power


def _folded(spectra: Samples) -> Chroma:
    """The chroma `[frames, 12]` of magnitudes `[frames, bins]`."""
    lowest, highest = (round(hz * FRAME / RATE) for hz in (LOWEST_HZ, HIGHEST_HZ))
    floor = PEAK_FLOOR * spectra[:, lowest:highest].max(axis=1, keepdims=True)
    before, here, after = (spectra[:, lowest + by : highest + by] for by in (-1, 0, 1))
    frame, peak = np.nonzero((here > before) & (here >= after) & (here > floor))
    left, top, right = (np.log(np.maximum(side[frame, peak], 1e-30)) for side in (before, here, after))
    bend = left - 2 * top + right
    offset = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    pitch = 69 + 12 * np.log2((peak + lowest + offset) * RATE / FRAME / 440.0)
    below = np.floor(pitch).astype(int)
    chroma = np.zeros((len(spectra), 12))
    for neighbour, share in ((below, 1 - (pitch - below)), (below + 1, pitch - below)):
        np.add.at(chroma, (frame, neighbour % 12), share * here[frame, peak])
    length = np.linalg.norm(chroma, axis=1, keepdims=True)
    return chroma / np.where(length > 0, length, 1.0)


__all__ = ["Chroma", "fidelity", "frames"]
