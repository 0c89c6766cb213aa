"""Which chords sound: constant-Q chroma, 24 triad templates and no chord, smoothed by a hidden Markov model.

The common baseline of chord recognition, on librosa and mir_eval alone: it shares no code with what renders songs or
conditions, nor with :mod:`punchin_train.measures`. Knows audio and Harte labels, no models.
"""

from __future__ import annotations

import librosa
import numpy as np
import soxr
from librosa.sequence import viterbi_discriminative
from numpy.typing import NDArray
from punchin_wire.frames import Audio

RATE, HOP = 22_050, 2048
SHORTEST = 2**16  # samples that the lowest octave's transform needs
LOWEST, OCTAVES, BINS = "C2", 5, 36
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
LABELS = (*(f"{name}:{quality}" for name in PITCHES for quality in ("maj", "min")), "N")
SHARPNESS = 12.0
"""How much more likely a frame is made by a chord whose template's cosine is 1 higher, in nepers."""
STAYS = 0.9
"""Chance that a chord goes on from one frame (93 ms) to the next."""
NO_CHORD = 0.55
"""The cosine that a triad must beat to be one."""

Chroma = NDArray[np.float64]
Chords = tuple[NDArray[np.float64], list[str]]
"""Intervals `[n, 2]` in seconds, and a Harte label for each."""


def chroma(audio: Audio, rate: int) -> Chroma:
    """`[..., N]` at `rate` to unit-length pitch-class profiles `[..., 12, frames]`, C first, a frame every 93 ms.

    Half of the time goes into the transform's filters, so several sounds are cheaper together.
    """
    sound = soxr.resample(audio.T, rate, RATE, quality="HQ").T if rate != RATE else audio
    frames = sound.shape[-1] // HOP + 1
    short = max(0, SHORTEST - sound.shape[-1])
    sound = np.pad(sound, [(0, 0)] * (sound.ndim - 1) + [(0, short)]).astype(np.float32)
    found = librosa.feature.chroma_cqt(
        y=sound,
        sr=RATE,
        hop_length=HOP,
        fmin=librosa.note_to_hz(LOWEST),
        n_octaves=OCTAVES,
        bins_per_octave=BINS,
        norm=None,
        tuning=0.0,
    ).astype(np.float64)[..., :frames]
    return found / (np.linalg.norm(found, axis=-2, keepdims=True) + 1e-6)


def cosine(ours: Chroma, theirs: Chroma) -> float:
    """Mean over frames of the cosine of two :func:`chroma`; the longer one is cut."""
    frames = min(ours.shape[1], theirs.shape[1])
    return float((ours[:, :frames] * theirs[:, :frames]).sum(0).mean())


def recognise(profiles: Chroma) -> Chords:
    """The likeliest sequence of triads (and `N`) behind a :func:`chroma`."""
    scores = np.vstack([_templates() @ profiles, np.full(profiles.shape[1], NO_CHORD)])  # [25, frames]
    likely = np.exp(SHARPNESS * scores)
    states = len(LABELS)
    moves = np.full((states, states), (1 - STAYS) / (states - 1))
    np.fill_diagonal(moves, STAYS)
    path = viterbi_discriminative(likely / likely.sum(0), moves)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1), len(path)]
    times = np.array(edges) * HOP / RATE
    return np.stack([times[:-1], times[1:]], 1), [LABELS[path[edge]] for edge in edges[:-1]]


def _templates() -> NDArray[np.float64]:
    """Unit-length triads `[24, 12]` in the order of :data:`LABELS`."""
    found = np.zeros((24, 12))
    for root in range(12):
        for minor, third in enumerate((4, 3)):
            found[2 * root + minor, [root, (root + third) % 12, (root + 7) % 12]] = 3**-0.5
    return found
