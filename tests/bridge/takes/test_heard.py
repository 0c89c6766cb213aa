"""What was read by ear becomes files that can be corrected and given again, sentences, and a part of the recipe."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.songs import SECONDS, write_chords, write_drums, write_song
from punchin_bridge.music import chord_files, midi_files
from punchin_bridge.takes import heard
from punchin_bridge.takes.inpaint import Sources, compose
from punchin_bridge.takes.location import Where
from punchin_wire.errors import BadAudio, BadSetting
from punchin_wire.messages import ChordSegment, Heard, HeardChord, Note
from punchin_wire.params import InpaintParams

PLACE = Where(4.0, 6.0)
FOUND = Heard(
    (HeardChord(0.0, 3.0, "A:min", 0.95), HeardChord(3.0, 5.5, "E:5", 0.6), HeardChord(5.5, 9.0, "N", 0.5)),
    (Note(0.5, 1.25, 60, 90), Note(4.5, 5.0, 64, 70)),
    0.75,
)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_song(tmp_path)


def stem(tmp_path: Path, seconds: float = SECONDS) -> Path:
    path = tmp_path / "keys.wav"
    soundfile.write(path, np.full(round(22_050 * seconds), 0.25), 22_050)
    return path


# ---- files and words -----------------------------------------------------------------------------------------


def test_the_files_beside_a_take_are_read_as_they_are(tmp_path: Path) -> None:
    written = heard.write(FOUND, tmp_path / "song_take1.wav", None)
    assert written == heard.beside(tmp_path / "song_take1.wav")
    lab, midi = written
    assert chord_files.read(lab) == tuple(ChordSegment(c.start, c.end, c.label) for c in FOUND.chords)
    assert "# 60 % sure:\n3.0000\t5.5000\tE:5\n" in lab.read_text("utf-8")
    notes = midi_files.read(midi).notes
    assert [(n.pitch, n.velocity) for n in notes] == [(60, 90), (64, 70)]
    assert [time for n in notes for time in (n.start, n.end)] == pytest.approx([0.5, 1.25, 4.5, 5.0], abs=1e-4)


def test_a_midi_file_has_the_songs_tempo_where_it_has_one(tmp_path: Path) -> None:
    _, midi = heard.write(FOUND, tmp_path / "take.wav", 96.0)
    read = midi_files.read(midi)
    assert read.tempo_map.tempos[0].bpm == pytest.approx(96)
    assert read.notes[1].start == pytest.approx(4.5, abs=1e-4)


def test_only_what_was_read_has_a_file(tmp_path: Path) -> None:
    take = tmp_path / "take.wav"
    assert heard.write(msgspec.structs.replace(FOUND, piano=()), take, None) == (tmp_path / "take.lab",)
    assert heard.write(msgspec.structs.replace(FOUND, chords=()), take, None) == (tmp_path / "take.mid",)


def test_what_lies_before_the_time_line_is_left_out(tmp_path: Path) -> None:
    lab, midi = heard.write(heard.later(FOUND, -4.0), tmp_path / "take.wav", None)
    assert [chord.start for chord in chord_files.read(lab)] == [0.0, 1.5]
    assert [note.start for note in midi_files.read(midi).notes] == pytest.approx([0.5], abs=1e-4)


def test_a_region_is_told_what_is_its_own() -> None:
    found = heard.report(FOUND, 2.0, 5.0)
    assert [(c.start, c.end, c.label) for c in found.chords] == [(2.0, 3.0, "A:min"), (3.0, 5.0, "E:5")]
    assert found.notes == 1
    first, second = heard.notes(found)
    assert first.startswith("Chords read by ear, 72 % sure: Am E5.")
    assert second.startswith("1 note read by ear, 75 % sure.")


# ---- orders --------------------------------------------------------------------------------------------------


def test_auto_wants_chords_heard_in_the_song(song: Path) -> None:
    order = compose(song, PLACE, Sources(), InpaintParams(chords="auto"), 1)
    assert (order.request.hear, order.request.stem, order.request.chords) == (("chord",), None, ())
    assert order.request.takes[0].controls == {"chord": 1.0}
    assert len(order.audio) == 1
    assert any("No tempo is known" in note for note in order.notes)


def test_the_beats_that_are_known_go_along(song: Path) -> None:
    order = compose(song, Where(bars="3:4", tempo=120), Sources(), InpaintParams(chords="auto"), 1)
    assert order.request.beats[:3] == (0.0, 0.5, 1.0)


def test_what_is_given_is_not_heard(tmp_path: Path, song: Path) -> None:
    params = InpaintParams(chords="auto", piano="auto", weights={"piano": 0.0})
    order = compose(song, PLACE, Sources(chords=write_chords(tmp_path)), params, 1)
    assert order.request.hear == ()
    assert order.request.chords


def test_a_stem_is_heard_and_in_no_recipe(tmp_path: Path, song: Path) -> None:
    keys = stem(tmp_path)
    order = compose(song, PLACE, Sources(chords=keys, drums=write_drums(tmp_path), piano=keys), InpaintParams(), 1)
    assert order.request.hear == ("chord", "piano")
    assert order.request.drums is not None
    assert order.request.stem is not None
    assert (order.request.drums.frame, order.request.stem.frame, order.request.stem.sample_rate) == (1, 2, 22_050)
    assert len(order.audio) == len(order.inputs) == 3
    made = order.with_heard(FOUND)
    recipe = made.recipe(0, 1, {}, "0", "now")
    assert recipe.request.hear == ()
    assert recipe.request.stem is None
    assert recipe.request.piano == FOUND.piano
    assert [c.label for c in recipe.request.chords] == ["A:min", "E:5", "N"]
    assert [Path(item.path).name for item in recipe.inputs] == ["song.wav", "drums.wav"]


def test_a_stem_alone_is_frame_1(tmp_path: Path, song: Path) -> None:
    sources = Sources(chords=stem(tmp_path), drums=write_drums(tmp_path))
    order = compose(song, PLACE, sources, InpaintParams(specs=("chord",)), 1)
    assert order.request.drums is None
    assert order.request.stem is not None
    assert order.request.stem.frame == 1
    assert Path(order.inputs[1].path).name == "keys.wav"


def test_mistakes_with_stems_are_said(tmp_path: Path, song: Path) -> None:
    keys, other = stem(tmp_path, seconds=3.0), tmp_path / "other.wav"
    other.write_bytes(keys.read_bytes())
    with pytest.raises(BadAudio, match=r"keys.wav ends at 3.000 s"):
        compose(song, PLACE, Sources(chords=keys), InpaintParams(), 1)
    with pytest.raises(BadSetting, match="two stems"):
        compose(song, PLACE, Sources(chords=keys, piano=other), InpaintParams(), 1)


def test_beats_are_not_read_by_ear(song: Path) -> None:
    with pytest.raises(BadSetting, match="Beats are not read by ear") as caught:
        compose(song, Where(bars="3:4", beats=Path("auto")), Sources(), InpaintParams(), 1)
    assert "--downbeat" in caught.value.next_step
