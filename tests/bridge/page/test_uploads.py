"""Files that come to the page: on a disk that fills up, and two under one name."""

from __future__ import annotations

import shutil
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from fakes.page import write_song
from punchin_bridge.page import uploads
from punchin_bridge.page.songs import PageSong, Songs
from punchin_bridge.page.uploads import Announced, Uploads
from punchin_wire import disk, paths
from punchin_wire.errors import BadSetting

Room = namedtuple("Room", "total used free")


@pytest.fixture
def coming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Uploads(tmp_path / "uploads", Songs())


def begun(coming: Uploads, data: bytes, name: str = "song.wav") -> str:
    upload = coming.begin(Announced(name, len(data), "song"), 0.0)
    coming.piece(upload, 0, data, 0.0)
    return upload


def test_a_disk_that_fills_up_is_said_and_what_came_is_taken_away(coming: Uploads) -> None:
    """Half a piece is never followed by the whole of it."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full disk")
    upload = coming.begin(Announced("song.wav", 100_000, "song"), 0.0)
    part = coming.folder / f"{upload}.part"
    part.unlink()
    part.symlink_to("/dev/full")
    with pytest.raises(BadSetting, match=r"song\.wav cannot be kept: No space left on device\.") as raised:
        coming.piece(upload, 0, bytes(100_000), 0.0)
    assert "Make room" in raised.value.next_step
    with pytest.raises(BadSetting, match="does not come any more"):
        coming.piece(upload, 0, bytes(100_000), 0.0)
    assert list(coming.folder.iterdir()) == []


def test_files_that_come_together_need_room_together(coming: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    coming.folder.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(1000, 0, 1000))
    coming.begin(Announced("a.wav", 600, "song"), 0.0)
    with pytest.raises(BadSetting, match=r"no room for b\.wav"):
        coming.begin(Announced("b.wav", 600, "song"), 0.0)


def test_two_songs_of_one_name_that_come_at_once_are_two(
    coming: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, together = disk.make_folder, threading.Barrier(2)

    def slowly(*args: Any) -> None:
        make(*args)
        if args[0].name.startswith("song"):
            with pytest.raises(threading.BrokenBarrierError):  # both are here only where nobody waited
                together.wait(0.5)

    datas = [write_song(tmp_path / "made.wav", seconds).read_bytes() for seconds in (1.0, 2.0)]
    names = [begun(coming, data) for data in datas]
    monkeypatch.setattr(uploads.disk, "make_folder", slowly)
    found: list[PageSong] = []
    threads = [threading.Thread(target=lambda name=name: found.append(coming.finish(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(song.song.path.read_bytes() for song in found) == sorted(datas)


def test_a_file_that_is_called_like_a_songs_folder_is_left_alone(coming: Uploads, tmp_path: Path) -> None:
    paths.takes_folder().mkdir(parents=True)
    (paths.takes_folder() / "song").write_text("mine")
    assert coming.songs.open(write_song(tmp_path / "song.wav", 1.0)).folder.name == "song_2"
    assert (paths.takes_folder() / "song").read_text() == "mine"
