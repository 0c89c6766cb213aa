"""Keys, scales and functional progressions of the procedural songs.

Knows music theory as tables; knows nothing about rhythm, notes or audio. Some progressions are held out of
training, so that evaluation hears harmony the model has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
INTERVALS = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "sus4": (0, 5, 7),
    "dim": (0, 3, 6),
    "hdim7": (0, 3, 6, 10),
}
MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)

# degree name -> (semitones above the tonic, triad, seventh chord)
MAJOR_DEGREES = {
    "I": (0, "maj", "maj7"),
    "ii": (2, "min", "min7"),
    "II": (2, "maj", "7"),
    "iii": (4, "min", "min7"),
    "III": (4, "maj", "7"),
    "IV": (5, "maj", "maj7"),
    "iv": (5, "min", "min7"),
    "V": (7, "maj", "7"),
    "Vs": (7, "sus4", "sus4"),
    "vi": (9, "min", "min7"),
    "VI": (9, "maj", "7"),
    "bVII": (10, "maj", "maj7"),
}
MINOR_DEGREES = {
    "i": (0, "min", "min7"),
    "ii": (2, "dim", "dim"),
    "iio": (2, "dim", "hdim7"),
    "III": (3, "maj", "maj7"),
    "iv": (5, "min", "min7"),
    "IV": (5, "maj", "7"),
    "v": (7, "min", "min7"),
    "V": (7, "maj", "7"),
    "VI": (8, "maj", "maj7"),
    "VII": (10, "maj", "7"),
}


def _table(lines: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split()) for line in lines.strip().splitlines())


MAJOR_PROGRESSIONS = _table("""
I V vi IV
vi IV I V
I vi IV V
I IV V I
I IV vi V
ii V I vi
I iii IV V
I V IV V
I ii IV V
vi V IV V
I III vi IV
I IV I V
IV V iii vi
I bVII IV I
I iv I V
ii V I I
I II IV I
vi ii V I
I Vs V I
IV iv I vi
""")
MINOR_PROGRESSIONS = _table("""
i VI III VII
i VII VI VII
i iv v i
i VI iv V
i III VII VI
i iv VII III
VI VII i i
i v VI iv
i IV i VII
i iv i V
i ii V i
""")
HELD_OUT_MAJOR = _table("""
IV I V vi
I V ii IV
vi iii IV I
""")
HELD_OUT_MINOR = _table("""
i VII VI V
iv VII III VI
i III iv VI
""")


@dataclass(frozen=True)
class Chord:
    """A chord by root pitch class (0 = C) and quality (a key of INTERVALS)."""

    root: int
    quality: str

    @property
    def label(self) -> str:
        """Harte label, e.g. "F#:min7"."""
        return f"{NAMES[self.root]}:{self.quality}"

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Pitch classes, root first."""
        return tuple((self.root + interval) % 12 for interval in INTERVALS[self.quality])


@dataclass(frozen=True)
class Key:
    """A tonic pitch class with its mode."""

    tonic: int
    minor: bool

    @property
    def name(self) -> str:
        """For example "A minor"."""
        return f"{NAMES[self.tonic]} {'minor' if self.minor else 'major'}"

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of the scale."""
        degrees = MINOR_SCALE if self.minor else MAJOR_SCALE
        return frozenset((self.tonic + degree) % 12 for degree in degrees)

    def progression(self, random: Random, held_out: bool) -> tuple[str, ...]:
        """Four degree names that fit the mode, from the training or from the held-out table."""
        if held_out:
            return random.choice(HELD_OUT_MINOR if self.minor else HELD_OUT_MAJOR)
        return random.choice(MINOR_PROGRESSIONS if self.minor else MAJOR_PROGRESSIONS)

    def chord(self, degree: str, seventh: bool) -> Chord:
        """The chord on a degree of this key."""
        above, triad, extended = (MINOR_DEGREES if self.minor else MAJOR_DEGREES)[degree]
        return Chord((self.tonic + above) % 12, extended if seventh else triad)
