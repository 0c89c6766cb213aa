"""Seats anywhere in a Ray cluster. The only module that imports Ray; the daemon runs it as a program, since Ray ends or
aborts the process that belongs to a cluster when that is lost.

Ray places a worker and notices its death. Everything else goes over the same line as a local worker's, here encrypted
by CURVE: the worker makes a pair of keys, of which the actor tells the public half, and no other key is let in. Ray
itself encrypts nothing unless it is told to (`RAY_USE_TLS`), so a cluster belongs in a network that is trusted.

::

    daemon: supervisor ◀──── CURVE, frames as ever ──── worker.Worker, in a thread of its actor
            Placed ── pipes ── this program ── Ray: start, death, pid ── actor Seat
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import msgspec
import ray
import zmq
from punchin_wire.errors import DaemonError, PackCorrupt, PunchinError, WorkerDied

from ..link import Orders
from .cluster import START_SECONDS, WORKER, Placing, Said

PACKS = "punchin_server.packs.registry"
REACH_SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "localhost")
LOOK_SECONDS = 2.0
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
        return Introduction(os.getpid(), self._pair[0], fingerprints())

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
    """A connection to the cluster at `address`, or to one of this computer alone, which then ends with it. Raises
    DaemonError."""

    def __init__(self, address: str) -> None:
        where: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            if address:
                where = {"address": address}
                _reach(address)
            ray.init(log_to_driver=False, logging_level="ERROR", namespace="punchin", **where)
        except (RuntimeError, ValueError, OSError, OverflowError) as error:
            raise DaemonError(
                f"Ray at {address or 'this computer'} cannot be reached: {_first_line(error)}",
                "Start it by `ray start --head`; or look at `ray status`, and whether RAY_AUTH_TOKEN is the cluster's.",
            ) from None
        self.address: str = ray.get_runtime_context().gcs_address
        self.host: str = ray.util.get_node_ip_address()
        self.gpus = int(ray.cluster_resources().get("GPU", 0))

    def place(self, gpu: bool, patience: float, holder: Holder | None = None) -> Placement:
        """Ask for an actor."""
        needs = {"CPU": 1, "GPU": int(gpu)}
        options = {"num_cpus": 1, "num_gpus": int(gpu), "max_concurrency": 2}
        options |= {"max_restarts": 0, "max_task_retries": 0}  # whether a job runs again is ours to decide
        return Placement(self, ray.remote(**options)(Seat).remote(holder), needs, patience)

    def check(self) -> None:
        """Raises DaemonError where the cluster's head does not answer. Ray itself would wait for it."""
        try:
            _reach(self.address)
        except OSError as error:
            raise DaemonError(
                f"The head of the Ray cluster at {self.address} does not answer: {error.strerror or error}.",
                "Start it again by `ray start --head`, with its port, and its nodes; then submit again.",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        ray.shutdown()


class Placement:
    """An actor, once Ray has a node for it; for one thread, but for `close`."""

    def __init__(self, cluster: Cluster, actor: Any, needs: Mapping[str, int], patience: float) -> None:
        self._cluster, self._actor, self._needs, self._patience = cluster, actor, needs, patience
        self._closed = threading.Event()
        self._introduced: Introduction | None = None

    def introduced(self) -> Introduction:
        """Wait until it has come to a node. Raises WorkerDied where none has room for it, PackCorrupt where its packs
        differ from ours, DaemonError."""
        if self._introduced is None:
            asked, now = self._actor.introduce.remote(), time.monotonic()
            until, roomy = now + START_SECONDS, now
            while not self._answered(asked):
                now = time.monotonic()
                roomy = now if any(map(self._suffices, ray.nodes())) else roomy
                if now > until or now - roomy > self._patience:
                    needs = " and ".join(f"{count} {name}" for name, count in self._needs.items() if count)
                    raise WorkerDied(
                        f"The cluster has no node with {needs} for a seat.",
                        "Look at `ray status`: start a node by `ray start --address`, or free one.",
                    )
            self._introduced = found = _gotten(asked)
            _compare(found.packs, fingerprints())
        return self._introduced

    def ask(self, *question: Any) -> Any:
        """Returns when the holder has answered. Raises as :meth:`introduced` does, and WorkerDied."""
        self.introduced()
        asked = self._actor.answer.remote(question)
        while not self._answered(asked):
            pass
        return _gotten(asked)

    def serve(self, engines: str, orders: Orders) -> None:
        """Returns never. Raises WorkerDied when the actor has ended."""
        _gotten(self._actor.serve.remote(engines, msgspec.json.encode(orders)))

    def close(self) -> None:
        """Kill it. May be called from any thread."""
        self._closed.set()
        with contextlib.suppress(Exception):  # it is dead already
            ray.kill(self._actor)

    def _answered(self, asked: Any) -> bool:
        """Whether there is an answer, after a moment. Raises WorkerDied, DaemonError where there never will be."""
        if ray.wait([asked], timeout=LOOK_SECONDS)[0]:
            return True
        if self._closed.is_set():
            raise WorkerDied("The seat was given up.")
        self._cluster.check()
        return False

    def _suffices(self, node: Mapping[str, Any]) -> bool:
        """Whether a node could hold a seat, were it idle."""
        there = node["Resources"]
        return bool(node["Alive"]) and all(there.get(name, 0) >= count for name, count in self._needs.items())


def _gotten(asked: Any) -> Any:
    try:
        return ray.get(asked)
    except ray.exceptions.RayError as error:
        raise WorkerDied(f"A seat in the cluster ended: {_first_line(error)}") from None


def _reach(address: str) -> None:
    """Raises OSError where nobody listens there: Ray itself would try for minutes. It means this computer's address in
    the network where loopback is said."""
    host, _, port = address.rpartition(":")
    host = ray.util.get_node_ip_address() if host in LOOPBACK else host
    socket.create_connection((host, int(port)), REACH_SECONDS).close()


def fingerprints() -> dict[str, str]:
    """Those of the packs of this computer."""
    found: dict[str, str] = importlib.import_module(PACKS).fingerprints()
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


# ---- the program that the daemon runs ------------------------------------------------------------------------


def _say(said: Said) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def _obey(go: threading.Event) -> None:
    """Set `go` when a line of standard input says so; when that ends, end the process at once, and with it its actor or
    its cluster."""
    while sys.stdin.buffer.readline():
        go.set()
    os._exit(0)


def main() -> int:
    """Read what is to be done from a line of standard input: place a worker, or only say what cluster there is. Ends
    when standard input does, or when the worker does."""
    placing = msgspec.json.decode(sys.stdin.buffer.readline(), type=Placing)
    go = threading.Event()
    threading.Thread(target=_obey, args=(go,), name="watch", daemon=True).start()
    try:
        cluster = Cluster(placing.address)
        if placing.orders is None:
            _say(Said(address=cluster.address, host=cluster.host, gpus=cluster.gpus))
            if not placing.address:
                threading.Event().wait()  # its own cluster lives with it
            return 0
        placement = cluster.place(placing.gpu, placing.patience)
        born = placement.introduced()
        _say(Said(pid=born.pid, key=born.key.decode()))
        go.wait()  # until the daemon lets that key in
        placement.serve(placing.engines, placing.orders)
    except PunchinError as error:
        print(error, file=sys.stderr, flush=True)
        _say(Said(error=error.info()))
    return 1


if __name__ == "__main__":
    os._exit(main())
