"""What the plug-in costs a song: processor and memory while nothing is asked of it, and from *Punch in* to takes.

    python scripts/bench_plugin.py [--seconds N] [--jobs N] [--only load,memory,jobs] [--out FOLDER]

The real plug-in as VST3 in minihost, at 48 kHz in blocks of 256 as time goes on, with the song rolling. Beside it in
the same run: a plug-in that copies what comes in, and does nothing else, in the same host: what is left is ours. Jobs
go through the real bridge and daemon; an engine that answers at once stands in for the model.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the host that the tests use

import numpy as np
import psutil
from _bench import Row, in_process
from _bench.table import machine, publish
from fakes import plugin_build
from fakes.bridge import RunningBridge, bridge
from fakes.harness import daemon, until
from hosts.plugin import Hosted, hosted, noise
from punchin_bridge.hosts.protocol import Command
from punchin_bridge.hosts.spool import Caller, Spool
from punchin_wire.params import InpaintParams

RATE, BLOCK, MANY = 48_000, 256, 64
START, END = 4 * RATE, 6 * RATE
THROUGH = Path(__file__).with_name("_bench") / "through"
GOAL_ONE, GOAL_MANY = 0.2, 10.0
"""Per cent of a core."""
GOAL_ACCEPTED, GOAL_AUDIBLE = 50.0, 100.0
"""Milliseconds."""
RING_SECONDS = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the load is measured")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--only", default="load,memory,jobs", help="sections, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    sections = {"load": load, "memory": memory, "jobs": jobs}
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(sections):
        parser.error(f"unknown sections {sorted(unknown)}; there are {', '.join(sections)}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PUNCHIN_HOME"] = folder
        ours = plugin_build.install(Path(folder) / "plug-ins", plugin_build.bundles()) / "Punchin.vst3"
        rows = (row for name in chosen for row in sections[name](ours, options))
        return publish("bench_plugin", f"48 kHz, blocks of {BLOCK}; {machine(1)}", rows, options.out)


# ---- the load --------------------------------------------------------------------------------------------------


def load(ours: Path, options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        through = build_through(Path(folder))
        floor = in_process(share, through, MANY, options.seconds)
        whole = in_process(share, ours, MANY, options.seconds)
    name, more = f"{MANY} idle instances, the song rolling", max(whole - floor, 0.0)
    yield Row("load", f"{name}: more than as many that only copy", more, "%", GOAL_MANY)
    yield Row("load", "one of them, a 64th", more / MANY, "%", GOAL_ONE)
    yield Row("load", f"{name}: all, with the host", whole, "%")
    yield Row("load", f"{name}: floor, that only copy", floor, "%")


def build_through(folder: Path) -> Path:
    for command in (["cmake", "-S", THROUGH, "-B", folder], ["cmake", "--build", folder]):
        subprocess.run(command, check=True, capture_output=True, timeout=600)
    return folder / "bin" / "Through.vst3"


def share(bundle: Path, count: int, seconds: float) -> float:
    """Per cent of a core that `count` of them take in a host that plays as time goes on, all threads together."""
    import minihost

    hosts = [minihost.Plugin(str(bundle), sample_rate=RATE, max_block_size=BLOCK) for _ in range(count)]
    sound = noise(BLOCK, 1)
    out = np.empty_like(sound)
    began, spent = time.monotonic(), time.process_time()
    for at in range(0, round(seconds * RATE), BLOCK):
        for host in hosts:
            host.set_transport(120.0, 4, 4, at, at / RATE * 2, True)
            host.process(sound, out)
        time.sleep(max(0.0, began + (at + BLOCK) / RATE - time.monotonic()))
    return 100 * (time.process_time() - spent) / (time.monotonic() - began)


# ---- memory ----------------------------------------------------------------------------------------------------


def memory(ours: Path, _options: argparse.Namespace) -> Iterator[Row]:
    fresh, minute = in_process(resident, ours)
    yield Row("memory", "an instance that has heard nothing", fresh, "MiB")
    yield Row("memory", "one that has heard a minute of stereo", minute, "MiB")
    yield Row("memory", "the ring at most: 10 minutes of stereo", RING_SECONDS * RATE * 2 * 4 / 2**20, "MiB")


def resident(bundle: Path) -> tuple[float, float]:
    """MiB that one more instance takes, and once it has heard a minute."""
    process = psutil.Process()
    first = hosted(bundle)  # brings the libraries
    before = process.memory_info().rss
    track = hosted(bundle)
    fresh = process.memory_info().rss
    track.play(noise(60 * RATE, 1))
    after = process.memory_info().rss
    for each in (first, track):
        each.plugin.close()
    return (fresh - before) / 2**20, (after - before) / 2**20


# ---- jobs ------------------------------------------------------------------------------------------------------


def jobs(ours: Path, options: argparse.Namespace) -> Iterator[Row]:
    home = Path(os.environ["PUNCHIN_HOME"])
    with daemon(home), bridge(home) as running:
        track = hosted(ours)
        song = noise(12 * RATE, 1)
        track.play(song)
        until(lambda: list((home / "spool" / "hosts").glob("plugin-*")), 60)  # it has said hello
        do(home, "select", start=START / RATE, end=END / RATE, unit="seconds")
        audible = [one(home, track, song, seed) * 1000 for seed in range(1, options.jobs + 1)]
        accepted = accepted_after(running, options.jobs)
        track.plugin.close()
    for name, found, goal in (
        ("Punch in to accepted", accepted, GOAL_ACCEPTED),
        ("the take's file written to audible", audible, GOAL_AUDIBLE),
    ):
        yield Row("jobs", f"{name}, p50", statistics.median(found), "ms")
        yield Row("jobs", f"{name}, worst of {len(found)}", max(found), "ms", goal)


def one(home: Path, track: Hosted, song: Any, seed: int) -> float:
    """Seconds from a take's file to its first sample, as the host plays one bar of it over and over."""
    at = START + RATE // 2
    block = song[:, at : at + 4 * BLOCK]  # several blocks: a single one that jumps is not believed
    for _ in range(4):  # longer than the ramp from the last take
        before = track.play(block, at)
    known = set((home / "takes").rglob("*.wav"))
    asked = threading.Thread(target=do, args=(home, "inpaint", InpaintParams(takes=1, seed=seed)))
    asked.start()
    while np.array_equal(track.play(block, at), before):
        time.sleep(0.002)
    heard = time.time()
    asked.join()
    [take] = set((home / "takes").rglob("*.wav")) - known
    return heard - take.stat().st_mtime


def accepted_after(running: RunningBridge, count: int) -> list[float]:
    """Milliseconds from the ask until the bridge had the job, as its log says them."""

    def said() -> list[str]:
        return re.findall(r"\baccept (\d+\.\d+)", running.log)

    until(lambda: len(said()) == count, 60)
    return [float(seconds) * 1000 for seconds in said()]


def do(home: Path, action: str, params: Any = None, **details: Any) -> None:
    """What `punchin host do` does."""
    wanted = {} if params is None else {"params": params}
    me = Caller(Spool(home / "spool"), f"cli-{uuid.uuid4().hex[:8]}")
    try:
        me.want("plugin", Command(uuid.uuid4().hex[:12], action, **wanted, **details), time.monotonic() + 60)
    finally:
        me.leave()


if __name__ == "__main__":
    raise SystemExit(main())
