"""A daemon's record is read as it was written, and only by its own process taken away."""

from pathlib import Path

import pytest
from punchin_wire import paths
from punchin_wire.errors import BadSetting
from punchin_wire.paths import DaemonRecord


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_every_place_lies_under_home(home: Path) -> None:
    found = [paths.daemon_file(), paths.daemon_log(), paths.packs_folder(), paths.cache_folder()]
    assert all(place.is_relative_to(home) for place in found)
    assert len(set(found)) == 4


def test_without_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.delenv("PUNCHIN_HOME")
    assert not paths.daemon_file().is_relative_to(home)
    assert "punchin" in str(paths.packs_folder())


def test_the_record_is_read_as_written() -> None:
    record = DaemonRecord(pid=12, port=34567, osc_port=9100, version="0.1.0")
    assert paths.read_daemon_record() is None
    paths.write_daemon_record(record)
    assert paths.read_daemon_record() == record
    assert [p.name for p in paths.runtime_folder().iterdir()] == ["daemon.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff\xfe", b'{"pid": 1}',
                                     b'{"version": "\xff"}', b'{"x": ' + b"[" * 100_000])  # fmt: skip
def test_a_damaged_record_is_nobody(content: bytes) -> None:
    paths.runtime_folder().mkdir(parents=True)
    paths.daemon_file().write_bytes(content)
    assert paths.read_daemon_record() is None


def test_a_newer_daemons_record_still_tells_its_version() -> None:
    paths.runtime_folder().mkdir(parents=True)
    paths.daemon_file().write_bytes(b'{"pid":1,"port":2,"osc_port":3,"version":"9.0","curve":"key"}')
    record = paths.read_daemon_record()
    assert record is not None
    assert record.version == "9.0"


def test_only_its_own_process_removes_the_record() -> None:
    paths.write_daemon_record(DaemonRecord(pid=12, port=1, osc_port=2, version="0.1.0"))
    paths.remove_daemon_record(13)
    assert paths.read_daemon_record() is not None
    paths.remove_daemon_record(12)
    assert paths.read_daemon_record() is None
    paths.remove_daemon_record(12)


@pytest.mark.parametrize("home", ["here", "./here", "~nobody-of-that-name/punchin"])
def test_a_home_that_is_no_whole_path_is_refused(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks for a daemon from another folder would find none, and start one more."""
    monkeypatch.setenv("PUNCHIN_HOME", home)
    for place in (paths.runtime_folder, paths.packs_folder, paths.spool_folder, paths.takes_folder):
        with pytest.raises(BadSetting, match=f"PUNCHIN_HOME is {home}, and that is no whole path"):
            place()


def test_a_home_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("PUNCHIN_HOME", "~/mine")
    assert paths.runtime_folder() == tmp_path / "mine" / "runtime"
