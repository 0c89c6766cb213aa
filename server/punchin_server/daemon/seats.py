"""The seats: which workers are woken, which job goes where, and what the death of one means. Knows no clients.

A seat is a device with a :class:`Supervisor` that keeps a worker there, and runs one job at a time. Seats are numbered
from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from punchin_wire.errors import ErrorInfo, PunchinError
from punchin_wire.frames import Frame
from punchin_wire.messages import FINAL, Event, SeatStatus

from .jobs import Job, Jobs
from .supervisor import Supervisor

Happen = Callable[[Sequence[Event], Sequence[Frame]], None]
"""Tells everyone what has happened to jobs, with the audio of it."""


class Seats:
    """Gives the jobs of `jobs` to workers, as the `requests` they came as. `least` workers there always are."""

    def __init__(
        self,
        supervisors: Sequence[Supervisor],
        jobs: Jobs,
        requests: Mapping[str, Sequence[Frame]],
        happen: Happen,
        cancel_grace: float,
        least: int = 0,
    ) -> None:
        self.supervisors = dict(enumerate(supervisors, 1))
        self._jobs = jobs
        self._requests = requests
        self._happen = happen
        self._cancel_grace = cancel_grace
        self._least = least

    def status(self) -> tuple[SeatStatus, ...]:
        return tuple(supervisor.status() for supervisor in self.supervisors.values())

    def step(self, now: float) -> None:
        """What workers said, what became of them, and what they get to do."""
        for seat, supervisor in self.supervisors.items():
            self._listen(seat, supervisor, now)
            self._look_after(seat, supervisor, now)
        self._give(now)

    def wake(self, wanted: int, now: float) -> None:
        """Have so many workers, as far as there are seats that can have one now."""
        awake = sum(supervisor.awake for supervisor in self.supervisors.values())
        for seat, supervisor in self.supervisors.items():
            if awake >= wanted:
                return
            if not supervisor.awake:
                if (failed := supervisor.wake(now)) is not None:
                    self._died(seat, failed, now)
                awake += supervisor.awake

    def cancel(self, job: Job) -> None:
        """Tell the worker of a running job to stop it."""
        self.supervisors[job.seat].cancel(job.id)

    def stop(self, now: float) -> None:
        """Returns when all workers are gone."""
        for supervisor in self.supervisors.values():
            supervisor.leave(now)
        for supervisor in self.supervisors.values():
            supervisor.join()

    def _listen(self, seat: int, supervisor: Supervisor, now: float) -> None:
        try:
            for packet in supervisor.read(now):
                event: Event = packet.message
                self._happen(self._jobs.report(seat, event.job, event.body, now), packet.frames)
                if isinstance(event.body, FINAL):
                    supervisor.settle(now)
        except PunchinError as error:
            self._died(seat, supervisor.bury(f"The worker spoke nonsense: {error}", now), now)

    def _look_after(self, seat: int, supervisor: Supervisor, now: float) -> None:
        if (died := supervisor.tick(now)) is not None:
            self._died(seat, died, now)
        job = self._jobs.running.get(seat)
        if job is not None and job.cancelled and now - job.cancelled > self._cancel_grace:
            self._died(seat, supervisor.bury("The worker did not stop its cancelled job.", now), now)

    def _give(self, now: float) -> None:
        self.wake(max(self._least, len(self._jobs.running) + self._jobs.waiting if self._jobs.waiting else 0), now)
        if not self._jobs.waiting:
            return
        idle = {seat: supervisor.holds for seat, supervisor in self.supervisors.items() if supervisor.idle}
        while (started := self._jobs.start(idle, now)) is not None:
            seat, job, events = started
            self._happen(events, ())
            del idle[seat]
            died = self.supervisors[seat].give(self._requests[job.id], job.wants, now)
            if died is not None:
                self._died(seat, died, now)

    def _died(self, seat: int, error: ErrorInfo, now: float) -> None:
        self._happen(self._jobs.worker_died(seat, error, now), ())
        supervisors = self.supervisors.values()
        if all(supervisor.hopeless for supervisor in supervisors):
            for job in self._jobs:
                if not job.finished:
                    self._happen(self._jobs.fail(job, error, now), ())
            for supervisor in supervisors:
                supervisor.forgive()
