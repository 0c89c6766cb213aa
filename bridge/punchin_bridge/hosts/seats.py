"""The seats of the daemon that has this computer's jobs, while it has any: how many there are, and what is done on
which. Of jobs of others it is only known that there are some."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

import msgspec
from punchin_wire.errors import DaemonUnreachable
from punchin_wire.messages import SeatState, Status
from punchin_wire.structs import ready

from ..daemon import launch
from ..daemon.client import Client
from ..packs.question import Question
from ..settings import LOCAL, Settings, replaced

EVERY_SECONDS = 2.0
ANSWER_SECONDS = 5.0


class Seat(msgspec.Struct, frozen=True):
    """A seat, and the job of ours that runs there; empty where there is none, or another's."""

    state: SeatState
    device: str
    job: str = ""


class Seats(msgspec.Struct, frozen=True):
    """All of them, in the order of their numbers; none while nothing is known. `others` counts jobs that are not ours
    and have not ended, `remote` is the daemon's name where it is another computer's."""

    seats: tuple[Seat, ...] = ()
    others: int = 0
    remote: str = ""

    @property
    def line(self) -> str:
        """A sentence for people; empty where there is one seat, and nobody else.

        >>> idle, busy = Seat("idle", "cpu"), Seat("busy", "cpu")
        >>> Seats((busy,)).line
        ''
        >>> Seats((busy, idle), 0).line
        '2 seats, 1 busy.'
        >>> Seats((busy,), 3, "box").line
        'box: 1 seat, 1 busy; 3 jobs of others.'
        """
        if len(self.seats) < 2 and not self.others:
            return ""
        return "".join(self._words())

    def _words(self) -> Iterator[str]:
        count, busy = len(self.seats), sum(seat.state == "busy" for seat in self.seats)
        yield f"{self.remote}: " if self.remote else ""
        yield f"{count} seat{'' if count == 1 else 's'}, {busy} busy"
        yield f"; {self.others} job{'' if self.others == 1 else 's'} of others" if self.others else ""
        yield "."


ready(Seats)


def seen(status: Status, mine: Collection[str], remote: str = "") -> Seats:
    """What `status` says of seats to those whose jobs are `mine`."""
    running = {job.seat: job.job for job in status.jobs if job.state in ("running", "cancelling") and job.job in mine}
    unended = [job.job for job in status.jobs if job.state in ("queued", "running", "cancelling")]
    return Seats(
        tuple(Seat(seat.state, seat.device, running.get(number, "")) for number, seat in enumerate(status.seats, 1)),
        status.others + sum(job not in mine for job in unended),
        "" if remote == LOCAL else remote,
    )


def ask(settings: Settings) -> Status:
    """The status of the daemon that is used. It is not started. Raises DaemonError."""
    endpoint = launch.known(settings)
    if endpoint is None:
        raise DaemonUnreachable("No daemon is running.", "The next job starts one by itself.")
    with Client(endpoint, msgspec.structs.replace(settings, reply_seconds=ANSWER_SECONDS)) as client:
        return client.status()


class SeatsWatch:
    """[loop] Asks now and then, on a thread, as long as there are jobs at work."""

    def __init__(self, settings: Settings, ask: Callable[[Settings], Status] = ask) -> None:
        self._settings, self._ask_daemon = settings, ask
        self._asked = -EVERY_SECONDS
        self._remote: str | None = None
        self._question: Question[Status] | None = None
        self._status: Status | None = None

    def step(self, now: float, remote: str | None, mine: Collection[str]) -> Seats:
        """What is known now of the daemon `remote` that has our last job; None: we have none."""
        if remote != self._remote:
            self._remote, self._status, self._asked = remote, None, -EVERY_SECONDS
            at = replaced(self._settings, remote=remote) if remote else self._settings
            self._question = None if remote is None else Question(partial(self._ask_daemon, at))
        if self._question is None:
            return Seats()
        found = self._question.answer()
        if found is not None:
            self._status = found if isinstance(found, Status) else None
        if now - self._asked >= EVERY_SECONDS:
            self._asked = now
            self._question.ask()
        return seen(self._status, mine, remote or "") if self._status is not None else Seats()
