"""The OSC front: one UDP port, subscriptions that expire, events as packets. Knows addresses, holds no policy.

Nothing that arrives can raise: what is no OSC, or not in the table, is answered with `/punchin/error`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError
from punchin_wire.messages import FINAL, Cancelled, Done, Event, EventBody, Failed, Position, Progress, Take
from punchin_wire.osc.packets import messages, spoken
from punchin_wire.osc.table import PROGRESS_HZ, OscValue
from punchin_wire.osc.udp import Endpoint, Peer
from punchin_wire.throttle import ProgressThrottle

log = logging.getLogger(__name__)

OscMessage = tuple[str, tuple[OscValue, ...]]
"""An address of the table with its arguments."""

MAX_SURFACES = 32


class OscReceived(NamedTuple):
    """A checked packet."""

    surface: Peer
    path: str
    args: tuple[OscValue, ...]


class OscFront:
    """A port and its subscribers. Raises DaemonError when the port is taken."""

    def __init__(self, bind: str, port: int) -> None:
        try:
            self.endpoint = Endpoint("daemon", port, bind)
        except OSError as error:
            raise DaemonError(
                f"OSC port {port} on {bind} cannot be used: {error.strerror}.",
                "Stop the program that holds the port, or choose another with --osc-port.",
            ) from None
        self.port = self.endpoint.port
        self._until: dict[Peer, float] = {}
        self._owners: dict[str, Peer] = {}
        self._throttles: dict[str, ProgressThrottle] = {}  # by job

    def receive(self, limit: int = 100) -> Iterator[OscReceived]:
        """What has arrived since the last time; what cannot be used is answered here."""
        for surface, data in self.endpoint.receive(limit):
            try:
                for path, args in messages(data, "daemon"):
                    yield OscReceived(surface, path, args)
            except PunchinError as error:
                log.info("refused an OSC packet of %d bytes: %s", len(data), error)
                self.complain(surface, error.info())

    def send(self, surface: Peer, path: str, *args: OscValue) -> None:
        self.endpoint.send(surface, path, *args)

    def complain(self, surface: Peer, error: ErrorInfo, job: str = "") -> None:
        if job:
            self.send(surface, "/punchin/job/error", job, *spoken(error))
        else:
            self.send(surface, "/punchin/error", *spoken(error))

    def subscribe(self, surface: Peer, seconds: float, now: float) -> None:
        """Raises DaemonError when too many surfaces listen already."""
        if surface not in self._until and len(self._until) >= MAX_SURFACES:
            raise DaemonError(f"{MAX_SURFACES} surfaces listen already.", "Let one of them unsubscribe.")
        self._until[surface] = now + seconds

    def unsubscribe(self, surface: Peer) -> None:
        self._until.pop(surface, None)

    def own(self, job: str, surface: Peer) -> None:
        """Send this job's events to `surface`, until :meth:`disown`, whether it has subscribed or not."""
        self._owners[job] = surface

    def disown(self, job: str) -> None:
        self._owners.pop(job, None)

    def expire(self, now: float) -> None:
        self._until = {surface: until for surface, until in self._until.items() if now < until}

    def show(self, event: Event, now: float) -> None:
        """Send an event to everybody who listens."""
        if self._owners or self._until:
            throttle = self._throttles.setdefault(event.job, ProgressThrottle(PROGRESS_HZ))
            for body in throttle(event.body, now):
                self.broadcast(event.job, describe(event.job, body))
        if isinstance(event.body, FINAL):
            self._throttles.pop(event.job, None)

    def broadcast(self, job: str, messages: list[OscMessage]) -> None:
        listeners = dict.fromkeys([*self._until, *([self._owners[job]] if job in self._owners else [])])
        for surface in listeners:
            for path, args in messages:
                self.send(surface, path, *args)

    def close(self) -> None:
        self.endpoint.close()


def describe(job: str, body: EventBody) -> list[OscMessage]:
    """An event of a job as OSC says it. Previews are audio, of which OSC says nothing."""
    match body:
        case Position(position=position):
            return [("/punchin/job/state", (job, "queued", position))]
        case Progress(stage=stage, step=step, total=total):
            return [("/punchin/job/progress", (job, stage, step, total))]
        case Take(take=take, seed=seed):
            return [("/punchin/job/take", (job, take, seed))]
        case Done():
            return [("/punchin/job/state", (job, "done", 0))]
        case Cancelled():
            return [("/punchin/job/state", (job, "cancelled", 0))]
        case Failed(error=error):
            return [("/punchin/job/state", (job, "failed", 0)), ("/punchin/job/error", (job, *spoken(error)))]
    return []
