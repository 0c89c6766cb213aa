"""What a pull shows grows only, waits are said, and the time that is left is not guessed."""

from __future__ import annotations

import json

import pytest
from punchin_server.packs import pull_view
from punchin_server.packs.pull_view import Bars, Count, Lines, Plain


def test_a_count_never_runs_back() -> None:
    """Though a server that has no ranges sends a file from its beginning again."""
    count = Count()
    count.begin("a", 100, 1000)
    seen = []
    for here in (10, 200, 0, 50, 300):
        count.reach(here)
        seen.append(count.done)
    assert seen == [110, 300, 300, 300, 400]


def test_programs_get_an_object_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_view, "REPORT_SECONDS", 0.0)
    with Lines() as lines:
        watcher = lines.file("a", 100, 1000)
        watcher.received(50)
        watcher.checking(20)
        watcher.waiting("the connection was cut")
        lines.note("done")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["progress"]["done"] for line in found if "progress" in line] == [100, 150, 150]
    assert found[-2:] == [{"waiting": "the connection was cut"}, {"note": "done"}]


def test_programs_are_not_flooded(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as lines:
        watcher = lines.file("a", 0, 10**6)
        for here in range(10_000):
            watcher.received(here)
    assert len(capsys.readouterr().out.splitlines()) <= 3


def test_logs_get_a_line_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with Plain() as plain:
        plain.file("a.bin", 500_000, 10**6).received(1)
        plain.waiting("it is busy")
    assert capsys.readouterr().err == "a.bin (500 kB of 1.0 MB are here)\nWaiting: it is busy.\n"


def test_a_terminal_gets_a_bar_whose_time_left_is_not_guessed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Bars() as bars:
        bars.file("facebook/mg/state_dict.bin", 0, 2 * 10**6).received(10**6)
        bars.waiting("nothing came for 30 s")
    shown = capsys.readouterr().err
    assert "state_dict.bin" in shown
    assert "1.0/2.0 MB" in shown
    assert "nothing came for 30 s" in shown
    assert ":--" not in shown
    assert "0:00" not in shown
