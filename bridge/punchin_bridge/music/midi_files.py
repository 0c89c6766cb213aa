"""Standard MIDI files to notes in seconds and a tempo map. Knows no audio and no chord names.

Format: Standard MIDI Files 1.0 (RP-001), types 0 and 1, in ticks per quarter. Channel 10 is drums (General MIDI).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
from punchin_wire.errors import BadMidi, BadSetting, FileMissing
from punchin_wire.messages import Note

from .tempo_map import Tempo, TempoMap, TimeSignature

DRUM_CHANNEL = 9
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Track:
    """The notes of one channel of one track, by start; its name may be empty."""

    name: str
    notes: tuple[Note, ...]

    @property
    def drum(self) -> bool:
        return all(note.drum for note in self.notes)


@dataclass(frozen=True)
class Midi:
    """A file's tracks that hold notes, in file order, and its tempo map."""

    tracks: tuple[Track, ...]
    tempo_map: TempoMap

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes in file order, which is the order the published piano reduction takes them in."""
        return tuple(note for track in self.tracks for note in track.notes)


def read(path: Path) -> Midi:
    """The MIDI file at `path`. Raises FileMissing, or BadMidi where it is damaged or of no kind we know."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadMidi(f"{path.name} is too large to be a MIDI file.")
        file = mido.MidiFile(path, clip=True)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise FileMissing(f"There is no readable MIDI file {path}.") from error
    except BadMidi:
        raise
    except Exception as error:  # mido names no errors of its own: damaged files raise whatever they trip over
        raise BadMidi(f"{path.name} is not a MIDI file, or is damaged: {error or type(error).__name__}.") from error
    if file.type not in (0, 1) or file.ticks_per_beat < 1:
        raise BadMidi(
            f"{path.name} is a MIDI file of a kind without a common tempo.",
            "Export it as a type 1 file with ticks per quarter note.",
        )
    tempo_map = _tempo_map(file, path.name)
    ticks = file.ticks_per_beat
    return Midi(tuple(track for messages in file.tracks for track in _tracks(messages, ticks, tempo_map)), tempo_map)


def chord_track(midi: Midi, name: str = "MIDI file") -> Track:
    """The track that carries the chords: the one named so, else the one that sounds chords for most of its time.

    Raises BadMidi where no track but drums holds a note; `name` is what the error calls the file.
    """
    pitched = [track for track in midi.tracks if not track.drum]
    if not pitched:
        raise BadMidi(f"{name} holds no notes.", "Export the MIDI track again, with its notes in it.")
    named = [track for track in pitched if track.name.strip().lower() in ("chords", "chord", "harmony")]
    return max(named or pitched, key=_chordal)


def _chordal(track: Track) -> float:
    """The share of its sounding time in which three or more pitch classes sound together."""
    edges = sorted([(n.start, 1, n.pitch % 12) for n in track.notes] + [(n.end, -1, n.pitch % 12) for n in track.notes])
    sounding = [0] * 12
    before = any_time = chord_time = 0.0
    for time, step, pitch_class in edges:
        voices = sum(count > 0 for count in sounding)
        any_time += (time - before) * (voices > 0)
        chord_time += (time - before) * (voices >= 3)
        sounding[pitch_class] += step
        before = time
    return chord_time / any_time if any_time else 0.0


def _timed(messages: Sequence[mido.Message]) -> Iterator[tuple[int, mido.Message]]:
    tick = 0
    for message in messages:
        tick += message.time
        yield tick, message


def _tempo_map(file: mido.MidiFile, name: str) -> TempoMap:
    timed = sorted((pair for track in file.tracks for pair in _timed(track)), key=lambda pair: pair[0])
    tempos = {0.0: Tempo(0.0, 120.0)}  # what the standard says holds until a file says otherwise
    time_signatures = {0.0: TimeSignature(0.0)}
    for tick, message in timed:
        quarter = tick / file.ticks_per_beat
        if message.type == "set_tempo":
            tempos[quarter] = Tempo(quarter, 6e7 / message.tempo if message.tempo else 0.0)
        elif message.type == "time_signature":
            time_signatures[quarter] = TimeSignature(quarter, message.numerator, message.denominator)
    try:
        return TempoMap(tuple(tempos.values()), tuple(time_signatures.values()))
    except BadSetting as error:
        raise BadMidi(f"{name}: {error}") from error


def _tracks(messages: Sequence[mido.Message], ticks: int, tempo_map: TempoMap) -> Iterator[Track]:
    """One track a channel. A note that is never ended ends with its track; one without length is dropped."""
    name, last = "", 0
    programs: dict[int, int] = defaultdict(int)
    open_notes: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    found: dict[int, list[Note]] = defaultdict(list)

    def close(channel: int, pitch: int, end: int) -> None:
        start, velocity, program = open_notes[channel, pitch].pop(0)
        if end > start:
            times = tempo_map.seconds(start / ticks), tempo_map.seconds(end / ticks)
            found[channel].append(Note(*times, pitch, velocity, program, channel == DRUM_CHANNEL))

    for last, message in _timed(messages):
        if message.type == "track_name" and not name:
            name = message.name
        elif message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on" and message.velocity:
            note = (last, message.velocity, programs[message.channel])
            open_notes[message.channel, message.note].append(note)
        elif message.type in ("note_on", "note_off") and open_notes[message.channel, message.note]:
            close(message.channel, message.note, last)
    for (channel, pitch), left in open_notes.items():
        while left:
            close(channel, pitch, last)
    for channel in sorted(found):
        yield Track(name, tuple(sorted(found[channel], key=lambda note: note.start)))
