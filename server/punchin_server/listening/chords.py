"""Which chords sound: the notes that are heard, folded to pitch classes, as the likeliest row of triads behind them.

A hidden Markov model with a state for each major and minor triad, each power chord, and one for none. What it hears at
a time are the pitch classes between two beats, where those are known, else in a fifth of a second, and which of them is
the bass. How sure a chord is, is how likely the model finds it in the light of all that is heard, before and after.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from punchin_wire.messages import HeardChord

from .notes import HOP, LOWEST, RATE, Heard

STEP = 16
"""Frames that count as one where no beats are known: 0.19 s."""
NO_CHORD = "N"
ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
QUALITIES = {"maj": ((0, 4, 7), 1.0), "min": ((0, 3, 7), 1.0), "5": ((0, 7), 0.85)}
"""Tones of each, and how much its template's cosine counts: a power chord is one where a third is not heard at all."""
LABELS = (*(f"{root}:{quality}" for root in ROOTS for quality in QUALITIES), NO_CHORD)
FAINT = 0.2
"""How sure the transcriber must be that a pitch sounds; below, it hears partials and noise."""
BASS = 55
"""What sounds below this pitch (G3) may be the bass."""
BASS_COUNTS = 0.3
"""How much a bass that is the root says for a chord, beside the pitch classes."""
SOUNDING = 0.6
"""Length of a profile of pitch classes that sounds as clearly as one can."""
SHARPNESS = 12.0
"""How much likelier a chord is whose template's cosine is 1 higher, in nepers."""
SILENT = 0.2
"""The cosine that a triad must beat to be one."""
STAYS, STAYS_A_BEAT = 0.8, 0.6
"""Chance that a chord goes on over a :data:`STEP`, and over a beat."""

Floats = NDArray[np.float64]


class _Row(NamedTuple):
    """How likely each chord is at each time, by itself `[37, T]` in nepers, from `edges` `[T + 1]` in seconds."""

    likely: Floats
    edges: Floats
    stays: float


def recognise(heard: Heard, beats: Floats = np.empty(0)) -> tuple[HeardChord, ...]:
    """The chords of what is heard, without a gap; they change on `beats` (seconds), where those are known."""
    row = _row(heard, beats)
    path, chances = _path(row), _chances(row)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
    lasting = np.diff(row.edges)

    def chord(first: int, last: int) -> HeardChord:
        state, span = path[first], slice(first, last)
        sure = float(np.average(chances[state, span], weights=lasting[span]).clip(0, 1))
        return HeardChord(float(row.edges[first]), float(row.edges[last]), LABELS[state], sure)

    return tuple(chord(first, last) for first, last in pairwise(edges))


def _row(heard: Heard, beats: Floats) -> _Row:
    frames = len(heard.sounds)
    inner = np.round(beats * RATE / HOP).astype(int) if len(beats) else np.arange(STEP, frames, STEP)
    edges = np.unique([0, *inner[(inner > 0) & (inner < frames)], frames])
    sounds = np.where(heard.sounds > FAINT, heard.sounds, 0.0).astype(np.float64)
    pitches = np.add.reduceat(sounds, edges[:-1]) / np.diff(edges)[:, None]  # [T, 88]
    profiles, basses = _folded(pitches), _folded(pitches[:, : BASS - LOWEST])
    length = np.linalg.norm(profiles, axis=0)
    clear = np.minimum(length / SOUNDING, 1.0)
    cosines = _templates() @ (profiles / np.maximum(length, 1e-9))
    roots = basses / (np.linalg.norm(basses, axis=0) + 0.1)
    scores = (cosines + BASS_COUNTS * np.repeat(roots, len(QUALITIES), axis=0)) * clear
    likely = SHARPNESS * np.vstack([scores, np.full(len(clear), SILENT)])
    return _Row(likely, edges * HOP / RATE, STAYS_A_BEAT if len(beats) else STAYS)


def _folded(pitches: Floats) -> Floats:
    """`[T, P]` from the lowest pitch on to pitch classes `[12, T]`, C first."""
    found = np.zeros((12, len(pitches)))
    for pitch_class in range(12):
        found[pitch_class] = pitches[:, (pitch_class - LOWEST) % 12 :: 12].sum(1)
    return found


def _templates() -> Floats:
    """The chords as weighted unit vectors `[36, 12]`, in the order of :data:`LABELS`."""
    found = np.zeros((len(LABELS) - 1, 12))
    chords = [(root, *quality) for root in range(12) for quality in QUALITIES.values()]
    for row, (root, intervals, weight) in enumerate(chords):
        found[row, [(root + interval) % 12 for interval in intervals]] = weight / len(intervals) ** 0.5
    return found


def _path(row: _Row) -> NDArray[np.int64]:
    """The likeliest row of states `[T]` (Viterbi)."""
    stay, change = np.log(row.stays), np.log((1 - row.stays) / (len(LABELS) - 1))
    states, times = np.arange(len(LABELS)), row.likely.shape[1]
    score, before = row.likely[:, 0].copy(), np.zeros((times, len(LABELS)), np.int64)
    for time in range(1, times):
        best = int(score.argmax())
        goes_on = score + stay >= score[best] + change
        before[time] = np.where(goes_on, states, best)
        score = np.where(goes_on, score + stay, score[best] + change) + row.likely[:, time]
    path = np.empty(times, np.int64)
    path[-1] = score.argmax()
    for time in range(times - 1, 0, -1):
        path[time - 1] = before[time, path[time]]
    return path


def _chances(row: _Row) -> Floats:
    """How likely each state is at each time in the light of all of them, `[37, T]` (forward and backward)."""
    change = (1 - row.stays) / (len(LABELS) - 1)
    own = np.exp(row.likely - row.likely.max(0))
    times = own.shape[1]

    def moved(chances: Floats) -> Floats:
        return (row.stays - change) * chances + change * chances.sum()

    ahead, behind = np.empty_like(own), np.empty_like(own)
    ahead[:, 0] = own[:, 0] / own[:, 0].sum()
    behind[:, -1] = 1.0
    for time in range(1, times):
        found = own[:, time] * moved(ahead[:, time - 1])
        ahead[:, time] = found / found.sum()
    for time in range(times - 2, -1, -1):
        found = moved(own[:, time + 1] * behind[:, time + 1])
        behind[:, time] = found / found.sum()
    both = ahead * behind
    result: Floats = both / both.sum(0)
    return result
