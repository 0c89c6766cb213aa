"""Seats anywhere in a Ray cluster: each worker lives in an actor. The only module that imports Ray.

Ray places the worker and notices its death. Everything else goes over the same line as a local worker's, here
encrypted by CURVE: the worker makes a pair of keys, of which the actor tells the public half, and no other key is let
in. Ray itself encrypts nothing unless it is told to (`RAY_USE_TLS`), so a cluster belongs in a network that is trusted.

::

    daemon: supervisor ◀── CURVE, frames as ever ── worker.Worker, in a thread of its actor
            RayWorker ──── Ray: start, death, pid ── actor Seat
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from typing import Any, NamedTuple

import msgspec
import ray
import zmq
from punchin_wire.errors import DaemonError, PackCorrupt

from ..link import Orders
from ..settings import MOST_SEATS, Settings
from .curve import CurveLines

WORKER = "punchin_server.worker"
PACKS = "punchin_server.packs.registry"
LIST_PACKS = f"import json, {PACKS} as packs; print(json.dumps(packs.fingerprints()))"
LIST_SECONDS = 60.0
REACH_SECONDS = 10.0
LINE = 300
"""Characters of what Ray says that are shown."""


class Introduction(NamedTuple):
    """What an actor tells of itself before it works: its process, its public key, its packs and their fingerprints."""

    pid: int
    key: bytes
    packs: dict[str, str]


class Seat:
    """The actor, on whatever node it came to. `engines` is the module of the engines, as a name."""

    def __init__(self, engines: str) -> None:
        self._engines = engines
        self._pair = zmq.curve_keypair()

    def introduce(self) -> Introduction:
        return Introduction(os.getpid(), self._pair[0], importlib.import_module(PACKS).fingerprints())

    def serve(self, orders: bytes) -> None:
        """Work until the actor is killed. Never returns. What is logged is among Ray's logs of the node."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        worker = importlib.import_module(WORKER)
        engines = importlib.import_module(self._engines).ENGINES
        prepare = worker.import_inpaint if self._engines == WORKER else lambda: None
        worker.Worker(msgspec.json.decode(orders, type=Orders), engines, self._pair).run(prepare)


class Ray:
    """A connection to a cluster: that at `--ray-address`, or one of this computer alone. Raises DaemonError."""

    start_seconds = 900.0  # a cloud may have to make a computer first

    def __init__(self, settings: Settings, engines: str = WORKER) -> None:
        where: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            if settings.ray_address:
                where = {"address": settings.ray_address}
                _reach(settings.ray_address)
            ray.init(log_to_driver=False, logging_level="ERROR", namespace="punchin", **where)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            known_as = settings.ray_address or "this computer"
            raise DaemonError(
                f"Ray at {known_as} cannot be reached: {_first_line(error)}",
                "Look at `ray status` there, and whether RAY_AUTH_TOKEN is the cluster's.",
            ) from None
        gpus = int(ray.cluster_resources().get("GPU", 0))
        self.least, most = settings.seat_range or (1, max(1, min(gpus, MOST_SEATS)))
        self.devices = (settings.device,) * most
        on_gpu = gpus > 0 or settings.device.startswith("cuda")  # a cluster that grows may have none yet
        options = {"num_cpus": 1, "num_gpus": int(on_gpu), "max_concurrency": 2}
        options |= {"max_restarts": 0, "max_task_retries": 0}  # whether a job runs again is the daemon's to decide
        self._actors = ray.remote(**options)(Seat)
        self._engines = engines
        self._host: str = ray.util.get_node_ip_address()
        self._lines = CurveLines()

    def line(self) -> tuple[zmq.Socket[bytes], str]:
        return self._lines.open(self._host)

    def launch(self, name: str, orders: Orders) -> RayWorker:
        orders = msgspec.structs.replace(orders, server_key=self._lines.server_key.decode())
        return RayWorker(self._lines, self._actors.remote(self._engines), name, orders)

    def close(self) -> None:
        self._lines.close()
        ray.shutdown()


class RayWorker:
    """A worker in an actor. A thread waits for its node, lets it in, has it work, and learns how it ends."""

    def __init__(self, lines: CurveLines, actor: Any, name: str, orders: Orders) -> None:
        self.pid = 0
        self.errors: deque[str] = deque(maxlen=50)
        self._lines, self._actor, self._orders = lines, actor, orders
        self._ended = ""
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def ended(self) -> str | None:
        return self._ended or None

    @property
    def gone(self) -> bool:
        return not self._thread.is_alive()

    def leave(self, patience: float = 2.0) -> None:  # noqa: ARG002 - an actor holds nothing that it would have to save
        with contextlib.suppress(Exception):  # it is dead already
            ray.kill(self._actor)

    def join(self) -> None:
        self._thread.join(10.0)

    def _live(self) -> None:
        key = b""
        try:
            born: Introduction = ray.get(self._actor.introduce.remote())
            _compare(born.packs, fingerprints())
            self.pid, key = born.pid, born.key
            self._lines.allow(key)
            ray.get(self._actor.serve.remote(msgspec.json.encode(self._orders)))
            self.errors.append("It stopped working.")
        except Exception as error:
            self.errors.append(_first_line(error))
        self._lines.forget(key)
        self.leave()
        self._ended = f"an error: {self.errors[-1].rstrip('.')}"


def _reach(address: str) -> None:
    """Raises OSError where nobody listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), REACH_SECONDS).close()


def fingerprints() -> dict[str, str]:
    """Those of the packs on the daemon's computer, which are read in a child: the daemon knows no packs."""
    listed = subprocess.run([sys.executable, "-c", LIST_PACKS], capture_output=True, timeout=LIST_SECONDS, check=True)
    found: dict[str, str] = json.loads(listed.stdout)
    return found


def _compare(there: dict[str, str], here: dict[str, str]) -> None:
    """Raises PackCorrupt where both have a pack of one name with other files: the same take would not come again."""
    differ = sorted(name for name in there.keys() & here.keys() if there[name] != here[name])
    if differ:
        raise PackCorrupt(f"The node's pack {differ[0]!r} is not the one on the daemon's computer.")


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:LINE]
