"""Seats in a Ray cluster, of this computer: jobs, deaths, what comes and goes, and takes equal to the bit."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from fakes.harness import Client, RunningDaemon, daemon, launch, takes, until
from punchin_server.daemon import serve
from punchin_wire.frames import Audio
from punchin_wire.messages import Done, Failed, Take

HEAD = """
import sys, ray
ray.init(num_cpus=6, include_dashboard=False, object_store_memory=80 * 2**20, _node_ip_address="127.0.0.1",
         logging_level="ERROR", log_to_driver=False, _temp_dir=sys.argv[1])
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""
"""A cluster that ends with its standard input."""
PATIENCE = 120.0

in_cluster = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
pytestmark = [pytest.mark.e2e, pytest.mark.model]


class Cluster(NamedTuple):
    """Where it is, and what its members must have in their environment."""

    address: str
    env: dict[str, str]
    packs: Path

    def flags(self, seats: str) -> tuple[str, ...]:
        return "--executor", "ray", "--ray-address", self.address, "--seats", seats


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    packs = tmp_path_factory.mktemp("packs")
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(20), "OMP_NUM_THREADS": "1"}
    env |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # short: the paths of its sockets have a limit
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD, folder],
        env=os.environ | env | {"PUNCHIN_PACKS": str(packs)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert head.stdin is not None
    assert head.stdout is not None
    try:
        address = head.stdout.readline().strip()
        assert address
        yield Cluster(address, env, packs)
    finally:
        family = psutil.Process(head.pid).children(recursive=True)
        head.stdin.close()
        head.wait(60)
        head.stdout.close()
        for process in psutil.wait_procs(family, 30)[1]:
            process.kill()
        rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), *cluster.flags("2:2"), env=cluster.env) as running:
        client = running.client()
        until(lambda: [seat.state for seat in client.status().seats] == ["idle", "idle"], PATIENCE)
        yield running


@pytest.mark.ray
@in_cluster
def test_actors_work_side_by_side_and_are_cancelled_each_for_itself(shared: RunningDaemon) -> None:
    client = shared.client()
    stop, stay = client.occupy()
    seats = client.status().seats
    assert len({seat.pid for seat in seats}) == 2
    ours = {child.pid for child in psutil.Process(shared.process.pid).children(recursive=True)}
    assert not ours & {seat.pid for seat in seats}  # they are the cluster's
    client.stop(stop)
    assert client.state(stay) == "running"
    client.stop(stay)


@pytest.mark.ray
@in_cluster
def test_a_job_whose_actor_was_killed_goes_on_elsewhere_once(shared: RunningDaemon) -> None:
    client = shared.client()
    dies, ends = client.occupy()
    killed, other = client.seat(dies), client.seat(ends)
    client.stop(ends)
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: client.seat(dies).pid == other.pid, PATIENCE)
    client.stop(dies)
    until(lambda: [seat.state for seat in client.status().seats] == ["idle", "idle"], PATIENCE)  # the least there are
    client.accepted("sounded", "die after=1", takes=2)
    events = client.events("sounded", PATIENCE)
    assert takes(events) == [0]
    assert isinstance(events[-1].body, Failed)
    assert events[-1].body.error.code == "worker_died"


@pytest.mark.ray
@in_cluster
def test_seats_beyond_the_least_come_and_go(cluster: Cluster, tmp_path: Path) -> None:
    with daemon(tmp_path, *cluster.flags("1:2"), "--keep-alive", "0.5", env=cluster.env) as running:
        first = running.worker()
        client = running.client()
        client.stop(*client.occupy())
        until(lambda: sorted(seat.state for seat in client.status().seats) == ["idle", "off"], PATIENCE)
        assert client.status().seats[0].pid == first


def sounds(client: Client, job: str) -> list[Audio]:
    """The takes of the built-in pack for a second of noise."""
    client.accepted(job, takes=2, pack_name="tiny")
    found = []
    while not isinstance((packet := client.packet(PATIENCE)).message.body, Done):
        assert not isinstance(packet.message.body, Failed), packet.message
        if isinstance(packet.message.body, Take):
            found.append(packet.of(packet.message.body.audio).copy())
    return found


@pytest.mark.ray
@in_cluster
def test_a_take_is_the_same_to_the_bit_wherever_it_is_made(cluster: Cluster, tmp_path: Path) -> None:
    env = cluster.env | {"REAL_WORKER": "1"}
    with daemon(tmp_path / "here", "--device", "cpu", env=env) as running:
        here = sounds(running.client(), "take")
    with daemon(tmp_path / "there", "--device", "cpu", *cluster.flags("1:1"), env=env) as running:
        there = sounds(running.client(), "take")
    assert len(here) == len(there) == 2
    assert all(np.array_equal(one, other) for one, other in zip(here, there, strict=True))


@pytest.mark.ray
@in_cluster
def test_a_node_with_another_pack_of_the_name_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    from fakes.pack import write_random_pack

    for folder, files in (cluster.packs / "mini", b"theirs"), (tmp_path / "mini", b"ours"):
        write_random_pack(folder)
        if files == b"theirs":
            manifest = folder / "manifest.json"
            listed = manifest.read_text()
            digest = listed.split('"sha256"')[1].split('"')[1]
            manifest.write_text(listed.replace(digest, "0" * 64))
    env = cluster.env | {"PUNCHIN_PACKS": str(tmp_path / "mini")}
    try:
        with daemon(tmp_path / "home", *cluster.flags("1:1"), env=env) as running:
            client = running.client()
            client.accepted("refused")
            failed = client.ending("refused", PATIENCE)
            assert isinstance(failed, Failed)
            assert "'mini' is not the one on the daemon's computer" in failed.error.message
    finally:
        rmtree(cluster.packs / "mini")


@pytest.mark.ray
@in_cluster
def test_a_cluster_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    process = launch(tmp_path, "--executor", "ray", "--ray-address", "127.0.0.1:1")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (5, "")
    assert "Ray at 127.0.0.1:1 cannot be reached" in err
    assert "Traceback" not in err


def test_without_ray_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)  # type: ignore[arg-type]
    assert serve.main(["--executor", "ray", "--osc-port", "0"]) == 2
    assert "pip install 'punchin[server,ray]'" in capsys.readouterr().err
