"""Songs of the third edition: any band, any harmony, from one instrument to all of them, played by hands.

A song is a pure function of its seed. Genres are drawn, not listed: each takes its drums from one of :mod:`.genres` and
throws dice for everything else. In most songs the chords follow no key, so that nothing but a chord track tells what
comes. :mod:`.band` plays; :mod:`.studio` says how it sounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from punchin_wire.messages import Note

from . import band, form
from .band import PLAYERS, Plan
from .form import Section, Span
from .genres import GENRES, Genre, Patterns
from .harmony import Chord, Key
from .score import Song

KEYLESS = 0.65
"""Songs whose chords follow no key."""
QUALITIES = {"maj": 38, "min": 32, "7": 10, "min7": 8, "maj7": 6, "sus4": 3, "dim": 3}
"""How often each is met there."""
BASSES = tuple(range(32, 40))
COMPS = (
    *range(8), 11, 12, *range(16, 20), 21, *range(24, 32), 46, *range(48, 52), 54, *range(61, 64), *range(80, 96),
    105, 107,
)  # fmt: skip
PADS = (16, 18, 19, 21, *range(48, 55), 61, 62, *range(88, 96))
LEADS = (
    0, 4, 6, *range(10, 14), 16, 21, 22, 24, 26, 27, 29, 30, *range(40, 43), 46, 56, 57, 60, *range(64, 84), 85, 104,
    105, 110,
)  # fmt: skip
"""Programs of General MIDI, from 0, that play a part; of the leads, none that sounds two notes."""
ARRANGEMENTS = {
    "drums bass comp melody pad": 22,
    "drums bass comp melody": 16,
    "drums bass comp": 10,
    "drums comp melody": 5,
    "drums bass pad": 5,
    "drums bass melody": 3,
    "bass comp melody": 8,
    "bass comp": 7,
    "comp melody": 9,
    "bass pad melody": 3,
    "pad melody": 3,
    "comp": 7,
    "pad": 2,
}
"""Who plays, and how often."""
DRUMMED, TURNS = 1, 4
"""Every fourth song has drums whatever the arrangement: those that are learned from with the drums as control."""


@dataclass(frozen=True)
class Hands:
    """How exactly a player plays: standard deviations in seconds and MIDI velocity, and a constant lateness."""

    loose: float
    late: float
    touch: float
    strum: float

    @classmethod
    def drawn(cls, random: Random) -> Hands:
        return cls(
            random.choice((0.0, 0.004, 0.008, 0.015)),
            random.gauss(0, 0.006),
            random.choice((2, 6, 12)),
            random.choice((0.0, 0.0, 0.008, 0.02)),
        )

    def play(self, notes: list[Note], random: Random) -> list[Note]:
        """As written, but not quite. What is struck at once is spread from the lowest key up."""
        played, struck, rung = [], -1.0, 0
        for note in notes:
            rung = rung + 1 if abs(note.start - struck) < 0.03 else 0
            struck = note.start
            shift = self.late + random.gauss(0, self.loose) + rung * self.strum
            start = max(0.0, note.start + shift)
            end = max(start + 0.03, note.end + shift)
            velocity = min(127, max(20, round(note.velocity + random.gauss(0, self.touch))))
            played.append(Note(start, end, note.pitch, velocity, note.program, note.drum))
        return played


def compose(seed: int, seconds: float, held_out: bool) -> Song:
    """The song of a seed, at least `seconds` long; `held_out` takes progressions that training never saw."""
    random = Random(f"{seed} breadth")
    genre = drawn(random)
    key = Key(random.randrange(12), random.random() < 0.5)
    timeline, sections = form.sections(random, genre, seconds)
    keyless = not held_out and random.random() < KEYLESS
    if keyless:
        spans = tuple(_wandering(random, genre, sections))
    else:
        spans = tuple(form.harmony(random, genre, key, sections, held_out))
    swing = 0.0 if any(section.signature.compound for section in sections) else random.choice((0.0, 0.0, 0.07, 0.14))
    plan = Plan(seed, genre, key, timeline, sections, spans, swing, keyless)
    playing = random.choices(list(ARRANGEMENTS), list(ARRANGEMENTS.values()))[0].split()
    if seed % TURNS == DRUMMED and "drums" not in playing:
        playing.append("drums")
    stems = {name: player(plan) if name in playing else [] for name, player in PLAYERS.items()}
    song = band.song(plan, "breadth", seconds, stems, {name: random.uniform(0.25, 1.0) for name in PLAYERS})
    hands = {name: Hands.drawn(random) for name in stems}
    return replace(song, stems={name: hands[name].play(notes, random) for name, notes in stems.items()}, produced=True)


def drawn(random: Random) -> Genre:
    """A genre of its own: drums and progressions of a listed one, all else by dice."""
    model = random.choice(list(GENRES.values()))
    middle = random.uniform(62, 172)
    return replace(
        model,
        tempo=(round(0.94 * middle), round(1.06 * middle)),
        bass=_patterns(random, "1111158385"),
        comp=_patterns(random, random.choice(("x", "x", "^", "x^"))),
        lines=_patterns(random, "x"),
        basses=(random.choice(BASSES),),
        comps=(random.choice(COMPS),),
        pads=(random.choice(PADS),),
        leads=(random.choice(LEADS),),
        kits=(random.choice((0, 0, 8, 16, 24, 25, 32, 40)),),
        sevenths=(random.choice((0.0, 0.0, 0.3, 0.9)),),
        bars_a_chord=(0.5, 0.5, 1, 1, 1, 2, 4),
        pad_sections=0.9,
    )


def _patterns(random: Random, symbols: str) -> Patterns:
    """Three bars' rhythms, which other time signatures cut: riffs, syncopation, rests, pickups."""
    grid = random.choice((1, 2, 2, 2, 4, 4, 8))
    density, held = random.uniform(0.35, 0.95), random.choice((0.2, 0.7, 1.0))
    return {"4/4": tuple(_rhythm(random, symbols, grid, density, held) for _ in range(3))}


def _rhythm(random: Random, symbols: str, grid: int, density: float, held: float) -> str:
    """16 characters, a stroke at most every `grid` of them, each with this chance; notes last on with chance `held`."""
    cells: list[str] = []
    for at in range(0, 16, grid):
        strikes = random.random() < (1 - (1 - density) / 2 if at % 4 == 0 else density)
        rest = "-" if cells and random.random() < held else "."
        cells.append((random.choice(symbols) if strikes else rest) + rest * (grid - 1))
    return "".join(cells)


def _wandering(random: Random, genre: Genre, sections: tuple[Section, ...]) -> Iterator[Span]:
    """Chords that nobody can guess, at a pace of their own in every song."""

    def turn() -> list[Chord]:
        kinds = random.choices(list(QUALITIES), list(QUALITIES.values()), k=16)
        return [Chord(random.randrange(12), quality) for quality in kinds]

    return form.spans(sections, [turn() for _ in sections], random.choice(genre.bars_a_chord))
