"""Many jobs in a row leave nothing behind; whatever dies, no take that was reported done is lost. Fake engine."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import soundfile
from fakes import bridge as bridges
from fakes import harness
from fakes.bridge import RunningBridge, bridge
from fakes.harness import daemon, until
from fakes.host import FakeHost, music
from punchin_bridge.hosts.protocol import JobView
from punchin_wire.params import InpaintParams

pytestmark = pytest.mark.e2e
IMPATIENT = {"PUNCHIN_BRIDGE_GIVE_UP_SECONDS": "2", "PUNCHIN_BRIDGE_SILENCE_SECONDS": "1"}
LONG = [pytest.mark.endurance, pytest.mark.timeout(900)]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("jobs", [15, pytest.param(50, marks=LONG)])
def test_jobs_in_a_row_leave_nothing_behind(tmp_path: Path, jobs: int) -> None:
    """No file, no process, no descriptor, and after the first ten no memory."""
    with daemon(tmp_path), bridge(tmp_path) as running:
        host = FakeHost(running.spool, music(3.0))
        host.hello()
        process = psutil.Process(running.process.pid)
        for number in range(jobs):
            host.hello()
            host.place(host.submit(1.0, 2.0, InpaintParams(takes=2, seed=number)))
            host.undo()
            if number == 10:
                memory, descriptors = process.memory_info().rss, process.num_fds()
        last = host.shown[-1].job
        host.wait(last, "placed")
        assert files(running.spool) == {f"hosts/{host.name}/state.json"}
        assert files(tmp_path / "results") == set()
        assert process.num_fds() <= descriptors + 2
        assert process.memory_info().rss < memory + 24 * 2**20
        assert process.num_threads() < 16
        assert [child for child in process.children() if child.status() == psutil.STATUS_ZOMBIE] == []


class World:
    """Everything that can die. The project remembers what was placed in it, as a DAW's file does."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.placed: dict[str, int] = {}
        self.ready: set[str] = set()
        self.failed: set[str] = set()
        self.submitted: list[str] = []
        self.born_daemon()
        self.born_bridge()
        self.born_host()

    def born_daemon(self) -> None:
        record = self.home / "runtime" / "daemon.json"
        process = harness.launch(self.home)
        until(lambda: record.exists() and f'"pid":{process.pid},' in record.read_text(), 60)
        self.daemon = process

    def born_bridge(self) -> None:
        self.bridge: RunningBridge = bridges.launch(self.home, env=IMPATIENT)

    def born_host(self) -> None:
        self.host = FakeHost(self.home / "spool", music(3.0), project="song")
        self.host.hello_once()

    # ---- dying -----------------------------------------------------------------------------------------------

    def kill_daemon(self) -> None:
        family = psutil.Process(self.daemon.pid).children(recursive=True)
        self.daemon.kill()
        self.daemon.communicate()
        for child in family:
            child.kill()
        self.born_daemon()

    def kill_worker(self) -> None:
        for child in psutil.Process(self.daemon.pid).children(recursive=True):
            os.kill(child.pid, signal.SIGKILL)

    def kill_bridge(self) -> None:
        self.bridge.stop(signal.SIGKILL)
        self.born_bridge()

    def kill_host(self) -> None:
        self.born_host()

    def close(self) -> None:
        for process in (*psutil.Process(self.daemon.pid).children(recursive=True), self.daemon, self.bridge.process):
            process.kill()
        self.daemon.communicate()
        self.bridge.process.wait()

    # ---- working ---------------------------------------------------------------------------------------------

    def work(self, chance: random.Random) -> None:
        """What a host does at a tick; it may die between placing and saying so."""
        self.host.hello_once()
        open_jobs = [job for job in self.submitted if job not in self.placed and job not in self.failed]
        if len(open_jobs) < 2 and self.host.state() is not None:
            self.submitted.append(self.host.submit(1.0, 2.0, InpaintParams(takes=2, text="steps=3 step=0.02")))
        self.take_in(chance.random() < 0.3)

    def take_in(self, dies: bool = False) -> None:
        state = self.host.state()
        for view in state.jobs if state else ():
            if view.phase == "failed" and view.code == "worker_died":  # under two workers: the daemon tries no third
                self.failed.add(view.job)
            assert view.job in self.failed or view.phase not in ("failed", "dropped", "cancelled"), view
            if view.phase == "ready":
                self.ready.add(view.job)
                if view.job not in self.placed:
                    check_whole(view)
                    self.placed[view.job] = len(view.takes)
                    if dies:
                        return self.born_host()
                self.host.confirm(view.job)
        return None


def check_whole(view: JobView) -> None:
    """All of each take is in its file, the moment it is reported."""
    assert [take.seed for take in view.takes] == sorted(take.seed for take in view.takes)
    for take in view.takes:
        found = soundfile.info(take.path)
        assert (found.frames, found.channels) == (take.end - take.start, take.channels)
        soundfile.read(take.path)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(("deaths", "least"), [(6, 2), pytest.param(30, 5, marks=LONG)])
def test_deaths_lose_nothing(world: World, deaths: int, least: int) -> None:
    """Everything dies once at least, in between `least` jobs or more."""
    chance = random.Random(7)
    kills = [world.kill_daemon, world.kill_worker, world.kill_bridge, world.kill_host]
    order = [*kills, *chance.choices(kills, [1, 2, 3, 3], k=deaths - len(kills))]
    for kill in order:
        end = time.monotonic() + chance.uniform(0.1, 1.5)
        while time.monotonic() < end:
            world.work(chance)
            time.sleep(0.02)
        kill()
    deadline = time.monotonic() + 120
    while (left := set(world.submitted) - set(world.placed) - world.failed) or len(world.submitted) < least:
        assert time.monotonic() < deadline, (left, world.bridge.log[-3000:])
        if len(world.submitted) < least:  # on a busy machine the dead left little time to work
            world.work(chance)
        world.host.hello_once()
        world.take_in()
        time.sleep(0.05)
    assert world.ready <= set(world.placed)
    assert not world.ready & world.failed
    until(lambda: not any((world.home / "spool" / "jobs").iterdir()), 20)
