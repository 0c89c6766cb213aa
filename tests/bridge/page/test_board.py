"""Which takes the shelf shows: those that lie where they stay, the last ones first, as the bridge knows them."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.harness import until
from fakes.page import RunningPage, page, write_song, write_take
from punchin_bridge.page import board, opening
from punchin_bridge.page.board import Board, Entry
from punchin_wire import paths
from punchin_wire.errors import BadSetting
from punchin_wire.paths import BridgeRecord


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningPage]:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    with page(tmp_path / "home") as found:
        record = BridgeRecord(1, 0, "0", page_port=found.edge.port)
        monkeypatch.setattr(opening, "find_or_start", lambda: record)
        yield found


def test_takes_come_to_the_shelf(running: RunningPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "EVERY_SECONDS", 0.05)
    path = write_song(tmp_path / "song.wav")
    running.browser.enter(path)
    [song] = running.songs()
    shown: queue.Queue[tuple[Entry, ...]] = queue.Queue()
    shelf = Board(shown.put, lambda _: None)
    shelf.start()
    try:
        assert shown.get(timeout=10) == ()
        takes = [write_take(path, song.folder, 3.0, 4.0, seed) for seed in (1, 2)]
        running.browser.act("reset")
        found = until(lambda: shown.get(timeout=10))
        assert [entry.path for entry in found] == takes[::-1]
        assert found[0].about == "song, 3.000-4.000 s"
    finally:
        shelf.close()


def test_only_files_that_stay_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    stays, goes = tmp_path / "takes" / "a.wav", paths.spool_folder() / "page" / "tracks" / "b.wav"
    for path in (stays, goes):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    takes = [
        {"path": str(path), "file": path.name, "created": "", "note": {"name": name}}
        for path, name in ((stays, "The one"), (goes, ""), (tmp_path / "gone.wav", ""))
    ]
    assert board.entries([{"title": "Keys", "place": "bar 1", "takes": takes}]) == (
        Entry(stays, "The one", "Keys, bar 1"),
    )


def test_a_shelf_without_qt_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from punchin_bridge.page import shelf

    monkeypatch.setitem(sys.modules, "PySide6", None)
    with pytest.raises(BadSetting, match="PySide6") as raised:
        shelf.run()
    assert "punchin[shelf]" in raised.value.next_step
