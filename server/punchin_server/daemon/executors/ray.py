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
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import ray
import zmq
from punchin_wire.errors import DaemonError, ErrorInfo, PackCorrupt, PunchinError, WorkerDied

from ..link import Orders
from ..settings import MOST_SEATS, Settings
from .curve import CurveLines

WORKER = "punchin_server.worker"
PACKS = "punchin_server.packs.registry"
LIST_PACKS = f"import json, {PACKS} as packs; print(json.dumps(packs.fingerprints()))"
LIST_SECONDS = 60.0
REACH_SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "localhost")
START_SECONDS = 900.0
"""A cloud may have to make a computer first."""
LOOK_SECONDS = 2.0
FIXED_SECONDS, GROWS_SECONDS = 20.0, 300.0
"""How long no node at all may have room for a seat, where their number is fixed and where the cluster may grow."""
LINE = 300
"""Characters of what Ray says that are shown."""


Holder = Callable[..., Any]
"""Answers questions; it, what it is asked and what it answers can be pickled."""


class Introduction(NamedTuple):
    """What an actor tells of itself before it works: its process, its public key, its packs and their fingerprints."""

    pid: int
    key: bytes
    packs: dict[str, str]


class Seat:
    """The actor, on whatever node it came to: it hosts a worker, or answers as its `holder` does."""

    def __init__(self, holder: Holder | None = None) -> None:
        self._holder = holder
        self._pair = zmq.curve_keypair()

    def introduce(self) -> Introduction:
        return Introduction(os.getpid(), self._pair[0], importlib.import_module(PACKS).fingerprints())

    def serve(self, engines: str, orders: bytes) -> None:
        """Work with the engines of that module until the actor is killed. Never returns. What is logged is among Ray's
        logs of the node."""
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
        worker = importlib.import_module(WORKER)
        prepare = worker.import_inpaint if engines == WORKER else lambda: None
        known = importlib.import_module(engines).ENGINES
        worker.Worker(msgspec.json.decode(orders, type=Orders), known, self._pair).run(prepare)

    def answer(self, question: tuple[Any, ...]) -> Any:
        assert self._holder is not None
        return self._holder(*question)


class Cluster:
    """A connection to the cluster at `--ray-address`, or to one of this computer alone, for `least` to `most` seats.
    Raises DaemonError."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.ray_address
        self._lock = threading.Lock()
        self._connect()
        gpus = int(ray.cluster_resources().get("GPU", 0)) if settings.device != "cpu" else 0
        self.least, self.most = settings.seat_range or (1, max(1, min(gpus, MOST_SEATS)))
        on_gpu = gpus > 0 or settings.device.startswith("cuda")  # a cluster that grows may have none yet
        self._needs = {"CPU": 1, "GPU": int(on_gpu)}
        options = {"num_cpus": 1, "num_gpus": int(on_gpu), "max_concurrency": 2}
        options |= {"max_restarts": 0, "max_task_retries": 0}  # whether a job runs again is the daemon's to decide
        self._actors = ray.remote(**options)(Seat)
        self._patience = GROWS_SECONDS if self.least < self.most else FIXED_SECONDS
        self._bare_since = math.inf
        self.host: str = ray.util.get_node_ip_address()

    def _connect(self) -> None:
        where: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            if self._address:
                where = {"address": self._address}
                _reach(self._address)
            ray.init(log_to_driver=False, logging_level="ERROR", namespace="punchin", **where)
        except (RuntimeError, ValueError, OSError, OverflowError) as error:
            raise DaemonError(
                f"Ray at {self._address or 'this computer'} cannot be reached: {_first_line(error)}",
                "Look at `ray status` there, and whether RAY_AUTH_TOKEN is the cluster's.",
            ) from None
        self._head: str = ray.get_runtime_context().gcs_address

    def actor(self, holder: Holder | None = None) -> Any:
        """A new actor. Raises DaemonError where the cluster has been lost and is not there again."""
        self.check()
        with self._lock:
            if not ray.is_initialized():
                self._connect()
            return self._actors.remote(holder)

    def check(self) -> None:
        """Raises DaemonError where the cluster's head does not answer. Ray itself would wait for it."""
        try:
            _reach(self._head)
        except OSError as error:
            if isinstance(error, ConnectionRefusedError):
                with self._lock:
                    ray.shutdown()  # it has ended, and the head that comes will know nothing of us
            raise DaemonError(
                f"The head of the Ray cluster at {self._head} does not answer: {error.strerror or error}.",
                "Start it again by `ray start --head`, with its port, and its nodes; then submit again.",
            ) from None

    def get(self, asked: Any, left: threading.Event) -> Any:
        """What an actor answers. Raises RayError, DaemonError, and WorkerDied once it has `left`."""
        while not ray.wait([asked], timeout=LOOK_SECONDS)[0]:
            if left.is_set():
                raise WorkerDied("It was told to go.")
            self.check()
        return ray.get(asked)

    def hold(self, holder: Holder) -> RayHolder:
        return RayHolder(self, self.actor(holder))

    def admit(self, actor: Any, left: threading.Event) -> Introduction:
        """Wait until an actor has come to a node. Raises WorkerDied where none has room for it or it has `left`,
        PackCorrupt where its packs differ from ours."""
        asked, until = actor.introduce.remote(), time.monotonic() + START_SECONDS
        while not left.is_set() and not ray.wait([asked], timeout=LOOK_SECONDS)[0]:
            self.check()
            now = time.monotonic()
            if now > until or self._lacks_nodes(now):
                needs = " and ".join(f"{count:g} {name}" for name, count in self._needs.items() if count)
                raise WorkerDied(
                    f"The cluster has no node with {needs} for a seat.",
                    "Look at `ray status`: start a node by `ray start --address`, or free one.",
                )
        born: Introduction = self.get(asked, left)
        _compare(born.packs, fingerprints())
        return born

    def _lacks_nodes(self, now: float) -> bool:
        """Whether for so long no node that lives could hold a seat, were it idle. What one has seen counts for all."""
        if any(self._suffices(node) for node in ray.nodes()):
            self._bare_since = math.inf
            return False
        self._bare_since = min(self._bare_since, now)
        return now - self._bare_since > self._patience

    def _suffices(self, node: Mapping[str, Any]) -> bool:
        there = node["Resources"]
        return bool(node["Alive"]) and all(there.get(name, 0) >= count for name, count in self._needs.items())

    def close(self) -> None:
        ray.shutdown()


