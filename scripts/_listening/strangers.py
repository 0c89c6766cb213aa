"""Ten songs of another hand: written out below, played by the program fluidsynth with a soundfont that no pack learned
from, with its reverb and chorus. They share no code with the songs that packs are trained on.

A song is its chords, a bar each unless there are two, and who plays what. Parts are rhythms over the bar: a beat, a
length, and what of the chord sounds there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import soundfile
import yaml
from numpy.typing import NDArray
from punchin_wire.harte import parse
from punchin_wire.messages import ChordSegment, Note

RATE = 44_100
TICKS = 480
DRUMS = -1
Audio = NDArray[np.float32]


class Stroke(NamedTuple):
    """From `beat` of the bar on, for so many `beats`: tones of the chord by number, from its root up; 10 and more are
    steps of the scale beside tone `n - 10`. `all` of them at once are a block."""

    beat: float
    beats: float
    tones: tuple[int, ...]


def _block(*beats: float, last: float = 1.0) -> tuple[Stroke, ...]:
    return tuple(Stroke(beat, last, (0, 1, 2, 3)) for beat in beats)


def _line(length: float, *tones: int, start: float = 0.0) -> tuple[Stroke, ...]:
    return tuple(Stroke(start + i * length, length, (tone,)) for i, tone in enumerate(tones) if tone >= 0)


class Part(NamedTuple):
    """Who plays `strokes` around pitch `around`, General MIDI `program`, this loud."""

    program: int
    around: int
    loud: int
    strokes: tuple[Stroke, ...]


class Stranger(NamedTuple):
    """`chords` are bars, split by `|`; two in a bar share it. `drums` are (beat, key)."""

    name: str
    tempo: float
    beats: int
    chords: str
    harmony: Part
    bass: Part
    melody: Part
    drums: tuple[tuple[float, int], ...]


_ROCK = (*((b / 2, 42) for b in range(8)), (0.0, 36), (2.0, 36), (2.5, 36), (1.0, 38), (3.0, 38))
_FOUR = (*((float(b), 36) for b in range(4)), *((b + 0.5, 46) for b in range(4)), (1.0, 39), (3.0, 39))
_WALTZ = ((0.0, 36), (1.0, 42), (2.0, 42))
_BOSSA = ((0.0, 36), (1.5, 36), (2.0, 36), (3.5, 36), (0.0, 37), (1.5, 37), (3.0, 37), *((b / 2, 42) for b in range(8)))
_BRUSH = ((0.0, 51), (1.0, 51), (1.67, 51), (2.0, 51), (3.0, 51), (3.67, 51), (1.0, 44), (3.0, 44))
_FUNK = ((0.0, 36), (0.75, 36), (2.5, 36), (1.0, 38), (3.0, 38), (2.25, 38), *((b / 4, 42) for b in range(16)))
_ROOT = (Stroke(0.0, 2.0, (0,)), Stroke(2.0, 2.0, (0,)))

SONGS = (
    Stranger("ballad", 68, 4, "C:maj | A:min | F:maj | G:maj | E:min | A:min | D:min7 | G:7",
             Part(0, 62, 70, _line(0.5, 0, 2, 1, 3, 2, 1, 3, 2)), Part(32, 38, 85, _ROOT),
             Part(73, 76, 80, _line(1.0, 2, 12, 1, 0)), _ROCK),
    Stranger("rock", 132, 4, "E:maj | E:maj | A:maj | A:maj | C#:min | B:maj | A:maj | B:maj",
             Part(29, 55, 90, tuple(Stroke(b / 2, 0.45, (0, 2, 3)) for b in range(8))),
             Part(33, 33, 95, _line(0.5, *[0] * 8)), Part(81, 74, 75, _line(0.5, 1, 2, -1, 11, 1, -1, 0, 0)), _ROCK),
    Stranger("waltz", 152, 3, "G:maj | G:maj | C:maj | D:7 | G:maj | E:min | A:min | D:7",
             Part(21, 64, 75, _block(1.0, 2.0, last=0.8)), Part(32, 38, 85, (Stroke(0.0, 1.0, (0,)),)),
             Part(40, 78, 85, _line(1.0, 2, 11, 1)), _WALTZ),
    Stranger("bossa", 126, 4, "D:min7 | G:7 | C:maj7 | A:min7 | D:min7 | G:7 | E:min7 | A:7",
             Part(24, 60, 80, _block(0.0, 1.5, 3.0, last=0.9)),
             Part(32, 36, 85, (Stroke(0.0, 1.5, (0,)), Stroke(1.5, 0.5, (2,)), Stroke(2.0, 1.5, (2,)))),
             Part(71, 72, 75, _line(1.5, 3, 12, start=0.5)), _BOSSA),
    Stranger("funk", 104, 4, "E:min7 | E:min7 | A:7 | A:7 | C:maj7 | B:min7 | E:min7 | E:min7",
             Part(4, 62, 80, _block(0.0, 0.75, 1.5, 2.75, last=0.2)),
             Part(36, 34, 95, _line(0.5, 0, -1, 0, 2, -1, 0, 3, 2)), Part(61, 70, 80, _line(0.5, 2, 2, -1, 1)), _FUNK),
    Stranger("hymn", 84, 4, "Bb:maj F:maj | G:min Eb:maj | Bb:maj Eb:maj | C:min F:maj | D:min G:min | Eb:maj F:maj",
             Part(19, 62, 85, _block(0.0, 2.0, last=2.0)), Part(19, 43, 85, _ROOT),
             Part(52, 70, 80, _line(1.0, 2, 2, 1, 3)), ()),
    Stranger("dance", 124, 4, "F#:min | D:maj | A:maj | E:maj | F#:min | D:maj | B:min | C#:min",
             Part(90, 64, 75, _block(0.0, 1.5, 3.0, last=1.2)),
             Part(38, 33, 95, _line(0.5, -1, 0, -1, 0, -1, 0, -1, 0)),
             Part(80, 76, 75, _line(0.5, 0, 1, 2, 3, 2, 1, 2, 11)), _FOUR),
    Stranger("country", 112, 4, "A:maj | D:maj | A:maj | E:maj | F#:min | D:maj | A:maj E:maj | A:maj",
             Part(25, 57, 85, (*_block(1.0, 3.0, last=0.6), *_line(2.0, 0, 2))),
             Part(32, 38, 85, (Stroke(0.0, 2.0, (0,)), Stroke(2.0, 2.0, (2,)))),
             Part(22, 72, 75, _line(0.5, 1, 11, 1, 2, -1, 1, 0, 0)), _ROCK),
    Stranger("jazz", 138, 4, "F:maj7 | D:min7 | G:min7 | C:7 | A:min7 | D:7 | G:min7 | C:7",
             Part(0, 60, 75, _block(0.0, 1.67, last=0.9)), Part(32, 36, 90, _line(1.0, 0, 1, 2, 3)),
             Part(65, 70, 80, _line(0.67, 1, 12, 3, 2, 11, 0)), _BRUSH),
    Stranger("arpeggios", 96, 4, "D:min | D:min | Bb:maj | Bb:maj | G:min | A:maj | D:min | C:maj",
             Part(46, 60, 85, _line(0.25, 0, 1, 2, 3, 2, 1, 2, 3, 0, 1, 2, 3, 2, 1, 2, 1)),
             Part(48, 45, 75, (Stroke(0.0, 4.0, (0, 2)),)), Part(68, 74, 80, _line(2.0, 2, 1)), ()),
)  # fmt: skip
TIMES = 3
"""How often a song's chords are played."""


