"""Where the time goes from `punchin inpaint` to the first step of decoding, while nothing of Punchin runs yet.

    python scripts/bench_cold.py [--against ../older] [--repeats 3] [--clock]

The pack has random weights of the true shapes of musicgen-small and its codec, no text. Each of the three processes
(command, daemon, worker) is timed by itself in seconds of one core; with `--clock` whole runs too, one take of 1 s in
20 s of song. Files are in the page cache. `--against FOLDER` takes turns with another checkout. Prints medians.
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
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile
from _bench import SUPPORT

sys.path.insert(0, str(SUPPORT))
from _bench.checkpoints import SHAPES
from fakes.checkpoints import write_audiocraft
from fakes.codec_files import TRUE, random_model, save_audiocraft
from punchin_server.packs.registry import sha256

HERE = Path(__file__).parents[1]
COMMAND = "import time, punchin_bridge.cli.main; print(time.process_time())"
DAEMON = "import time, punchin_server.daemon.serve; print(time.process_time())"
WORKER = """
import time, punchin_server.worker
stamps = [time.process_time()]
import torch
stamps.append(time.process_time())
import punchin_server.engines.inpaint.engine
from punchin_server.engines.inpaint.loading import load_models
stamps.append(time.process_time())
load_models("cold", "cpu", "float32")
stamps.append(time.process_time())
print(stamps[0], *(b - a for a, b in zip(stamps, stamps[1:])))
"""
"""What the three processes do before they can work: seconds of one core, so that other programs count little."""
CPU = ("command: imports", "daemon: imports", "worker: imports", "import torch", "import the engine", "load the models")
WALL = {
    "command and daemon start": "until the daemon serves",
    "worker starts": "until it takes a job",
    "imports and loading": "",
    "encode": "song to tokens",
    "prefill": "what is known, in one pass",
    "rest": "the song is read, the job handed over, conditions computed",
    "until the first step": "",
}


def write_pack(folder: Path) -> None:
    write_audiocraft(folder, SHAPES["small"])
    save_audiocraft(random_model(TRUE), folder / "compression_state_dict.bin")
    files = [{"path": p.name, "size": p.stat().st_size, "sha256": sha256(p)} for p in sorted(folder.iterdir())]
    manifest = {  # in the words that older checkouts know, too
        "name": "cold",
        "version": "1",
        "licence": "CC0-1.0",
        "source": "random numbers",
        "created": "2026-01-01",
        "base": {"lm": "state_dict.bin", "codec": "compression_state_dict.bin"},
        "loudness": -14.0,
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def run_cold(checkout: Path, pack: Path, song: Path) -> dict[str, float]:
    """Seconds by the clock of each of WALL in one cold run of `checkout`."""
    with tempfile.TemporaryDirectory() as home:
        environment = _environment(checkout, pack) | {"PUNCHIN_HOME": home, "PUNCHIN_BRIDGE_IDLE_EXIT": "2"}
        words = ("inpaint", song, "--start", "9", "--end", "10", "--pack", "cold", "--seed", "1", "--out", home)
        command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words), "--json", "--no-progress"]
        started = time.time()
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
        taken = json.loads(done.stdout)["timings"]
        log = (Path(home) / "log" / "daemon.log").read_text("utf-8").splitlines()
        serving, ready, ended = (_when(log, words) for words in ("serving:", "worker ready", ": Done("))
        _await_end(Path(home))
    first = ended - taken["decode"] - taken["codec"] - started
    known = (serving - started, ready - serving, taken["load"], taken["encode"], taken["prefill"])
    return dict(zip(WALL, (*known, first - sum(known), first), strict=True))


def run_alone(checkout: Path, pack: Path, _: Path) -> dict[str, float]:
    """Seconds of one core of each of CPU in `checkout`, every process by itself."""
    environment = _environment(checkout, pack) | {"OMP_NUM_THREADS": "1"}
    taken: list[float] = []
    for code in (COMMAND, DAEMON, WORKER):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
        taken += map(float, done.stdout.split())
    return dict(zip(CPU, taken, strict=True)) | {"all": sum(taken), "all but torch": sum(taken) - taken[3]}


def _environment(checkout: Path, pack: Path) -> dict[str, str]:
    paths = os.pathsep.join(str(checkout / part) for part in ("bridge", "server"))
    return os.environ | {"PYTHONPATH": paths, "PUNCHIN_PACKS": str(pack)}


def _when(log: list[str], words: str) -> float:
    line = next(line for line in log if words in line)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").timestamp()


def _await_end(home: Path) -> None:
    """Wait until the daemon of this home has ended by itself, so that its files may go."""
    until = time.monotonic() + 30.0
    while list(home.rglob("daemon.json")) and time.monotonic() < until:
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", action="store_true", help="whole runs too, by the clock: for an idle machine")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout to compare with")
    options = parser.parse_args()
    checkouts = [HERE] + ([options.against.resolve()] if options.against else [])
    with tempfile.TemporaryDirectory() as scratch:
        pack, song = Path(scratch) / "cold", Path(scratch) / "song.wav"
        write_pack(pack)
        noise = 0.1 * np.random.default_rng(0).standard_normal(20 * 32_000)
        soundfile.write(song, noise.astype(np.float32), 32_000, subtype="FLOAT")
        for title, run in ({"of one core": run_alone} | ({"by the clock": run_cold} if options.clock else {})).items():
            show(title, [[run(checkout, pack, song) for checkout in checkouts] for _ in range(options.repeats)])


def show(title: str, rounds: list[list[dict[str, float]]]) -> None:
    """A table of the medians: this checkout, the other, and the ratio."""
    print(f"| seconds {title} | this | other | other ÷ this |\n|---|---|---|---|")
    for part in rounds[0][0]:
        here, *there = (statistics.median(run[part] for run in runs) for runs in zip(*rounds, strict=True))
        other = f"{there[0]:.2f} | {there[0] / here:.2f} ×" if there else " | "
        print(f"| {part}{f' ({about})' if (about := WALL.get(part)) else ''} | {here:.2f} | {other} |", flush=True)


if __name__ == "__main__":
    main()
