"""MIDI files become notes in seconds, whatever their type, tempo and damage."""

import re
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message, MetaMessage
from punchin_bridge.music import chords, midi_files
from punchin_bridge.music.tempo_map import Tempo, TimeSignature
from punchin_train.songs.songs import compose
from punchin_wire.errors import BadMidi, FileMissing
from punchin_wire.messages import ChordSegment, Note


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


@pytest.mark.parametrize("tracks", [[[]], [[MetaMessage("set_tempo", tempo=500_000)], []]])
def test_a_file_without_notes_has_no_chords(path: Path, tracks: list[list[Message]]) -> None:
    with pytest.raises(BadMidi, match="song holds no notes: all of its tracks are empty"):
        midi_files.chord_track(midi_files.read(save(path, *tracks)), "song")


def test_drums_alone_are_no_chords_and_said(path: Path) -> None:
    with pytest.raises(BadMidi, match="song holds only drum notes"):
        midi_files.chord_track(midi_files.read(save(path, [on(36, channel=9), off(36, 9, 9)])), "song")


def test_a_file_without_tracks_is_said(path: Path) -> None:
    with pytest.raises(BadMidi, match="it has no tracks"):
        midi_files.read(save(path))


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


# ---- wrong, but not where it matters -------------------------------------------------------------------------

HEAD = b"MThd\0\0\0\6\0\1\0\1\1\xe0"
NOTE = b"\0\x90\x3c\x64\x83\x60\x80\x3c\0"  # C4, a quarter long
END = b"\0\xff\x2f\0"
C4 = (Note(0.0, 0.5, 60),)


def chunk(body: bytes, name: bytes = b"MTrk", length: int | None = None) -> bytes:
    return name + (len(body) if length is None else length).to_bytes(4, "big") + body


SONG = HEAD + chunk(NOTE + END)


@pytest.mark.parametrize(
    "raw",
    {
        "as it should be": SONG,
        "a key of 8 sharps": HEAD + chunk(b"\0\xff\x59\2\x08\0" + NOTE + END),
        "a key without mode": HEAD + chunk(b"\0\xff\x59\1\x08" + NOTE + END),
        "more tracks than there are": HEAD[:11] + b"\5" + HEAD[12:] + chunk(NOTE + END),
        "fewer tracks than there are": HEAD + chunk(END) + chunk(NOTE + END),
        "no track at all, says the header": HEAD[:11] + b"\0" + HEAD[12:] + chunk(NOTE + END),
        "a track that is longer than its length": HEAD + chunk(NOTE + END, length=4),
        "a track that is shorter than its length": HEAD + chunk(NOTE + END, length=4000),
        "a first track that is shorter": HEAD + chunk(END, length=9) + chunk(NOTE + END),
        "a first track that is longer": HEAD
        + chunk(b"\0\xff\1\x10" + b"text " * 3 + b"." + END, length=5)
        + chunk(NOTE + END),
        "a length without any bytes": HEAD + chunk(NOTE + END, length=0),
        "a chunk of somebody else": HEAD + chunk(END) + chunk(b"MTrk or what", b"XFIH") + chunk(NOTE + END),
        "something behind the last track": SONG + b"\0" * 7,
        "bytes behind the end": HEAD + chunk(NOTE + END + b"\0\0\0") + chunk(END),
        "a longer header": HEAD[:7] + b"\x08" + HEAD[8:] + b"\0\0" + chunk(NOTE + END),
        "a RIFF around it": b"RIFF\x40\0\0\0RMIDdata" + len(SONG).to_bytes(4, "little") + SONG + b"LIST\4\0\0\0INFO",
        "a tempo of 0": HEAD + chunk(b"\0\xff\x51\3\7\xa1\x20" + NOTE + b"\0\xff\x51\3\0\0\0" + END),
        "a tempo of one byte": HEAD + chunk(b"\0\xff\x51\3\7\xa1\x20\0\xff\x51\1\7" + NOTE + END),
        "a time signature of 3/256": HEAD + chunk(b"\0\xff\x58\4\3\x08\x18\x08" + NOTE + END),
        "a time signature of 0/4": HEAD + chunk(b"\0\xff\x58\4\0\2\x18\x08" + NOTE + END),
        "a time signature cut short": HEAD + chunk(b"\0\xff\x58\1\3" + NOTE + END),
        "no end": HEAD + chunk(NOTE),
        "cut within the next event": HEAD + chunk(NOTE + b"\0\x90", length=400),
        "cut within a text": HEAD + chunk(NOTE + b"\0\xff\1\x20abc", length=400),
        "a track name in Latin-1": HEAD + chunk(b"\0\xff\3\3\xfcbx" + NOTE + END),
        "a clock tick": HEAD + chunk(b"\0\xf8" + NOTE + END),
        "a SysEx": HEAD + chunk(b"\0\xf0\3\1\2\xf7" + NOTE + END),
    }.items(),
    ids=lambda pair: pair[0],
)
def test_what_is_wrong_elsewhere_does_not_matter(raw: tuple[str, bytes]) -> None:
    found = midi_files.parse(raw[1])
    assert found.notes == C4
    assert found.tempo_map.tempos == (Tempo(0, 120),)
    assert found.tempo_map.time_signatures == (TimeSignature(0),)


def test_a_time_signature_of_128ths_is_as_long_in_64ths() -> None:
    found = midi_files.parse(HEAD + chunk(b"\0\xff\x58\4\4\7\x18\x08" + NOTE + END))
    assert found.tempo_map.time_signatures == (TimeSignature(0, 2, 64),)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (HEAD + chunk(b"\0\x3c\x64" + NOTE + END), "track 1 holds no event at byte 22"),
        (HEAD + chunk(b"\xff\xff\xff\xff\x7f" + NOTE + END), "the time at byte 22 has no end"),
        (HEAD[:9], "it ends within its header"),
        (b"PK\3\4", "it does not begin as one does"),
    ],
)
def test_damage_where_notes_are_is_said(raw: bytes, why: str) -> None:
    with pytest.raises(BadMidi, match=f"song.mid is not a MIDI file, or is damaged: {why}."):
        midi_files.parse(raw, "song.mid")


