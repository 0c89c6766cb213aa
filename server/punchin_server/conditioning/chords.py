"""Chord labels in Harte syntax, spelled as the MIDI pitches of the published condition.

Knows nothing about time, audio or models. Grammar: Harte et al., ISMIR 2005; interval sets as in
`mir_eval.chord.encode(reduce_extended_chords=False, strict_bass_intervals=False)`, which the published
chord weights were trained with: 9/11/13 qualities sound as their seventh chord.
"""

from __future__ import annotations

import re
from functools import lru_cache

from punchin_wire.errors import UnknownChord

NO_CHORD = frozenset({"N", "X"})  # "no chord" and "unknown chord" are silence

_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DEGREES = dict(zip(range(1, 14), (0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21), strict=True))
_SEVENTHS = {"7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}
_QUALITIES = {
    "": (0,),
    "1": (0,),
    "5": (0, 7),
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "aug": (0, 4, 8),
    "dim": (0, 3, 6),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "minmaj7": (0, 3, 7, 11),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    **_SEVENTHS,
    **dict.fromkeys(("9", "11", "13"), _SEVENTHS["7"]),
    **dict.fromkeys(("maj9", "maj13"), _SEVENTHS["maj7"]),
    **dict.fromkeys(("min9", "min11", "min13"), _SEVENTHS["min7"]),
}
_DEGREE = r"(?:b+|#+)?(?:1[0-3]|[1-9])"
_LABEL = re.compile(
    rf"(?P<root>[A-G])(?P<accidental>b*|#*)"
    rf"(?::(?P<quality>[a-z]*\d*)(?:\((?P<degrees>\*?{_DEGREE}(?:,\*?{_DEGREE})*)\))?)?"
    rf"(?:/(?P<bass>{_DEGREE}))?"
)


@lru_cache(maxsize=4096)
def spell(label: str) -> tuple[int, ...]:
    """MIDI pitches of a chord label, in ascending interval order, root in the octave 60..71.

    Close position; an inversion lifts the tones below the bass by an octave. "N" and "X" spell ().

    >>> spell("C:maj"), spell("B:min/5")
    ((60, 64, 67), (83, 86, 78))

    Raises UnknownChord for a label outside the grammar. Source: AIRGen's chord rendering.
    """
    if label in NO_CHORD:
        return ()
    match = _LABEL.fullmatch(label)
    if match is None:
        raise UnknownChord(label)
    quality, degrees = match["quality"], match["degrees"]
    if quality is None:
        quality = "maj"
    if quality not in _QUALITIES or (quality == "" and degrees is None):
        raise UnknownChord(label)
    intervals = set(_QUALITIES[quality])
    for degree in degrees.split(",") if degrees else ():
        semitone = _semitone(degree.lstrip("*"))
        if 0 <= semitone < 12:  # degrees beyond the octave are dropped, as the reference does
            (intervals.discard if degree.startswith("*") else intervals.add)(semitone)
    bass = _semitone(match["bass"]) % 12 if match["bass"] else 0
    intervals |= {bass}
    accidental = match["accidental"]
    root = (_NATURALS[match["root"]] + accidental.count("#") - accidental.count("b")) % 12
    return tuple(60 + root + i + (12 if i < bass else 0) for i in sorted(intervals))


def _semitone(degree: str) -> int:
    """Semitones above the root of a scale degree such as "b7" or "#11"."""
    number = degree.lstrip("b#")
    return _DEGREES[int(number)] + degree.count("#") - degree.count("b")
