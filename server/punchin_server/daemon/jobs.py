"""Jobs as a pure state machine: who waits, what runs on which seat, how each one ended. No clock, no I/O, no audio.

Time is handed in as a number. Every change returns the events it causes, numbered per job from 1, in the order in
which they happened; delivering and keeping them is the caller's work.

::

    queued ──start──▶ running ──finish──▶ done
      │ ▲               │ │ │
      │ └────requeue────┘ │ └──fail──▶ failed          (also from queued: the worker cannot start)
      │                cancel
      └──cancel──▶        ▼
               cancelled ◀── cancelling

A job is `cancelling` while its model is inside its last step: the cancel has been acknowledged, and whatever the
worker still says about the job, even that it is done, ends in `cancelled`.

The requeue rule: a job whose worker died goes back to the head of the queue **once**, and only if no take of it had
been sent; else it fails with `worker_died`. So nobody has takes of two different performances as those of one job, and
a job that kills every worker it meets is tried twice at most. The second time it starts on another seat where one is
idle. Previews do not count: those of the next try begin anew, and so say what they replace.

Seats are numbered from 1. Whose turn it is, and what a seat prefers, is :mod:`.fair`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from punchin_wire.errors import ErrorInfo, QueueFull, UnknownJob
from punchin_wire.messages import (
    Cancelled,
    Done,
    Event,
    EventBody,
    Failed,
    JobStatus,
    Position,
    Progress,
    State,
    Take,
)

from .fair import FairQueue, Idle

Trigger = Literal["start", "cancel", "finish", "fail", "stop", "requeue"]

TRANSITIONS: dict[tuple[State, Trigger], State] = {
    ("queued", "start"): "running",  # the daemon, when a seat is idle
    ("queued", "cancel"): "cancelled",  # client, OSC surface, or the vanishing of both
    ("queued", "fail"): "failed",  # supervisor: the worker cannot start; daemon: it is being stopped
    ("running", "finish"): "done",  # worker
    ("running", "fail"): "failed",  # worker, or supervisor when the worker died
    ("running", "requeue"): "queued",  # supervisor, by the requeue rule
    ("running", "cancel"): "cancelling",  # client, OSC surface, or the vanishing of both
    ("running", "stop"): "cancelled",  # worker, on its own word
    ("cancelling", "cancel"): "cancelling",
    ("cancelling", "finish"): "cancelled",
    ("cancelling", "fail"): "cancelled",
    ("cancelling", "stop"): "cancelled",
}
"""Every change that may happen, and who may cause it. Anything else is the caller's mistake."""

FINISHED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass
class Job:
    """One job. `client` is who asked for it, `seq` the number of its last event; `position` counts the jobs ahead."""

    id: str
    engine: str
    pack: str
    keep: bool
    submitted: float
    client: str = ""
    state: State = "queued"
    seq: int = 0
    position: int = 0
    progress: Progress | None = None
    has_sent_takes: bool = False
    seat: int = 0  # where it runs or ran; 0: nowhere yet
    avoids: int = 0  # the seat whose worker died of it, or under it
    started: float = 0.0
    cancelled: float = 0.0  # when somebody first asked for that
    ended: float = 0.0

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def wants(self) -> str:
        """The engine it needs, as workers name those that they hold."""
        return f"{self.pack}:{self.engine}"

    def status(self, now: float) -> JobStatus:
        at = self.progress
        return JobStatus(
            job=self.id,
            engine=self.engine,
            pack=self.pack,
            state=self.state,
            position=self.position,
            stage=at.stage if at else None,
            step=at.step if at else 0,
            total=at.total if at else 0,
            age=max(0.0, now - self.submitted),
            seat=self.seat,
        )

    def event(self, body: EventBody) -> Event:
        self.seq += 1
        return Event(self.id, self.seq, body)


class Started(NamedTuple):
    """A job that runs from now on, its seat, and who else moved up by that."""

    seat: int
    job: Job
    events: list[Event]


