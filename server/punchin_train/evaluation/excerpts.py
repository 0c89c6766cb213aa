"""What is measured on: excerpts of songs with their drums, chords and notes. Knows no models.

Our own songs differ from the training's in seeds and in their progressions (`held_out`), and, where another General
MIDI soundfont is on disk, in their sounds. A folder of songs brings real stems, in the layout of Slakh2100:
`TRACK/metadata.yaml`, `TRACK/mix.flac` (or .wav), `TRACK/stems/ID.flac` and `TRACK/MIDI/ID.mid`, where the metadata
names each stem's instrument class and whether it is drums. Where somebody wrote down its chords and beats, they lie
beside: `chords.lab` (start, end and Harte label a line) and `beats.txt` (a time a line), in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soundfile
import soxr
import yaml
from punchin_wire.errors import BadAudio, BadSetting, FileMissing
from punchin_wire.frames import Audio
from punchin_wire.messages import ChordSegment, Note

from ..songs.rendering import render_song
from ..songs.songs import EDITIONS, compose
from .recogniser import chroma, recognise

FIRST_SEED, SONG_SECONDS = 9_000_000, 40.0
PLACES = 4  # excerpts of one of our songs
SOUNDFONTS = tuple(
    Path(folder) / name
    for folder in ("/usr/share/sounds/sf2", "/usr/share/soundfonts")
    for name in ("FluidR3_GM.sf2", "FluidR3_GS.sf2", "GeneralUser-GS.sf2", "MuseScore_General.sf2")
)
PIANOS = frozenset({"Piano", "Chromatic Percussion", "Organ", "Guitar"})
"""Instrument classes whose notes a piano cover may take."""


@dataclass(frozen=True)
class Excerpt:
    """`mix` and `drums` `[N]` at the model's rate, and what is played there, in seconds from its start.

    `chords_from` says whose chords they are: the composer's, or the recogniser's where nobody wrote them down.
    """

    name: str
    mix: Audio
    drums: Audio
    chords: tuple[ChordSegment, ...]
    beats: tuple[float, ...]
    piano: tuple[Note, ...]
    hits: tuple[float, ...]
    chords_from: str = "score"


def other_soundfont() -> Path | None:
    """A soundfont that no pack of ours was trained on, if one of the usual ones is installed."""
    return next((font for font in SOUNDFONTS if font.is_file()), None)


def generated(
    count: int, samples: int, rate: int, seed: int = 0, soundfont: Path | None = None, edition: int = 1
) -> Iterator[Excerpt]:
    """`count` excerpts of `samples` of our own held-out songs, several a song, each in another place of it. `edition`
    is that of the songs: packs so far have learned from the first."""
    random = np.random.default_rng(seed)
    seconds = samples / rate
    length = max(SONG_SECONDS, 2 * seconds)
    for index in range(count):
        if index % PLACES == 0:
            song = compose(EDITIONS[edition] + FIRST_SEED + seed + index // PLACES, length, held_out=True)
            audio = render_song(song, rate, soundfont)
        latest = audio.audio.shape[1] - samples
        at = int((index % PLACES + random.random()) * latest / PLACES)
        start = at / rate
        notes = [note for stem in song.stems.values() for note in stem if not note.drum]
        yield Excerpt(
            f"{song.seed} at {start:.1f} s",
            audio.track("mix")[at : at + samples],
            audio.track("drums")[at : at + samples],
            _cut_chords(song.chords, start, seconds),
            tuple(time - start for time, _ in song.beats if start <= time < start + seconds),
            _cut_notes(notes, start, seconds),
            tuple(sorted({round(n.start - start, 2) for n in song.stems["drums"] if 0 <= n.start - start < seconds})),
        )


def from_folder(folder: Path, count: int, samples: int, rate: int, seed: int = 0) -> Iterator[Excerpt]:
    """`count` excerpts of the songs in `folder`, spread over all of them. Raises FileMissing, BadAudio."""
    songs = sorted(path.parent for path in folder.glob("*/metadata.yaml"))
    if not songs:
        raise FileMissing(
            f"{folder} holds no songs with metadata.yaml.",
            "Give a folder in the layout of Slakh2100 (docs/evaluation.md).",
        )
    random = np.random.default_rng(seed)
    for index in range(count):
        yield _read(songs[index % len(songs)], samples, rate, random)


def _read(song: Path, samples: int, rate: int, random: np.random.Generator) -> Excerpt:
    """A random place of a song. Where its chords are not written down (Slakh's are not), they are what the recogniser
    hears."""
    stems = yaml.safe_load((song / "metadata.yaml").read_text("utf-8")).get("stems", {})
    mix_path = _audio(song / "mix")
    info = soundfile.info(mix_path)
    needed = -(-samples * info.samplerate // rate)
    if info.frames < needed:
        raise BadAudio(f"{mix_path} is shorter than {samples / rate:.0f} s.", "Leave that song out.")
    at = int(random.integers(info.frames - needed + 1))
    start, seconds = at / info.samplerate, samples / rate

    def sound(path: Path) -> Audio:
        audio, own = soundfile.read(path, start=at, frames=needed, dtype="float32", always_2d=True)
        mono = audio.mean(1, dtype=np.float32)
        mono = soxr.resample(mono, own, rate, quality="HQ") if own != rate else mono
        fitted: Audio = np.pad(mono, (0, max(0, samples - len(mono))))[:samples]
        return fitted

    mix = sound(mix_path)
    drums = [name for name, stem in stems.items() if stem.get("is_drum")]
    hits = [sound(path) for name in drums if (path := _find(song / "stems" / name)) is not None]
    pitched = {name: stem for name, stem in stems.items() if stem.get("inst_class") in PIANOS}
    written = _table(song / "chords.lab", 3)
    if written is None:
        times, labels = recognise(chroma(mix, rate))
        chords = tuple(ChordSegment(float(a), float(b), label) for (a, b), label in zip(times, labels, strict=True))
    else:
        chords = _cut_chords(tuple(ChordSegment(float(a), float(b), label) for a, b, label in written), start, seconds)
    beats = [float(time) - start for time, *_ in _table(song / "beats.txt", 1) or ()]
    return Excerpt(
        f"{song.name} at {start:.1f} s",
        mix,
        np.sum(hits, axis=0, dtype=np.float32) if hits else np.zeros(samples, np.float32),
        chords,
        tuple(time for time in beats if 0 <= time < seconds),
        _cut_notes([n for name in pitched for n in _notes(song / "MIDI" / f"{name}.mid", False)], start, seconds),
        tuple(
            sorted({round(n.start - start, 2) for name in drums for n in _notes(song / "MIDI" / f"{name}.mid", True)
                    if 0 <= n.start - start < seconds})
        ),
        chords_from="recogniser" if written is None else "score",
    )  # fmt: skip


def _table(path: Path, columns: int) -> list[list[str]] | None:
    """The lines of a text file as words, at least `columns`, of which all but a last label are times; None where there
    is no file. Raises BadSetting."""
    if not path.is_file():
        return None
    rows = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    for row in rows:
        if len(row) < columns or not all(_is_time(word) for word in row[: max(1, columns - 1)]):
            raise BadSetting(
                f"{path} cannot be read: {' '.join(row)[:60]}", "Times are in seconds (docs/evaluation.md)."
            )
    return rows


def _is_time(word: str) -> bool:
    try:
        return float(word) >= 0
    except ValueError:
        return False


def _find(stem: Path) -> Path | None:
    return next((path for suffix in (".flac", ".wav") if (path := stem.with_suffix(suffix)).is_file()), None)


def _audio(stem: Path) -> Path:
    found = _find(stem)
    if found is None:
        raise FileMissing(f"There is no {stem}.flac or .wav.")
    return found


def _notes(path: Path, drum: bool) -> list[Note]:
    """The notes of a MIDI file in seconds; none where there is no file."""
    if not path.is_file():
        return []
    found, sounding, time = [], {}, 0.0
    message: Any
    for message in mido.MidiFile(path, clip=True):
        time += message.time
        if message.type == "note_on" and message.velocity:
            sounding[message.note] = (time, message.velocity)
        elif message.type in ("note_on", "note_off") and message.note in sounding:
            start, velocity = sounding.pop(message.note)
            if time > start:
                found.append(Note(start, time, message.note, velocity, drum=drum))
    return found


def _cut_chords(chords: tuple[ChordSegment, ...], start: float, seconds: float) -> tuple[ChordSegment, ...]:
    return tuple(
        ChordSegment(max(c.start - start, 0.0), min(c.end - start, seconds), c.label)
        for c in chords
        if c.start < start + seconds and c.end > start
    )


def _cut_notes(notes: list[Note], start: float, seconds: float) -> tuple[Note, ...]:
    return tuple(
        Note(max(n.start - start, 0.0), min(n.end - start, seconds), n.pitch, n.velocity, n.program, n.drum)
        for n in sorted(notes, key=lambda note: note.start)
        if n.start < start + seconds and n.end > start
    )
