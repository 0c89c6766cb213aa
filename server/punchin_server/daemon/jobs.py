"""Jobs as a pure state machine: who waits, who runs, how each one ended. No clock, no I/O, no audio.

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

The requeue rule: a job whose worker died goes back to the head of the queue **once**, and only if no audio of it
(preview or take) had been sent; else it fails with `worker_died`. So nobody hears the beginnings of two different
performances as one, and a job that kills every worker it meets is tried twice at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from punchin_wire.errors import ErrorInfo, QueueFull, UnknownJob
from punchin_wire.messages import (
    AudioChunk,
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

Trigger = Literal["start", "cancel", "finish", "fail", "stop", "requeue"]

TRANSITIONS: dict[tuple[State, Trigger], State] = {
    ("queued", "start"): "running",  # the daemon, when the worker is free
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
    """One job. `seq` is the number of its last event; `position` counts the jobs ahead of it."""

    id: str
    engine: str
    pack: str
    keep: bool
    submitted: float
    state: State = "queued"
    seq: int = 0
    position: int = 0
    progress: Progress | None = None
    sounded: bool = False  # audio of it was sent
    requeued: bool = False
    started: float = 0.0
    ended: float = 0.0

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

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
        )

    def event(self, body: EventBody) -> Event:
        self.seq += 1
        return Event(self.id, self.seq, body)


class Jobs:
    """All jobs the daemon knows. At most `limit` of them wait; at most one runs."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.running: Job | None = None
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []

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

    def submit(self, job: Job) -> None:
        """Put a new job at the end of the queue and set its `position`. Raises QueueFull."""
        if len(self._queue) >= self.limit:
            raise QueueFull(f"{len(self._queue)} jobs are waiting already, and no more than that may.")
        job.position = len(self._queue) + (self.running is not None)
        self._jobs[job.id] = job
        self._queue.append(job)

    def restore(self, job: Job) -> None:
        """Know a finished job again, from what the store kept."""
        self._jobs[job.id] = job

    def forget(self, job: Job) -> None:
        del self._jobs[job.id]

    def start(self, now: float) -> Job:
        """The job at the head of the queue runs from now on. Its position was 0 already, so nobody is told."""
        job = self._queue.pop(0)
        self._move(job, "start", now)
        return job

    def report(self, job_id: str, body: EventBody, now: float) -> list[Event]:
        """What the worker says about a job. Words about any but the running one are too late to matter."""
        job = self.running
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
        job.sounded |= isinstance(body, AudioChunk | Take)
        return [job.event(body)]

    def cancel(self, job: Job, now: float) -> list[Event]:
        """Somebody asks for the job to stop. One that has finished stays what it is."""
        if job.finished:
            return []
        if job.state == "queued":
            return self._end(job, "cancel", Cancelled(), now)
        self._move(job, "cancel", now)
        return []

    def fail(self, job: Job, error: ErrorInfo, now: float) -> list[Event]:
        return self._end(job, "fail", Failed(error), now)

    def worker_died(self, error: ErrorInfo, now: float) -> list[Event]:
        """The worker is gone: the running job is put back or ends, by the requeue rule."""
        job = self.running
        if job is None:
            return []
        if job.state == "cancelling" or job.sounded or job.requeued:
            return self.fail(job, error, now)
        self._move(job, "requeue", now)
        job.requeued, job.progress, self.running = True, None, None
        self._queue.insert(0, job)
        return self._moved()

    def _end(self, job: Job, trigger: Trigger, body: EventBody, now: float) -> list[Event]:
        if job.state == "queued":
            self._queue.remove(job)
        else:
            self.running = None
        self._move(job, trigger, now)
        job.ended, job.position = now, 0
        last = job.event(Cancelled() if job.state == "cancelled" else body)
        return [last, *self._moved()]

    def _move(self, job: Job, trigger: Trigger, now: float) -> None:
        job.state = TRANSITIONS[job.state, trigger]
        if trigger == "start":
            job.started, self.running = now, job

    def _moved(self) -> list[Event]:
        """Tell every job in the queue whose position changed."""
        events = []
        for position, job in enumerate(self._queue, start=self.running is not None):
            if job.position != position:
                job.position = position
                events.append(job.event(Position(position)))
        return events
