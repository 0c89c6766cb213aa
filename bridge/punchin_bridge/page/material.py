"""What takes of a song follow: its tempo, chords, drums and piano, as files and words that were handed to the page, and
as the documents of hosts have them. Reads MIDI, chord and beat files; knows no jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from punchin_wire.messages import MAX_NOTES, ChordSegment, Note
from punchin_wire.params import Control
from punchin_wire.structs import ready

from ..audio import stems
from ..audio.wavfile import Song
from ..hosts.protocol import (
    ChordName,
    Clip,
    Clips,
    MidiNote,
    Rendered,
    Span,
    TempoPoint,
    Timeline,
    TimeSignaturePoint,
    Track,
)
from ..music import beat_files, chord_files, chord_line, chord_names, chords, midi_files
from ..music.tempo_map import TempoMap, steady

FREE = TempoMap()
"""What counts where nobody knows the tempo: only to say when something sounds."""


class Typed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chords that were typed for samples `[start, end)` of the song."""

    text: str
    start: int
    end: int


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it was handed in: paths of files, or empty. `bpm` was typed, as quarter notes a minute; bar 1 starts at
    `downbeat` seconds and has `beats` quarters. `tempo` is a MIDI or beat file that says the tempo."""

    song: str
    bpm: float = 0.0
    downbeat: float = 0.0
    beats: int = 4
    tempo: str = ""
    chords: str = ""
    typed: Typed | None = None
    drums: str = ""
    piano: str = ""


ready(Material)


@dataclass(frozen=True)
class Heard:
    """What a :class:`Material` says. `grid` is None where nobody knows the tempo; `labels` are the chords in seconds;
    `said` what a host would say of them, by the control that follows it."""

    grid: TempoMap | None = None
    labels: tuple[ChordSegment, ...] = ()
    said: dict[Control, dict[str, Any]] = field(default_factory=dict)

    def timeline(self, rate: int) -> Timeline:
        """The song's clock as hosts tell it; sample 0 is the song's first."""
        grid = self.grid or FREE
        return Timeline(
            rate,
            tuple(TempoPoint(*tempo) for tempo in grid.tempos),
            tuple(TimeSignaturePoint(*signature) for signature in grid.time_signatures),  # type: ignore[arg-type]
            grid.origin * rate,
            is_free=self.grid is None,
        )


def hear(material: Material, song: Song) -> Heard:
    """Raises FileMissing, BadMidi, BadAudio, BadSetting, UnknownChord and InputError."""
    chord_midi = midi_files.read(Path(material.chords)) if is_midi(material.chords) else None
    piano_midi = midi_files.read(Path(material.piano)) if material.piano else None
    grid = _tempo(material, chord_midi, piano_midi)
    counted = grid or FREE
    labels: tuple[ChordSegment, ...] = ()
    said: dict[Control, dict[str, Any]] = {}
    if material.typed is not None:
        names = _typed(material.typed, song.rate, grid)
        labels, said["chord"] = chord_names.segments(names, counted), {"chord_names": names}
    elif chord_midi is not None:
        played = midi_files.chord_track(chord_midi, Path(material.chords).name).notes
        labels = chords.label_notes(played, counted, song.seconds)
        said["chord"] = {"chords": _notes(played, counted, song)}
    elif material.chords:
        labels = _cut(chord_files.read(Path(material.chords)), song.seconds)
        names = tuple(ChordName(counted.quarters(c.start), counted.quarters(c.end), c.label) for c in labels)
        said["chord"] = {"chord_names": names}
    if piano_midi is not None:
        midi_files.chord_track(piano_midi, Path(material.piano).name)  # says clearly that there are no notes
        said["piano"] = {"piano": _notes(piano_midi.notes, counted, song)}
    if material.drums:
        said["drums"] = {"drums": _drums(Path(material.drums), song, counted)}
    return Heard(grid, labels, said)


def is_midi(path: str) -> bool:
    return Path(path).suffix.lower() in (".mid", ".midi", ".smf")


def _tempo(material: Material, *files: midi_files.Midi | None) -> TempoMap | None:
    """The tempo that was typed, else the file's that says it, else that of the first MIDI file."""
    if material.bpm:
        return steady(material.bpm, material.downbeat, (material.beats, 4))
    if material.tempo:
        path = Path(material.tempo)
        return midi_files.read(path).tempo_map if is_midi(material.tempo) else beat_files.read(path)
    return next((file.tempo_map for file in files if file is not None), None)


def _typed(typed: Typed, rate: int, grid: TempoMap | None) -> tuple[ChordName, ...]:
    """The chords over the bars of their region, or evenly over it where nobody knows the bars."""
    bars = chord_line.parse(typed.text)
    counted = grid or FREE
    first, last = counted.quarter_of(typed.start, rate), counted.quarter_of(typed.end, rate)
    if grid is not None:
        laid = chord_line.over(bars, grid, first, last)
    else:
        lines = [first + (last - first) * part / len(bars) for part in range(len(bars))] + [last]
        laid = chord_line.lay(bars, lines)
    return tuple(ChordName(start, end, name) for start, end, name in laid)


def _cut(labels: tuple[ChordSegment, ...], seconds: float) -> tuple[ChordSegment, ...]:
    """The chords that begin within the song, cut at its end."""
    return tuple(
        msgspec.structs.replace(label, end=min(label.end, seconds)) for label in labels if label.start < seconds
    )


def _notes(notes: tuple[Note, ...], grid: TempoMap, song: Song) -> tuple[MidiNote, ...]:
    """The notes that begin within the song, in quarters."""
    return tuple(
        MidiNote(grid.quarters(note.start), grid.quarters(note.end), note.pitch, note.velocity)
        for note in notes
        if note.start < song.seconds and not note.drum
    )[:MAX_NOTES]


def _drums(path: Path, song: Song, grid: TempoMap) -> Track:
    """The drum stem, which begins with the song: as it is, or at the song's rate where it has another."""
    stem = stems.probe(path)
    if stem.rate == song.rate:
        return Track("drums", path.stem[:500], Rendered(str(path), 0))
    clip = Clip(str(path), grid.quarters(0.0), grid.quarters(stem.seconds))
    return Track("drums", path.stem[:500], Clips((clip,), Span(0, song.samples)))
