"""What is heard of takes: one window of the same samples, matched downwards, nothing clipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.page import write_song, write_take
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from punchin_bridge.page import listening
from punchin_bridge.page.groups import Library
from punchin_bridge.page.listening import Level, matched
from punchin_bridge.page.notebook import Notebook
from punchin_bridge.page.songs import Songs
from punchin_bridge.splice.level import GATE_LUFS
from punchin_bridge.takes import whole
from punchin_wire.errors import BadSetting


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Songs:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Songs()


def test_takes_are_found_in_their_folder_and_heard_in_place(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "My song.wav"))
    paths = [write_take(song.song.path, song.folder, 5.0, 6.0, seed, 0.1 * seed) for seed in (1, 2)]
    write_take(song.song.path, song.folder, 2.0, 3.0, 3)
    write_take(write_song(tmp_path / "Other.wav", level=0.1), song.folder, 2.0, 3.0, 4)
    (song.folder / "no take.wav").write_bytes(b"RIFF")
    later, other = sorted(Library(Notebook(Path("nowhere"))).groups([song], []), key=lambda group: -group.start)
    assert [take.path for take in later.takes] == [str(path) for path in paths]
    assert [take.seed for take in other.takes] == [3]
    assert (later.title, later.place, later.song) == ("My song", "5.000-6.000 s", song.id)

    heard = listening.window(later)
    rate = 44_100
    assert (heard.start, heard.end, heard.region) == (rate, 8 * rate, (4 * rate, 5 * rate))
    own, rated = soundfile.read(song.song.path, dtype="float32", always_2d=True)
    audio = listening.take_audio(later, heard, later.takes[1])
    take, _ = soundfile.read(paths[1], dtype="float32", always_2d=True)
    assert rated == rate
    assert np.array_equal(audio[:, : 4 * rate], own.T[:, rate : 5 * rate])
    assert np.array_equal(audio[:, 4 * rate : 5 * rate], take.T)
    assert np.array_equal(audio[:, 5 * rate :], own.T[:, 6 * rate :])
    assert np.array_equal(listening.song_audio(later, heard), own.T[:, rate:])


def test_a_song_that_was_saved_with_a_take_is_not_another_take(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    take = write_take(song.song.path, song.folder, 3.0, 4.0, 1)
    saved, _ = whole.write(take, song.song, song.folder)
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    assert [card.path for card in group.takes] == [str(take)]
    take.unlink()  # then it is all that is left of the take
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    assert [card.path for card in group.takes] == [str(saved)]


def test_takes_are_matched_within_a_tenth_of_a_decibel(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    for seed, level in ((1, 0.08), (2, 0.3), (3, 0.9), (4, 0.0)):
        write_take(song.song.path, song.folder, 3.0, 6.0, seed, level)
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    heard = listening.window(group)
    audio = {"song": listening.song_audio(group, heard)} | {
        str(take.seed): listening.take_audio(group, heard, take) for take in group.takes
    }
    gains = matched({name: listening.level(each, heard) for name, each in audio.items()})
    after = {name: listening.level(each * np.float32(gains[name]), heard) for name, each in audio.items()}
    silent = after.pop("4")
    assert silent.lufs < GATE_LUFS
    loudness = [level.lufs for level in after.values()]
    assert max(loudness) - min(loudness) < 0.1
    assert max(level.peak for level in after.values()) <= listening.level(audio["song"], heard).peak
    assert max(gains.values()) <= 1.0


LEVELS = st.builds(Level, st.floats(-90, 3) | st.just(-math.inf), st.floats(1e-5, 4))


@given(st.dictionaries(st.text(max_size=3), LEVELS, max_size=6), LEVELS)
def test_nothing_is_ever_turned_up_or_above_the_song(takes: dict[str, Level], song: Level) -> None:
    levels = {**takes, "song": song}
    gains = matched(levels)
    assert gains.keys() == levels.keys()
    assert all(0.0 < gain <= 1.0 for gain in gains.values())
    top = max(gains[name] * level.peak for name, level in levels.items())
    loudest = max(level.lufs for level in levels.values())
    assert top <= (song.peak if song.lufs > max(GATE_LUFS, loudest - listening.MOST_DB) else 1.0) * (1 + 1e-9)


def test_a_long_region_is_heard_from_its_start(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav", 200.0, 8000, 1))
    write_take(song.song.path, song.folder, 10.0, 190.0, 1)
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    heard = listening.window(group)
    assert (heard.start, heard.samples) == (6 * 8000, 120 * 8000)
    assert heard.region == (4 * 8000, 120 * 8000)
    assert listening.take_audio(group, heard, group.takes[0]).shape == (1, 120 * 8000)


def test_a_take_that_was_cut_is_said(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    path = write_take(song.song.path, song.folder, 3.0, 4.0, 1)
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    data = path.read_bytes()
    whole, rate = soundfile.read(path, always_2d=True)
    soundfile.write(path, whole[:-7], rate)
    chunk = data[data.index(b"pnch") :]
    with path.open("ab") as file:  # its recipe behind it, as an editor that keeps chunks would
        file.write(chunk)
    with path.open("r+b") as file:
        file.seek(4)
        file.write((path.stat().st_size - 8).to_bytes(4, "little"))
    with pytest.raises(BadSetting, match="not as long as its region"):
        listening.take_audio(group, listening.window(group), group.takes[0])


def test_without_the_song_a_take_is_heard_alone(songs: Songs, tmp_path: Path) -> None:
    song = songs.open(write_song(tmp_path / "song.wav"))
    write_take(song.song.path, song.folder, 3.0, 4.0, 1)
    [group] = Library(Notebook(Path("nowhere"))).groups([song], [])
    group = replace(group, source="")
    heard = listening.window(group)
    audio = listening.take_audio(group, heard, group.takes[0])
    first, last = heard.region
    assert audio.shape == (2, heard.samples)
    assert not audio[:, :first].any()
    assert audio[:, first:last].any()