class Played(NamedTuple):
    """A song as audio: `mix`, and its `harmony` alone on a piano, `[samples]` at :data:`RATE`; in seconds the chords of
    both, the piano's notes, and the beats and bars. A harmony without thirds plays power chords."""

    name: str
    mix: Audio
    harmony: Audio
    chords: tuple[ChordSegment, ...]
    harmony_chords: tuple[ChordSegment, ...]
    notes: tuple[Note, ...]
    beats: tuple[float, ...]
    bars: tuple[float, ...]


def play(soundfont: Path, folder: Path) -> Iterator[Played]:
    """All songs, played into the folder. Needs the program `fluidsynth`."""
    for song in SONGS:
        parts = (song.harmony, song.bass, song.melody)
        notes = [tuple(_notes(song, part)) for part in parts]
        band = [(part.program, found) for part, found in zip(parts, notes, strict=True)]
        mix = _rendered(song, [*band, (DRUMS, tuple(_hits(song)))], soundfont, folder / f"{song.name}.wav")
        alone = _rendered(song, [(0, notes[0])], soundfont, folder / f"{song.name}_piano.wav")
        chords = tuple(ChordSegment(start, end, label) for start, end, label in _chords(song))
        beats = tuple(beat * 60 / song.tempo for beat in range(song.beats * TIMES * len(song.chords.split("|"))))
        yield Played(
            song.name, mix, alone, chords, _as_played(song.harmony, chords), notes[0], beats, beats[:: song.beats]
        )  # fmt: skip


