"""Procedural songs: drums, bass, comping and melody as notes, with their chords and beats.

A song is a pure function of its seed. Knows music as tables and dice; knows nothing about audio. The tiny pack
is trained on nothing else, so its weights carry no one's recordings. Seeds of the first edition are the songs that
it learned from, one tempo and 4/4 each, and stay what they are; for those of the second :mod:`.band` plays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from punchin_wire.messages import ChordSegment, Note

from . import band, breadth
from .harmony import Chord, Key
from .score import FOUR_FOUR, STEMS, Bar, Song, Tempo, Timeline

__all__ = ["EDITIONS", "STEMS", "Song", "compose"]

EDITIONS = {1: 0, 2: 100_000_000, 3: 200_000_000}
"""First seed of each edition of the songs. Those of the second are in seven genres, with pads, and their tempo and
time signature may change; those of the third are by any band in any harmony, with any sound."""

KICK, SNARES, CLOSED_HAT, OPEN_HAT, CRASH, RIDE = 36, (38, 38, 40, 37), 42, 46, 49, 51
TOMS = (50, 48, 47, 45, 43)
KITS = (0, 8, 16, 25)
BASSES = (32, 33, 34, 36, 38)
COMPS = (0, 0, 1, 4, 5, 16, 24, 25, 27, 48, 50, 89)
SUSTAINED = frozenset({16, 48, 50, 89})
LEADS = (73, 65, 66, 56, 40, 71, 80, 81, 11, 0)

# feel -> (kick beats, snare beats, hats a bar, may swing)
FEELS: dict[str, tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...], bool]] = {
    "pop": ((0, 1.5, 2), (1, 3), (8, 8, 16), True),
    "rock": ((0, 2, 2.5), (1, 3), (8,), False),
    "ballad": ((0, 2.5), (1, 3), (8, 4), False),
    "funk": ((0, 0.75, 1.75, 2.5), (1, 3), (16, 16, 8), True),
    "house": ((0, 1, 2, 3), (1, 3), (8,), False),
    "latin": ((0, 1.5, 2, 3.5), (1, 2.5), (8,), False),
    "soul": ((0, 0.5, 2.5), (1, 3), (8,), True),
    "halftime": ((0, 1.5), (2,), (8, 16), False),
}
COMP_PATTERNS = ("block", "offbeat", "arpeggio", "sixteenths", "strum", "charleston")
MELODY_RHYTHMS = ((1, 1), (0.5, 0.5, 1), (1, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), (1.5, 0.5), (2,), (0.75, 0.75, 0.5))


@dataclass
class _Plan:
    """What all players share while a song is written."""

    random: Random
    key: Key
    tempo: float
    feel: str
    swing: float
    chords: list[Chord]  # one for each half bar
    held: list[bool] = field(default_factory=list)

    @property
    def bars(self) -> int:
        return len(self.chords) // 2

    def time(self, beat: float, jitter: float = 0.0) -> float:
        """Seconds of a beat, swung on the off-eighths and humanised."""
        swung = beat + (self.swing if abs(beat % 1 - 0.5) < 1e-6 else 0.0)
        return max(0.0, swung * 60 / self.tempo + (self.random.gauss(0, jitter) if jitter else 0.0))

    def note(self, beat: float, beats: float, pitch: int, velocity: int, program: int) -> Note:
        start = self.time(beat, 0.005)
        return Note(start, start + beats * 60 / self.tempo, pitch, velocity, program)

    def velocity(self, low: int, high: int) -> int:
        return self.random.randrange(low, high, 8)  # few layers: each costs one pass of the renderer


def compose(seed: int, seconds: float = 40.0, held_out: bool = False) -> Song:
    """Write the song of a seed, at least `seconds` long; `held_out` takes progressions training never saw."""
    if seed >= EDITIONS[3]:
        return breadth.compose(seed, seconds, held_out)
    if seed >= EDITIONS[2]:
        return band.compose(seed, seconds, held_out)
    random = Random(seed)
    key = Key(random.randrange(12), random.random() < 0.4)
    tempo, feel = round(random.uniform(80, 140), 2), random.choice(list(FEELS))
    swing = random.choice((0.0, 0.0, 0.07, 0.12)) if FEELS[feel][3] else 0.0
    bars = math.ceil(seconds * tempo / 240)
    plan = _Plan(random, key, tempo, feel, swing, list(_harmony(random, key, bars, held_out)))
    stems = {"drums": _drums(plan), "bass": _bass(plan), "comp": _comp(plan), "melody": _melody(plan)}
    half_bar = 120 / tempo
    segments: list[ChordSegment] = []
    for index, chord in enumerate(plan.chords):
        start, end = index * half_bar, min((index + 1) * half_bar, seconds)
        if start >= seconds:
            break
        if segments and segments[-1].label == chord.label:
            start = segments.pop().start
        segments.append(ChordSegment(start, end, chord.label))
    return Song(
        seed=seed,
        key=key,
        tempo=tempo,
        feel=feel,
        seconds=seconds,
        chords=tuple(segments),
        beats=tuple((beat * 60 / tempo, beat % 4 + 1) for beat in range(4 * bars)),
        stems=stems,
        gains={
            "drums": random.uniform(0.6, 1.0),
            "bass": random.uniform(0.5, 0.9),
            "comp": random.uniform(0.5, 0.9),
            "melody": random.uniform(0.3, 0.7),
        },
        sections=tuple((bar * 240 / tempo, "AB"[bar // 8 % 2]) for bar in range(0, bars, 8)),
        timeline=Timeline(tuple(Bar(4.0 * bar, FOUR_FOUR) for bar in range(bars)), (Tempo(0.0, tempo),)),
    )


def _harmony(random: Random, key: Key, bars: int, held_out: bool) -> Iterator[Chord]:
    """One chord for each half bar: two progressions in turn, eight bars each."""
    progressions = [key.progression(random, held_out) for _ in range(2)]
    rate = random.choice((0.5, 1, 1, 1, 1, 2))  # chords a bar
    sevenths = random.choice((0.0, 0.0, 0.0, 0.2, 0.8))
    chords: dict[tuple[int, int], Chord] = {}
    for half in range(2 * bars):
        bar = half // 2
        block, step = bar // 8, int(half / 2 * rate)
        if (block, step) not in chords:
            degree = progressions[block % 2][step % 4]
            chords[block, step] = key.chord(degree, random.random() < sevenths)
        yield chords[block, step]


def _drums(plan: _Plan) -> list[Note]:
    random, kit = plan.random, plan.random.choice(KITS)
    kicks, snares, hat_choices, _ = FEELS[plan.feel]
    kicks = tuple(k for k in kicks if k == 0 or random.random() < 0.85)
    if random.random() < 0.5:
        kicks += (random.choice((0.5, 1.25, 2.75, 3.25, 3.5)),)
    snare, hats, rides = random.choice(SNARES), random.choice(hat_choices), random.random() < 0.25
    silent_bars = 4 if random.random() < 0.1 else 0
    hits: list[tuple[float, int, int]] = []  # beat, pitch, velocity
    for bar in range(silent_bars, plan.bars):
        fill = (bar % 8 == 7 and random.random() < 0.7) or (bar % 4 == 3 and random.random() < 0.2)
        hits += [(4 * bar + k, KICK, plan.velocity(96, 127)) for k in kicks]
        hits += [(4 * bar + s, snare, plan.velocity(96, 127)) for s in snares if not (fill and s >= 2)]
        if bar % 8 == 0:
            hits.append((4 * bar, CRASH, 104))
        cymbal = RIDE if rides and bar // 8 % 2 else CLOSED_HAT
        for index in range(hats):
            beat = index * 4 / hats
            if fill and beat >= 3:
                break
            if plan.feel == "house" and hats == 8:
                pitch = OPEN_HAT if index % 2 else CLOSED_HAT
            else:
                pitch = OPEN_HAT if index % 4 == 3 and random.random() < 0.06 else cymbal
            hits.append((4 * bar + beat, pitch, 80 if index % 2 == 0 else 64))
        if fill:
            start, count = random.choice(((2, 8), (3, 4)))
            for stroke in range(count):
                drum = random.choice((snare, TOMS[min(stroke * 5 // count, 4)]))
                hits.append((4 * bar + start + stroke / 4, drum, plan.velocity(80, 120)))
    return [Note(at := plan.time(beat, 0.003), at + 0.15, pitch, velocity, kit, True) for beat, pitch, velocity in hits]


def _bass(plan: _Plan) -> list[Note]:
    random, program = plan.random, plan.random.choice(BASSES)
    style = random.choice(("root", "octave", "fifth", "walk", "eighths", "syncopated"))
    notes: list[Note] = []
    for half, chord in enumerate(plan.chords):
        root = 28 + (chord.root - 4) % 12
        third, fifth = (interval - chord.root for interval in _above(chord, 2))
        figure: list[tuple[float, float, int]] = {
            "root": [(0.0, 2.0, 0)],
            "octave": [(0.0, 0.5, 0), (0.5, 0.5, 12), (1.0, 0.5, 0), (1.5, 0.5, 12)],
            "fifth": [(0.0, 1.0, 0), (1.0, 1.0, fifth)],
            "walk": [(0.0, 1.0, 0), (1.0, 0.5, third), (1.5, 0.5, fifth)],
            "eighths": [(x / 2, 0.5, 0) for x in range(4)],
            "syncopated": [(0.0, 0.75, 0), (0.75, 0.75, 0), (1.5, 0.5, random.choice((0, 7, 12)))],
        }[style]
        notes += [
            plan.note(2 * half + beat, beats * 0.92, root + above, plan.velocity(88, 112), program)
            for beat, beats, above in figure
        ]
    return notes


def _above(chord: Chord, count: int) -> list[int]:
    """Pitches of the chord's first upper tones, counted from its root pitch class."""
    return [chord.root + (pitch_class - chord.root) % 12 for pitch_class in chord.pitch_classes[1 : 1 + count]]


