"""The job table: every change that may happen, the requeue rule, positions, and numbers without gaps."""

import itertools
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_server.daemon.jobs import FINISHED, TRANSITIONS, Job, Jobs, Trigger
from punchin_wire.errors import ErrorInfo, QueueFull, UnknownJob
from punchin_wire.messages import (
    AudioChunk,
    AudioRef,
    Cancelled,
    Done,
    Event,
    EventBody,
    Failed,
    Position,
    Progress,
    State,
    Take,
)

SOUND = AudioRef(0, 32_000, 1, 10)
ERROR = ErrorInfo("worker_died", "It died.", "Try again.")
DONE = Done({"decode": 1.0}, {})
STEP = Progress("decode", 1, 2)
TAKE = Take(0, 1, 0, SOUND)


def job(name: str, client: str = "") -> Job:
    return Job(name, "inpaint", "tiny", keep=False, submitted=0.0, client=client)


def queue(*names: str, limit: int = 10, seats: int = 1) -> Jobs:
    jobs = Jobs(limit, seats)
    for name in names:
        jobs.submit(job(name))
    return jobs


def start(jobs: Jobs, now: float) -> Job:
    """The next job starts, on seat 1."""
    started = jobs.start({1: ()}, now)
    assert started is not None
    return started.job


def test_the_table_names_only_states_and_triggers_and_never_leaves_an_ending() -> None:
    states, triggers = set(typing.get_args(State)), set(typing.get_args(Trigger))
    for (state, trigger), after in TRANSITIONS.items():
        assert state in states - FINISHED
        assert trigger in triggers
        assert after in states
    assert {state for state, _ in TRANSITIONS} == states - FINISHED


def test_a_job_runs_to_its_end() -> None:
    jobs = queue("one1")
    started = start(jobs, 2.0)
    assert (started.id, started.state, jobs.running) == ("one1", "running", {1: started})
    assert jobs.report(1, "one1", STEP, 3.0) == [Event("one1", 1, STEP)]
    assert jobs.report(1, "one1", TAKE, 4.0) == [Event("one1", 2, TAKE)]
    # The queue's time ends with the worker's first word: before that it may have been starting.
    assert jobs.report(1, "one1", DONE, 5.0) == [Event("one1", 3, Done({"queue": 3.0, "decode": 1.0}, {}))]
    assert (started.state, started.ended, jobs.running) == ("done", 5.0, {})


def test_positions_move_up_as_jobs_start_and_end() -> None:
    jobs = queue("one1", "two2", "three")
    assert [jobs.get(name).position for name in ("one1", "two2", "three")] == [0, 1, 2]
    start(jobs, 0.0)
    assert jobs.cancel(jobs.get("two2"), 1.0) == [Event("two2", 1, Cancelled()), Event("three", 1, Position(1))]
    assert jobs.report(1, "one1", DONE, 2.0)[1:] == [Event("three", 2, Position(0))]


def test_a_full_queue_refuses_and_forgets_the_job() -> None:
    jobs = queue("one1", "two2", limit=2)
    with pytest.raises(QueueFull):
        jobs.submit(job("three"))
    assert "three" not in jobs
    start(jobs, 0.0)
    jobs.submit(job("three"))  # the running one does not wait


def test_an_unknown_job_is_named() -> None:
    with pytest.raises(UnknownJob, match="nobody"):
        queue().get("nobody")


def test_cancelling_a_running_job_ends_when_the_worker_says_so() -> None:
    jobs = queue("one1")
    one = start(jobs, 0.0)
    assert jobs.cancel(one, 1.0) == []
    assert one.state == "cancelling"
    assert jobs.cancel(one, 1.0) == []
    assert jobs.report(1, "one1", TAKE, 1.0) == []  # too late to be heard
    assert jobs.report(1, "one1", Cancelled(), 2.0) == [Event("one1", 1, Cancelled())]
    assert one.state == "cancelled"


@pytest.mark.parametrize("last", [DONE, Failed(ERROR)])
def test_a_cancelled_job_is_cancelled_however_it_ended(last: EventBody) -> None:
    jobs = queue("one1")
    one = start(jobs, 0.0)
    jobs.cancel(one, 1.0)
    assert jobs.report(1, "one1", last, 2.0) == [Event("one1", 1, Cancelled())]


def test_words_about_another_than_the_running_job_change_nothing() -> None:
    jobs = queue("one1", "two2")
    start(jobs, 0.0)
    assert jobs.report(1, "two2", DONE, 1.0) == []
    assert jobs.report(1, "gone", DONE, 1.0) == []
    assert jobs.get("two2").state == "queued"


def test_a_silent_job_whose_worker_died_goes_back_to_the_head_once() -> None:
    jobs = queue("one1", "two2")
    one = start(jobs, 0.0)
    jobs.report(1, "one1", STEP, 1.0)
    assert jobs.worker_died(1, ERROR, 2.0) == []
    assert (one.state, one.position, one.progress, jobs.running) == ("queued", 0, None, {})
    assert start(jobs, 3.0) is one
    ended = jobs.worker_died(1, ERROR, 4.0)
    assert ended == [Event("one1", 2, Failed(ERROR)), Event("two2", 1, Position(0))]


def test_a_job_that_has_sent_a_take_fails_with_its_worker() -> None:
    jobs = queue("one1")
    start(jobs, 0.0)
    jobs.report(1, "one1", TAKE, 1.0)
    assert [event.body for event in jobs.worker_died(1, ERROR, 2.0)] == [Failed(ERROR)]


