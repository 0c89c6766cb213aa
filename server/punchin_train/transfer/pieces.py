"""Pieces of every kind that a clip may hold, as widely as music reaches: lines, chords, strums, figures, two hands.

A piece is a pure function of its seed. Knows notes; knows nothing about sound. :mod:`.solos` are narrower on purpose:
a line that eight instruments play alike is what transfer is learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from punchin_wire.messages import Note

from ..songs.harmony import Key

SECONDS = 10.24
LOWEST, HIGHEST = 33, 98
USUAL = (0, 0, 0, 4, 11, 12, 19, 24, 24, 25, 26, 40, 41, 42, 46, 56, 65, 68, 71, 73, 73, 75)
"""Programs that clips have most often; the others are drawn from all that play a pitch."""
PITCHED = (*range(96), *range(104, 112))
BENDING = frozenset((*range(40, 45), *range(52, 55), *range(56, 80), 104, 109, 110, 111))
"""Programs of instruments whose pitch wavers and slides: bowed, sung and blown ones."""
RHYTHMS = (
    (1,),
    (0.5, 0.5),
    (0.25, 0.25, 0.5),
    (0.5, 0.25, 0.25),
    (0.25,) * 4,
    (0.75, 0.25),
    (1 / 3,) * 3,
    (2,),
    (1.5, 0.5),
    (3,),
)


Sounding = tuple[float, float, int, int]
"""Start, end, pitch, velocity."""
Kind = Callable[[Random, Key, float], list[Sounding]]
"""Plays in a key, at so many seconds a beat."""


@dataclass(frozen=True)
class Piece:
    """Parts of one instrument each; `bent` where its pitch may waver as a whole."""

    seed: int
    parts: tuple[tuple[Note, ...], ...]
    bent: bool


def compose(seed: int) -> Piece:
    """The piece of a seed."""
    random = Random(seed)
    key = Key(random.randrange(12), random.random() < 0.4)
    beat = 60 / random.uniform(48, 170)
    kinds: list[Kind] = random.choice(
        [[_line]] * 5
        + [[_doubled]] * 2
        + [[_chords], [_strum], [_figure], [_figure, _line], [_chords, _line]] * 2
        + [[_figure, _line, _chords], [_loose]]
    )
    programs = [random.choice(USUAL) if random.random() < 0.6 else random.choice(PITCHED) for _ in kinds]
    if len(kinds) == 2 and random.random() < 0.5:
        programs[1] = programs[0]  # two hands
    parts = []
    for kind, program in zip(kinds, programs, strict=True):
        notes = [n for n in kind(random, key, beat) if 0 <= n[0] < SECONDS - 0.05]
        parts.append(tuple(Note(a, e, min(HIGHEST, max(LOWEST, p)), v, program) for a, e, p, v in notes))
    return Piece(seed, tuple(parts), all(p in BENDING for p in programs))


def _line(random: Random, key: Key, beat: float) -> list[Sounding]:
    centre = random.gauss(69, 9)
    width, legato = random.uniform(1, 5), random.uniform(0.4, 1.05)
    density, ornaments, loose = (
        random.choice((0.7, 0.9, 1.0)),
        random.choice((0, 0, 0.15, 0.3)),
        random.uniform(0, 0.02),
    )
    rhythms = random.sample(RHYTHMS, 3)
    at, pitch, loudness = random.uniform(0, beat), centre, random.gauss(88, 14)
    notes: list[Sounding] = []
    while at < SECONDS:
        for beats in random.choice(rhythms):
            aim = pitch + random.gauss(0, width) + (centre - pitch) * 0.2
            pitch = _in_key(key, aim) if random.random() < 0.95 else round(aim)
            start, long = at + random.gauss(0, loose), beats * beat * legato
            velocity = _velocity(random, loudness)
            if random.random() < density:
                if random.random() < ornaments:
                    short = random.uniform(0.05, 0.1)
                    notes.append((start - short, start, int(pitch) + random.choice((-2, -1, 1, 2)), velocity))
                notes.append((start, start + max(0.06, long), int(pitch), velocity))
            at += beats * beat
    return notes


def _doubled(random: Random, key: Key, beat: float) -> list[Sounding]:
    away = random.choice((2, 2, 4, 5, 7))  # degrees of the scale below; 7 is an octave
    line = _line(random, key, beat)
    return [*line, *((a, e, _degrees_below(key, p, away), v - 6) for a, e, p, v in line if random.random() < 0.85)]


def _voicing(random: Random, key: Key, low: int) -> list[int]:
    root = _in_key(key, low + random.uniform(0, 12))
    size = random.choice((3, 3, 4, 4, 5))
    pitches = [root]
    for _ in range(size - 1):
        pitches.append(_in_key(key, pitches[-1] + random.choice((3, 4, 4, 5, 7))))
    return sorted(set(pitches))


def _changes(random: Random, key: Key, beat: float, low: int) -> list[tuple[float, float, list[int]]]:
    """Start, length and pitches of one chord after another."""
    long = beat * random.choice((1, 2, 2, 4))
    at, found = random.uniform(0, beat), []
    while at < SECONDS:
        found.append((at, long, _voicing(random, key, low)))
        at += long
    return found


def _chords(random: Random, key: Key, beat: float) -> list[Sounding]:
    held, apart, loudness = random.uniform(0.5, 1.0), random.choice((0.0, 0.006, 0.02)), random.gauss(80, 14)
    notes = []
    for at, long, pitches in _changes(random, key, beat, random.choice((40, 48, 55))):
        velocity = _velocity(random, loudness)
        for pitch in pitches:
            notes.append((at + random.uniform(0, apart), at + long * held, pitch, _velocity(random, velocity)))
    return notes


def _strum(random: Random, key: Key, beat: float) -> list[Sounding]:
    """A guitar's: six strings one after another, down and up, on a rhythm of its own."""
    pattern = [random.random() < 0.6 for _ in range(8)]
    pattern[0] = True
    apart, loudness = random.uniform(0.004, 0.02), random.gauss(84, 12)
    notes: list[Sounding] = []
    for at, long, pitches in _changes(random, key, beat, 40):
        strings = sorted({*pitches, pitches[0] + 12, pitches[min(1, len(pitches) - 1)] + 12})[:6]
        strokes = [at + i * beat / 2 for i in range(round(2 * long / beat)) if pattern[i % 8]]
        for number, stroke in enumerate(strokes):
            end = strokes[number + 1] if number + 1 < len(strokes) else at + long
            down = strings if number % 2 == 0 else strings[:1:-1]
            for i, pitch in enumerate(down):
                notes.append((stroke + i * apart, end + i * apart, pitch, _velocity(random, loudness)))
    return notes


