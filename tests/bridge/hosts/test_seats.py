"""What people are shown of the daemon's seats, and when it is asked."""

from __future__ import annotations

import pytest
from fakes.harness import until
from punchin_bridge.hosts.seats import EVERY_SECONDS, Seat, Seats, SeatsWatch, seen
from punchin_bridge.settings import Settings
from punchin_wire.errors import DaemonUnreachable
from punchin_wire.messages import JobStatus, SeatState, SeatStatus, State, Status


def seat(state: SeatState) -> SeatStatus:
    return SeatStatus(state, 1, 0, "cpu", (), 0)


def job(name: str, state: State, at: int = 0) -> JobStatus:
    return JobStatus(name, "inpaint", "tiny", state, 0, None, 0, 0, 0.0, at)


STATUS = Status(
    "0.1.0", 1, 1.0, 32, (seat("busy"), seat("busy"), seat("idle")),
    (job("mine", "running", 1), job("theirs", "running", 2), job("next", "queued"), job("old", "done", 2)), others=4,
)  # fmt: skip


def test_only_our_own_jobs_are_named_and_all_others_counted() -> None:
    """Those of other computers, of which nothing is known, and those of this computer's command line."""
    found = seen(STATUS, {"mine", "next"}, "box")
    assert [seat.job for seat in found.seats] == ["mine", "", ""]
    assert found.others == 5
    assert found.line == "box: 3 seats, 2 busy; 5 jobs of others."
    assert seen(STATUS, {"mine", "next"}, "local").line == "3 seats, 2 busy; 5 jobs of others."


def test_the_daemon_is_asked_while_jobs_are_at_work_and_no_longer() -> None:
    asked: list[str] = []

    def ask(settings: Settings) -> Status:
        asked.append(settings.remote)
        return STATUS

    watch = SeatsWatch(Settings(), ask)
    assert watch.step(0.0, None, ()) == Seats()
    assert watch.step(1.0, "box", {"mine"}) == Seats()
    assert until(lambda: watch.step(1.0, "box", {"mine"})).seats[0] == Seat("busy", "cpu", "mine")
    assert asked == ["box"]
    watch.step(1.0 + EVERY_SECONDS, "box", {"mine"})
    until(lambda: len(asked) == 2)
    watch.step(2.0 + EVERY_SECONDS, "local", {"mine"})
    until(lambda: asked[2:] == ["local"])
    assert watch.step(3.0 + EVERY_SECONDS, None, {"mine"}) == Seats()


@pytest.mark.parametrize("error", [DaemonUnreachable("It is gone."), OSError("too many open files")])
def test_of_a_daemon_that_does_not_answer_nothing_is_shown_until_it_does(error: Exception) -> None:
    answers = [STATUS, error, STATUS]

    def ask(_: Settings) -> Status:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    watch = SeatsWatch(Settings(), ask)
    until(lambda: watch.step(0.0, "", ()).seats)
    until(lambda: not watch.step(EVERY_SECONDS, "", ()).seats)
    until(lambda: watch.step(2 * EVERY_SECONDS, "", ()).seats)