# ---- pedals and what never ends ------------------------------------------------------------------------------


def pedal(value: int, time: int = 0, number: int = 64, channel: int = 0) -> Message:
    return Message("control_change", control=number, value=value, time=time, channel=channel)


def spans(path: Path, *track: Message) -> list[tuple[float, float, int]]:
    """The notes of a track in quarters."""
    return [(n.start * 2, n.end * 2, n.pitch) for n in midi_files.read(save(path, track)).notes]


def test_the_pedal_makes_a_broken_chord_with_short_keys_one_chord(path: Path) -> None:
    """C Am F G, each key let go after a fifth of a beat, is read as if fingers held them."""
    track = []
    for chord in ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62)):
        track.append(pedal(127))
        for index, pitch in enumerate((chord[0] - 12, *chord[1:], chord[0])):
            track += [on(pitch, 380 if index else 0, velocity=90), off(pitch, 100)]
        track.append(pedal(0, 380))
    midi = midi_files.read(save(path, track))
    assert chords.label_notes(midi_files.chord_track(midi).notes, midi.tempo_map) == (
        ChordSegment(0.0, 2.0, "C:maj"),
        ChordSegment(2.0, 4.0, "A:min"),
        ChordSegment(4.0, 6.0, "F:maj"),
        ChordSegment(6.0, 8.0, "G:maj"),
    )


def test_a_pedal_holds_its_own_channel(path: Path) -> None:
    track = [pedal(127), on(60), on(64, channel=1), off(60, 240), off(64, 0, 1), pedal(0, 720)]
    assert spans(path, *track) == [(0, 2, 60), (0, 0.5, 64)]


def test_a_reset_lifts_pedals_and_all_notes_off_lets_go_of_keys(path: Path) -> None:
    track = [pedal(127), on(60), off(60, 240), pedal(0, 240, 121), on(62), pedal(0, 480, 123), on(64), off(64, 960)]
    assert spans(path, *track) == [(0, 1, 60), (1, 2, 62), (2, 4, 64)]


def test_a_pedal_that_never_comes_up_does_so_with_its_track(path: Path) -> None:
    assert spans(path, pedal(64), on(60), off(60, 240), on(62, 720), off(62, 240)) == [(0, 2.5, 60), (2, 2.5, 62)]


def test_a_note_that_is_never_ended_ends_where_its_key_is_struck_again(path: Path) -> None:
    assert spans(path, on(60), on(60, 480), on(62, 480), off(62, 480)) == [(0, 1, 60), (1, 3, 60), (2, 3, 62)]


# ---- fuzzing -------------------------------------------------------------------------------------------------

BUSY = [
    MetaMessage("key_signature", key="C"), pedal(127), *triads(), MetaMessage("lyrics", text="la"), pedal(0),
    MetaMessage("time_signature", numerator=6, denominator=8), MetaMessage("set_tempo", tempo=400_000), *triads(3),
]  # fmt: skip
FUZZ = settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
MEMORY = 64 * 2**20
"""Bytes at most for a file of some hundred; what a long song's chords need stays below."""


def harmless(raw: bytes) -> None:
    """`raw` is read and its chords named, or is BadMidi; within bounds of memory."""
    why = "None."
    tracemalloc.start()
    try:
        found = midi_files.parse(raw)
        track = midi_files.chord_track(found)
        chords.label_notes(track.notes, found.tempo_map, until=60.0)
        assert all(note.start < note.end and 0 <= note.pitch < 128 and 0 < note.velocity < 128 for note in found.notes)
    except BadMidi as error:
        why = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY
    assert re.search("[a-z0-9)][.]$", why)  # never an empty reason


@pytest.mark.slow
@FUZZ
@given(st.data())
def test_damage_is_bad_midi_and_nothing_else(path: Path, data: st.DataObject) -> None:
    raw = bytearray(save(path, BUSY).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    harmless(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


EVENT = st.one_of(
    st.tuples(st.sampled_from([0x80, 0x90, 0x99, 0xB0, 0xC0, 0xE0]), st.integers(0, 127), st.integers(0, 127)).map(
        bytes
    ),
    st.tuples(st.just(0xB0), st.sampled_from([64, 66, 120, 121, 123]), st.integers(0, 127)).map(bytes),
    st.tuples(st.sampled_from([0x51, 0x58, 0x59, 0x03]), st.binary(max_size=5)).map(
        lambda meta: bytes([0xFF, meta[0], len(meta[1])]) + meta[1]
    ),
    st.binary(min_size=1, max_size=4),
)
DELTA = st.sampled_from([b"\0", b"\x60", b"\x83\x60", b"\xff\x7f", b"\xff\xff\xff\x7f"])


@pytest.mark.slow
@FUZZ
@given(
    division=st.sampled_from([1, 24, 480, 0x7FFF]),
    tracks=st.lists(st.lists(st.tuples(DELTA, EVENT).map(b"".join), max_size=40), min_size=1, max_size=3),
    wrong=st.sampled_from([None, 0, 3, 2**31]),
)
def test_whatever_a_track_holds(division: int, tracks: list[list[bytes]], wrong: int | None) -> None:
    head = HEAD[:12] + division.to_bytes(2, "big")
    harmless(head + b"".join(chunk(b"".join(events) + END, length=wrong) for events in tracks))


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
