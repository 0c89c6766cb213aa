"""Chord labels spelled as the MIDI pitches of the published condition. Knows nothing about time, audio or models."""

from __future__ import annotations

from functools import lru_cache

from punchin_wire import harte


@lru_cache(maxsize=4096)
def spell(label: str) -> tuple[int, ...]:
    """MIDI pitches of a Harte chord label, in ascending interval order, root in the octave 60..71.

    Close position; an inversion lifts the tones below the bass by an octave. "N" and "X" spell ().

    >>> spell("C:maj"), spell("B:min/5")
    ((60, 64, 67), (83, 86, 78))

    Raises UnknownChord for a label outside the grammar. Source: AIRGen's chord rendering.
    """
    chord = harte.parse(label)
    if chord is None:
        return ()
    return tuple(60 + chord.root + i + (12 if i < chord.bass else 0) for i in chord.intervals)
