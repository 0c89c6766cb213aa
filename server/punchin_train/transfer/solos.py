"""Solo lines, each played on every instrument of the tiny pack: what its transfer half learns from.

A line is a pure function of its seed. Knows notes, instruments and captions; knows nothing about models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.conditioning.render import render
from punchin_wire.disk import replacing
from punchin_wire.messages import Note

from ..songs.harmony import Chord, Key

INSTRUMENTS: dict[str, int] = {  # name in captions -> General MIDI program
    "piano": 0,
    "acoustic guitar": 24,
    "violin": 40,
    "cello": 42,
    "flute": 73,
    "harp": 46,
    "marimba": 12,
    "organ": 19,
}
NAMES = tuple(INSTRUMENTS)
SECONDS = 10.24
SAMPLES = round(SECONDS * SAMPLE_RATE)
LOWEST, HIGHEST = 60, 84
RHYTHMS = ((1, 1), (0.5, 0.5, 1), (1, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), (1.5, 0.5), (2,), (0.75, 0.75, 0.5))
PEAK = 0.5
"""Of every rendered line; what AudioLDM2's waves are normalised to."""

SOLO_CAPTIONS = (
    "a recording of a {} solo",
    "a recording of a {} solo",
    "a {} solo",
    "solo {}",
    "{}",
    "a {} playing a melody",
    "the sound of a {}",
    "a melody played on the {}",
)
DUET_CAPTIONS = ("Duet, Played with {} accompaniment", "duet, a melody with {} accompaniment")


@dataclass(frozen=True)
class Line:
    """A melody and what may accompany it; times in seconds, within :data:`SECONDS`."""

    seed: int
    key: Key
    melody: tuple[Note, ...]
    accompaniment: tuple[Note, ...]


def caption(random: Random, instrument: str) -> str:
    """One way to say what plays."""
    return _grammatical(random.choice(SOLO_CAPTIONS).format(instrument))


def duet_caption(random: Random, instrument: str) -> str:
    """One way to say what accompanies."""
    return random.choice(DUET_CAPTIONS).format(instrument)


def _grammatical(text: str) -> str:
    for vowel in "aeiou":
        text = text.replace(f"a {vowel}", f"an {vowel}")
    return text


def compose(seed: int, held_out: bool = False) -> Line:
    """The line of a seed; `held_out` takes progressions that training never heard."""
    random = Random(seed)
    key = Key(random.randrange(12), random.random() < 0.4)
    beat = 60 / random.uniform(66, 138)
    degrees = key.progression(random, held_out)
    halves = int(SECONDS / (2 * beat)) + 1
    chords = [key.chord(degrees[half // 2 % 4], False) for half in range(halves)]
    doubled = random.random() < 0.25  # some lines are played in thirds and sixths: clips are not always monophonic
    melody = _melody(random, key, chords, beat, doubled)
    return Line(seed, key, melody, _accompaniment(random, chords, beat))


def _melody(random: Random, key: Key, chords: list[Chord], beat: float, doubled: bool) -> tuple[Note, ...]:
    scale = [pitch for pitch in range(LOWEST, HIGHEST + 1) if pitch % 12 in key.scale]
    rhythms = random.sample(RHYTHMS, 3)
    density, held = random.choice((0.75, 0.9, 1.0)), random.uniform(0.7, 1.0)
    centre, current = random.randint(64, 79), random.randint(64, 79)
    start = random.uniform(0.0, beat)
    notes: list[Note] = []
    for half, chord in enumerate(chords):
        tones = [pitch for pitch in range(LOWEST, HIGHEST + 1) if pitch % 12 in chord.pitch_classes]
        position = 0.0
        for beats in random.choice(rhythms):
            at = start + (2 * half + position) * beat + random.gauss(0, 0.004)
            position += beats
            if random.random() > density or not 0 <= at < SECONDS - 0.1:
                continue
            choices = tones if position == beats and random.random() < 0.7 else scale
            aim = current + random.gauss(0, 4) + (centre - current) * 0.25
            current = min(choices, key=lambda pitch: abs(pitch - aim))
            end, velocity = at + beats * beat * held, random.randrange(64, 120, 8)
            notes.append(Note(at, end, current, velocity))
            if doubled:
                below = [pitch for pitch in tones if 3 <= current - pitch <= 9]
                notes += [Note(at, end, pitch, velocity) for pitch in below[-1:]]
    return tuple(notes)


def _accompaniment(random: Random, chords: list[Chord], beat: float) -> tuple[Note, ...]:
    """Broken or held chords an octave below the line."""
    broken = random.random() < 0.6
    notes: list[Note] = []
    for half, chord in enumerate(chords):
        pitches = sorted(48 + pitch_class for pitch_class in chord.pitch_classes)
        for index in range(4):
            at = (2 * half + index / 2) * beat
            if broken:
                notes.append(Note(at, at + 0.6 * beat, pitches[(0, 1, 2, 1)[index] % len(pitches)], 80))
            elif index == 0:
                notes += [Note(at, at + 1.9 * beat, pitch, 72) for pitch in pitches]
    return tuple(note for note in notes if note.start < SECONDS - 0.1)


def play(notes: tuple[Note, ...], instrument: str, soundfont: Path | None = None) -> NDArray[np.float32]:
    """The notes on an instrument, `[163840]` at 16 kHz, its peak at :data:`PEAK`."""
    program = INSTRUMENTS[instrument]
    played = [Note(n.start, n.end, n.pitch, n.velocity, program) for n in notes]
    audio = render(played, SECONDS, SAMPLE_RATE, soundfont)
    return audio * np.float32(PEAK / max(float(np.abs(audio).max()), 1e-6))


def companion(seed: int) -> str:
    """The instrument on which the accompaniment of a line was rendered."""
    return NAMES[Random(seed).randrange(len(NAMES))]


def render_lines(folder: Path, seeds: range, held_out: bool = False) -> None:
    """Render what the folder lacks, `SEED.npy` each: int16 `[8 + 1, 163840]`, the melody on each of :data:`NAMES` and
    the accompaniment on its :func:`companion`. Safe to run in several processes at once."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        path = folder / f"{seed:07d}.npy"
        if path.exists():
            continue
        line = compose(seed, held_out)
        tracks = [play(line.melody, name) for name in NAMES] + [play(line.accompaniment, companion(seed))]
        with replacing(path, durable=False) as file:
            np.save(file, np.round(np.stack(tracks) * 32767).astype(np.int16))
