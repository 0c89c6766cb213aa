"""Who hears of what, and who may speak of it. Time is a number, work is a list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes.room import TAKE, Room, hello, submit
from punchin_bridge.hosts.presence import PROGRESS_HZ
from punchin_bridge.hosts.protocol import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    Bye,
    Cancel,
    Command,
    CommandRequest,
    CommandResult,
    Drop,
    Held,
    Placed,
)
from punchin_bridge.hosts.sessions import BACK_SECONDS, MAX_HOSTS, MAX_WORKING, SHOWN_SECONDS, SILENT_SECONDS
from punchin_bridge.hosts.spool import Post
from punchin_wire.errors import BadMessage
from punchin_wire.messages import Progress
from punchin_wire.params import InpaintParams, Sampling


@pytest.fixture
def room() -> Room:
    found = Room()
    found.say(hello())
    return found


def test_a_job_from_submission_to_its_place(room: Room) -> None:
    room.say(submit(clicked=999.0, read=0.2, render=0.7))
    assert room.elsewhere.started == ["job-1"]
    assert room.elsewhere.record[0].submit == submit(clicked=999.0, read=0.2, render=0.7)
    assert room.phases("fake-1") == ["preparing"]
    room.ready()
    assert room.told["fake-1"].jobs[0].takes == (TAKE,)
    room.say(Placed("fake-1", "job-1", 0.03))
    assert room.phases("fake-1") == ["placed"]
    assert room.elsewhere.finished == ["job-1"]
    timings = room.told["fake-1"].jobs[0].timings
    assert timings == pytest.approx(
        {"read": 0.2, "render": 0.7, "accept": 0.1, "splice": 0.5, "place": 0.03, "total": 1.0}
    )


def test_whether_takes_are_shown_while_they_grow_is_written_down_with_the_job(room: Room) -> None:
    room.say(submit("job-1"))
    room.elsewhere.watched = True
    room.say(submit("job-2"))
    assert [record.preview for record in room.elsewhere.record] == [False, True]


def test_a_host_knows_which_other_computer_makes_its_takes(room: Room) -> None:
    assert room.told["fake-1"].remote == ""
    room.elsewhere.used = "box"
    room.now += BEAT_SECONDS
    room.tell()
    assert room.told["fake-1"].remote == "box"


def test_what_a_musician_should_know_is_said_with_the_takes(room: Room) -> None:
    room.say(submit())
    record = msgspec.structs.replace(
        room.sessions.jobs["job-1"].record, phase="ready", takes=(TAKE,), notes=("A was stretched.",)
    )
    room.sessions.ready(record, room.now)
    room.tell()
    assert room.told["fake-1"].jobs[0].line == "1 take ready. A was stretched."
    room.say(Placed("fake-1", "job-1"))
    assert room.told["fake-1"].jobs[0].line == "1 take placed. A was stretched."


def test_parameters_may_come_as_they_were_written(room: Room) -> None:
    """A host that has no parameters of its own sends what stands in its window."""
    room.say(submit(said={"takes": "3", "top_k": "50", "chord": "0.5", "to": "violin"}))
    made = InpaintParams(takes=3, weights={"chord": 0.5}, sampling=Sampling(top_k=50))
    assert (room.elsewhere.record[0].submit.params, room.elsewhere.record[0].submit.said) == (made, {})
    room.say(submit("job-2", said={"takes": "many"}))
    assert room.elsewhere.started == ["job-1"]
    assert "takes" in room.told["fake-1"].trouble


def test_a_seed_is_drawn_once_and_kept(room: Room) -> None:
    room.say(submit())
    assert 0 <= room.elsewhere.record[0].seed < 2**31


def test_everything_may_be_said_twice(room: Room) -> None:
    room.say(submit(), submit(), hello())
    assert room.elsewhere.started == ["job-1"]
    room.ready()
    room.say(Placed("fake-1", "job-1"), Placed("fake-1", "job-1"))
    assert room.elsewhere.finished == ["job-1"]


def test_a_cancelled_job_ends_when_the_runner_says_so(room: Room) -> None:
    room.say(submit(), Cancel("fake-1", "job-1"))
    assert room.elsewhere.stopped == ["job-1"]
    assert room.told["fake-1"].jobs[0].line == "Stopping."
    room.sessions.cancelled("job-1", room.now)
    room.tell()
    assert room.phases("fake-1") == ["cancelled"]


def test_takes_that_come_after_the_cancel_are_not_offered(room: Room) -> None:
    room.say(submit(), Cancel("fake-1", "job-1"))
    room.ready()
    assert room.phases("fake-1") == ["dropped"]


def test_a_changed_song_is_held_until_somebody_decides(room: Room) -> None:
    room.say(submit())
    room.ready()
    room.say(Held("fake-1", "job-1", "The item has moved."))
    assert room.phases("fake-1") == ["held"]
    assert room.elsewhere.record[-1].phase == "held"
    room.say(Drop("fake-1", "job-1"))
    assert room.phases("fake-1") == ["dropped"]


def test_hosts_hear_of_their_own_jobs_only(room: Room) -> None:
    room.say(hello("fake-2", "other"), submit())
    assert room.told["fake-2"].jobs == ()
    room.say(Cancel("fake-2", "job-1"))
    assert "job-1" in room.told["fake-2"].trouble
    assert room.elsewhere.stopped == []


@pytest.mark.parametrize("kind", [Cancel, Placed, Drop, lambda *names: Held(*names, "The item has moved.")])
def test_what_is_said_of_a_job_that_ended_under_a_bridge_before_is_no_trouble(room: Room, kind: Any) -> None:
    room.say(kind("fake-1", "job-1"))
    assert (room.told["fake-1"].trouble, room.told["fake-1"].jobs) == ("", ())


def test_trouble_says_which_job_it_is_about(room: Room) -> None:
    room.sessions.receive(Post("fake-1", None, BadMessage("No."), "job-1"), room.now, 1000.0)
    room.tell()
    assert room.told["fake-1"].refused == "job-1"
    room.say(CommandRequest("fake-1", "live", Command("ask-1", "inpaint")))
    assert "No live" in room.told["fake-1"].trouble
    assert room.told["fake-1"].refused == ""


def test_who_opens_the_project_next_gets_the_takes(room: Room) -> None:
    room.say(submit())
    room.ready()
    room.say(Bye("fake-1"), hello("fake-2"))
    assert room.phases("fake-2") == ["ready"]
    room.say(Placed("fake-2", "job-1"))
    assert room.elsewhere.finished == ["job-1"]


def test_two_copies_of_a_project_do_not_both_place(room: Room) -> None:
    room.say(hello("fake-2"), submit())
    room.ready()
    assert room.phases("fake-1") == ["ready"]
    assert room.told["fake-2"].jobs == ()


def next_bridge(room: Room) -> Room:
    """After a kill: the jobs as they were written down last."""
    after = Room()
    for record in {record.submit.job: record for record in room.elsewhere.record}.values():
        after.sessions.resume(record, after.now)
    return after


def ready(room: Room) -> None:
    """The takes are made, and the runner has written that down, as it knows the job."""
    room.ready()
    record = room.sessions.jobs["job-1"].record
    room.elsewhere.record.append(msgspec.structs.replace(record, owner=room.elsewhere.record[0].owner))


def test_after_a_kill_whoever_is_heard_first_waits_for_the_owner(room: Room) -> None:
    """Both have the project open; the one that asked is a little later in saying hello."""
    room.say(hello("fake-2"), submit())
    ready(room)
    after = next_bridge(room)
    after.say(hello("fake-2"))
    assert after.told["fake-2"].jobs == ()
    after.now += BACK_SECONDS - 1
    after.say(hello("fake-2"), hello("fake-1"))
    assert after.phases("fake-1") == ["ready"]
    assert after.told["fake-2"].jobs == ()


def test_an_owner_that_sleeps_loses_the_job_for_good(room: Room) -> None:
    """It wakes after the job was passed on: its old state is gone, and it is told of nothing."""
    room.say(hello("fake-2"), submit())
    ready(room)
    after = next_bridge(room)
    after.now += BACK_SECONDS + 1
    after.say(hello("fake-2"))
    assert after.phases("fake-2") == ["ready"]
    assert after.elsewhere.forgotten == ["fake-1"]
    after.say(hello("fake-1"))
    assert after.told["fake-1"].jobs == ()
    again = next_bridge(after)  # killed, too: the heir is awaited now
    again.say(hello("fake-1"))
    assert again.told["fake-1"].jobs == ()
    again.say(hello("fake-2"))
    assert again.phases("fake-2") == ["ready"]


def test_the_heir_of_a_job_at_work_is_written_down_when_it_is_ready(room: Room) -> None:
    """The runner knows only whom it began for."""
    room.say(submit(), Bye("fake-1"), hello("fake-2"))
    began = room.elsewhere.record[0]
    room.sessions.ready(msgspec.structs.replace(began, phase="ready", takes=(TAKE,)), room.now)
    assert (room.elsewhere.record[-1].phase, room.elsewhere.record[-1].owner) == ("ready", "fake-2")
    room.say(hello("fake-1"))
    assert room.told["fake-1"].jobs == ()
    assert room.phases("fake-2") == ["ready"]


def test_a_host_that_is_silent_is_gone(room: Room) -> None:
    room.now += LEASE_SECONDS + 1
    room.sessions.expire(room.now)
    assert room.sessions.is_idle
    assert room.elsewhere.forgotten == []  # a dialog may wait there
    room.now += SILENT_SECONDS
    room.sessions.expire(room.now)
    assert room.elsewhere.forgotten == ["fake-1"]


def test_a_host_that_was_silent_places_its_takes(room: Room) -> None:
    """And keeps its files: what it has read of other tracks meanwhile lies there."""
    room.say(submit())
    room.ready()
    room.now += LEASE_SECONDS + 1
    room.sessions.expire(room.now)
    room.say(Placed("fake-1", "job-1"), hello())
    assert room.phases("fake-1") == ["placed"]
    room.now += LEASE_SECONDS - 1
    room.say(hello())
    room.now += SILENT_SECONDS
    room.say(hello())
    room.sessions.expire(room.now)
    assert room.elsewhere.forgotten == []


def test_the_stems_of_a_job_at_work_outlive_their_host(room: Room) -> None:
    room.say(submit(), Bye("fake-1"))
    assert room.elsewhere.forgotten == []


def test_a_host_that_left_is_forgotten_when_its_last_job_is_done(room: Room) -> None:
    room.say(submit(), Bye("fake-1"))
    room.ready()
    room.sessions.expire(room.now)
    assert room.elsewhere.forgotten == ["fake-1"]


def test_a_host_that_came_back_keeps_its_files(room: Room) -> None:
    room.say(submit(), Bye("fake-1"), hello())
    room.ready()
    room.sessions.expire(room.now)
    assert room.elsewhere.forgotten == []


def test_changes_are_told_at_once_and_progress_now_and_then(room: Room) -> None:
    room.say(submit())
    room.sessions.working("job-1", Progress("decode", 1, 100), room.now)
    assert room.tell() == ["fake-1"]  # it has begun
    room.sessions.working("job-1", Progress("decode", 2, 100), room.now)
    assert room.tell() == []
    room.now += 2 / PROGRESS_HZ
    assert room.tell() == ["fake-1"]


def test_the_beat_goes_on_and_the_revision_stands(room: Room) -> None:
    before = room.told["fake-1"]
    room.now += 1.0
    assert room.tell() == ["fake-1"]
    after = room.told["fake-1"]
    assert (after.revision, after.beat) == (before.revision, before.beat + 1)


def test_ended_jobs_are_told_of_for_a_while(room: Room) -> None:
    room.say(submit())
    room.sessions.failed("job-1", BadMessage("No.").info(), room.now)
    room.now += SHOWN_SECONDS + 1
    room.say(hello())
    room.sessions.expire(room.now)
    room.tell()
    assert room.told["fake-1"].jobs == ()


def test_there_is_a_most_of_everything(room: Room) -> None:
    for number in range(MAX_WORKING + 1):
        room.say(submit(f"job-{number}"))
    assert room.told["fake-1"].jobs[-1].code == "queue_full"
    for number in range(MAX_HOSTS + 1):
        room.say(hello(f"more-{number}"))
    assert len(room.sessions.hosts) == MAX_HOSTS


def test_one_host_lets_another_do_something(room: Room) -> None:
    room.say(hello("daw-1", can=("inpaint",)), hello("cli-1"))
    room.say(CommandRequest("cli-1", "daw", Command("ask-1", "inpaint")))
    assert [ask.action for ask in room.told["daw-1"].asks] == ["inpaint"]
    assert room.told["cli-1"].answers == {"ask-1": ""}
    room.say(CommandResult("daw-1", "ask-1"))
    assert room.told["daw-1"].asks == ()
    assert room.told["cli-1"].answers == {"ask-1": "done"}


@pytest.mark.parametrize(
    ("target", "action", "said"), [("live", "inpaint", "No live"), ("daw", "dance", "cannot dance")]
)
def test_what_nobody_can_do_is_said(room: Room, target: str, action: str, said: str) -> None:
    room.say(
        hello("daw-1", can=("inpaint",)), hello("cli-1"), CommandRequest("cli-1", target, Command("ask-1", action))
    )
    assert said in room.told["cli-1"].trouble
