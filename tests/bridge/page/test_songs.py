"""Songs on the page as hosts: what they follow becomes the documents that a DAW would send, and is remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes.page import write_song, write_take
from fakes.songs import LABELS, write_chords
from fakes.songs import write_song as write_music
from punchin_bridge.hosts import compose
from punchin_bridge.hosts.protocol import Clips, Rendered
from punchin_bridge.music import chord_line
from punchin_bridge.page.material import Typed
from punchin_bridge.page.songs import FOLLOWED, MATERIAL, Songs
from punchin_bridge.takes import inpaint
from punchin_bridge.takes.inpaint import Sources
from punchin_bridge.takes.location import Where
from punchin_wire.errors import BadMidi, BadSetting, UnknownChord
from punchin_wire.messages import InpaintRequest
from punchin_wire.params import InpaintParams, TransferParams


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Songs:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Songs()


def test_it_is_the_order_that_the_command_line_would_have_made(songs: Songs, tmp_path: Path) -> None:
    """The same song, MIDI chords and bars: the same request, by the documents of a host."""
    path = write_music(tmp_path)
    chords = write_chords(tmp_path)
    song = songs.change(songs.open(path).id, chords=str(chords))
    rate = song.song.rate
    params = InpaintParams(takes=2)
    submit = song.submit(8 * rate, 16 * rate, params, ("chord",), 0.0)
    ours = compose.order(submit, 7, tmp_path / "job")
    theirs = inpaint.compose(path, Where(bars="5:8"), Sources(chords=chords), params, 7)
    assert ours.request == theirs.request
    assert ours.scene == theirs.scene
    assert all(np.array_equal(a, b) for a, b in zip(ours.audio, theirs.audio, strict=True))
    assert [label.label for label in song.heard.labels[: len(LABELS)]] == list(LABELS[: len(song.heard.labels)])


def test_what_is_not_followed_is_not_sent(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    song = songs.change(song.id, bpm=120.0, typed=Typed("C | F", 0, 88_200), drums=str(write_song(tmp_path / "d.wav")))
    params = InpaintParams(weights={"chord": 0.5, "drums": 2.0, "piano": 1.0})
    submit = song.submit(0, 88_200, params, ("drums",), 0.0)
    assert submit.chord_names == ()
    assert submit.drums is not None
    assert submit.params == InpaintParams(weights={"drums": 2.0})
    assert song.submit(0, 88_200, TransferParams("violin"), (), 0.0).params == TransferParams("violin")


def test_the_weight_of_what_is_read_by_ear_is_sent(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    params = InpaintParams(weights={"chord": 0.5, "drums": 2.0}, chords="auto")
    sent = song.submit(0, 1000, params, (), 0.0).params
    assert sent == InpaintParams(weights={"chord": 0.5}, chords="auto")


def test_without_a_tempo_nothing_is_said_about_bars(songs: Songs, tmp_path: Path) -> None:
    """Chords are struck where they start, as from the command line; no beats, no tempo in the take's file."""
    song = songs.open(write_song(tmp_path / "song.wav"))
    chords = tmp_path / "chords.lab"
    chords.write_text("0 1.5 C\n1.5 4 Am7\n")
    song = songs.change(song.id, chords=str(chords))
    assert song.heard.grid is None
    submit = song.submit(44_100, 2 * 44_100, InpaintParams(), ("chord",), 0.0)
    made = compose.order(submit, 7, tmp_path)
    assert isinstance(made.request, InpaintRequest)
    assert made.request.beats == ()
    assert made.tempo is None
    assert made.scene == "1.000-2.000s"
    assert [(chord.start, chord.end, chord.label) for chord in made.request.chords] == [
        (0.0, pytest.approx(1.5), "C:maj"),
        (pytest.approx(1.5), pytest.approx(4.0), "A:min7"),
    ]


def test_typed_chords_lie_on_the_bars_of_their_region(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav", 12.0))
    song = songs.change(song.id, bpm=120.0, downbeat=0.5)
    rate = song.song.rate
    song = songs.change(song.id, typed=Typed("Am7 | F G | %", round(2.5 * rate), round(8.5 * rate)))
    assert [(label.start, label.end, label.label) for label in song.heard.labels] == [
        (2.5, 4.5, "A:min7"),
        (4.5, 5.5, "F:maj"),
        (5.5, 6.5, "G:maj"),
        (6.5, 7.5, "F:maj"),
        (7.5, 8.5, "G:maj"),
    ]
    free = songs.change(song.id, bpm=0.0, downbeat=0.0)
    assert free.heard.grid is None
    assert [round(label.start, 6) for label in free.heard.labels] == [2.5, 4.5, 5.5, 6.5, 7.5]


def test_a_line_of_chords() -> None:
    assert chord_line.parse("C F  G") == (("C",), ("F",), ("G",))
    assert chord_line.parse("| C F | G | % |") == (("C", "F"), ("G",), ("G",))
    with pytest.raises(UnknownChord, match="Xyz"):
        chord_line.parse("C | Xyz")
    for nothing in ("", " | ", "  "):
        with pytest.raises(BadSetting):
            chord_line.parse(nothing)


def test_drums_at_another_rate_are_brought_to_the_songs(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    same = songs.change(song.id, drums=str(write_song(tmp_path / "a.wav")))
    assert isinstance(same.heard.said["drums"]["drums"].audio, Rendered)
    other = songs.change(song.id, drums=str(write_song(tmp_path / "b.wav", rate=48_000, level=0.4)))
    assert isinstance(other.heard.said["drums"]["drums"].audio, Clips)
    (tmp_path / "job").mkdir()
    made = compose.order(other.submit(88_200, 132_300, InpaintParams(), ("drums",), 0.0), 7, tmp_path / "job")
    assert isinstance(made.request, InpaintRequest)
    assert made.request.drums is not None
    assert made.request.drums.sample_rate == 44_100
    assert made.audio[1].max() > 0.3


def test_a_song_is_remembered_with_what_it_follows(songs: Songs, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    song = songs.change(songs.open(path).id, bpm=93.0, beats=3)
    assert (song.folder / FOLLOWED / MATERIAL).is_file()
    again = Songs().open(path)
    assert (again.material.bpm, again.folder) == (93.0, song.folder)
    assert again.heard.grid is not None
    assert again.heard.grid.time_signatures[0].numerator == 3
    (tmp_path / "elsewhere").mkdir()
    other = Songs().open(write_song(tmp_path / "elsewhere" / "song.wav"))
    assert other.folder == song.folder.with_name("song_2")
    assert other.material.bpm == 0.0


def test_takes_of_others_are_left_alone(songs: Songs, tmp_path: Path) -> None:
    """A folder that somebody has already, with files that are none of this song's takes."""
    path = write_song(tmp_path / "song.wav")
    write_take(path, tmp_path / "home" / "takes" / "song", 1.0, 2.0, 1)
    assert songs.open(path).folder.name == "song_2"


def test_what_cannot_be_followed_changes_nothing(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    bad = tmp_path / "bad.mid"
    bad.write_bytes(b"no midi")
    with pytest.raises(BadMidi):
        songs.change(song.id, chords=str(bad))
    assert songs.find(song.id) == song
    with pytest.raises(BadSetting, match="not open"):
        songs.find("000000000000")


def test_what_is_gone_meanwhile_is_forgotten(songs: Songs, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    drums = write_song(tmp_path / "drums.wav")
    songs.change(songs.open(path).id, drums=str(drums))
    drums.unlink()
    assert Songs().open(path).material.drums == ""
