"""Seats in a Ray cluster, as the daemon has them: a child process for each belongs to the cluster, has Ray place the
worker, and says who that is. Knows no Ray; the children do (:mod:`.ray`)."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import zmq
from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError, from_info
from punchin_wire.structs import UNREADABLE, ready

from ..child import Child
from ..link import Orders
from ..settings import MOST_SEATS, Settings
from .curve import CurveLines

WORKER = "punchin_server.worker"
RAY = (sys.executable, "-m", "punchin_server.daemon.executors.ray")
GO = b"go\n"
"""A worker may connect now."""
START_SECONDS = 900.0
"""A cloud may have to make a computer first."""
JOIN_SECONDS, LAST_WORDS_SECONDS = 120.0, 3.0
"""Within which a child says what cluster there is; and how long its words may take to arrive once it has ended."""
FIXED_SECONDS, GROWS_SECONDS = 20.0, 300.0
"""How long no node at all may have room for a seat, where their number is fixed and where the cluster may grow."""


class Placing(msgspec.Struct, frozen=True):
    """What a child is to do: say what cluster there is, at `address` or one of its own that lives with it; and with
    `orders`, place a worker with the engines of that module."""

    address: str = ""
    gpu: bool = False
    patience: float = FIXED_SECONDS
    engines: str = WORKER
    orders: Orders | None = None


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a child: where the cluster is and this computer in it, or who the worker is, or what is wrong."""

    address: str = ""
    host: str = ""
    gpus: int = 0
    pid: int = 0
    key: str = ""
    error: ErrorInfo | None = None


ready(Placing, Said)


class Placed(Child):
    """A child, and what it has said."""

    def __init__(self, name: str, placing: Placing, env: Mapping[str, str], lines: CurveLines | None = None) -> None:
        super().__init__(name, RAY, msgspec.json.encode(placing) + b"\n", env=env)
        self._lines = lines
        self._said = Said()
        self._refusal: ErrorInfo | None = None

    @property
    def pid(self) -> int:
        """That of the worker, on whatever computer it is."""
        return self._said.pid

    @property
    def refusal(self) -> ErrorInfo | None:
        self.said()
        return self._refusal

    def said(self) -> Said:
        """Where or who it is, as soon as it has said so. The worker's key is let in from then on, and the child is
        told: who knocks before that is refused for good."""
        while self.output:
            line = self.output.popleft()
            try:
                said = msgspec.json.decode(line, type=Said)
            except UNREADABLE:  # Ray's own words
                continue
            if said.error is not None:
                self._refusal = said.error
                continue
            self._said = said
            if self._lines is not None:
                self._lines.allow(said.key.encode())
                self.say(GO)
        return self._said

    def ended(self) -> str | None:
        code = super().ended()
        error = self.refusal
        return None if code is None else f"an error: {error.message.rstrip('.')}" if error else code

    def leave(self, patience: float = 2.0) -> None:
        if self._lines is not None:
            self._lines.forget(self._said.key.encode())
            self._lines = None
        super().leave(patience)


class Wanted(NamedTuple):
    """How many seats a cluster is to have, whether each takes a GPU, and how long one waits for a node."""

    least: int
    most: int
    gpu: bool
    patience: float


def wanted(settings: Settings, gpus: int) -> Wanted:
    """What the settings want of a cluster that has so many GPUs."""
    gpus = gpus if settings.device != "cpu" else 0
    least, most = settings.seat_range or (1, max(1, min(gpus, MOST_SEATS)))
    gpu = gpus > 0 or settings.device.startswith("cuda")  # a cluster that grows may have none yet
    return Wanted(least, most, gpu, GROWS_SECONDS if least < most else FIXED_SECONDS)


class InCluster:
    """Starts workers in the cluster that the settings name, or in one of this computer alone. Raises DaemonError."""

    start_seconds = START_SECONDS

    def __init__(self, settings: Settings, engines: str = WORKER) -> None:
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(20)}
        self._env = {} if settings.ray_address else own
        self._member = Placed("cluster", Placing(settings.ray_address), self._env)
        try:
            cluster = _joined(self._member)
        except PunchinError:
            self._end()
            raise
        self._host = cluster.host
        self.least, most, gpu, patience = wanted(settings, cluster.gpus)
        self.devices = (settings.device,) * most
        self._placing = Placing(settings.ray_address or cluster.address, gpu, patience, engines)
        self._lines = CurveLines()

    def line(self) -> tuple[zmq.Socket[bytes], str]:
        return self._lines.open(self._host)

    def launch(self, name: str, orders: Orders) -> Placed:
        orders = msgspec.structs.replace(orders, server_key=self._lines.server_key.decode())
        return Placed(name, msgspec.structs.replace(self._placing, orders=orders), self._env, self._lines)

    def close(self) -> None:
        self._lines.close()
        self._end()

    def _end(self) -> None:
        self._member.leave()
        self._member.join()


def _joined(member: Placed) -> Said:
    """What the member of a cluster says once it is one. Raises DaemonError."""
    until = time.monotonic() + JOIN_SECONDS
    while time.monotonic() < until:
        said = member.said()
        if member.refusal is not None:
            raise from_info(member.refusal)
        if said.host:
            return said
        if member.ended() is not None:
            until = min(until, time.monotonic() + LAST_WORDS_SECONDS)
        time.sleep(0.05)
    last = next((line for line in reversed(member.errors) if line.strip()), "It says nothing.")
    raise DaemonError(
        f"Ray cannot be started: {last}", "Look at `ray status`, and whether RAY_AUTH_TOKEN is the cluster's."
    )