def test_a_preview_costs_a_job_no_try() -> None:
    jobs = queue("one1")
    one = start(jobs, 0.0)
    jobs.report(1, "one1", AudioChunk(0, 0, SOUND), 1.0)
    assert jobs.worker_died(1, ERROR, 2.0) == []
    assert (one.state, one.avoids) == ("queued", 1)


def test_a_job_being_cancelled_is_cancelled_when_its_worker_dies() -> None:
    jobs = queue("one1")
    jobs.cancel(start(jobs, 0.0), 1.0)
    assert [event.body for event in jobs.worker_died(1, ERROR, 2.0)] == [Cancelled()]


def test_a_worker_that_dies_idle_concerns_no_job() -> None:
    assert queue("one1").worker_died(1, ERROR, 0.0) == []


def test_two_seats_run_two_jobs_and_what_one_says_is_of_its_own() -> None:
    jobs = queue("one1", "two2", "three", seats=2)
    assert [jobs.get(name).position for name in ("one1", "two2", "three")] == [0, 0, 1]
    assert jobs.start({}, 0.0) is None
    idle: dict[int, set[str]] = {1: set(), 2: set()}
    for seat, name in ((1, "one1"), (2, "two2")):
        started = jobs.start(idle, 0.0)
        assert started is not None
        assert (started.seat, started.job.id, started.job.seat, started.events) == (seat, name, seat, [])
        del idle[seat]
    assert jobs.report(2, "one1", DONE, 1.0) == []
    jobs.cancel(jobs.get("one1"), 1.0)
    assert jobs.report(2, "two2", STEP, 1.0) == [Event("two2", 1, STEP)]
    assert jobs.report(1, "one1", Cancelled(), 2.0)[-1] == Event("three", 1, Position(0))
    assert jobs.get("two2").state == "running"


def test_a_job_whose_worker_died_prefers_another_seat() -> None:
    jobs = queue("one1", "two2", seats=2)
    one = start(jobs, 0.0)
    jobs.worker_died(1, ERROR, 1.0)
    assert (one.state, one.seat, one.position) == ("queued", 0, 0)
    again = jobs.start({1: {one.wants}, 2: set()}, 2.0)
    assert again is not None
    assert (again.seat, again.job) == (2, one)


def test_one_client_cannot_fill_the_queue() -> None:
    jobs = Jobs(4, client_limit=2)
    for name in ("one1", "two2"):
        jobs.submit(job(name, "a"))
    with pytest.raises(QueueFull, match="of your jobs"):
        jobs.submit(job("three", "a"))
    jobs.submit(job("four", "b"))


def test_a_client_that_comes_later_goes_before_the_second_job_of_the_first() -> None:
    jobs = Jobs(10)
    for name in ("one1", "two2"):
        jobs.submit(job(name, "a"))
    assert jobs.submit(job("three", "b")) == [Event("two2", 1, Position(2))]
    assert jobs.get("three").position == 1


SEATS = 2


class Story:
    """Applies random actions, and checks after each what must always hold."""

    def __init__(self) -> None:
        self.jobs = Jobs(limit=4, seats=SEATS)
        self.events: list[Event] = []
        self.names = (f"job{n}" for n in itertools.count(1000))

    def act(self, action: str, pick: int) -> None:
        known = list(self.jobs)
        now = float(len(self.events))
        seat = pick % SEATS + 1
        match action:
            case "submit" if self.jobs.waiting < 4:
                self.events += self.jobs.submit(job(next(self.names), client=str(pick % 3)))
            case "start" if seat not in self.jobs.running and self.jobs.waiting:
                started = self.jobs.start({seat: ()}, now)
                assert started is not None
                self.events += started.events
            case "cancel" if known:
                self.events += self.jobs.cancel(known[pick % len(known)], now)
            case "die":
                self.events += self.jobs.worker_died(seat, ERROR, now)
            case "report" if known:
                body = (STEP, TAKE, DONE, Failed(ERROR), Cancelled())[pick % 5]
                self.events += self.jobs.report(seat, known[pick % len(known)].id, body, now)

    def check(self) -> None:
        waiting = sorted((j for j in self.jobs if j.state == "queued"), key=lambda j: j.position)
        busy = [j for j in self.jobs if j.state in ("running", "cancelling")]
        assert {j.seat: j.id for j in busy} == {seat: j.id for seat, j in self.jobs.running.items()}
        assert len(waiting) == self.jobs.waiting <= 4 + SEATS  # of every seat one may have come back to a full queue
        ahead = len(busy) - SEATS + 1
        assert [j.position for j in waiting] == [max(0, place + ahead) for place in range(len(waiting))]
        for each in self.jobs:
            mine = [event for event in self.events if event.job == each.id]
            assert [event.seq for event in mine] == list(range(1, each.seq + 1))
            endings = [event for event in mine if isinstance(event.body, Done | Failed | Cancelled)]
            assert len(endings) == each.finished
            assert endings == mine[-len(endings) :] if endings else True


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["submit", "start", "cancel", "die", "report"]), st.integers(0, 40))))
def test_whatever_happens_a_seat_runs_one_job_and_each_ends_once(
    actions: list[tuple[str, int]],
) -> None:
    story = Story()
    for action, pick in actions:
        story.act(action, pick)
        story.check()
