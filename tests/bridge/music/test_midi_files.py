"""MIDI files become notes in seconds, whatever their type, tempo and damage."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message, MetaMessage
from punchin_bridge.music import midi_files
from punchin_bridge.music.tempo_map import Tempo, TimeSignature
from punchin_train.songs.songs import compose
from punchin_wire.errors import BadMidi, FileMissing
from punchin_wire.messages import Note


def save(path: Path, *tracks: Sequence[Message | MetaMessage], kind: int = 1, ticks: int = 480) -> Path:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks)
    file.tracks.extend(mido.MidiTrack(track) for track in tracks)
    file.save(path)
    return path


def on(note: int, time: int = 0, channel: int = 0, velocity: int = 100) -> Message:
    return Message("note_on", note=note, time=time, channel=channel, velocity=velocity)


def off(note: int, time: int = 0, channel: int = 0) -> Message:
    return Message("note_off", note=note, time=time, channel=channel)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.mid"


def test_tempo_changes_move_the_notes_of_every_track(path: Path) -> None:
    tempo = [
        MetaMessage("set_tempo", tempo=500_000),
        MetaMessage("time_signature", numerator=6, denominator=8),
        MetaMessage("set_tempo", tempo=1_000_000, time=960),
    ]
    notes = [MetaMessage("track_name", name="Lead"), Message("program_change", program=33), on(60, 480), off(60, 960)]
    found = midi_files.read(save(path, tempo, notes))
    assert found.tempo_map.tempos == (Tempo(0, 120), Tempo(2, 60))
    assert found.tempo_map.time_signatures == (TimeSignature(0, 6, 8),)
    assert found.tracks == (midi_files.Track("Lead", (Note(0.5, 2.0, 60, 100, 33),)),)


def test_a_file_without_tempo_has_120(path: Path) -> None:
    assert midi_files.read(save(path, [on(60), off(60, 480)])).notes == (Note(0, 0.5, 60),)


def test_type_0_is_split_by_channel_and_channel_10_is_drums(path: Path) -> None:
    track = [on(60), on(36, channel=9), Message("program_change", program=5, channel=2), on(64, channel=2)]
    track += [off(60, 480), off(36, channel=9), off(64, channel=2)]
    found = midi_files.read(save(path, track, kind=0))
    assert [t.drum for t in found.tracks] == [False, False, True]
    assert found.notes == (Note(0, 0.5, 60), Note(0, 0.5, 64, program=5), Note(0, 0.5, 36, drum=True))


def test_overlapping_unended_and_empty_notes(path: Path) -> None:
    """The same pitch twice ends first in, first out; note-on 0 ends; the track's end ends; no length, no note."""
    track = [on(60), on(60, 240), off(60, 240), on(60, 240, velocity=0), on(62), off(62), on(64), off(99, 480)]
    notes = midi_files.read(save(path, track)).notes
    assert [(n.start, n.end, n.pitch) for n in notes] == [(0, 0.5, 60), (0.25, 0.75, 60), (0.75, 1.25, 64)]


def triads(channel: int = 0) -> list[Message]:
    return [m for _ in range(2) for m in (*(on(p, channel=channel) for p in (60, 64, 67)), off(60, 480, channel),
                                         off(64, channel=channel), off(67, channel=channel))]  # fmt: skip


def test_the_chord_track_is_the_named_one(path: Path) -> None:
    melody = [MetaMessage("track_name", name=" Chords "), on(60), off(60, 480)]
    found = midi_files.read(save(path, triads(), melody))
    assert midi_files.chord_track(found).name == " Chords "


def test_else_the_most_chordal_one_and_never_the_drums(path: Path) -> None:
    melody = [MetaMessage("track_name", name="melody"), on(60), off(60, 480)]
    piano = [MetaMessage("track_name", name="piano"), *triads()]
    drums = [MetaMessage("track_name", name="drums"), *triads(9), *triads(9)]
    assert midi_files.chord_track(midi_files.read(save(path, drums, melody, piano))).name == "piano"


@pytest.mark.parametrize(
    "tracks", [[], [[]], [[MetaMessage("set_tempo", tempo=500_000)]], [[on(36, channel=9), off(36, 9, 9)]]]
)
def test_a_file_without_notes_has_no_chords(path: Path, tracks: list[list[Message]]) -> None:
    with pytest.raises(BadMidi, match="song holds no notes"):
        midi_files.chord_track(midi_files.read(save(path, *tracks)), "song")


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "no.mid", tmp_path, tmp_path / "no.mid" / "a.mid"):
        with pytest.raises(FileMissing):
            midi_files.read(path)


@pytest.mark.parametrize(
    "content", [b"", b"MThd", b"MThd\0\0\0\6\0\1\0\1\1\xe0", b"RIFF" * 20, b"\0" * 100, "Ünïcode".encode()]
)
def test_what_is_no_midi_is_bad_midi(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BadMidi):
        midi_files.read(path)


def test_kinds_without_a_common_tempo_are_refused(path: Path) -> None:
    save(path, [on(60), off(60, 480)], kind=2)
    with pytest.raises(BadMidi, match="kind"):
        midi_files.read(path)
    raw = bytearray(save(path, [on(60), off(60, 480)]).read_bytes())
    raw[12:14] = b"\xe7\x28"  # SMPTE: 25 frames a second, 40 ticks a frame
    path.write_bytes(raw)
    with pytest.raises(BadMidi, match="kind"):
        midi_files.read(path)


@pytest.mark.parametrize("tempo", [0, 1])
def test_a_tempo_nothing_can_have_is_bad_midi(path: Path, tempo: int) -> None:
    with pytest.raises(BadMidi, match="tempo"):
        midi_files.read(save(path, [MetaMessage("set_tempo", tempo=tempo), on(60), off(60, 480)]))


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_bad_midi_and_nothing_else(path: Path, data: st.DataObject) -> None:
    raw = bytearray(
        save(path, [MetaMessage("key_signature", key="C"), *triads(), MetaMessage("lyrics", text="la")]).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        found = midi_files.read(path)
    except BadMidi:
        return
    assert all(0 <= note.start < note.end for note in found.notes)


def test_a_song_of_several_tracks(path: Path) -> None:
    """Melody, bass and comping as a band plays them, each on its track: the comping is the chordal one."""
    stems = compose(9_100_000, seconds=60.0).stems
    parts = {"MELODY": stems["melody"], "BRIDGE": stems["bass"], "PIANO": stems["comp"]}
    save(path, *(played(name, notes) for name, notes in parts.items()))
    song = midi_files.read(path)
    assert [(t.name, len(t.notes)) for t in song.tracks] == [(name, len(notes)) for name, notes in parts.items()]
    assert midi_files.chord_track(song).name == "PIANO"
    for track, notes in zip(song.tracks, parts.values(), strict=True):
        written, read = (sorted((n.pitch, n.start) for n in found) for found in (notes, track.notes))
        assert read == [(pitch, pytest.approx(start, abs=1e-3)) for pitch, start in written]


def played(name: str, notes: Sequence[Note]) -> list[Message | MetaMessage]:
    """A track of notes at 120 BPM."""
    events = [(round(n.start * 960), on(n.pitch, velocity=n.velocity)) for n in notes]
    events += [(round(n.end * 960), off(n.pitch)) for n in notes]
    events.sort(key=lambda event: (event[0], event[1].type == "note_on"))
    track: list[Message | MetaMessage] = [MetaMessage("track_name", name=name)]
    for (before, _), (at, message) in pairwise([(0, None), *events]):
        track.append(message.copy(time=at - before))
    return track
