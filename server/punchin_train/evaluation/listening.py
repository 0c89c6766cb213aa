"""What a filled excerpt is like: chords, chroma, notes, beats, onsets, drums, loudness and seams.

Chords are recognised by :mod:`.recogniser` and, where one is installed, by :mod:`.recorded`; drums are told apart by
:mod:`.separation`, notes and beats heard by :mod:`punchin_server.listening`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import mir_eval
import numpy as np
import torch
from numpy.typing import NDArray
from punchin_server.engines.inpaint.loudness import lufs
from punchin_server.listening import notes, rhythm
from punchin_server.listening.agreement import note_f1
from punchin_server.listening.notes import Transcriber
from punchin_wire.frames import Audio
from punchin_wire.messages import ChordSegment

from .. import measures
from .excerpts import Excerpt
from .masks import Mask
from .recogniser import Chroma, chroma, cosine, recognise
from .recorded import Recorded
from .separation import OracleMasks, Separator

AROUND = 1.0  # seconds of context that the recogniser hears on either side of a hole
EDGE = 0.1  # seconds on either side of a join whose levels are compared
SILENCE = 1e-4

MEASURES = (
    "chords", "foreign chords", "chroma", "drum onsets", "drum SDR", "beats", "piano notes", "piano chroma", "loudness",
    "seam step",
)  # fmt: skip
RECORDED = ("chords, recorded", "foreign chords, recorded")
"""By a recogniser that learned from recordings."""


@dataclass(frozen=True)
class Listener:
    """Measures at one sample rate; `separator` tells drums apart, `transcriber` hears notes, `recorded` chords."""

    rate: int
    separator: Separator = field(default_factory=OracleMasks)
    transcriber: Transcriber = field(default_factory=notes.installed)
    recorded: Recorded | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        return (*MEASURES, *(RECORDED if self.recorded else ()))

    def measure(self, audio: Audio, excerpt: Excerpt, other: Excerpt, mask: Mask) -> Mapping[str, float]:
        """All measures of a filled excerpt, the mean over its holes; NaN where there is nothing to measure."""
        beats = rhythm.pulse(rhythm.flux(audio, self.rate)).beats
        found = [self._hole(audio, excerpt, other, hole, beats) for hole in mask.holes]
        return {name: _mean([one[name] for one in found]) for name in self.measures}

    def _hole(
        self, audio: Audio, excerpt: Excerpt, other: Excerpt, hole: tuple[int, int], beats: NDArray[np.float64]
    ) -> dict[str, float]:
        start, end = hole
        first = max(0, start - round(AROUND * self.rate))
        around = slice(first, end + round(AROUND * self.rate))
        times, labels = recognise(chroma(audio[around], self.rate))
        times = times + first / self.rate
        span = start / self.rate, end / self.rate
        heard = self.transcriber.hear(audio[around], self.rate).onsets
        ours, theirs = chroma(np.stack([audio[start:end], excerpt.mix[start:end]]), self.rate)
        return {
            "chords": chord_accuracy(times, labels, excerpt.chords, *span),
            "foreign chords": chord_accuracy(times, labels, other.chords, *span),
            "chroma": cosine(ours, theirs),
            "drum onsets": self._drum_onsets(audio, excerpt, span),
            "drum SDR": self._drum_sdr(audio, excerpt, hole),
            "beats": beats_found(beats, excerpt, span),
            "piano notes": piano_f1(heard[0] + first / self.rate, heard[1], excerpt, span),
            "piano chroma": piano_cosine(ours, excerpt, span),
            "loudness": self._loudness(audio, excerpt, hole),
            "seam step": self._steps(audio, hole),
            **self._recorded(audio[around], first / self.rate, excerpt, other, span),
        }

    def _recorded(
        self, around: Audio, first: float, excerpt: Excerpt, other: Excerpt, span: tuple[float, float]
    ) -> dict[str, float]:
        if self.recorded is None:
            return {}
        times, labels = self.recorded.recognise(around, self.rate)
        both = (chord_accuracy(times + first, labels, each.chords, *span) for each in (excerpt, other))
        return dict(zip(RECORDED, both, strict=True))

    def _loudness(self, audio: Audio, excerpt: Excerpt, hole: tuple[int, int]) -> float:
        """How far the hole is from the song's own loudness there, in LU either way."""
        ours, theirs = (lufs(sound[slice(*hole)], self.rate) for sound in (audio, excerpt.mix))
        return abs(ours - theirs) if np.isfinite(ours) and np.isfinite(theirs) else float("nan")

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


def beats_found(beats: NDArray[np.float64], excerpt: Excerpt, span: tuple[float, float]) -> float:
    """F-measure of the beats found within `span` with the score's; NaN where nobody wrote them down."""
    expected = np.array([beat for beat in excerpt.beats if span[0] <= beat < span[1]])
    return rhythm.beat_f(beats[(beats >= span[0]) & (beats < span[1])], expected)


def piano_f1(
    times: NDArray[np.float64], pitches: NDArray[np.int64], excerpt: Excerpt, span: tuple[float, float]
) -> float:
    """F-measure of the notes heard in `span` with those that the piano part begins there; NaN where it begins none."""
    played = [note for note in excerpt.piano if span[0] <= note.start < span[1]]
    if not played:
        return float("nan")
    inside = (times >= span[0]) & (times < span[1])
    starts, theirs = np.array([note.start for note in played]), np.array([note.pitch for note in played])
    return note_f1(times[inside], pitches[inside], starts, theirs)


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
