"""Keeps the worker of one seat: has it started, hears its heartbeat, restarts it when it dies. Knows no jobs and no
clients, and leaves to an executor how and where a worker is started.

::

    off ──wake──▶ starting ──first heartbeat──▶ idle ──give──▶ busy ──settle──▶ idle
     ▲               │                           │               │
     ├──── died ─────┴───────────────────────────┴───────────────┘   restarted after a backoff, while wanted
     └──── rest ─────────────────────────────────┘                   idle for `keep_alive`: its memory is given back

The worker counts as dead when its process has ended or its heartbeat has been silent for `worker_silence` (it is
then killed). Heartbeats come from a thread of their own, so loading a model for a minute is not silence.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import secrets
from collections import deque
from collections.abc import Collection, Iterator, Sequence

import zmq
from punchin_wire.errors import ErrorInfo, InternalError, WorkerDied
from punchin_wire.frames import Frame, Sealed, pack, unpack_sealed
from punchin_wire.messages import Cancel, SeatState, SeatStatus

from .hosted import Executor, Hosted
from .link import FromWorker, Heartbeat, Orders
from .settings import Settings

log = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT = 30.0
NO_BEAT = Heartbeat("", (), 0)
HOPELESS = 3
"""Workers that died in a row before their first heartbeat: something is wrong with the installation."""


class Life(enum.Enum):
    """What happened to the worker, as the log and the tests name it."""

    STARTED = "started"
    READY = "ready"
    DIED = "died"
    RESTED = "rested"
    STOPPED = "stopped"


class Supervisor:
    """Holds the worker of one seat and its socket; in the log it is `name`. All methods but `join` return at once;
    `now` is a monotonic time in seconds. A worker that `rests` is ended when it was idle for `keep_alive`."""

    def __init__(
        self,
        executor: Executor,
        settings: Settings,
        device: str = "auto",
        name: str = "worker",
        rests: bool = True,
    ) -> None:
        self.socket, self._endpoint = executor.line()
        self.socket.linger = 0
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.lives: deque[Life] = deque(maxlen=100)
        self.restarts = 0
        self._executor = executor
        self._settings = settings
        self._device = device
        self._name = name
        self._rests = rests
        self._child: Hosted | None = None
        self._leaving: Hosted | None = None
        self._token = b""
        self._state: SeatState = "off"
        self._beat = NO_BEAT
        self._given = ""
        self._last_message = self._since = self._not_before = 0.0
        self._failures = self._stillborn = 0

    @property
    def idle(self) -> bool:
        return self._state == "idle"

    @property
    def awake(self) -> bool:
        """Whether there is a worker, or one is starting."""
        return self._state != "off"

    @property
    def holds(self) -> Collection[str]:
        """The engines that are loaded, that of the last job included, of which the next heartbeat will tell."""
        return {*self._beat.packs, self._given} - {""}

    @property
    def hopeless(self) -> bool:
        """No worker has come up for several tries; whoever waits for one should be told."""
        return self._stillborn >= HOPELESS

    def forgive(self) -> None:
        """Whoever waited has been told; the next job gets new tries."""
        self._stillborn = 0

    def status(self) -> SeatStatus:
        beat = self._beat
        pid = self._child.pid if self._child else 0
        device = beat.device or self._device
        return SeatStatus(self._state, pid, self.restarts, device, beat.packs, beat.memory, beat.vram)

    def wake(self, now: float) -> ErrorInfo | None:
        """Work is waiting: start a worker unless there is one, the backoff still runs, or the last one still holds its
        memory. Returns why it cannot be started, when it cannot."""
        if self._state != "off" or now < self._not_before or (self._leaving and not self._leaving.gone):
            return None
        self._token = secrets.token_hex(16).encode()
        known = self._settings
        orders = Orders(self._endpoint, self._token.decode(), self._device, known.precision, known.keep_alive)
        self._enter("starting", now, Life.STARTED)
        self._last_message = now
        try:
            self._child = self._executor.launch(self._name, orders)
        except InternalError as error:
            return self.bury(str(error), now)
        return None

    def give(self, frames: Sequence[Frame], wants: str, now: float) -> ErrorInfo | None:
        """Hand a job that wants the engine `pack:engine` to the idle worker. Returns why it died, when it turns out to
        have."""
        assert self._state == "idle"
        self._given = wants
        self._enter("busy", now)
        try:
            self.socket.send_multipart([self._token, *frames], zmq.DONTWAIT, copy=False)
        except zmq.ZMQError as error:
            return self.bury(f"The worker takes no job: {error.strerror}.", now)
        return None

    def cancel(self, job: str) -> None:
        if self._state == "busy":
            with contextlib.suppress(zmq.ZMQError):
                self.socket.send_multipart([self._token, *pack(Cancel(job))], zmq.DONTWAIT)

    def settle(self, now: float) -> None:
        """The worker's job has ended."""
        self._failures = 0
        if self._state == "busy":
            self._enter("idle", now)

    def read(self, now: float, limit: int = 100) -> Iterator[Sealed]:
        """What the worker has said since the last time, at most `limit` messages. Raises BadMessage."""
        for _ in range(limit):
            try:
                sender, *frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            line, _, beat = sender.bytes.partition(b".")
            if not self._token or line != self._token:
                continue  # a worker before this one, or nobody we know
            packet = unpack_sealed([frame.buffer for frame in frames], FromWorker)
            self._last_message = now
            if not isinstance(packet.message, Heartbeat):
                yield packet
                continue
            self._beat = packet.message
            if self._state == "starting" and not beat:  # only now can jobs be sent: this is the socket for them
                self._stillborn = 0
                self._enter("idle", now, Life.READY)

    def tick(self, now: float) -> ErrorInfo | None:
        """Look after the worker. Returns why it died, when it has."""
        if self._child is None:
            return None
        how = self._child.ended()
        if how is not None:
            return self.bury(f"The worker process ended by {how}.", now)
        patience = self._executor.start_seconds if self._state == "starting" else self._settings.worker_silence
        if now - self._last_message > patience:
            return self.bury(f"The worker was silent for {now - self._last_message:.0f} s.", now)
        if self._rests and self._state == "idle" and now - self._since > self._settings.keep_alive:
            self._part(now, Life.RESTED)
        return None

    def bury(self, reason: str, now: float) -> ErrorInfo:
        """End a worker that is dead or must not live, and set the time for its successor."""
        lines = reversed(list(self._child.errors)) if self._child else ()
        last_words = next((line for line in lines if line.strip()), "")
        refusal = self._child.refusal if self._child else None
        self._failures += 1
        self._stillborn += self._state == "starting"
        self.restarts += 1
        self._not_before = now + min(BACKOFF_LIMIT, BACKOFF_SECONDS * 2 ** (self._failures - 1))
        self._part(now, Life.DIED, patience=0.0)
        log.warning("%s: %s %s", self._name, reason, last_words)
        if self.hopeless and refusal is not None:
            return refusal
        if self.hopeless:
            return InternalError(f"{reason} It cannot start: {last_words or 'it says nothing'}").info()
        return WorkerDied(reason).info()

    def leave(self, now: float) -> None:
        """Ask the worker to go, for good; `join` follows."""
        if self._child is not None:
            self._part(now, Life.STOPPED)

    def join(self) -> None:
        """Returns when the worker is gone."""
        if self._leaving is not None:
            self._leaving.join()
        self.socket.close()

    def _part(self, now: float, life: Life, patience: float = 2.0) -> None:
        """The worker is ours no longer: nothing it still says is heard."""
        if self._child is not None:
            self._child.leave(patience)
        self._child, self._leaving = None, self._child
        self._token, self._beat, self._given = b"", NO_BEAT, ""
        self._enter("off", now, life)

    def _enter(self, state: SeatState, now: float, life: Life | None = None) -> None:
        self._state, self._since = state, now
        if life is not None:
            self.lives.append(life)
            log.info("%s %s", self._name, life.value)
