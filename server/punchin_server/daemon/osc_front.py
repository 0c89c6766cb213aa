"""The OSC front: one UDP socket, subscriptions that expire, events as packets. Knows addresses, holds no policy.

python-osc parses and formats; the socket is ours, non-blocking, in the daemon's loop. Nothing that arrives can raise:
what is no OSC, or not in the table, is answered with `/punchin/error`.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import NamedTuple

from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError
from punchin_wire.messages import FINAL, Cancelled, Done, Event, Failed, Position, Progress, Take
from punchin_wire.osc.packets import build, parse, spoken
from punchin_wire.osc.table import MAX_PACKET, PROGRESS_HZ, OscValue, check, find

log = logging.getLogger(__name__)

Surface = tuple[str, int]
"""Who sent a packet and gets the answers: address and port."""
OscMessage = tuple[str, tuple[OscValue, ...]]
"""An address of the table with its arguments."""

MAX_SURFACES = 32


class OscReceived(NamedTuple):
    """A checked packet."""

    surface: Surface
    path: str
    args: tuple[OscValue, ...]


class OscFront:
    """A bound socket and its subscribers. Raises DaemonError when the port is taken."""

    def __init__(self, bind: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        try:
            self.socket.bind((bind, port))
        except OSError as error:
            self.socket.close()
            raise DaemonError(
                f"OSC port {port} on {bind} cannot be used: {error.strerror}.",
                "Stop the program that holds the port, or choose another with --osc-port.",
            ) from None
        self.port = int(self.socket.getsockname()[1])
        self._until: dict[Surface, float] = {}
        self._owners: dict[str, Surface] = {}
        self._progress: dict[str, tuple[str, float]] = {}  # job: stage and time of the last progress sent

    def receive(self, limit: int = 100) -> Iterator[OscReceived]:
        """What has arrived since the last time; what cannot be used is answered here."""
        for _ in range(limit):
            try:
                data, peer = self.socket.recvfrom(MAX_PACKET + 1)
            except BlockingIOError:
                return
            except (
                OSError
            ):  # a port that we wrote to is gone (Windows says so here), or a packet was too long (also there)
                continue
            surface: Surface = peer[:2]
            try:
                for path, args in parse(data):
                    # An answer to an answer would be answered by another Punchin, for ever.
                    if find(path, "from", "daemon") is None or find(path, "to", "daemon") is not None:
                        yield OscReceived(surface, path, check(path, args, "to", "daemon"))
            except PunchinError as error:
                log.info("refused an OSC packet of %d bytes: %s", len(data), error)
                self.complain(surface, error.info())

    def send(self, surface: Surface, path: str, *args: OscValue) -> None:
        """Send one packet. It may be lost: UDP promises no more, and neither do we for what OSC cannot say."""
        try:
            self.socket.sendto(build(path, args, "from", "daemon"), surface)
        except (PunchinError, OSError) as error:
            log.error("%s was not sent: %s", path, error)

    def complain(self, surface: Surface, error: ErrorInfo, job: str = "") -> None:
        if job:
            self.send(surface, "/punchin/job/error", job, *spoken(error))
        else:
            self.send(surface, "/punchin/error", *spoken(error))

    def subscribe(self, surface: Surface, seconds: float, now: float) -> None:
        """Raises DaemonError when too many surfaces listen already."""
        if surface not in self._until and len(self._until) >= MAX_SURFACES:
            raise DaemonError(f"{MAX_SURFACES} surfaces listen already.", "Let one of them unsubscribe.")
        self._until[surface] = now + seconds

    def unsubscribe(self, surface: Surface) -> None:
        self._until.pop(surface, None)

    def own(self, job: str, surface: Surface) -> None:
        """Send this job's events to `surface`, until :meth:`disown`, whether it has subscribed or not."""
        self._owners[job] = surface

    def disown(self, job: str) -> None:
        self._owners.pop(job, None)

    def expire(self, now: float) -> None:
        self._until = {surface: until for surface, until in self._until.items() if now < until}

    def show(self, event: Event, now: float) -> None:
        """Send an event to everybody who listens."""
        if self._owners or self._until:
            if isinstance(event.body, Progress) and not self._due(event.job, event.body, now):
                return
            self.broadcast(event.job, describe(event))
        if isinstance(event.body, FINAL):
            self._progress.pop(event.job, None)

    def broadcast(self, job: str, messages: list[OscMessage]) -> None:
        listeners = dict.fromkeys([*self._until, *([self._owners[job]] if job in self._owners else [])])
        for surface in listeners:
            for path, args in messages:
                self.send(surface, path, *args)

    def close(self) -> None:
        self.socket.close()

    def _due(self, job: str, progress: Progress, now: float) -> bool:
        stage, sent = self._progress.get(job, ("", 0.0))
        if stage == progress.stage and progress.step < progress.total and now - sent < 1 / PROGRESS_HZ:
            return False
        self._progress[job] = (progress.stage, now)
        return True


def describe(event: Event) -> list[OscMessage]:
    """An event as OSC says it. Previews are audio, of which OSC says nothing."""
    job = event.job
    match event.body:
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
