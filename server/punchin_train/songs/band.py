"""Songs of the second edition: a genre's band, with sections, fills, and tempo and time signature that may change.

A song is a pure function of its seed. The tables are in :mod:`.genres`; here are the dice, and who plays what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from punchin_wire.messages import ChordSegment, Note

from . import form
from .form import Section, Span
from .genres import GENRES, LOUDNESS, PIECES, Genre, Patterns
from .harmony import Chord, Key
from .score import Bar, Song, Timeline, TimeSignature

SIXTEENTH = 0.25  # quarter notes
GAINS = {"drums": (0.6, 1.0), "bass": (0.5, 0.9), "comp": (0.5, 0.9), "melody": (0.3, 0.7), "pad": (0.2, 0.45)}


@dataclass(frozen=True)
class Plan:
    """What all players share. Each throws dice of its own, so that none depends on another."""

    seed: int
    genre: Genre
    key: Key
    timeline: Timeline
    sections: tuple[Section, ...]
    spans: tuple[Span, ...]
    swing: float
    keyless: bool = False

    def dice(self, player: str) -> Random:
        return Random(f"{self.seed} {player}")

    def seconds(self, quarter: float, random: Random) -> float:
        """A place in time, swung on the off-eighths and humanised."""
        late = self.swing if abs(quarter % 1 - 0.5) < 1e-6 else 0.0
        return max(0.0, self.timeline.seconds(quarter + late) + random.gauss(0, 0.004))

    def note(self, start: float, end: float, pitch: int, velocity: int, program: int, random: Random) -> Note:
        """A note between two places; at least a thirtieth of a second long."""
        at = self.seconds(start, random)
        until = self.timeline.seconds(end) - 0.02
        return Note(at, max(until, at + 0.03), pitch, velocity, program)

    def scale(self, chord: Chord) -> frozenset[int]:
        """Pitch classes that a line may pass through: the key's, or the chord's own where there is no key."""
        return (Key(chord.root, "min" in chord.quality or "dim" in chord.quality) if self.keyless else self.key).scale

    def spans_of(self, bar: Bar) -> list[Span]:
        end = bar.quarter + bar.signature.quarters
        return [span for span in self.spans if bar.quarter <= span.start < end]


def compose(seed: int, seconds: float, held_out: bool) -> Song:
    """The song of a seed, at least `seconds` long; `held_out` takes progressions that training never saw."""
    random = Random(seed)
    name = random.choice(list(GENRES))
    genre = GENRES[name]
    key = Key(random.randrange(12), random.random() < genre.minors)
    timeline, sections = form.sections(random, genre, seconds)
    spans = tuple(form.harmony(random, genre, key, sections, held_out))
    swing = random.choice(genre.swing)
    if any(section.signature.compound for section in sections):
        swing = 0.0  # its eighths come in threes already
    plan = Plan(seed, genre, key, timeline, sections, spans, swing)
    stems = {name: player(plan) for name, player in PLAYERS.items()}
    return song(plan, name, seconds, stems, {stem: random.uniform(*bounds) for stem, bounds in GAINS.items()})


def song(plan: Plan, feel: str, seconds: float, stems: dict[str, list[Note]], gains: dict[str, float]) -> Song:
    """What `stems` play of a plan, with its chords and beats."""
    timeline = plan.timeline
    chords = (ChordSegment(timeline.seconds(s.start), timeline.seconds(s.end), s.chord.label) for s in plan.spans)
    return Song(
        seed=plan.seed,
        key=plan.key,
        tempo=timeline.tempos[0].bpm,
        feel=feel,
        seconds=seconds,
        chords=tuple(form.joined(chords, seconds)),
        beats=tuple(timeline.beats()),
        stems=stems,
        gains=gains,
        sections=tuple((timeline.seconds(section.bars[0].quarter), section.letter) for section in plan.sections),
        timeline=timeline,
    )


# ---- patterns ------------------------------------------------------------------------------------------------


def fitted(patterns: Patterns, signature: TimeSignature) -> list[str]:
    """Patterns for a time signature, one character a sixteenth note; those of 4/4, cut or begun again, where it has
    none."""
    steps = round(signature.quarters / SIXTEENTH)
    return [(pattern * 2)[:steps] for pattern in patterns.get(str(signature), patterns["4/4"])]


def grooves(genre: Genre, signature: TimeSignature) -> list[dict[str, str]]:
    """Drum patterns for a time signature, each as rhythms by piece."""
    found = []
    for groove in genre.grooves.get(str(signature), genre.grooves["4/4"]):
        words = groove.split()
        found.append(dict(zip(words[::2], fitted({"4/4": tuple(words[1::2])}, signature), strict=True)))
    return found


@dataclass(frozen=True)
class Stroke:
    """One note of a pattern, in quarter notes of the song."""

    start: float
    end: float
    symbol: str
    span: Span


def _strokes(pattern: str, bar: Bar, spans: list[Span], first: str = "") -> Iterator[Stroke]:
    """A bar's pattern over its chords. A new chord is begun by `first`; no note outlasts the chord it was struck in."""
    for span in spans:
        begin, end = (round((place - bar.quarter) / SIXTEENTH) for place in (span.start, span.end))
        cut = pattern[begin:end]
        if first and span.fresh:
            cut = first + cut[1:]
        starts = [step for step, symbol in enumerate(cut) if symbol not in "-."]
        for step in starts:
            stop = next((later for later in range(step + 1, len(cut)) if cut[later] != "-"), len(cut))
            yield Stroke(span.start + step * SIXTEENTH, span.start + stop * SIXTEENTH, cut[step], span)


# ---- players -------------------------------------------------------------------------------------------------


