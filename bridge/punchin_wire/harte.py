"""Chord labels in Harte syntax: text to root, intervals and bass. Knows no time, no MIDI, no sound.

::

    label   = "N" | "X" | root [":" (quality ["(" degrees ")"] | "(" degrees ")")] ["/" degree]
    root    = A … G with b's or #'s          degrees = degree {"," degree}, "*" before a degree omits it
    quality = one of :data:`QUALITIES`       degree  = 1 … 13 with b's or #'s

Grammar: Harte et al., ISMIR 2005. Meaning as `mir_eval.chord.encode(reduce_extended_chords=False,
strict_bass_intervals=False)`, which the published chord adapters were trained with: 9, 11 and 13 mean their seventh
chord, degrees beyond the octave are dropped, a bass outside the chord is added to it.

>>> parse("B:min/5")
Harte(root=11, intervals=(0, 3, 7), bass=7)
>>> parse("N") is None
True
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .errors import UnknownChord

NO_CHORD = frozenset({"N", "X"})
"""No chord, and a chord nobody could name: both are silence."""

_SEVENTHS = {"7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11), "min7": (0, 3, 7, 10)}
QUALITIES: dict[str, tuple[int, ...]] = {
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
"""Semitones above the root of every quality, ascending."""

_NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DEGREES = dict(enumerate((0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21), start=1))
_DEGREE = r"(?:b+|#+)?(?:1[0-3]|[1-9])"
_LABEL = re.compile(
    rf"(?P<root>[A-G])(?P<accidental>b*|#*)"
    rf"(?::(?P<quality>[a-z]*\d*)(?:\((?P<degrees>\*?{_DEGREE}(?:,\*?{_DEGREE})*)\))?)?"
    rf"(?:/(?P<bass>{_DEGREE}))?"
)


class Harte(NamedTuple):
    """Root pitch class 0–11 (C is 0), intervals above it in semitones (ascending, bass included), and the bass's."""

    root: int
    intervals: tuple[int, ...]
    bass: int


@lru_cache(maxsize=4096)
def parse(label: str) -> Harte | None:
    """What `label` means, or None for silence (`N`, `X`). Raises UnknownChord."""
    if label in NO_CHORD:
        return None
    match = _LABEL.fullmatch(label)
    if match is None:
        raise UnknownChord(label)
    quality, degrees = match["quality"], match["degrees"]
    if not quality and degrees:
        intervals = {0}
    elif quality is None or quality in QUALITIES:
        intervals = set(QUALITIES[quality or "maj"])
    else:
        raise UnknownChord(label)
    for degree in degrees.split(",") if degrees else ():
        semitone = _semitones(degree.lstrip("*"))
        if 0 <= semitone < 12:
            (intervals.discard if degree.startswith("*") else intervals.add)(semitone)
    bass = _semitones(match["bass"]) % 12 if match["bass"] else 0
    accidental = match["accidental"]
    root = (_NATURALS[match["root"]] + accidental.count("#") - accidental.count("b")) % 12
    return Harte(root, tuple(sorted(intervals | {bass})), bass)


def _semitones(degree: str) -> int:
    return _DEGREES[int(degree.lstrip("b#"))] + degree.count("#") - degree.count("b")
