"""Seats in a Ray cluster of several nodes: jobs, deaths of workers, nodes and lines, and takes equal to the bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import numpy as np
import psutil
import pytest
from fakes.cluster import Cluster, cluster, lives_on
from fakes.deaths import kill_worker, outlived
from fakes.harness import Client, RunningDaemon, daemon, launch, takes, until
from fakes.script import load
from fakes.studio import studio
from punchin_wire.errors import KeyRefused
from punchin_wire.frames import Audio
from punchin_wire.messages import Done, Failed, SeatStatus, Take

PATIENCE = 180.0
LONG = [pytest.mark.endurance, pytest.mark.timeout(3600)]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]
lines = load("_bench/line")


@pytest.fixture(scope="module")
def shared(ray_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), *ray_cluster.flags("2:2"), env=ray_cluster.env) as running:
        come_up(running.client())
        yield running


def come_up(client: Client) -> None:
    """Wait until there are two workers."""
    until(lambda: [seat.state for seat in client.status().seats] == ["idle", "idle"], PATIENCE)


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


def test_a_job_whose_actor_was_killed_goes_on_elsewhere_once(shared: RunningDaemon) -> None:
    client = shared.client()
    dies, ends = client.occupy()
    killed, other = client.seat(dies), client.seat(ends)
    client.stop(ends)
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: client.seat(dies).pid == other.pid, PATIENCE)
    client.stop(dies)
    come_up(client)  # the least there are
    client.accepted("sounded", "die after=1", takes=2)
    events = client.events("sounded", PATIENCE)
    assert takes(events) == [0]
    assert isinstance(events[-1].body, Failed)
    assert events[-1].body.error.code == "worker_died"


def test_a_job_whose_node_died_goes_on_on_another_once(shared: RunningDaemon, ray_cluster: Cluster) -> None:
    client = shared.client()
    dies, ends = client.occupy()
    first = client.seat(dies).pid
    ray_cluster.kill(next(node for node in ray_cluster.nodes if lives_on(first, node)))
    try:
        until(lambda: client.seat(dies).pid not in (0, first), PATIENCE)
        client.stop(dies)
        client.stop(ends)
        come_up(client)
    finally:
        ray_cluster.add()


def test_seats_beyond_the_least_come_and_go(ray_cluster: Cluster, tmp_path: Path) -> None:
    with daemon(tmp_path, *ray_cluster.flags("1:2"), "--keep-alive", "0.5", env=ray_cluster.env) as running:
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


def test_a_take_is_the_same_to_the_bit_wherever_it_is_made(ray_cluster: Cluster, tmp_path: Path) -> None:
    env = ray_cluster.env | {"REAL_WORKER": "1"}
    with daemon(tmp_path / "here", "--device", "cpu", env=env) as running:
        here = sounds(running.client(), "take")
    with daemon(tmp_path / "there", "--device", "cpu", *ray_cluster.flags("1:1"), env=env) as running:
        there = sounds(running.client(), "take")
    assert len(here) == len(there) == 2
    assert all(np.array_equal(one, other) for one, other in zip(here, there, strict=True))


def test_a_node_with_another_pack_of_the_name_is_refused(ray_cluster: Cluster, tmp_path: Path) -> None:
    from fakes.pack import write_random_pack

    for folder, files in (ray_cluster.packs / "mini", b"theirs"), (tmp_path / "mini", b"ours"):
        write_random_pack(folder)
        if files == b"theirs":
            manifest = folder / "manifest.json"
            listed = manifest.read_text()
            digest = listed.split('"sha256"')[1].split('"')[1]
            manifest.write_text(listed.replace(digest, "0" * 64))
    env = ray_cluster.env | {"PUNCHIN_PACKS": str(tmp_path / "mini")}
    try:
        with daemon(tmp_path / "home", *ray_cluster.flags("1:1"), env=env) as running:
            client = running.client()
            client.accepted("refused")
            failed = client.ending("refused", PATIENCE)
            assert isinstance(failed, Failed)
            assert "'mini' is not the one on the daemon's computer" in failed.error.message
    finally:
        rmtree(ray_cluster.packs / "mini")


def test_a_cluster_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    process = launch(tmp_path, "--executor", "ray", "--ray-address", "127.0.0.1:1")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (5, "")
    assert "Ray at 127.0.0.1:1 cannot be reached" in err
    assert "Traceback" not in err


@pytest.mark.endurance
def test_a_cluster_without_nodes_is_said_and_one_with_nodes_works_again(ray_cluster: Cluster, tmp_path: Path) -> None:
    env = ray_cluster.env | {"RAY_PATIENCE": "1"}
    with daemon(tmp_path, *ray_cluster.flags("1:1"), env=env) as running:
        client = running.client()
        first = running.worker()
        for each in list(ray_cluster.nodes):
            ray_cluster.kill(each)
        try:
            until(lambda: client.status().seats[0].pid != first, PATIENCE)
            client.accepted("homeless")
            failed = client.ending("homeless", PATIENCE)
            assert isinstance(failed, Failed)
            assert "The cluster has no node with 1 CPU for a seat." in failed.error.message
            assert "`ray start --address`" in failed.error.next_step
        finally:
            ray_cluster.add()
            ray_cluster.add()
        client.accepted("at-home", keep=True)
        assert takes(client.events("at-home", PATIENCE)) == [0]


@pytest.mark.endurance
@pytest.mark.timeout(900)
def test_a_cluster_whose_head_is_lost_is_said_and_is_used_once_it_is_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(cluster(tmp_path / "packs"))
        first.add(1)
        running = stack.enter_context(daemon(tmp_path / "home", *first.flags("1:1"), env=first.env))
        running.worker()
        for process in first.processes():
            process.kill()
        client = running.client()
        client.accepted("headless")
        failed = client.ending("headless", PATIENCE)
        assert isinstance(failed, Failed)
        assert "Ray at" in failed.error.message
        assert "cannot be reached" in failed.error.message
        assert "`ray start --head`" in failed.error.next_step
        time.sleep(70)  # after a minute Ray ends a process that belongs to no cluster any more
        assert client.status().seats[0].state != "idle"
        second = stack.enter_context(cluster(tmp_path / "packs", again=first))
        second.add(1)
        client.accepted("at-home", keep=True)
        assert takes(client.events("at-home", PATIENCE)) == [0]


def test_rooms_with_keys_have_seats_whose_lines_have_keys_too(ray_cluster: Cluster, tmp_path: Path) -> None:
    """Two handlers of ZAP in one process, each of its own context."""
    with studio(tmp_path, *ray_cluster.flags("1:1"), env=ray_cluster.env) as found:
        found.computer("room", allowed=True)
        found.computer("stranger")
        client = found.bare("room")
        client.accepted("of-room", takes=2)
        assert takes(client.events("of-room", PATIENCE)) == [0, 1]
        with found.client("stranger") as stranger, pytest.raises(KeyRefused):
            stranger.ping()


# ---- a computer at the other end of a cable ------------------------------------------------------------------


class Far:
    """A cluster whose head and one node are here, and one node there."""

    def __init__(self, laid: lines.Line, cluster: Cluster, stack: ExitStack) -> None:
        self.laid, self.cluster, self._stack = laid, cluster, stack
        self.node = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return self._stack.enter_context(self.cluster.elsewhere(self.laid.there(), self.laid.address))

    def seat(self, client: Client) -> SeatStatus:
        """The seat there, once it has a worker."""

        def found() -> list[SeatStatus]:
            if self.node.poll() is not None:
                self.node = self._start()  # Ray gave it up while the cable was out
            return [each for each in client.status().seats if each.pid and lives_on(each.pid, self.node.pid)]

        return until(found, PATIENCE)[0]

    def cut(self, client: Client) -> None:
        """Pull the cable out until the daemon misses the worker there, and put it in again."""
        seat = self.seat(client)
        self.laid.cut()
        until(lambda: seat.pid not in (each.pid for each in client.status().seats), PATIENCE)
        self.laid.mend()

    def kill(self, client: Client, chance: random.Random) -> None:
        """A worker, the node here, or the cable. What has died for good comes up anew."""
        match chance.randrange(3):
            case 0:
                kill_worker(client, chance)
            case 1:
                self.cluster.kill(self.cluster.nodes[0])
                self.cluster.add(1)
            case 2:
                self.cut(client)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with ExitStack() as stack:
        try:
            laid = stack.enter_context(lines.line(1000))
        except (OSError, subprocess.SubprocessError):
            pytest.skip("only root on Linux can make network namespaces")
        here = stack.enter_context(cluster(tmp_path / "packs", laid.near))
        here.add(1)
        yield Far(laid, here, stack)


def test_a_job_whose_line_broke_goes_on_here_and_the_seat_there_comes_back(far: Far, tmp_path: Path) -> None:
    flags = (*far.cluster.flags("2:2"), "--worker-silence", "3")
    with daemon(tmp_path / "home", *flags, env=far.cluster.env) as running:
        client = running.client()
        come_up(client)
        jobs = {client.seat(job).pid: job for job in client.occupy()}
        there = jobs.pop(far.seat(client).pid)
        client.stop(*jobs.values())
        far.cut(client)
        until(lambda: client.state(there) == "running", PATIENCE)
        client.stop(there)
        come_up(client)
        assert far.seat(client).restarts >= 1


@pytest.mark.parametrize("kills", [pytest.param(30, marks=LONG)])
def test_whatever_is_killed_or_cut_no_take_is_lost_or_comes_twice(far: Far, tmp_path: Path, kills: int) -> None:
    flags = (*far.cluster.flags("2:2"), "--worker-silence", "3", "--client-share", "1")
    with daemon(tmp_path / "home", *flags, env=far.cluster.env) as running:
        come_up(running.client())
        outlived(running, kills, far.kill)


def test_whichever_worker_or_node_is_killed_no_take_is_lost_or_comes_twice(
    ray_cluster: Cluster, tmp_path: Path
) -> None:
    def kill(client: Client, chance: random.Random) -> None:
        if chance.random() < 0.5:
            kill_worker(client, chance)
        else:
            ray_cluster.kill(chance.choice(ray_cluster.nodes))
            ray_cluster.add()

    with daemon(tmp_path, *ray_cluster.flags("2:2"), "--client-share", "1", env=ray_cluster.env) as running:
        outlived(running, 4, kill)