def _drums(plan: Plan) -> list[Note]:
    random = plan.dice("drums")
    kit, silent = random.choice(plan.genre.kits), random.random() < 0.1
    chosen = {letter: random.randrange(6) for letter in "ABC"}
    hits: list[tuple[float, str, int]] = []  # quarter, piece, velocity
    for number, section in enumerate(plan.sections):
        if silent and number == 0:
            continue
        choices = grooves(plan.genre, section.signature)
        groove = choices[chosen[section.letter] % len(choices)]
        hits.append((section.bars[0].quarter, "C", 104))
        for bar in section.bars:
            end = bar.quarter + bar.signature.quarters
            fill = ""
            if (bar is section.bars[-1] and random.random() < 0.85) or random.random() < 0.06:
                fill = random.choice(plan.genre.fills)
            until = end - len(fill) * SIXTEENTH
            for piece, rhythm in groove.items():
                for step, symbol in enumerate(rhythm):
                    if symbol != "." and bar.quarter + step * SIXTEENTH < until:
                        hits.append((bar.quarter + step * SIXTEENTH, piece, LOUDNESS[symbol]))
            hits += [
                (until + step * SIXTEENTH, piece, random.choice((88, 104)))
                for step, piece in enumerate(fill)
                if piece != "."
            ]
    return [
        Note(at := plan.seconds(quarter, random), at + 0.15, PIECES[piece], velocity, kit, True)
        for quarter, piece, velocity in sorted(hits)
    ]


def _bass(plan: Plan) -> list[Note]:
    random, program = plan.dice("bass"), plan.dice("bass program").choice(plan.genre.basses)
    notes: list[Note] = []
    for bar, pattern in _patterned(plan, plan.genre.bass, random):
        for stroke in _strokes(pattern, bar, plan.spans_of(bar), first="1"):
            pitch = _bass_pitch(stroke)
            notes.append(plan.note(stroke.start, stroke.end, pitch, random.choice((88, 96, 104)), program, random))
    return notes


def _bass_pitch(stroke: Stroke) -> int:
    """The key that a bass symbol means, E1 to a tenth above; `a` is a semitone below the next chord's root."""
    chord = stroke.span.chord
    root = 28 + (chord.root - 28) % 12
    if stroke.symbol == "a":
        return 28 + (stroke.span.following.root - 1 - 28) % 12
    _, third, fifth, *_ = chord.pitch_classes
    return root + {"1": 0, "8": 12, "3": (third - chord.root) % 12, "5": (fifth - chord.root) % 12}[stroke.symbol]


def _comp(plan: Plan) -> list[Note]:
    random = plan.dice("comp")
    program, lowest = random.choice(plan.genre.comps), random.choice((48, 52, 55))
    notes: list[Note] = []
    for bar, pattern in _patterned(plan, plan.genre.comp, random):
        rung = 0
        for stroke in _strokes(pattern, bar, plan.spans_of(bar), first="^" if "^" in pattern else "x"):
            voicing, velocity = _voicing(stroke.span.chord, lowest), random.choice((72, 80, 88))
            if stroke.symbol == "^":
                ladder = voicing if len(voicing) > 3 else [*voicing, voicing[0] + 12]
                rung, voicing = rung + 1, [ladder[rung % len(ladder)]]
            notes += [plan.note(stroke.start, stroke.end, pitch, velocity, program, random) for pitch in voicing]
    return notes


def _pad(plan: Plan) -> list[Note]:
    """Every bar's chords, held, in some of the sections."""
    random = plan.dice("pad")
    program, lowest = random.choice(plan.genre.pads), random.choice((55, 58, 60))
    plays = {letter: random.random() < plan.genre.pad_sections for letter in "ABC"}
    return [
        plan.note(span.start, span.end, pitch, 72, program, random)
        for section in plan.sections
        if plays[section.letter]
        for bar in section.bars
        for span in plan.spans_of(bar)
        for pitch in _voicing(span.chord, lowest)
    ]


def _melody(plan: Plan) -> list[Note]:
    random = plan.dice("melody")
    program, density, current = random.choice(plan.genre.leads), random.choice((0.6, 0.8, 1.0)), random.randint(67, 76)
    if random.random() < 0.1:
        return []
    notes: list[Note] = []
    for bar, pattern in _patterned(plan, plan.genre.lines, random):
        if random.random() > density:
            continue
        for stroke in _strokes(pattern, bar, plan.spans_of(bar)):
            chord = stroke.span.chord
            tones, scale = (
                [pitch for pitch in range(60, 86) if pitch % 12 in known]
                for known in (chord.pitch_classes, plan.scale(chord))
            )
            strong = (stroke.start - bar.quarter) % bar.signature.beat == 0
            choices = tones if strong and random.random() < 0.85 else scale
            current = min(choices, key=lambda pitch: abs(pitch - current) + random.random() * 4)
            notes.append(plan.note(stroke.start, stroke.end, current, random.choice((88, 96, 104)), program, random))
    return notes


def _patterned(plan: Plan, patterns: Patterns, random: Random) -> Iterator[tuple[Bar, str]]:
    """Every bar with its pattern: one of the genre's for each letter, now and then another."""
    chosen = {letter: random.randrange(12) for letter in "ABC"}
    for section in plan.sections:
        choices = fitted(patterns, section.signature)
        for bar in section.bars:
            index = chosen[section.letter] + (random.random() < 0.12)
            yield bar, choices[index % len(choices)]


def _voicing(chord: Chord, lowest: int) -> list[int]:
    """The chord's tones within the octave above `lowest`, ascending."""
    return sorted(lowest + (pitch_class - lowest) % 12 for pitch_class in chord.pitch_classes)


PLAYERS = {"drums": _drums, "bass": _bass, "comp": _comp, "melody": _melody, "pad": _pad}
"""By the stem that each plays."""
