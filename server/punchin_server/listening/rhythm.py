"""Tempo and beats: where an envelope of onsets repeats, and the likeliest even row of beats in it (Ellis 2007).

The envelope is a sound's spectral flux, or how many notes are heard to begin: that finds soft attacks, but no drums.
Which metrical level is the beat nobody can tell from ten seconds of a melody, so tempos are compared up to factors of
2 and 3 ("accuracy 2" of Gouyon et al. 2006), and only where both halves of a sound, heard alone, have the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from punchin_wire.frames import Audio

from .agreement import matched
from .notes import HOP, RATE, Heard

FFT = 1024
FRAMES = RATE / HOP  # a second
SLOWEST, FASTEST, USUAL, SPREAD = 40.0, 220.0, 110.0, 0.9
"""BPM, and how far from the usual they lie, in octaves."""
LEVELS = (1 / 3, 1 / 2, 1, 2, 3)
EVENNESS = 100.0
"""What a beat that comes early or late costs, against what of the envelope it finds."""
STEADY, KEPT = 0.04, 0.02
"""Shares by which the tempos of the halves may differ, and by which a take's may differ from its clip's."""
TOLERANCE = 0.07
"""Seconds that a beat may be away."""
LEAST_SECONDS = 4.0
SURE = 0.15
"""How likely a note must begin to count for anything; in silence the model says .11."""

Times = NDArray[np.float64]
Envelope = NDArray[np.float64]
"""How much begins in each frame, `[frames]`, 86 a second: above what is usual around, of deviation 1."""


class Pulse(NamedTuple):
    """`tempo` in BPM, NaN where there is none; `steady` where both halves have it; `beats` in seconds."""

    tempo: float
    steady: bool
    beats: Times


NO_PULSE = Pulse(float("nan"), False, np.empty(0))


def pulse(envelope: Envelope) -> Pulse:
    """The pulse of an envelope: none in less than four seconds, and where nothing begins."""
    if len(envelope) < LEAST_SECONDS * FRAMES or not envelope.any():
        return NO_PULSE
    tempo, beats = _beats(envelope)
    first, second = (_beats(half)[0] for half in np.array_split(envelope, 2))
    return Pulse(tempo, same_tempo(first, second, STEADY), beats / FRAMES)


def tempo_kept(ours: Pulse, clip: Pulse) -> float:
    """1 where ours is the clip's tempo within 2 %, 0 where not; NaN where the clip has no steady one."""
    return float(same_tempo(ours.tempo, clip.tempo, KEPT)) if clip.steady else float("nan")


def same_tempo(ours: float, theirs: float, share: float) -> bool:
    """Whether two tempos are the same at any metrical level, but for a `share`."""
    return any(abs(ours * level / theirs - 1) <= share for level in LEVELS)


def beat_f(ours: Times, theirs: Times) -> float:
    """F-measure of beats, matched one to one within 70 ms; NaN where they have none."""
    if not len(theirs):
        return float("nan")
    return 2 * matched(ours, theirs, TOLERANCE) / (len(ours) + len(theirs))


def struck(heard: Heard) -> Envelope:
    """How many notes are heard to begin."""
    return _above(np.maximum(heard.begins - SURE, 0).sum(1, dtype=np.float64))


def flux(audio: Audio, rate: int) -> Envelope:
    """How much rises in the spectrum of `audio` `[N]`."""
    sound = soxr.resample(audio.astype(np.float32, copy=False), rate, RATE, quality="HQ")
    padded = np.pad(sound, FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP] * np.hanning(FFT).astype(np.float32)
    spectrum = np.log1p(100 * np.abs(np.fft.rfft(frames)))
    return _above(np.maximum(np.diff(spectrum, axis=0, prepend=spectrum[:1]), 0).mean(1, dtype=np.float64))


def _above(rise: NDArray[np.float64]) -> Envelope:
    around = _smoothed(rise, np.full(43, 1 / 43))  # half a second
    above = np.maximum(rise - around, 0)
    deviation = float(above.std())
    return above / deviation if deviation > 1e-6 else np.zeros_like(above)


def _smoothed(values: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """As many `values`, each with those around it by an odd `kernel`, which may be longer than they."""
    return np.convolve(values, kernel)[len(kernel) // 2 :][: len(values)]


def _beats(envelope: Envelope) -> tuple[float, NDArray[np.float64]]:
    """The tempo, and the beats in frames: by the tempo that it repeats at, and then by the beats themselves."""
    period = _period(envelope)
    beats = _row(envelope, period)
    if len(beats) < 3:
        return 60 * FRAMES / period, beats
    return 60 * FRAMES / float(np.polyfit(np.arange(len(beats)), beats, 1)[0]), beats


def _period(envelope: Envelope) -> float:
    """Frames between two beats: where the autocorrelation peaks, tempos near the usual one first."""
    lags = np.arange(int(60 * FRAMES / FASTEST), int(60 * FRAMES / SLOWEST) + 1)
    smooth = _smoothed(envelope, np.hanning(7)[1:-1] / 3)
    size = 2 ** int(np.ceil(np.log2(2 * len(smooth))))
    repeats = np.fft.irfft(np.abs(np.fft.rfft(smooth - smooth.mean(), size)) ** 2)
    usual = np.exp(-0.5 * (np.log2(60 * FRAMES / lags / USUAL) / SPREAD) ** 2)
    best = int((repeats[lags] * usual).argmax())
    return float(lags[best])


def _row(envelope: Envelope, period: float) -> NDArray[np.float64]:
    """The row of beats that finds most of the envelope, each about a `period` after the last (dynamic programming)."""
    smooth = _smoothed(envelope, np.exp(-0.5 * (32 * np.arange(-period, period + 1) / period) ** 2))
    steps = np.arange(round(period / 2), round(2 * period) + 1)
    cost = -EVENNESS * np.log(steps / period) ** 2
    score, before = smooth.copy(), np.full(len(envelope), -1)
    for frame in range(len(envelope)):
        known = steps[steps <= frame]
        if len(known):
            options = score[frame - known] + cost[: len(known)]
            best = int(options.argmax())
            if options[best] > 0:
                score[frame] += options[best]
                before[frame] = frame - known[best]
    frame = len(envelope) - round(period) + int(score[-round(period) :].argmax())
    found = []
    while frame >= 0:
        found.append(frame)
        frame = int(before[frame])
    return np.array(found[::-1], float)
