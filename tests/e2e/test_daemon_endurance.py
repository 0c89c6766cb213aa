"""Thousands of jobs on two seats leave nothing behind, and whichever workers die, no take is lost or comes twice."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from fakes.deaths import kill_worker, outlived
from fakes.harness import Client, daemon, until
from punchin_wire.messages import FINAL, Done, Event

pytestmark = pytest.mark.e2e
LONG = [pytest.mark.endurance, pytest.mark.timeout(3600)]

UNDER_WAY = 12
"""Jobs that wait or run at any time."""
SAMPLES = 40
"""How often memory and descriptors are looked at."""
GROWTH = 16 * 2**20
"""Bytes that a process may have more at the end of the line through its samples than at the beginning."""


class Sample(NamedTuple):
    """One process after so many jobs: resident bytes and open descriptors."""

    jobs: int
    memory: int
    descriptors: int


def next_ending(client: Client) -> Event:
    while True:
        message = client.packet(60.0).message
        if isinstance(message, Event) and isinstance(message.body, FINAL):
            return message


def work(client: Client, jobs: int, every: int, processes: list[psutil.Process]) -> dict[int, list[Sample]]:
    """Have so many jobs done, and return samples of the processes by their ids."""
    samples: dict[int, list[Sample]] = {process.pid: [] for process in processes}
    names = deque(f"soak{number}" for number in range(jobs))
    under_way = done = 0
    while done < jobs:
        while names and under_way < UNDER_WAY:
            client.accepted(names.popleft(), "steps=2", seconds=0.1)
            under_way += 1
        ended = next_ending(client)
        assert isinstance(ended.body, Done), ended
        client.release(ended.job)
        under_way, done = under_way - 1, done + 1
        if done % every == 0:
            for process in processes:
                samples[process.pid].append(Sample(done, process.memory_info().rss, process.num_fds()))
    return samples


@pytest.mark.parametrize("jobs", [400, pytest.param(10_000, marks=LONG)])
def test_thousands_of_jobs_leave_nothing_behind(tmp_path: Path, jobs: int) -> None:
    with daemon(tmp_path, "--device", "cpu,cpu") as running:
        client = running.client()
        for job in client.occupy():
            client.stop(job)
            client.release(job)
        until(lambda: all(seat.state == "idle" for seat in client.status().seats), 60.0)
        seats = client.status().seats
        names = {running.process.pid: "daemon"} | {seat.pid: f"worker {n}" for n, seat in enumerate(seats, 1)}
        found = work(client, jobs, jobs // SAMPLES, [psutil.Process(pid) for pid in names])
        assert [seat.pid for seat in client.status().seats] == list(names)[1:]  # nobody has died
        assert list((tmp_path / "results").iterdir()) == []
    for pid, name in names.items():
        kept = found[pid][SAMPLES // 8 :]  # the first jobs fill what is kept for good: caches, pools of memory
        slope = np.polyfit([s.jobs for s in kept], [s.memory for s in kept], 1)[0]
        files = kept[0].descriptors, kept[-1].descriptors
        print(f"{name}: {slope:+.0f} bytes a job over {jobs} jobs, {files[0]} to {files[1]} files")
        assert slope * jobs < GROWTH, name
        assert files[1] <= files[0] + 2, name


@pytest.mark.parametrize("kills", [5, pytest.param(30, marks=LONG)])
def test_whichever_workers_are_killed_no_take_is_lost_or_comes_twice(tmp_path: Path, kills: int) -> None:
    with daemon(tmp_path, "--device", "cpu,cpu", "--client-share", "1") as running:
        outlived(running, kills, kill_worker)
