"""Files whole or not at all, folders before work is done for them, names that no file has."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path

import pytest
from punchin_wire import disk
from punchin_wire.errors import BadSetting


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_appears_when_all_of_it_is_written(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(b"before")
    with disk.replacing(path, durable=durable) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("take.wav", b"after")]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken_off() -> None:
        with disk.replacing(tmp_path / "take.wav", durable=True) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_when_all_in_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "pack" / "half"
    for words in ("before", "after"):
        with disk.replacing_folder(folder) as draft:
            (draft / words).touch()
            assert words == "before" or [path.name for path in folder.iterdir()] == ["before"]
        assert [path.name for path in folder.iterdir()] == [words]

    def broken_off() -> None:
        with disk.replacing_folder(folder) as draft:
            (draft / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "pack",
        "pack/half",
        "pack/half/after",
    ]


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_file_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with disk.replacing(tmp_path / "state.json", durable=durable) as file:
        file.write(b"{}")
    assert bool(synced) is durable


def test_who_names_a_next_step_gets_it_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "no folder" / "take.wav"
    with pytest.raises(FileNotFoundError), disk.replacing(path, durable=True):
        pass
    with (
        pytest.raises(BadSetting, match=r"take.wav cannot be written: No such file or directory\.$") as caught,
        disk.replacing(path, durable=True, next_step=disk.ANOTHER_FOLDER),
    ):
        pass
    assert caught.value.next_step == disk.ANOTHER_FOLDER


def test_on_a_full_disk_there_is_one_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(BadSetting, match="No space left") as caught,
        disk.replacing(tmp_path / "take.wav", durable=True, next_step=disk.ANOTHER_FOLDER),
    ):
        pass
    assert caught.value.next_step == "Make room on the disk."
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_moved_stays(tmp_path: Path) -> None:
    (tmp_path / "draft.wav").write_bytes(b"take")
    with pytest.raises(BadSetting, match="cannot be written") as caught:
        disk.move(tmp_path / "draft.wav", tmp_path / "no folder" / "take.wav", "Save the project somewhere else.")
    assert caught.value.next_step == "Save the project somewhere else."
    disk.move(tmp_path / "draft.wav", tmp_path / "take.wav", "")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("take.wav", b"take")]


def test_a_file_moves_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.replace

    def within_a_disk(path: Path, to: Path) -> None:
        if path.suffix != ".part":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(path, to)

    monkeypatch.setattr(os, "replace", within_a_disk)
    (tmp_path / "draft.wav").write_bytes(b"take")
    disk.move(tmp_path / "draft.wav", tmp_path / "take.wav", "")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("take.wav", b"take")]


def test_a_folder_is_made_or_its_trouble_named(tmp_path: Path) -> None:
    disk.make_folder(tmp_path / "new" / "takes", "")
    assert (tmp_path / "new" / "takes").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match="cannot be made") as caught:
        disk.make_folder(tmp_path / "file" / "takes", disk.ANOTHER_FOLDER)
    assert caught.value.next_step == disk.ANOTHER_FOLDER


@pytest.mark.parametrize(
    ("number", "next_step"), [(errno.EACCES, "elsewhere"), (errno.ENOSPC, "Make room on the disk.")]
)
def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, next_step: str
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)  # root may write everywhere
    with pytest.raises(BadSetting, match="cannot be written") as caught:
        disk.make_folder(tmp_path, "elsewhere")
    assert caught.value.next_step == next_step


def test_to_see_whether_a_folder_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    disk.make_folder(tmp_path, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"d\\xe9 is not in UTF-8"):
        disk.make_folder(tmp_path / os.fsdecode(b"d\xe9"), "")
    assert list(tmp_path.iterdir()) == []


def test_a_free_name_is_free_with_all_its_endings(tmp_path: Path) -> None:
    def stem() -> str:
        return disk.free_stem(tmp_path, "song", ".wav", "_mix.wav")

    assert stem() == "song"
    (tmp_path / "song.json").touch()
    assert stem() == "song"
    (tmp_path / "song_mix.wav").touch()
    assert stem() == "song_2"
    (tmp_path / "song_2.wav").touch()
    assert stem() == "song_3"
    (tmp_path / "song_mix.wav").unlink()
    assert stem() == "song"
