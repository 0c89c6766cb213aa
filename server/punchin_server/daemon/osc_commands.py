"""What OSC surfaces may ask for: submit by file path, cancel, status, subscribe. Knows neither ZeroMQ nor models."""

from __future__ import annotations

import logging
from typing import Protocol

from punchin_wire.errors import BadSetting, InternalError, PunchinError
from punchin_wire.messages import SEAT_STATES, Event, Status
from punchin_wire.osc.packets import spoken
from punchin_wire.osc.table import OscValue
from punchin_wire.osc.udp import Peer

from .jobs import Job, Jobs
from .launcher import Command, Ended, Launcher
from .osc_front import OscFront, OscMessage, OscReceived

log = logging.getLogger(__name__)


class Serving(Protocol):
    """The daemon, as far as surfaces are concerned."""

    jobs: Jobs

    def status(self, now: float) -> Status: ...
    def cancel(self, job_id: str, now: float) -> Job: ...


class OscCommands:
    """Answers surfaces, and follows the children that do their jobs."""

    def __init__(self, front: OscFront, launcher: Launcher, daemon: Serving) -> None:
        self.front = front
        self._launcher = launcher
        self._daemon = daemon

    @property
    def busy(self) -> bool:
        """Whether a child is under way."""
        return len(self._launcher) > 0

    def step(self, now: float) -> None:
        for received in self.front.receive():
            try:
                self._answer(received, now)
            except PunchinError as error:
                about_job = received.path.startswith("/punchin/job/")
                self.front.complain(received.surface, error.info(), str(received.args[0]) if about_job else "")
            except Exception:
                log.exception("%s could not be handled", received.path)
                self.front.complain(received.surface, InternalError("The daemon's log says what went wrong.").info())
        for ended in self._launcher.ended():
            self._finish(ended, now)
        self.front.expire(now)

    def show(self, event: Event, now: float) -> None:
        self.front.show(event, now)

    def close(self) -> None:
        self._launcher.stop()
        self.front.close()

    def _answer(self, received: OscReceived, now: float) -> None:
        surface, path, args = received
        match path, args:
            case "/punchin/ping", ():
                self.front.send(surface, "/punchin/pong", self._daemon.status(now).version)
            case "/punchin/status/get", ():
                self._send_status(surface, now)
            case "/punchin/job/submit", (str(job), str(song), float(start), float(end), str(out), *options):
                self._submit(surface, "inpaint", job, song, start, end, out, options)
            case "/punchin/job/transfer", (str(job), str(clip), float(start), float(end), str(to), str(out), *options):
                self._submit(surface, "transfer", job, clip, start, end, out, ["to", to, *options])
            case "/punchin/job/cancel", (str(job),):
                self._cancel(surface, job, now)
            case "/punchin/events/subscribe", (float(seconds),):
                self.front.subscribe(surface, seconds, now)
                self.front.send(surface, "/punchin/events/subscribed", seconds)
            case "/punchin/events/unsubscribe", ():
                self.front.unsubscribe(surface)

    def _send_status(self, surface: Peer, now: float) -> None:
        status = self._daemon.status(now)
        running = {job.seat: job.job for job in status.jobs if job.state in ("running", "cancelling")}
        waiting = sum(job.state == "queued" for job in status.jobs)
        busiest = max((seat.state for seat in status.seats), key=SEAT_STATES.index)
        first = next(iter(running.values()), "")
        self.front.send(surface, "/punchin/status", status.version, busiest, first, waiting)
        for number, seat in enumerate(status.seats, 1):
            self.front.send(surface, "/punchin/seat", number, seat.state, seat.device, running.get(number, ""))
        for job in status.jobs:
            self.front.send(surface, "/punchin/job/state", job.job, job.state, job.position)

    def _submit(
        self,
        surface: Peer,
        command: Command,
        job: str,
        song: str,
        start: float,
        end: float,
        out: str,
        options: list[OscValue],
    ) -> None:
        if job in self._daemon.jobs or job in self._launcher:
            raise BadSetting(f"Another job has the name {job!r} already.", "Give this job a name of its own.")
        flags = dict(zip(map(str, options[::2]), options[1::2], strict=True))
        self._launcher.start(command, job, song, start, end, out, flags)
        self.front.own(job, surface)
        self.front.send(surface, "/punchin/job/accepted", job)

    def _cancel(self, surface: Peer, job_id: str, now: float) -> None:
        """A job that its child has not submitted yet, or is still splicing, ends with the child."""
        at_work = job_id in self._daemon.jobs and not self._daemon.jobs.get(job_id).finished
        if at_work or job_id not in self._launcher:
            job = self._daemon.cancel(job_id, now)
            self.front.send(surface, "/punchin/job/state", job.id, job.state, job.position)
        else:
            self._launcher.kill(job_id)
            self.front.send(surface, "/punchin/job/state", job_id, "cancelled", 0)
            self.front.disown(job_id)

    def _finish(self, ended: Ended, now: float) -> None:
        job, report = ended
        messages: list[OscMessage] = [
            ("/punchin/job/result", (job, number, take.seed, take.path)) for number, take in enumerate(report.takes)
        ]
        state = self._daemon.jobs.get(job).state if job in self._daemon.jobs else "failed"
        if report.error is not None and state != "cancelled":
            messages.append(("/punchin/job/error", (job, *spoken(report.error))))
        self.front.broadcast(job, messages)
        self.front.disown(job)
        if state in ("queued", "running"):  # its client is gone for good
            self._daemon.cancel(job, now)