class Ray:
    """The daemon's executor in a cluster. Raises DaemonError."""

    start_seconds = START_SECONDS

    def __init__(self, settings: Settings, engines: str = WORKER) -> None:
        self._cluster, self._engines = Cluster(settings), engines
        self.least = self._cluster.least
        self.devices = (settings.device,) * self._cluster.most
        self._lines = CurveLines()

    def line(self) -> tuple[zmq.Socket[bytes], str]:
        return self._lines.open(self._cluster.host)

    def launch(self, name: str, orders: Orders) -> RayWorker:
        orders = msgspec.structs.replace(orders, server_key=self._lines.server_key.decode())
        return RayWorker(self._cluster, self._lines, name, self._engines, orders)

    def close(self) -> None:
        self._lines.close()
        self._cluster.close()


class RayHolder:
    """A holder in an actor."""

    def __init__(self, cluster: Cluster, actor: Any) -> None:
        self._cluster, self._actor = cluster, actor
        self._admitted, self._left = False, threading.Event()

    def ask(self, *question: Any) -> Any:
        """Returns when it is answered. Raises WorkerDied where it never will be, PackCorrupt."""
        try:
            if not self._admitted:
                self._cluster.admit(self._actor, self._left)
                self._admitted = True
            return self._cluster.get(self._actor.answer.remote(question), self._left)
        except ray.exceptions.RayError as error:
            raise WorkerDied(f"A seat in the cluster ended: {_first_line(error)}") from None

    def close(self) -> None:
        self._left.set()
        _kill(self._actor)


class RayWorker:
    """A worker in an actor. A thread waits for its node, lets it in, has it work, and learns how it ends."""

    def __init__(self, cluster: Cluster, lines: CurveLines, name: str, engines: str, orders: Orders) -> None:
        self.pid = 0
        self.refusal: ErrorInfo | None = None
        self.errors: deque[str] = deque(maxlen=50)
        self._cluster, self._lines = cluster, lines
        self._engines, self._orders = engines, msgspec.json.encode(orders)
        self._actor: Any = None
        self._left = threading.Event()
        self._ended = ""
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def ended(self) -> str | None:
        return self._ended or None

    @property
    def gone(self) -> bool:
        return not self._thread.is_alive()

    def leave(self, patience: float = 2.0) -> None:  # noqa: ARG002 - an actor holds nothing that it would have to save
        self._left.set()
        _kill(self._actor)

    def join(self) -> None:
        self._thread.join(10.0)

    def _live(self) -> None:
        key = b""
        try:
            self._actor = self._cluster.actor()
            born = self._cluster.admit(self._actor, self._left)
            self.pid, key = born.pid, born.key
            self._lines.allow(key)
            serving = self._actor.serve.remote(self._engines, self._orders)
            while not self._left.is_set():  # also where the head is lost: it works on as long as its line lives
                if ray.wait([serving], timeout=LOOK_SECONDS)[0]:
                    ray.get(serving)
            self.errors.append("It was told to go.")
        except PunchinError as error:
            self.errors.append(str(error))
            self.refusal = error.info()
        except Exception as error:
            self.errors.append(_first_line(error))
        self._lines.forget(key)
        self.leave()
        self._ended = f"an error: {self.errors[-1].rstrip('.')}"


def _kill(actor: Any) -> None:
    with contextlib.suppress(Exception):  # it is dead already
        ray.kill(actor)


def _reach(address: str) -> None:
    """Raises OSError where nobody listens there: Ray itself would try for minutes. It means this computer's address in
    the network where loopback is said."""
    host, _, port = address.rpartition(":")
    host = ray.util.get_node_ip_address() if host in LOOPBACK else host
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
        raise PackCorrupt(
            f"The node's pack {differ[0]!r} is not the one on the daemon's computer.",
            f"Have the same there and here: `punchin packs verify {differ[0]}` on both, and pull or copy it again.",
        )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:LINE]