def _as_played(part: Part, chords: tuple[ChordSegment, ...]) -> tuple[ChordSegment, ...]:
    if any(1 in stroke.tones for stroke in part.strokes):
        return chords
    return tuple(ChordSegment(c.start, c.end, f"{c.label.partition(':')[0]}:5") for c in chords)


def _chords(song: Stranger) -> Iterator[tuple[float, float, str]]:
    bars = [bar.split() for bar in song.chords.split("|")] * TIMES
    length = song.beats * 60 / song.tempo
    for number, bar in enumerate(bars):
        for place, label in enumerate(bar):
            start = length * (number + place / len(bar))
            yield start, start + length / len(bar), label


def _notes(song: Stranger, part: Part) -> Iterator[Note]:
    beat = 60 / song.tempo
    for start, end, label in _chords(song):
        tones = _tones(label, part.around)
        first = round(start / beat) % song.beats
        for stroke in part.strokes:
            at = start + (stroke.beat - first) * beat
            if not start - 1e-6 <= at < end - 1e-6:
                continue
            until = min(at + stroke.beats * beat, end)
            for tone in stroke.tones:
                pitch = tones[tone % 10 % len(tones)] + (2 if tone >= 10 else 0)
                yield Note(at, until, pitch, part.loud + (6 if stroke.beat == 0 else 0), part.program)


def _tones(label: str, around: int) -> list[int]:
    """Its tones from the root up, near a pitch, and the root once more."""
    chord = parse(label)
    assert chord is not None
    root = around - 6 + (chord.root - (around - 6)) % 12
    return [root + interval for interval in (*chord.intervals, 12)][:4]


def _hits(song: Stranger) -> Iterator[Note]:
    beat = 60 / song.tempo
    for bar in range(TIMES * len(song.chords.split("|"))):
        for at, key in song.drums:
            start = (bar * song.beats + at) * beat
            yield Note(start, start + 0.1, key, 85, drum=True)


def _rendered(song: Stranger, parts: Sequence[tuple[int, Sequence[Note]]], soundfont: Path, path: Path) -> Audio:
    file = mido.MidiFile(ticks_per_beat=TICKS)
    scale = TICKS * song.tempo / 60
    for channel, (program, notes) in enumerate(parts):
        channel = 9 if program == DRUMS else channel
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=round(60e6 / song.tempo))])
        if program != DRUMS:
            track.append(mido.Message("program_change", channel=channel, program=program))
        events = sorted(
            [(round(n.end * scale), 0, n.pitch, 0) for n in notes]
            + [(round(n.start * scale), 1, n.pitch, n.velocity) for n in notes]
        )
        now = 0
        for tick, _, pitch, velocity in events:
            track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=tick - now))
            now = tick
        file.tracks.append(track)
    score = path.with_suffix(".mid")
    file.save(score)
    command = ["fluidsynth", "-ni", "-q", "-g", "0.6", "-r", str(RATE), "-F", str(path), str(soundfont), str(score)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    sound: Audio = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1)
    return sound


def lay(soundfont: Path, folder: Path) -> None:
    """All songs below the folder as `punchin eval inpaint --songs` reads them: mixes, drums apart, the notes of the
    harmony, chords and beats."""
    for song in SONGS:
        own = folder / song.name
        for part in ("stems", "MIDI"):
            (own / part).mkdir(parents=True, exist_ok=True)
        parts = [(part.program, tuple(_notes(song, part))) for part in (song.harmony, song.bass, song.melody)]
        hits = (-1, tuple(_hits(song)))
        stems = {"S00": {"inst_class": "Piano", "is_drum": False}}
        mix = _rendered(song, [*parts, hits], soundfont, own / "mix.wav")
        _rendered(song, parts[:1], soundfont, own / "MIDI" / "S00.wav")  # for its MIDI file
        if hits[1]:
            stems["S01"] = {"inst_class": "Drums", "is_drum": True}
            drums = _rendered(song, [hits], soundfont, own / "MIDI" / "S01.wav")
            drums = np.pad(drums, (0, max(0, len(mix) - len(drums))))[: len(mix)]
            soundfile.write(own / "stems" / "S01.wav", drums, RATE)
        beat = 60 / song.tempo
        count = TIMES * len(song.chords.split("|")) * song.beats
        lines = {
            "chords.lab": [f"{start:.6f} {end:.6f} {label}" for start, end, label in _chords(song)],
            "beats.txt": [f"{index * beat:.6f} {index % song.beats + 1}" for index in range(count)],
            "metadata.yaml": [yaml.safe_dump({"stems": stems})],
        }
        for name, text in lines.items():
            (own / name).write_text("\n".join(text) + "\n", encoding="utf-8")
