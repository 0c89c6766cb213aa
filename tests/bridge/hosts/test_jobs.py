"""The table of a job's life, and the lines that musicians read."""

from __future__ import annotations

from typing import get_args

import pytest
from fakes.room import SUBMIT
from punchin_bridge.hosts.jobs import ENDED, MOVES, WORKING, Job, JobRecord
from punchin_bridge.hosts.protocol import (
    Phase,
    Span,
)
from punchin_wire.errors import BadRegion
from punchin_wire.messages import Progress


def job(phase: Phase = "preparing") -> Job:
    return Job(JobRecord(SUBMIT, 0.0, 7, phase))


def test_the_table_names_every_phase() -> None:
    assert set(MOVES) == set(get_args(Phase))
    assert {after for following in MOVES.values() for after in following} <= set(MOVES)
    assert {"placed", "failed", "cancelled", "dropped"} == ENDED


@pytest.mark.parametrize("phase", sorted(ENDED))
def test_what_has_ended_stays_so(phase: Phase) -> None:
    ended = job(phase)
    assert not any(ended.move(other) for other in get_args(Phase))
    assert ended.phase == phase


def test_ready_is_reached_from_work_only() -> None:
    """A take that is placed cannot be placed again, nor one that was given up."""
    before = {phase for phase, following in MOVES.items() if "ready" in following}
    assert before == WORKING | {"held"}


def test_a_job_as_the_host_sees_it() -> None:
    seen = job("running")
    seen.work(Progress("decode", 0, 200), 10.0)
    assert seen.view(10.0).line == "0 % · 4 takes: playing"
    seen.work(Progress("decode", 100, 200), 14.0)
    view = seen.view(14.0)
    assert view.line == "50 % · 4 s · 4 takes: playing"
    assert (view.fraction, view.guard, view.engine) == (0.5, "digest", "inpaint")
    assert (view.project, view.track, view.region) == ("song", "t", Span(0, 48_000))


def test_no_time_is_foretold_before_a_second_was_seen() -> None:
    seen = job("running")
    seen.work(Progress("decode", 0, 200), 10.0)
    seen.work(Progress("decode", 100, 200), 10.9)
    assert seen.view(10.9).line == "50 % · 4 takes: playing"


def test_less_than_a_second_is_not_foretold() -> None:
    """There is no such thing as 0 s left."""
    seen = job("running")
    seen.work(Progress("decode", 0, 200), 10.0)
    seen.work(Progress("decode", 199, 200), 20.0)
    assert seen.view(20.0).line == "99 % · 4 takes: playing"


def test_a_place_in_the_queue() -> None:
    waits = job()
    waits.wait(2)
    assert (waits.phase, waits.view(0.0).line, waits.view(0.0).position) == ("queued", "Waiting behind 2.", 2)
    waits.wait(0)
    assert waits.view(0.0).line == "Next."


def test_an_error_keeps_its_next_step() -> None:
    failed = job()
    assert failed.move("failed", error=BadRegion("The region is empty.").info())
    view = failed.view(0.0)
    assert (view.line, view.code, view.next_step) == ("The region is empty.", "bad_region", BadRegion.default_next_step)


def test_takes_are_shown_when_they_lie_where_they_belong() -> None:
    staged = Job(JobRecord(SUBMIT, 0.0, 7, "ready", takes=(), staged=("/draft.wav",)))
    assert staged.view(0.0).takes == ()
