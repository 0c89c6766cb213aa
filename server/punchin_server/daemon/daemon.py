"""The daemon: one loop over all sockets, and the policy that joins fronts, jobs, store and seats.

Single-threaded; every handler returns in milliseconds, so status never waits for a model. The loop wakes for a socket
or after :data:`TICK_MS`, looks at the clock once, and hands that time to everything else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence

import zmq
from punchin_wire import VERSION, paths
from punchin_wire.errors import BadSetting, DaemonError, InternalError, JobLost, PunchinError, QueueFull
from punchin_wire.frames import Frame, pack
from punchin_wire.messages import (
    FINAL,
    Accepted,
    Attach,
    Cancel,
    Done,
    Event,
    Failed,
    Heard,
    PackQuery,
    Ping,
    Pong,
    Refused,
    Release,
    State,
    Status,
    StatusQuery,
    Submit,
    Take,
    audio_refs,
)
from punchin_wire.remote.keys import scope

from .gate import Gate
from .hosted import Executor
from .http_front import HttpFront
from .jobs import Job, Jobs
from .launcher import PUNCHIN, Launcher
from .metrics import JobLine, Metrics
from .osc_commands import OscCommands
from .osc_front import OscFront
from .pack_programs import PackPrograms
from .seats import Seats
from .settings import OSC_PORT, Settings
from .store import JobRecord, Store
from .supervisor import Supervisor
from .zmq_front import Client, Received, Sent, ZmqFront

log = logging.getLogger(__name__)

TICK_MS = 50
IDLE_TICK_MS = 250
SHOWN_JOBS = 32
"""Finished jobs that a status lists, newest last; unfinished ones are always listed."""
REMEMBERED_JOBS = 512
"""Finished jobs without a take that are remembered."""
OSC_JOBS = 4
"""Jobs of surfaces under way at once; each is a process."""
WATCHERS = 64
"""Connections that are told of one job."""
SEQ_AFTER_RESTART = 1_000_000
"""Added to the last kept number: clients have seen numbers of events that were not kept."""


class Daemon:
    """Everything that serves; `run` returns after `stop` was called. Raises DaemonError when it cannot serve."""

    def __init__(self, settings: Settings, executor: Executor, punchin: Sequence[str] = PUNCHIN) -> None:
        self.settings = settings
        self._stopping = False
        self._started = self._active = time.monotonic()
        self._expire_at = 0.0
        self._requests: dict[str, list[Frame]] = {}
        self._digests: dict[str, str] = {}
        self._sent: dict[str, dict[Client, int]] = {}  # job: number of the last event sent to each of its clients
        self._last_seen: dict[Client, float] = {}
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.gate = Gate(self.context) if settings.keys else None
        self.front = ZmqFront(self.context, settings.bind, settings.port, settings.events_port, self.gate)
        surfaces = _open_osc(settings)
        self.osc = OscCommands(surfaces, Launcher(OSC_JOBS, punchin), self) if surfaces else None
        self.packs = PackPrograms(settings.pulls)
        self.metrics = Metrics()
        self.http = HttpFront(self.context, settings.metrics_port) if settings.metrics_port >= 0 else None
        self.jobs = Jobs(settings.queue, len(executor.devices), settings.client_queue)
        supervisors = [
            Supervisor(executor, settings, device, f"worker {seat}", rests=seat > executor.least)
            for seat, device in enumerate(executor.devices, 1)
        ]
        self.seats = Seats(supervisors, self.jobs, self._requests, self._happen, settings.cancel_grace, executor.least)
        self.store = Store(paths.results_folder())
        self._restore()

    # ---- life ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        poller = zmq.Poller()
        sockets = [*self.front.sockets, *(supervisor.socket for supervisor in self.seats.supervisors.values())]
        for socket in [*sockets, *([self.http.socket] if self.http else [])]:
            poller.register(socket, zmq.POLLIN)
        if self.osc is not None:
            poller.register(self.osc.front.endpoint, zmq.POLLIN)
        self.seats.wake(1, time.monotonic())  # so that the first job does not wait for a process to start
        try:
            while not self._stopping:
                poller.poll(TICK_MS if self.jobs.running or self.jobs.waiting else IDLE_TICK_MS)
                self.step(time.monotonic())
        finally:
            self.close(time.monotonic())

    def stop(self) -> None:
        self._stopping = True

    @property
    def record(self) -> paths.DaemonRecord:
        """How clients find this daemon."""
        key = self.gate.key if self.gate else ""
        ports = (self.front.port, self.osc_port, VERSION, self.front.events_port)
        return paths.DaemonRecord(os.getpid(), *ports, self.settings.host, key)

    @property
    def osc_port(self) -> int:
        return self.osc.front.port if self.osc else 0

    def step(self, now: float) -> None:
        """Everything that is due: what clients sent, what workers said, what time brings."""
        for received in self.front.receive():
            self._last_seen[received.client] = self._active = now
            self._answer(received, now)
        if self.osc is not None:
            self.osc.step(now)
        for told in self.packs.step():
            self.front.answer(told.client, told.packs)
        if self.http is not None:
            self.http.step(lambda: self.metrics.text(self.status(now), self.jobs.waiting, self.store.bytes))
        self.seats.step(now)
        self._find_vanished(now)
        self._catch_up()
        if now >= self._expire_at:
            self._cut_off(now)
            self._expire(now)
            self._expire_at = now + 1.0
        if self.jobs.running or self.jobs.waiting or self._last_seen or (self.osc and self.osc.busy):
            self._active = now
        elif self.settings.idle_exit and now - self._active > self.settings.idle_exit:
            log.info("nothing to do for %.0f s", self.settings.idle_exit)
            self.stop()

    def close(self, now: float) -> None:
        """End every job clearly, then everything else."""
        stopped = JobLost("The daemon was stopped before the job ended.", "Start it again and submit again.").info()
        for job in self.jobs:
            if not job.finished:
                self._happen(self.jobs.fail(job, stopped, now))
        self.seats.stop(now)
        self.packs.close()
        if self.osc is not None:
            self.osc.close()
        if self.http is not None:
            self.http.close()
        self.front.close()
        if self.gate is not None:
            self.gate.close()
        self.context.term()
        log.info("stopped")

    # ---- clients ---------------------------------------------------------------------------------------------

    def _answer(self, received: Received, now: float) -> None:
        client, message = received.client, received.packet.message
        try:
            match message:
                case Ping():
                    self.front.answer(client, Pong(VERSION))
                case StatusQuery():
                    self.front.answer(client, self.status(now, client.key))
                case Submit():
                    self._submit(client, message, received.frames, now)
                case Attach():
                    self._watch(client, self.jobs.get(message.job), message.after)
                case PackQuery():
                    self.packs.start(client, message)
                case Cancel():
                    self.front.answer(client, Accepted(self.jobs.get(message.job).id))
                    self.cancel(message.job, now)
                case Release():
                    self._release(client, message.job)
        except PunchinError as error:
            self.front.answer(client, Refused(error.info(), getattr(message, "job", "")))
        except Exception:
            log.exception("a %s could not be handled", type(message).__name__)
            ours = InternalError("The daemon could not handle the message; its log says more.")
            self.front.answer(client, Refused(ours.info(), getattr(message, "job", "")))

    def _submit(self, client: Client, message: Submit, frames: list[Frame], now: float) -> None:
        digest = hashlib.sha256(frames[1]).hexdigest()
        if message.job not in self.jobs:
            self._accept(_owner(client), message, frames, digest, now)
        elif self._digests[message.job] != digest:
            state = self.jobs.get(message.job).state
            raise BadSetting(
                f"There is a job {message.job} already, which is {state}: it had other words, or another seed.",
                "Give this job another name (--job) or none; with its own words and seed the other one is fetched.",
            )
        self._watch(client, self.jobs.get(message.job), 0)

    def _watch(self, client: Client, job: Job, after: int) -> None:
        """Tell a client of a job from event `after` on. Raises QueueFull."""
        watchers = self._sent[job.id]
        if len(watchers) >= WATCHERS:
            for silent in watchers.keys() - self._last_seen.keys():
                del watchers[silent]
        if len(watchers) >= WATCHERS and client not in watchers:
            raise QueueFull(f"{WATCHERS} programs follow job {job.id} already.", "Let one of them end.")
        self.front.answer(client, Accepted(job.id, job.position))
        watchers[client] = after

    def _accept(self, owner: str, message: Submit, frames: list[Frame], digest: str, now: float) -> None:
        self._check_room(owner, sum(map(len, frames)))
        engine = type(message.request).__struct_config__.tag
        job = Job(message.job, str(engine), message.request.pack, message.keep, now, owner)
        moved = self.jobs.submit(job)
        self._digests[job.id], self._requests[job.id], self._sent[job.id] = digest, frames, {}
        try:
            self.store.create(JobRecord(job.id, job.engine, job.pack, digest, time.time(), owner))
        except OSError as error:
            self.jobs.cancel(job, now)
            self._forget(job)
            raise DaemonError(
                f"The results folder cannot be written: {error.strerror}.", "Make room on the disk."
            ) from None
        self._happen(moved)

    def _check_room(self, owner: str, size: int) -> None:
        """Raises QueueFull where `size` bytes more to do, or what is done already, is more than there is room for: of
        everybody's, or of this client's own."""
        known, share = self.settings, self.settings.client_share
        held = {job: sum(map(len, frames)) for job, frames in self._requests.items()}
        mine = [job.id for job in self.jobs if job.client == owner]
        own = [held[job] for job in mine if job in held]
        for sizes, most in (list(held.values()), known.queue_bytes), (own, share * known.queue_bytes):
            if sizes and sum(sizes) + size > most:
                raise QueueFull("The audio of the waiting jobs fills the memory set aside for it.")
        if self.store.bytes > known.results_bytes or sum(map(self.store.size, mine)) > share * known.results_bytes:
            fetch = "Fetch them: `punchin status` names their jobs, for --job. After a day they are dropped."
            raise QueueFull("Finished takes that nobody fetched fill the space set aside for them.", fetch)

    def cancel(self, job_id: str, now: float) -> Job:
        """Stop a job, whoever asks. Raises UnknownJob."""
        job = self.jobs.get(job_id)
        self._happen(self.jobs.cancel(job, now))
        if job.state == "cancelling":
            self.seats.cancel(job)
        return job

    def _release(self, client: Client, job_id: str) -> None:
        job = self.jobs.get(job_id)
        if not job.finished:
            raise DaemonError(f"Job {job_id} has not ended.", "Wait for it, or cancel it first.")
        self._forget(job)
        self.front.answer(client, Accepted(job_id))

    def status(self, now: float, key: str = "") -> Status:
        """What the client with that key may know: its own jobs, and how many others are ahead or at work."""
        every = [job for job in self.jobs if job.id.startswith(scope(key))]
        finished = sorted((job for job in every if job.finished), key=lambda job: job.ended)[-SHOWN_JOBS:]
        shown = finished + sorted((job for job in every if not job.finished), key=lambda job: job.position)
        return Status(
            version=VERSION,
            pid=os.getpid(),
            uptime=now - self._started,
            queue_limit=self.settings.queue,
            seats=self.seats.status(),
            jobs=tuple(job.status(now) for job in shown),
            osc_port=self.osc_port,
            events_port=self.front.events_port,
            others=sum(not job.finished for job in self.jobs) - sum(not job.finished for job in every),
            metrics_port=self.http.port if self.http else 0,
        )

    # ---- events ----------------------------------------------------------------------------------------------

    def _happen(self, events: Sequence[Event], audio: Sequence[Frame] = ()) -> None:
        """Keep what must not be lost, tell the job's clients and the observers."""
        for event in events:
            frames = pack(event, audio if audio_refs(event) else ())
            if isinstance(event.body, (Heard, Take, *FINAL)):
                self.store.keep(event, frames)  # first: what was announced must never be lost
            for client in list(self._sent[event.job]):
                self._send(client, event, frames)
            self.front.publish(event)
            if self.osc is not None:
                self.osc.show(event, time.monotonic())
            if isinstance(event.body, FINAL):
                line = JobLine.of(self.jobs.get(event.job), event)
                log.info("job %s", line)
                self.metrics.count(line)
                self._requests.pop(event.job, None)

    def _send(self, client: Client, event: Event, frames: Sequence[Frame]) -> None:
        """Send a new event, unless older ones still wait for room; kept ones are sent again by `_catch_up`."""
        sent = self._sent[event.job]
        if any(seq < event.seq for seq in self.store.after(event.job, sent[client])):
            return
        match self.front.send(client, frames):
            case Sent.YES:
                sent[client] = event.seq
            case Sent.GONE:
                del sent[client]

    def _catch_up(self) -> None:
        """Send kept events to clients that attached, or whose queue was full."""
        for job, clients in self._sent.items():
            for client, sent in list(clients.items()):
                for seq in self.store.after(job, sent):
                    try:
                        frames = self.store.frames(job, seq)
                    except OSError as error:
                        log.error("event %d of job %s is lost: %s", seq, job, error)
                        continue
                    match self.front.send(client, frames):
                        case Sent.YES:
                            clients[client] = seq
                        case Sent.FULL:
                            break
                        case Sent.GONE:
                            del clients[client]
                            break

    # ---- time ------------------------------------------------------------------------------------------------

    def _find_vanished(self, now: float) -> None:
        """A job is wanted while one of its clients is heard; without `keep`, an unwanted job is cancelled.

        A silent client whose connection stands is still told: it may only have been asleep.
        """
        silent = [client for client, seen in self._last_seen.items() if now - seen > self.settings.vanished]
        for client in silent:
            del self._last_seen[client]
            self.packs.stop(client)
        for job in self.jobs if silent else ():
            wanted = job.keep or any(client in self._last_seen for client in self._sent[job.id])
            if not (wanted or job.finished):
                log.info("job %s: its client has vanished", job.id)
                self.cancel(job.id, now)

    def _cut_off(self, now: float) -> None:
        """Stop what is made for keys that were revoked, also what was to be kept: nobody could fetch it."""
        if self.gate is None:
            return
        for job in self.jobs:
            if not job.finished and job.state != "cancelling" and not self.gate.is_open_to(self.gate.owner(job.id)):
                log.info("job %s: its key was revoked", job.id)
                self.cancel(job.id, now)

    def _expire(self, now: float) -> None:
        finished = sorted((job for job in self.jobs if job.finished), key=lambda job: job.ended)
        bare = [job for job in finished if len(self.store.after(job.id, 0)) < 2]  # its ending alone: no take
        for job in bare[:-REMEMBERED_JOBS]:
            self._forget(job)
        for job in finished:
            if now - job.ended > self.settings.results_seconds and job.id in self.jobs:
                log.info("job %s: its results have expired", job.id)
                self._forget(job)

    def _forget(self, job: Job) -> None:
        self.jobs.forget(job)
        self.store.drop(job.id)
        for table in (self._requests, self._digests, self._sent):
            table.pop(job.id, None)

    def _restore(self) -> None:
        """Know the jobs of an earlier daemon. Those it could not end have failed."""
        offset = time.monotonic() - time.time()
        for record, events, written in self.store.open():
            job = Job(record.id, record.engine, record.pack, True, record.submitted + offset, record.client)
            job.ended = written + offset
            self._digests[job.id], self._sent[job.id] = record.digest, {}
            job.seq = events[-1].seq if events else 0
            self.jobs.restore(job)
            if events and isinstance(events[-1].body, FINAL):
                job.state = _state(events[-1])
            else:
                job.state = "failed"
                job.seq += SEQ_AFTER_RESTART
                error = JobLost("The daemon ended before the job did.")
                self._happen([job.event(Failed(error.info()))])


def _open_osc(settings: Settings) -> OscFront | None:
    if settings.osc_port < 0:
        return None
    try:
        return OscFront(settings.loopback, settings.osc_port)
    except DaemonError as error:
        if settings.osc_port != OSC_PORT:
            raise
        # Nobody asked for the usual port; another user's daemon may have it, and takes matter more than surfaces.
        log.warning("%s The system chooses another.", error)
        return OscFront(settings.loopback, 0)


def _owner(client: Client) -> str:
    """Whose turn it is when a job of this client starts, and whose share it fills."""
    return client.key or client.identity.hex()


def _state(last: Event) -> State:
    return "done" if isinstance(last.body, Done) else "failed" if isinstance(last.body, Failed) else "cancelled"
