"""What the bridge costs a host: from the click to "accepted", from the model's last sample to "ready", and at rest.

`python scripts/bench_bridge.py [--jobs N] [--json]`. Real bridge, daemon and spool; an engine that answers at once
stands in for the model, so all that is measured is ours. Beside it in the same run: the same job by a process of its
own (`punchin inpaint`, which is how other tools connect a DAW), and what the file system needs for the hand-over alone
(write, rename, notice, read), which is the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the host that the tests use

from fakes.bridge import RunningBridge, bridge
from fakes.harness import daemon
from fakes.host import FakeHost, music
from punchin_bridge.serve import TICK_SECONDS
from punchin_wire.params import InpaintParams

SECONDS, START, END = 30.0, 2.0, 10.0
REST_SECONDS = 10.0
GOAL_ACCEPT = 0.150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with daemon(home), bridge(home) as running:
            figures = measure(home, running, options.jobs)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:58} {value:10.4g}")


def measure(home: Path, running: RunningBridge, jobs: int) -> dict[str, float]:
    host = FakeHost(running.spool, music(SECONDS))
    host.hello()
    accepted, ready, stages = [], [], []
    for number in range(jobs):
        host.hello()
        posted = time.perf_counter()
        job = host.submit(START, END, InpaintParams(seed=number))
        accepted.append(seconds_until_known(host, job, posted))
        view = host.wait(job, "ready", "failed")
        ready.append(time.perf_counter() - posted)
        stages.append(view.timings)
        host.place(job)
        host.undo()
    process = psutil.Process(running.process.pid)
    used = process.cpu_times()
    time.sleep(REST_SECONDS)
    rest = process.cpu_times()
    alone = [own_process(home, host) for _ in range(max(3, jobs // 10))]
    floor = [hand_over(home) for _ in range(200)]
    render = statistics.median(times["render"] for times in stages)
    figures = {
        "click to accepted, without the render, p50 [s]": statistics.median(accepted) - render,
        "click to accepted, without the render, p95 [s] (goal 0.15)": p95(accepted) - render,
        "floor: write, rename, notice within a tick, read, p50 [s]": statistics.median(floor) + TICK_SECONDS / 2,
        "click to ready, 8 s of 30 s stereo, p50 [s]": statistics.median(ready),
    }
    for name in ("render", "prepare", "queue", "splice"):
        figures[f"  of which {name} [s]"] = statistics.median(times.get(name, 0.0) for times in stages)
    figures |= {
        "the same by a process of its own, p50 [s]": statistics.median(alone),
        "own process / bridge": statistics.median(alone) / (statistics.median(ready) - render),
        "bridge at rest with one host, share of a core": sum(rest[:2]) / REST_SECONDS - sum(used[:2]) / REST_SECONDS,
        "bridge, resident memory [MiB]": process.memory_info().rss / 2**20,
    }
    return figures


def seconds_until_known(host: FakeHost, job: str, since: float) -> float:
    while host.job(job) is None:
        time.sleep(0.001)
    return time.perf_counter() - since


def own_process(home: Path, host: FakeHost) -> float:
    """Seconds of `punchin inpaint` for the same take."""
    song = home / "song.wav"
    soundfile.write(song, host.track.T, host.rate, subtype="FLOAT")
    words = ["inpaint", str(song), "--start", str(START), "--end", str(END), "--out", str(home / "out")]
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "punchin_bridge.cli", *words],
        env=os.environ | {"PUNCHIN_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - began


def hand_over(home: Path) -> float:
    """Seconds in which a document of usual size is written, renamed, found and read."""
    data, folder = b"x" * 4096, home / "floor"
    folder.mkdir(exist_ok=True)
    began = time.perf_counter()
    (folder / "a.part").write_bytes(data)
    os.replace(folder / "a.part", folder / "a.json")
    for entry in list(os.scandir(folder)):
        Path(entry.path).read_bytes()
        os.unlink(entry.path)
    return time.perf_counter() - began


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


if __name__ == "__main__":
    main()
