"""The session that REAPER and Ardour share, in the smallest host there can be; the bridge's end is worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa.lua53
import lupa.lua54
import msgspec
import pytest
from fakes.lua_host import END, RATE, START, Host
from punchin_bridge.hosts.protocol import (
    Cancel,
    Drop,
    Held,
    Hello,
    Placed,
    Span,
    Submit,
)


@pytest.fixture(params=[lupa.lua53, lupa.lua54], ids=["5.3", "5.4"])
def lua(request: pytest.FixtureRequest) -> Any:
    return request.param.LuaRuntime(unpack_returned_tuples=True)


@pytest.fixture
def host(lua: Any, tmp_path: Path) -> Host:
    made = Host(lua, tmp_path / "spool")
    made.ticks()
    return made


# ---- the way to the bridge -----------------------------------------------------------------------------------


def test_a_host_says_what_it_can(host: Host) -> None:
    hello = msgspec.json.decode((host.spool / "inbox" / "lua-song-hello.json").read_bytes(), type=Hello)
    assert (hello.program, hello.project.id) == ("Lua 1", "song")
    assert {"inpaint", "transfer", "cancel", "select", "dance"} <= set(hello.can)
    assert host.asked("dance") == ""
    assert host.asked("fly") == "Lua cannot do that."


def test_requests_are_handed_over_in_their_order_once_there_is_a_bridge(lua: Any, tmp_path: Path) -> None:
    host = Host(lua, tmp_path / "spool")
    host.beats = False
    host.click("inpaint")
    host.click("inpaint")
    host.ticks(1.0)
    assert host.heard(Submit) == []
    shown = host.shown
    assert shown.count("start a bridge") == 1
    [job] = {line.split()[1] for line in shown if line.endswith("Starting Punchin")}
    host.beats = True
    host.ticks(0.4)
    first, second = host.heard(Submit)
    assert (first.job, first.region) == (job, Span(START, END))
    assert second.job != job


def test_who_waits_too_long_for_a_bridge_is_told(host: Host) -> None:
    host.beats = False
    host.ticks(4)
    host.click("inpaint")
    host.ticks(31)
    assert any(line.startswith("note") and "did not start" in line for line in host.shown)
    host.beats = True
    host.ticks(1)
    assert host.heard(Submit) == []


def test_what_cannot_be_read_is_said(host: Host) -> None:
    host.set(broken="a track is gone")
    host.click("inpaint")
    host.ticks()
    assert "The tracks could not be read: a track is gone." in host.shown[-1]
    host.set(broken=None)
    assert host.submit().job


# ---- cancelling ----------------------------------------------------------------------------------------------


def read_jobs(shown: list[str]) -> list[str]:
    """The jobs whose tracks are being read."""
    return [line.split()[1] for line in shown if "reading the tracks" in line]


def test_an_older_request_that_waits_is_stopped_by_its_job(host: Host) -> None:
    host.set(reads=False)
    for _ in range(2):
        host.click("inpaint")
        host.ticks()
    [older] = set(read_jobs(host.shown))
    assert host.asked("cancel", job=older) == ""
    assert f"hide {older}" in (shown := host.shown)
    assert "stop reading keys" in shown
    host.set(reads=True)
    host.ticks(0.5)
    [left] = host.heard(Submit)
    assert left.job != older


def test_a_job_is_stopped_between_hand_over_and_the_first_word_of_it(host: Host) -> None:
    """By its job, before any state has shown one; and by nothing but `cancel`."""
    for by_job in (True, False):
        said = host.submit()
        assert host.asked("cancel", **({"job": said.job} if by_job else {})) == ""
        assert [cancel.job for cancel in host.heard(Cancel)] == [said.job]
        host.show(said, "cancelled")
        host.ticks()


def test_of_two_that_were_handed_over_the_latest_is_stopped(host: Host) -> None:
    host.submit()
    latest = host.submit()
    assert host.asked("cancel") == ""
    assert [cancel.job for cancel in host.heard(Cancel)] == [latest.job]


def test_a_job_that_is_shown_is_stopped(host: Host) -> None:
    said = host.submit()
    host.show(said, "running")
    host.ticks()
    assert host.asked("cancel", job="another") == "Nothing is at work."
    assert host.asked("cancel", job=said.job) == ""
    assert [cancel.job for cancel in host.heard(Cancel)] == [said.job]
    host.show(said, "cancelled")
    host.ticks()
    assert host.asked("cancel") == "Nothing is at work."


def test_the_button_stops_its_own_job(host: Host) -> None:
    said = host.submit()
    host.show(said, "running")
    host.submit()
    host.set(pressed=host._lua.table_from([said.job, "stop"]))
    host.ticks()
    assert [cancel.job for cancel in host.heard(Cancel)] == [said.job]


# ---- the bridge ----------------------------------------------------------------------------------------------


def test_a_bridge_that_dies_under_a_job_is_replaced(host: Host) -> None:
    said = host.submit()
    host.show(said, "running")
    host.ticks(2)
    host.beats = False
    host.ticks(3)
    assert "start a bridge" not in host.shown
    host.ticks(1)
    assert host.shown.count("start a bridge") == 1
    host.ticks(29)  # it may take its time
    assert host.shown.count("start a bridge") == 0
    host.ticks(2)
    assert host.shown.count("start a bridge") == 1
    host.beats = True
    host.show(said, "ready")
    host.ticks()
    assert host.heard(Placed)


def test_a_bridge_that_nobody_needs_is_not_replaced(host: Host) -> None:
    said = host.submit()
    host.show(said, "placed")
    host.ticks(6)
    host.beats = False
    host.ticks(40)
    assert "start a bridge" not in host.shown


def notes(host: Host) -> list[str]:
    return [line for line in host.shown if line.startswith("note")]


def test_what_the_bridge_refuses_is_said_once_each_time(host: Host) -> None:
    for number in range(2):
        said = host.submit()
        host.trouble, host.refused = "The tempos do not follow each other. Tell us.", said.job
        host.ticks(2)
        assert notes(host) == ["note trouble The tempos do not follow each other. Tell us. "], number
        assert host.fake["is"].known[said.job] is None  # it is not at work
    assert host.submit().job


def test_what_was_refused_before_we_came_is_not_said(lua: Any, tmp_path: Path) -> None:
    host = Host(lua, tmp_path / "spool")
    host.trouble = "It was long ago."
    host.ticks(1)
    assert notes(host) == []
    host.trouble = "It is now."
    host.ticks(1)
    assert notes(host) == ["note trouble It is now. "]


def test_how_a_job_ends_is_said_once(host: Host) -> None:
    for phase, line, shown in (
        ("failed", "The region is empty.", "note {} The region is empty. Select more."),
        ("placed", "1 take placed. Its level is low.", "remark {} 1 take placed. Its level is low."),
        ("placed", "1 take placed.", "hide {}"),
        ("cancelled", "Cancelled.", "hide {}"),
    ):
        said = host.submit()
        host.show(said, phase, line, next_step="Select more." if phase == "failed" else "")  # type: ignore[arg-type]
        assert host.shown
        host.ticks(3)
        found = host.shown
        assert found[-1] == shown.format(said.job)
        assert found.count(found[-1]) == 1


def test_work_that_the_bridge_does_not_know_is_not_shown(host: Host) -> None:
    said = host.submit()
    host.show(said, "running", "50 % · 4 s · 1 take: playing")
    host.ticks()
    assert host.shown[-1] == f"work {said.job} 50 % · 4 s · 1 take: playing"
    assert host.fake["is"].known[said.job]
    host.jobs = ()
    host.ticks()
    assert not host.fake["is"].known[said.job]


def test_what_was_handed_over_is_work_until_the_bridge_shows_it_or_ought_to_have(host: Host) -> None:
    said = host.submit()
    host.ticks(4)
    assert host.fake["is"].known[said.job]
    host.ticks(2)
    assert host.fake["is"].known[said.job] is None
    host.click("inpaint")
    host.set(reads=False)
    host.ticks(6)
    [waits] = set(read_jobs(host.shown))
    assert host.fake["is"].known[waits]


# ---- takes that come back ------------------------------------------------------------------------------------


def test_takes_are_laid_once_and_that_is_said_until_it_is_heard(host: Host) -> None:
    said = host.submit()
    host.show(said, "ready")
    host.ticks(4)
    assert [line for line in host.shown if line.startswith("place")] == [f"place {said.job} {START} {RATE}"]
    assert [placed.at for placed in host.heard(Placed)] == [None]
    host.ticks(3)
    assert len(host.heard(Placed)) == 1
    host.show(said, "placed")
    host.ticks(6)
    assert host.heard(Placed) == []


def test_takes_wait_while_the_host_records(host: Host) -> None:
    said = host.submit()
    host.set(recording=True)
    host.show(said, "ready")
    host.ticks(1)
    assert host.heard(Placed) == []
    host.set(recording=False)
    host.ticks()
    assert len(host.heard(Placed)) == 1


@pytest.mark.parametrize("key", ["there", "here", "drop"])
@pytest.mark.parametrize("how", ["at once", "by a button"])
def test_the_musician_says_where_takes_of_a_changed_song_belong(host: Host, key: str, how: str) -> None:
    said = host.submit()
    if how == "at once":
        host.set(answer=lambda: key)
    host.set(moved=True)
    host.show(said, "ready")
    host.ticks()
    assert [held.reason for held in host.heard(Held)] == ["What was selected has been moved."]
    assert f"where {said.job} What was selected has been moved. there here drop" in host.shown
    if how == "by a button":
        host.ticks(1)
        assert host.heard(Placed, Drop) == []
        host.set(pressed=host._lua.table_from([said.job, key]))
        host.ticks()
    [answer] = host.heard(Placed, Drop)
    assert isinstance(answer, Drop) == (key == "drop")
    assert getattr(answer, "at", None) == (START + RATE if key == "there" else None)
    host.ticks(6)
    assert len(host.heard(Placed, Drop)) == 1  # until the bridge shows that it has heard
    assert host.heard(Held) == []


@pytest.mark.parametrize("key", ["anew", "here"])
def test_after_a_tempo_edit_takes_are_made_anew_for_their_bars(host: Host, key: str) -> None:
    said = host.submit()
    host.submit()  # what was asked for last is not what is held
    host.set(bpm=100)
    host.show(said, "ready")
    host.ticks()
    reason = "The tempo or the time signature was edited."
    assert [held.reason for held in host.heard(Held)] == [reason]
    assert f"where {said.job} {reason} anew there here drop" in host.shown
    host.set(pressed=host._lua.table_from([said.job, key]))
    host.ticks(0.3)
    answers, asked = host.heard(Placed, Drop), host.heard(Submit)
    if key == "here":
        assert [type(answer) for answer in answers] == [Placed]
        assert asked == []
        return
    assert [type(answer) for answer in answers] == [Drop]
    [again] = asked
    assert again.job != said.job
    assert (again.params, again.target.id) == (said.params, said.target.id)
    assert again.region == Span(START * 120 // 100, END * 120 // 100)


def test_takes_that_cannot_be_made_anew_stay_held(host: Host) -> None:
    said = host.submit()
    host.set(bpm=100, refusal="The track is locked.")
    host.show(said, "ready")
    host.ticks()
    host.set(pressed=host._lua.table_from([said.job, "anew"]))
    host.ticks()
    assert [held.reason for held in host.heard(Held)][1:] == ["The track is locked."]
    assert host.heard(Drop, Submit) == []


def test_what_cannot_be_laid_is_held_and_may_be_tried_again(host: Host) -> None:
    said = host.submit()
    host.set(breaks=True)
    host.show(said, "ready")
    host.ticks()
    assert [held.reason for held in host.heard(Held)] == ["The takes could not be placed: it broke."]
    host.set(breaks=False, pressed=host._lua.table_from([said.job, "here"]))
    host.ticks()
    assert len(host.heard(Placed)) == 1


def test_a_host_ticks_on_while_the_musician_is_asked(host: Host) -> None:
    """As Ardour does: the tick within hears the bridge, and does nothing else."""
    said = host.submit()
    nested: list[Any] = []

    def asked() -> str:
        host.click("inpaint")
        for _ in range(60):
            host.fake["is"].now += 100_000
            host.say()
            nested.append(host.session.tick())
        assert host.heard(Submit) == []
        return "here"

    host.set(answer=asked, moved=True)
    host.show(said, "ready")
    host.ticks()
    assert nested == 60 * [None]
    assert len([line for line in host.shown if line.startswith("where")]) == 1
    assert len(host.heard(Placed)) == 1
    host.ticks()
    assert len(host.heard(Submit)) == 1


def test_a_tick_that_fails_is_said_and_the_next_goes_on(host: Host) -> None:
    settle = host.fake.screen.settle
    host.fake.screen.settle = host._lua.eval('function () error ("no screen", 0) end')
    host.say()
    assert host.session.tick() == "no screen"
    host.fake.screen.settle = settle
    assert host.submit().job


# ---- projects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [True, False])
def test_what_waits_is_kept_for_its_project_where_that_stays_open(lua: Any, tmp_path: Path, keeps: bool) -> None:
    host = Host(lua, tmp_path / "spool", keeps)
    host.set(reads=False)
    host.click("inpaint")
    host.ticks(1)
    host.set(project="other", reads=True)
    host.ticks(1)
    assert "stop reading keys" in host.shown
    assert host.heard(Submit) == []
    host.set(project="song")
    host.ticks(1)
    assert len(host.heard(Submit)) == keeps


def test_marks(host: Host) -> None:
    assert host.asked("mark_out").startswith("Nothing is marked yet")
    assert host.asked("mark_in") == ""
    assert f"marked {RATE}" in host.shown
    assert host.asked("select", start=1.0, end=2.0, unit="seconds") == ""
    assert f"select {RATE} {2 * RATE}" in host.shown