def _figure(random: Random, key: Key, beat: float) -> list[Sounding]:
    """Broken chords, notes ringing on or not, over a bass."""
    step = beat * random.choice((0.25, 0.5, 0.5, 1 / 3))
    order, ringing, loudness = [random.randrange(8) for _ in range(8)], random.random() < 0.6, random.gauss(78, 12)
    bass, loose = random.random() < 0.6, random.uniform(0, 0.015)
    notes: list[Sounding] = []
    for at, long, pitches in _changes(random, key, beat, random.choice((40, 48, 55, 60))):
        if bass:
            notes.append((at, at + long, pitches[0] - 12, _velocity(random, loudness)))
        for i in range(max(1, int(long / step))):
            start = at + i * step + random.gauss(0, loose)
            end = at + long if ringing else start + step
            notes.append(
                (start, max(end, start + 0.08), pitches[order[i % 8] % len(pitches)], _velocity(random, loudness))
            )
    return notes


def _loose(random: Random, _key: Key, _beat: float) -> list[Sounding]:
    """Any pitches at any times."""
    notes = []
    for _ in range(random.randrange(8, 60)):
        at = random.uniform(0, SECONDS)
        notes.append((at, at + random.uniform(0.08, 2.5), random.randint(36, 93), _velocity(random, 85, 18)))
    return notes


def _velocity(random: Random, around: float, spread: float = 8) -> int:
    return round(min(127, max(24, random.gauss(around, spread))))


def _in_key(key: Key, aim: float) -> int:
    """The nearest pitch of the scale."""
    return min((p for p in range(int(aim) - 3, int(aim) + 5) if p % 12 in key.scale), key=lambda p: abs(p - aim))


def _degrees_below(key: Key, pitch: int, degrees: int) -> int:
    for _ in range(degrees):
        pitch -= 1
        while pitch % 12 not in key.scale:
            pitch -= 1
    return pitch
