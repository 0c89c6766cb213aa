"""What a filled excerpt is like: chords, chroma, onsets, drums and seams.

Chords are recognised by :mod:`.recogniser`, drums by :mod:`.separation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from punchin_wire.frames import Audio
from punchin_wire.messages import ChordSegment

from .. import measures
from .excerpts import Excerpt
from .masks import Mask
from .recogniser import Chroma, chroma, cosine, recognise
from .separation import OracleMasks, Separator

AROUND = 1.0  # seconds of context that the recogniser hears on either side of a hole
EDGE = 0.1  # seconds on either side of a join whose levels are compared
SILENCE = 1e-4

MEASURES = ("chords", "foreign chords", "chroma", "drum onsets", "drum SDR", "piano chroma", "seam step")


@dataclass(frozen=True)
class Listener:
    """Measures at one sample rate; `separator` tells drums apart."""

    rate: int
    separator: Separator = field(default_factory=OracleMasks)

    def measure(self, audio: Audio, excerpt: Excerpt, other: Excerpt, mask: Mask) -> Mapping[str, float]:
        """All measures of a filled excerpt, the mean over its holes; NaN where there is nothing to measure."""
        found = [self._hole(audio, excerpt, other, hole) for hole in mask.holes]
        return {name: _mean([one[name] for one in found]) for name in MEASURES}

    def _hole(self, audio: Audio, excerpt: Excerpt, other: Excerpt, hole: tuple[int, int]) -> dict[str, float]:
        start, end = hole
        first = max(0, start - round(AROUND * self.rate))
        around = slice(first, end + round(AROUND * self.rate))
        times, labels = recognise(chroma(audio[around], self.rate))
        times = times + first / self.rate
        span = start / self.rate, end / self.rate
        ours, theirs = chroma(np.stack([audio[start:end], excerpt.mix[start:end]]), self.rate)
        return {
            "chords": chord_accuracy(times, labels, excerpt.chords, *span),
            "foreign chords": chord_accuracy(times, labels, other.chords, *span),
            "chroma": cosine(ours, theirs),
            "drum onsets": self._drum_onsets(audio, excerpt, span),
            "drum SDR": self._drum_sdr(audio, excerpt, hole),
            "piano chroma": piano_cosine(ours, excerpt, span),
            "seam step": self._steps(audio, hole),
        }

    def _drum_onsets(self, audio: Audio, excerpt: Excerpt, span: tuple[float, float]) -> float:
        expected = np.array([hit for hit in excerpt.hits if span[0] < hit < span[1]])
        if not len(expected):
            return float("nan")
        found = measures.onsets(torch.from_numpy(audio), self.rate)
        return measures.onset_f1(found[(found > span[0]) & (found < span[1])], expected)

    def _drum_sdr(self, audio: Audio, excerpt: Excerpt, hole: tuple[int, int]) -> float:
        """SI-SDR of the drums in the hole, as the separator tells them apart, against the drum stem."""
        drums = excerpt.drums[hole[0] : hole[1]]
        if float(np.abs(drums).max(initial=0.0)) < SILENCE:
            return float("nan")
        separated = self.separator.drums(audio, excerpt, hole)
        return float(measures.si_sdr(torch.from_numpy(separated)[None], torch.from_numpy(drums.copy())[None]))

    def _steps(self, audio: Audio, hole: tuple[int, int]) -> float:
        """How far the level jumps at the two joins, in dB; the song itself says what is usual."""
        edge = round(EDGE * self.rate)
        steps = []
        for at in hole:
            before, after = (_level(part) for part in (audio[at - edge : at], audio[at : at + edge]))
            steps.append(abs(20 * np.log10(after / before)))
        return float(np.mean(steps))


def chord_accuracy(
    times: NDArray[np.float64], labels: Sequence[str], chords: Sequence[ChordSegment], start: float, end: float
) -> float:
    """Share of the time from `start` to `end` whose chord is right as major or minor triad (mir_eval's `majmin`).

    NaN where no chord of that time is one (mir_eval leaves out the rest).
    """
    inside = [chord for chord in chords if chord.start < end and chord.end > start]
    if not inside:
        return float("nan")
    intervals = np.array([[chord.start, chord.end] for chord in inside])
    truth = mir_eval.util.adjust_intervals(intervals, [chord.label for chord in inside], start, end, "N", "N")
    recognised = mir_eval.util.adjust_intervals(times, list(labels), start, end, "N", "N")
    joint, true_labels, recognised_labels = mir_eval.util.merge_labeled_intervals(*truth, *recognised)
    compared = mir_eval.chord.majmin(true_labels, recognised_labels)
    if not (compared >= 0).any():
        return float("nan")
    return float(mir_eval.chord.weighted_accuracy(compared, mir_eval.util.intervals_to_durations(joint)))


def piano_cosine(sounding: Chroma, excerpt: Excerpt, span: tuple[float, float]) -> float:
    """Cosine of what sounds with what the piano part plays, as a profile of pitch classes a frame."""
    played = np.zeros_like(sounding)
    frames = sounding.shape[1] / max(span[1] - span[0], 1e-9)
    for note in excerpt.piano:
        first, last = (round((time - span[0]) * frames) for time in (note.start, note.end))
        played[note.pitch % 12, max(first, 0) : max(last, 0)] += 1.0
    norm = np.linalg.norm(played, axis=0)
    if not (norm > 0).any():
        return float("nan")
    return float(((sounding * played).sum(0)[norm > 0] / norm[norm > 0]).mean())


def _level(sound: Audio) -> float:
    return float(np.sqrt(np.mean(sound**2)) + SILENCE)


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