def _comp(plan: _Plan) -> list[Note]:
    return [note for _ in range(plan.random.choice((1, 1, 2))) for note in _comp_part(plan)]


def _comp_part(plan: _Plan) -> list[Note]:
    random, program = plan.random, plan.random.choice(COMPS)
    pattern = "pad" if program in SUSTAINED and random.random() < 0.8 else random.choice(COMP_PATTERNS)
    lowest = random.choice((48, 52, 55, 60))
    notes: list[Note] = []

    def play(beat: float, beats: float, pitches: list[int]) -> None:
        velocity = plan.velocity(64, 96)
        notes.extend(plan.note(beat, beats, pitch, velocity, program) for pitch in pitches)

    for half, chord in enumerate(plan.chords):
        beat = 2.0 * half
        voicing = sorted(lowest + (pitch_class - lowest) % 12 for pitch_class in chord.pitch_classes)
        follows = half > 0 and plan.chords[half - 1] == chord
        if pattern == "pad":
            joined = half % 2 == 0 and plan.chords[half + 1 : half + 2] == [chord]
            if half % 2 == 0 or not follows:
                play(beat, 3.95 if joined else 1.95, voicing)
        elif pattern == "block":
            for step in (0.0, 1.0):
                play(beat + step, 0.9, voicing)
        elif pattern == "offbeat":
            for step in (0.5, 1.5):
                play(beat + step, 0.35, voicing)
        elif pattern == "charleston":
            play(beat, 1.3, voicing)
            play(beat + 1.5, 0.45, voicing)
        elif pattern == "strum":
            for step in (0.0, 0.5, 1.0, 1.5):
                if step == 0.0 or random.random() < 0.75:
                    play(beat + step, 0.6, voicing)
        else:
            length = 0.5 if pattern == "arpeggio" else 0.25
            ladder = voicing if len(voicing) > 3 else [*voicing, voicing[0] + 12]
            for index in range(int(2 / length)):
                play(beat + index * length, 1.5 * length, [ladder[index % len(ladder)]])
    return notes


def _melody(plan: _Plan) -> list[Note]:
    random, program = plan.random, plan.random.choice(LEADS)
    if random.random() < 0.15:
        return []
    density, current = random.choice((0.5, 0.8, 1.0)), random.randint(67, 76)
    rhythms = random.sample(MELODY_RHYTHMS, 3)  # a song's phrases share their rhythms
    scale = [pitch for pitch in range(60, 86) if pitch % 12 in plan.key.scale]
    notes: list[Note] = []
    for half, chord in enumerate(plan.chords):
        if half // 4 % 4 == 3 and random.random() < 0.5:
            continue
        tones = [pitch for pitch in range(60, 86) if pitch % 12 in chord.pitch_classes]
        position = 0.0
        for beats in random.choice(rhythms):
            if random.random() < density * 0.85:
                choices = tones if position % 1 == 0 and random.random() < 0.8 else scale
                current = min(choices, key=lambda pitch: abs(pitch - current) + random.random() * 4)
                velocity = plan.velocity(80, 112)
                notes.append(plan.note(2 * half + position, beats * 0.93, current, velocity, program))
            position += beats
    return notes
