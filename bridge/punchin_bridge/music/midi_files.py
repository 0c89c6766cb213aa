"""Standard MIDI files to notes in seconds and a tempo map. Knows no audio and no chord names.

Types 0 and 1, in ticks per quarter. Channel 10 is drums (General MIDI). Tempos and time signatures that nothing can
have are passed over, as long as another says what holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from punchin_wire.errors import BadMidi, FileMissing
from punchin_wire.messages import Note

from . import pedals, smf
from .tempo_map import MAX_BPM, MIN_BPM, Tempo, TempoMap, TimeSignature

DRUM_CHANNEL = 9
MAX_BYTES = 16 * 2**20
_PEDALS_UP, _ALL_OFF = 121, (120, 123)
"""Controllers that let go of pedals, and of keys."""


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
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileMissing(f"There is no readable MIDI file {path}.") from error
    if len(raw) > MAX_BYTES:
        raise BadMidi(f"{path.name} is too large to be a MIDI file.")
    return parse(raw, path.name)


def parse(raw: bytes, name: str = "MIDI file") -> Midi:
    """The MIDI file that `raw` holds; `name` is what errors call it. Raises BadMidi."""
    try:
        file = smf.parse(raw)
    except smf.Damaged as error:
        raise BadMidi(f"{name} is not a MIDI file, or is damaged: {error}.") from None
    if file.kind not in (0, 1) or file.division < 1:
        raise BadMidi(
            f"{name} is a MIDI file of a kind without a common tempo.",
            "Export it as a type 1 file with ticks per quarter note.",
        )
    tempo_map = _tempo_map(file, name)
    tracks = (found for track in file.tracks for found in _tracks(track, file.division, tempo_map))
    return Midi(tuple(tracks), tempo_map)


def chord_track(midi: Midi, name: str = "MIDI file") -> Track:
    """The track that carries the chords: the one named so, else the one that sounds chords for most of its time.

    Raises BadMidi where no track but drums holds a note; `name` is what the error calls the file.
    """
    pitched = [track for track in midi.tracks if not track.drum]
    if not pitched and midi.tracks:
        raise BadMidi(
            f"{name} holds only drum notes (channel 10).", "Export the track on another channel, or another track."
        )
    if not pitched:
        raise BadMidi(f"{name} holds no notes: all of its tracks are empty.", "Export the track with its notes in it.")
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


def _tempo_map(file: smf.File, name: str) -> TempoMap:
    """Raises BadMidi where the file says tempos, but none that a song can have."""
    tempos = {0.0: Tempo(0.0, 120.0)}  # what the standard says holds until a file says otherwise
    time_signatures = {0.0: TimeSignature(0.0)}
    possible = impossible = 0
    for event in sorted((event for track in file.tracks for event in track.events), key=lambda event: event.tick):
        quarter = event.tick / file.division
        if event.is_meta(smf.TEMPO):
            microseconds = int.from_bytes(event.data[:3], "big")
            if MIN_BPM * microseconds <= 6e7 <= MAX_BPM * microseconds:
                tempos[quarter] = Tempo(quarter, 6e7 / microseconds)
                possible += 1
            else:
                impossible += 1
        elif event.is_meta(smf.TIME_SIGNATURE) and (signature := _time_signature(quarter, event.data)):
            time_signatures[quarter] = signature
    if impossible and not possible:
        raise BadMidi(
            f"{name} says no tempo between {MIN_BPM} and {MAX_BPM} beats a minute.",
            "Export it again with the song's tempo.",
        )
    return TempoMap(tuple(tempos.values()), tuple(time_signatures.values()))


def _time_signature(quarter: float, data: bytes) -> TimeSignature | None:
    """Numerator and power of two as a time signature of whole 64ths at the least; None where there is none."""
    if len(data) < 2 or not data[0]:
        return None
    numerator, power = data[0], data[1]
    while power > 6 and numerator % 2 == 0:
        numerator, power = numerator // 2, power - 1
    return TimeSignature(quarter, numerator, 2**power) if power <= 6 else None


class _Played(NamedTuple):
    """A note in ticks."""

    start: int
    end: int
    pitch: int
    velocity: int
    program: int


@dataclass
class _Channel:
    """What one channel of a track plays, while its events come."""

    played: list[_Played] = field(default_factory=list)
    moves: list[tuple[int, pedals.Pedal, int]] = field(default_factory=list)
    """Ticks at which pedals moved, and to what value."""
    _down: dict[int, list[_Played]] = field(default_factory=lambda: defaultdict(list))
    """Notes that are not ended yet, by pitch, the first one first."""
    _program: int = 0

    def receive(self, event: smf.Event) -> None:
        first, second = event.data
        match event.status & 0xF0:
            case 0x90 if second:
                self._down[first].append(_Played(event.tick, event.tick, first, second, self._program))
            case 0x80 | 0x90:
                if self._down[first]:
                    self._end(self._down[first].pop(0), event.tick)
            case 0xC0:
                self._program = first
            case 0xB0:
                self._control(event.tick, first, second)

    def _control(self, tick: int, number: int, value: int) -> None:
        if number in pedals.CONTROLLERS:
            self.moves.append((tick, pedals.CONTROLLERS[number], value))
        elif number == _PEDALS_UP:
            self.moves += [(tick, pedal, 0) for pedal in pedals.CONTROLLERS.values()]
        elif number in _ALL_OFF:
            self.close(tick)

    def close(self, tick: int) -> None:
        """End what sounds: where its key was struck again, else at `tick`."""
        for left in self._down.values():
            for note, following in pairwise([*left, None]):
                if note is not None:
                    self._end(note, tick if following is None else following.start)
            left.clear()

    def _end(self, note: _Played, tick: int) -> None:
        if tick > note.start:
            self.played.append(note._replace(end=tick))


def _tracks(track: smf.Track, ticks: int, tempo_map: TempoMap) -> Iterator[Track]:
    """One track a channel, its notes as long as pedals hold them. A note that is never ended ends where its key is
    struck again, else with its track; one without length is dropped."""

    def seconds(tick: int) -> float:
        return tempo_map.seconds(tick / ticks)

    name = next((_text(event.data) for event in track.events if event.is_meta(smf.NAME)), "")
    channels: dict[int, _Channel] = defaultdict(_Channel)
    for event in track.events:
        if event.status != smf.META:
            channels[event.status & 0x0F].receive(event)
    for number, channel in sorted(channels.items()):
        channel.close(track.end)
        notes = [
            Note(seconds(start), seconds(end), pitch, velocity, program, number == DRUM_CHANNEL)
            for start, end, pitch, velocity, program in sorted(channel.played, key=lambda note: note.start)
        ]
        moves = [pedals.Move(seconds(tick), pedal, value) for tick, pedal, value in channel.moves]
        if notes:
            yield Track(name, pedals.hold(notes, moves, seconds(track.end)))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
