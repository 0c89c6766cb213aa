"""How a song of the second edition goes: its sections, how fast they pass, and their chords. Knows no players."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from punchin_wire.messages import ChordSegment

from .genres import Genre
from .harmony import Chord, Key
from .score import Bar, Tempo, Timeline, TimeSignature

FORMS = ("AABA", "ABAB", "ABCB", "ABAC")
TEMPI = ("steady", "steady", "step", "ramp", "wander")
"""How a song's tempo moves: not at all, from section to section, within sections, or a little with every beat."""


@dataclass(frozen=True)
class Section:
    """Bars that belong together; sections of one letter share their harmony and their patterns."""

    letter: str
    bars: tuple[Bar, ...]

    @property
    def signature(self) -> TimeSignature:
        return self.bars[0].signature


@dataclass(frozen=True)
class Span:
    """A chord's time in a bar, in quarter notes of the song; `fresh` where another one was before, `following` is
    what comes next."""

    start: float
    end: float
    chord: Chord
    following: Chord
    fresh: bool


def sections(random: Random, genre: Genre, seconds: float) -> tuple[Timeline, tuple[Section, ...]]:
    """Sections until the time is filled. In half of the songs one letter has another time signature than the rest."""
    form, size = random.choice(FORMS), random.choice((4, 4, 8))
    usual = genre.time_signatures[0] if random.random() < 0.7 else random.choice(genre.time_signatures)
    time_signatures = dict.fromkeys("ABC", _signature(usual))
    if random.random() < 0.5:
        time_signatures["B"] = _signature(random.choice([name for name in genre.time_signatures if name != usual]))
    bpm, moves = round(random.uniform(*genre.tempo), 2), random.choice(TEMPI)
    factors = {letter: random.choice((0.85, 0.92, 1.09, 1.18)) for letter in "BC"} | {"A": 1.0}
    found: list[Section] = []
    tempos: list[Tempo] = []
    quarter = 0.0
    while Timeline((), (*tempos, Tempo(quarter, bpm))).seconds(quarter) < seconds:
        letter = form[len(found) % len(form)]
        signature = time_signatures[letter]
        bars = tuple(Bar(quarter + index * signature.quarters, signature) for index in range(size))
        beats = size * signature.beats
        for beat in range(beats):
            share = (beat + 1) / beats
            factor = {
                "steady": 1.0,
                "step": factors[letter],
                "ramp": 1.0 + (factors[letter] - 1.0) * share,
                "wander": random.uniform(0.97, 1.03),
            }[moves]
            tempo = Tempo(quarter + beat * signature.beat, round(bpm * factor, 2))
            if not tempos or tempo.bpm != tempos[-1].bpm:
                tempos.append(tempo)
        found.append(Section(letter, bars))
        quarter += size * signature.quarters
    return Timeline(tuple(bar for section in found for bar in section.bars), tuple(tempos)), tuple(found)


def _signature(name: str) -> TimeSignature:
    numerator, denominator = name.split("/")
    return TimeSignature(int(numerator), int(denominator))


def _middle(signature: TimeSignature) -> float:
    """Where in a bar a second chord may begin, in quarter notes: on a strong beat."""
    return 1.5 if signature.compound else 3.0 if signature.quarters > 4 else 2.0


def harmony(random: Random, genre: Genre, key: Key, sections: tuple[Section, ...], held_out: bool) -> Iterator[Span]:
    """One or two spans a bar; each letter has a progression of its own."""
    tables = (
        (genre.held_out_minor if key.minor else genre.held_out_major)
        if held_out
        else (genre.minor if key.minor else genre.major)
    )
    pace = random.choice(genre.bars_a_chord)
    chords: dict[str, list[Chord]] = {}
    for letter in "ABC":
        degrees, sevenths = random.choice(tables), random.choice(genre.sevenths)
        chords[letter] = [key.chord(degree, random.random() < sevenths) for degree in degrees]
    return spans(sections, [chords[section.letter] for section in sections], pace)


def spans(sections: tuple[Section, ...], turns: list[list[Chord]], pace: float) -> Iterator[Span]:
    """Each section's turn of chords, `pace` bars a chord, over and over; two chords a bar at most."""
    places: list[tuple[float, Chord]] = []
    for section, turn in zip(sections, turns, strict=True):
        for index, bar in enumerate(section.bars):
            first, second = (turn[int((index + half) / pace) % len(turn)] for half in (0, 0.5))
            places.append((bar.quarter, first))
            if second != first:
                places.append((bar.quarter + _middle(bar.signature), second))
    last = sections[-1].bars[-1]
    places.append((last.quarter + last.signature.quarters, places[0][1]))
    before: Chord | None = None
    for (start, chord), (end, following) in pairwise(places):
        yield Span(start, end, chord, following, chord != before)
        before = chord


def joined(chords: Iterator[ChordSegment], seconds: float) -> Iterator[ChordSegment]:
    """Equal neighbours as one segment, the last one cut at the song's end."""
    held: ChordSegment | None = None
    for chord in chords:
        if chord.start >= seconds:
            break
        end = min(chord.end, seconds)
        if held is not None and held.label != chord.label:
            yield held
            held = None
        held = ChordSegment(held.start if held else chord.start, end, chord.label)
    if held is not None:
        yield held