class Jobs:
    """All jobs the daemon knows. At most `limit` of them wait, and `client_limit` of one client; `running` are those at
    work, by seat, one each."""

    def __init__(self, limit: int, seats: int = 1, client_limit: int | None = None) -> None:
        self.limit = limit
        self.client_limit = limit if client_limit is None else client_limit
        self.running: dict[int, Job] = {}
        self._seats = seats
        self._jobs: dict[str, Job] = {}
        self._queue: FairQueue[Job] = FairQueue()

    def __contains__(self, job: str) -> bool:
        return job in self._jobs

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def get(self, job: str) -> Job:
        """Raises UnknownJob."""
        try:
            return self._jobs[job]
        except KeyError:
            raise UnknownJob(f"The daemon knows no job {job!r}.") from None

    def submit(self, job: Job) -> list[Event]:
        """Put a new job at the end of its client's queue and set its `position`. Raises QueueFull."""
        if len(self._queue) >= self.limit:
            raise QueueFull(f"{len(self._queue)} jobs are waiting already, and no more than that may.")
        if self._queue.of(job.client) >= self.client_limit:
            raise QueueFull(
                f"{self.client_limit} of your jobs are waiting already; the rest of the queue is for others."
            )
        self._jobs[job.id] = job
        self._queue.add(job)
        job.position = next(position for position, each in self._positions() if each is job)
        return self._moved()

    def restore(self, job: Job) -> None:
        """Know a finished job again, from what the store kept."""
        self._jobs[job.id] = job

    def forget(self, job: Job) -> None:
        del self._jobs[job.id]

    def start(self, idle: Idle, now: float) -> Started | None:
        """The next job runs from now on, on one of the idle seats. None where there is no job or no seat."""
        if not idle or not self._queue:
            return None
        seat, job = self._queue.take(idle, now)
        self._move(job, "start")
        job.started, job.seat, job.position = now, seat, 0
        self.running[seat] = job
        return Started(seat, job, self._moved())

    def report(self, seat: int, job_id: str, body: EventBody, now: float) -> list[Event]:
        """What a seat's worker says about a job. Words about any but the one that runs there are too late to matter."""
        job = self.running.get(seat)
        if job is None or job.id != job_id:
            return []
        match body:
            case Done():
                timings = {"queue": job.started - job.submitted} | body.timings
                return self._end(job, "finish", Done(timings, body.models), now)
            case Failed():
                return self._end(job, "fail", body, now)
            case Cancelled():
                return self._end(job, "stop", body, now)
        if job.state != "running":
            return []
        if isinstance(body, Progress):
            if job.progress is None:
                job.started = now  # a worker that was still starting is part of the wait
            job.progress = body
        job.has_sent_takes |= isinstance(body, Take)
        return [job.event(body)]

    def cancel(self, job: Job, now: float) -> list[Event]:
        """Somebody asks for the job to stop. One that has finished stays what it is."""
        if job.finished:
            return []
        if job.state == "queued":
            return self._end(job, "cancel", Cancelled(), now)
        self._move(job, "cancel")
        job.cancelled = job.cancelled or now
        return []

    def fail(self, job: Job, error: ErrorInfo, now: float) -> list[Event]:
        return self._end(job, "fail", Failed(error), now)

    def worker_died(self, seat: int, error: ErrorInfo, now: float) -> list[Event]:
        """The worker of a seat is gone: the job that ran there is put back or ends, by the requeue rule."""
        job = self.running.get(seat)
        if job is None:
            return []
        if job.state == "cancelling" or job.has_sent_takes or job.avoids:
            return self.fail(job, error, now)
        self._move(job, "requeue")
        del self.running[seat]
        job.seat, job.avoids, job.progress = 0, seat, None
        self._queue.put_back(job)
        return self._moved()

    def _end(self, job: Job, trigger: Trigger, body: EventBody, now: float) -> list[Event]:
        if job.state == "queued":
            self._queue.remove(job)
        else:
            del self.running[job.seat]
        self._move(job, trigger)
        job.ended, job.position = now, 0
        last = job.event(Cancelled() if job.state == "cancelled" else body)
        return [last, *self._moved()]

    @staticmethod
    def _move(job: Job, trigger: Trigger) -> None:
        job.state = TRANSITIONS[job.state, trigger]

    def _positions(self) -> Iterator[tuple[int, Job]]:
        """How many jobs must end before each one in the queue can start: none while a seat is free for it."""
        ahead = len(self.running) - self._seats + 1
        return ((max(0, place + ahead), job) for place, job in enumerate(self._queue))

    def _moved(self) -> list[Event]:
        """Tell every job in the queue whose position changed."""
        events = []
        for position, job in self._positions():
            if job.position != position:
                job.position = position
                events.append(job.event(Position(position)))
        return events
