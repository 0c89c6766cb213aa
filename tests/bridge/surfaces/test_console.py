"""What is done on surfaces becomes what a host is asked for, and what comes of it is shown."""

from __future__ import annotations

import pytest
from fakes.room import submit
from fakes.surfaces import Stage
from punchin_bridge.hosts.protocol import CommandResult, TempoPoint, Timeline, TimeSignaturePoint
from punchin_bridge.surfaces.actions import Place
from punchin_bridge.surfaces.console import PATIENCE_SECONDS
from punchin_wire.errors import BadMessage, BadSetting, DaemonUnreachable
from punchin_wire.params import InpaintParams


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_untouched_surface_asks_for_the_hosts_own_settings(stage: Stage) -> None:
    stage.act("inpaint")
    assert stage.asked() == [("inpaint", {})]


def test_a_fader_goes_into_the_next_job(stage: Stage) -> None:
    stage.console.turn("temperature", 1.0)
    stage.act("inpaint")
    [ask] = stage.asks
    assert isinstance(ask.params, InpaintParams)
    assert ask.params.sampling.temperature == 2.0


def test_a_knob_goes_by_the_steps_of_its_parameter(stage: Stage) -> None:
    values = stage.console.parameters.values
    stage.console.nudge("takes", 2)
    assert values["takes"] == 3
    stage.console.nudge("pooling_time", 1)
    assert values["pooling_time"] == 4
    stage.console.nudge("pooling_time", 9)
    assert values["pooling_time"] == 8
    stage.console.nudge("alpha", -16)
    assert values["alpha"] == pytest.approx(0.25)
    stage.console.set("top_k", 1)
    stage.console.nudge("top_k", 1)  # where its fader hardly moves
    assert values["top_k"] == 2
    with pytest.raises(BadSetting, match="text"):
        stage.console.nudge("text", 1)


def test_details_are_handed_on(stage: Stage) -> None:
    stage.act("pick", take=2, job="job-1")
    stage.act("select", start=1.0, end=2.5, unit="quarters")
    assert stage.asked() == [
        ("pick", {"take": 2, "job": "job-1"}),
        ("select", {"start": 1.0, "end": 2.5, "unit": "quarters"}),
    ]


@pytest.mark.parametrize(("name", "details"), [("pick", {}), ("select", {"start": 1.0}), ("inpaint", {"take": 1})])
def test_an_action_without_what_it_needs_is_refused(stage: Stage, name: str, details: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        stage.act(name, **details)
    with pytest.raises(BadSetting, match="no action"):
        stage.act("explode")
    assert stage.asked() == []


def test_a_foot_by_the_hosts_own_clock(stage: Stage) -> None:
    feet = []
    for pressed in (100.0, 101.0, 102.0):
        stage.act("punch", pressed=pressed)
        feet.append(stage.console.view(0).foot)
    assert feet == ["in", "out", "up"]
    assert stage.asked() == [
        ("mark_in", {"pressed": 100.0}),
        ("mark_out", {"pressed": 101.0}),
        ("inpaint", {"pressed": 102.0}),
    ]


def test_a_foot_by_a_clock_that_came_with_it(stage: Stage) -> None:
    stage.act("punch", Place(16.0, "quarters"))
    assert stage.asked() == []
    stage.act("punch", Place(8.0, "quarters"))  # a loop went round between
    stage.act("punch")
    assert stage.asked() == [("select", {"start": 8.0, "end": 16.0, "unit": "quarters"}), ("inpaint", {})]


def test_a_clock_that_stops_between_two_presses_is_said(stage: Stage) -> None:
    stage.act("punch", Place(8.0, "quarters"))
    with pytest.raises(BadSetting, match="clock"):
        stage.act("punch")
    assert stage.console.view(0).foot == "up"


def test_a_foot_may_step_back(stage: Stage) -> None:
    stage.act("punch")
    stage.act("unpunch")
    assert stage.console.view(0).foot == "up"


def test_the_foot_stays_where_it_was_when_nobody_is_there(stage: Stage) -> None:
    stage.room.sessions.leave("fake-1", stage.room.now)
    with pytest.raises(DaemonUnreachable, match="No host"):
        stage.act("punch")
    assert stage.console.view(0).foot == "up"


def test_the_host_that_worked_last_is_driven_unless_another_is_chosen(stage: Stage) -> None:
    stage.come("live-2")
    assert stage.console.view(0).host == "live-2"
    stage.say(submit())
    assert stage.console.view(0).host == "fake-1"
    stage.console.choose("live")
    assert stage.console.view(0).host == "live-2"
    with pytest.raises(BadSetting, match="reaper"):
        stage.console.choose("reaper")
    stage.room.sessions.leave("live-2", stage.room.now)
    assert stage.console.view(0).host == ""


def test_what_a_host_cannot_do_is_said_at_once(stage: Stage) -> None:
    stage.come("live-2", ("inpaint",))
    with pytest.raises(BadMessage, match="cannot commit"):
        stage.act("commit")


def test_what_a_host_did_not_do_is_shown(stage: Stage) -> None:
    stage.act("next_take")
    stage.say(CommandResult("fake-1", stage.asks[0].ask, "There are no takes."))
    view = stage.console.view(0)
    assert view.trouble is not None
    assert (view.trouble.message, view.troubles) == ("There are no takes.", 1)


def test_a_host_that_hangs_is_shown_once(stage: Stage) -> None:
    stage.act("inpaint")
    stage.console.expire(stage.room.now + PATIENCE_SECONDS - 0.1)
    assert stage.console.view(0).troubles == 0
    stage.console.expire(stage.room.now + PATIENCE_SECONDS + 0.1)
    stage.console.expire(stage.room.now + PATIENCE_SECONDS + 0.2)
    assert stage.console.view(0).troubles == 1


def test_what_was_played_live_goes_into_the_job_that_is_written_down(stage: Stage) -> None:
    stage.console.chords.key(60, 100, 0.0, None)
    stage.say(submit(), submit())
    stage.say(submit("job-2"))
    first, second = (record.submit for record in stage.room.elsewhere.record)
    assert [note.pitch for note in first.chords] == [60]
    assert second.chords == submit().chords


def test_chords_wait_for_a_job_with_a_time_line(stage: Stage) -> None:
    """A job that cannot be completed is none: its host reads why, and the next one has the chords."""
    stage.console.chords.key(60, 100, 0.0, None)
    stage.say(submit(timeline=Timeline(48_000, (TempoPoint(4.0, 120.0),), (TimeSignaturePoint(0.0),))))
    assert stage.room.elsewhere.record == []
    assert "tempo" in stage.room.told["fake-1"].trouble
    stage.say(submit())
    assert [note.pitch for note in stage.room.elsewhere.record[0].submit.chords] == [60]


def test_the_last_job_of_the_driven_host_is_shown(stage: Stage) -> None:
    assert stage.console.view(0).job is None
    stage.say(submit("job-1"), submit("job-2"))
    view = stage.console.view(0)
    assert [job.job for job in view.jobs] == ["job-1", "job-2"]
    assert view.job is not None
    assert view.job.job == "job-2"
