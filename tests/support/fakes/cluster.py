"""A real Ray cluster of this computer: a head without cores, and nodes that come and die. Run as a program, it reads
`add CORES` and `kill PID` from its standard input, answers with a raylet's process id each, and ends with it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import psutil

STORE = 80 * 2**20


class Cluster:
    """Where it is, and what its members must have in their environment; `packs` is what its own nodes know beside
    ours. `nodes` are the process ids of their raylets."""

    def __init__(self, program: subprocess.Popen[str], env: dict[str, str], packs: Path) -> None:
        self._program, self.env, self.packs = program, env, packs
        self.nodes: list[int] = []
        self.address = self._answer()

    def flags(self, seats: str) -> tuple[str, ...]:
        return "--executor", "ray", "--ray-address", self.address, "--seats", seats

    def add(self, cores: int = 3) -> None:
        """Start a node for so many seats."""
        self.nodes.append(int(self._ask(f"add {cores}")))

    def kill(self, node: int) -> None:
        """End a raylet as if its computer had lost power. Its actors see that themselves."""
        self.nodes.remove(node)
        self._ask(f"kill {node}")

    @contextmanager
    def elsewhere(self, at: Sequence[str], address: str) -> Iterator[subprocess.Popen[bytes]]:
        """A node for one seat on the computer where the command `at` runs others, at that address of its."""
        words = ["start", "--block", f"--address={self.address}", f"--node-ip-address={address}", "--num-cpus=1"]
        words += [f"--object-store-memory={STORE}", "--disable-usage-stats"]
        node = subprocess.Popen(
            [*at, sys.executable, "-m", "ray.scripts.scripts", *words],
            env=os.environ | self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield node
        finally:
            family = psutil.Process(node.pid).children(recursive=True) if node.poll() is None else []
            node.kill()
            node.wait(30)
            _end(family, 0.0)

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self._program.pid).children(recursive=True)

    def _ask(self, words: str) -> str:
        assert self._program.stdin is not None
        self._program.stdin.write(f"{words}\n")
        self._program.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._program.stdout is not None
        line = self._program.stdout.readline().strip()
        assert line, "the cluster ended"
        return line


def lives_on(worker: int, node: int) -> bool:
    """Whether an actor's process is one of a node's, whose raylet or command that is."""
    return psutil.pid_exists(worker) and node in (each.pid for each in psutil.Process(worker).parents())


@contextmanager
def cluster(packs: Path, host: str = "", again: Cluster | None = None) -> Iterator[Cluster]:
    """One without nodes, at that address of this computer, or where one was that has died. Leaves no process and no
    file."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # short: the paths of its sockets have a limit
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(20), "OMP_NUM_THREADS": "1"}
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    env |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
    if again is not None:
        env["RAY_AUTH_TOKEN"] = again.env["RAY_AUTH_TOKEN"]
    port = again.address.rpartition(":")[2] if again else "0"
    program = subprocess.Popen(
        [sys.executable, __file__, host, port],
        env=os.environ | env | {"PUNCHIN_PACKS": str(packs)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    family: list[psutil.Process] = []
    try:
        running = Cluster(program, env, packs)
        yield running
        family = running.processes()
    finally:
        program.stdin.close()
        program.wait(120)
        program.stdout.close()
        _end(family, 30.0)
        rmtree(folder, ignore_errors=True)


def _end(family: list[psutil.Process], patience: float) -> None:
    for process in psutil.wait_procs(family, patience)[1]:
        process.kill()
    psutil.wait_procs(family, 30.0)


def main(host: str, port: str) -> None:
    from ray.cluster_utils import Cluster as Nodes

    said, sys.stdout = sys.stdout, sys.stderr
    common = {"object_store_memory": STORE, "include_dashboard": False}
    common |= {"node_ip_address": host} if host else {}
    head = {"gcs_server_port": int(port)} if int(port) else {}
    nodes = Nodes(initialize_head=True, head_node_args={**common, "num_cpus": 0, **head})
    print(nodes.address, file=said, flush=True)
    raylets = {}
    for line in sys.stdin:
        command, number = line.split()
        if command == "add":
            [started] = nodes.add_node(**common, num_cpus=int(number)).all_processes["raylet"]
            raylet = started.process
            raylets[raylet.pid] = raylet
        else:
            raylet = raylets.pop(int(number))
            raylet.kill()
            raylet.wait()  # a zombie would pass for a raylet
        print(raylet.pid, file=said, flush=True)
    nodes.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
