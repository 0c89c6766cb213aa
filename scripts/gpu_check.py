"""Checks and measures Punchin on this machine's GPU, in one call that saves as it goes.

    python scripts/gpu_check.py [--only card,parity,step,tests,benches] [--minutes 9] [--out FOLDER]

`card`: its memory and bandwidth. `parity`: tokens and probabilities as on the CPU. `step`: a decode step at the true
MusicGen-large shape with random weights, recorded and launched one by one, beside the bandwidth floor. `tests`: the
tests that need a GPU. `benches`: every `bench_*.py` that ends before the minutes do. Writes `gpu_check.md` and
`gpu_check.json`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from _bench import Row, gpu
from _bench.table import publish

SECTIONS = ("card", "parity", "step", "tests", "benches")
ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/server/engines", "tests/server/models", "tests/golden")
"""Whose tests run on a GPU too, where there is one."""


def run(command: list[str], until: float, log: Path) -> float:
    """The exit status of `command`, 124 where the time is over; what it prints goes to `log`."""
    with log.open("wb") as out:
        try:
            left = max(until - time.monotonic(), 1.0)
            return subprocess.run(command, cwd=ROOT, stdout=out, stderr=out, timeout=left, check=False).returncode
        except subprocess.TimeoutExpired:
            return 124


def measure(options: argparse.Namespace, until: float) -> Iterator[Row]:
    for section in options.only.split(","):
        match section:
            case "card":
                yield from gpu.card_rows(options.device)
            case "parity":
                yield from gpu.parity_rows("tiny", options.device)
            case "step":
                yield from gpu.step_rows(options.shape, options.device)
            case "tests":
                command = [sys.executable, "-m", "pytest", "-q", "-k", "gpu", *TESTS]
                status = run(command, until, options.out / "gpu_tests.log")
                yield Row("tests", "exit status (gpu_tests.log)", status, "", 0)
            case "benches":
                for bench in sorted(ROOT.glob("scripts/bench_*.py")):
                    if time.monotonic() < until:
                        command = [sys.executable, str(bench), "--out", str(options.out)]
                        status = run(command, until, options.out / f"{bench.stem}.log")
                        yield Row("benches", f"{bench.stem}: exit status (1: a goal missed; 124: cut off)", status, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--device", default="cuda", help="cpu runs the same code, and shows nothing of a GPU")
    parser.add_argument("--shape", choices=tuple(gpu.CONFIGS), default="large", help="of the section step")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which no test or bench is begun")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(SECTIONS):
        parser.error(f"unknown sections {sorted(unknown)}; there are {', '.join(SECTIONS)}")
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error("torch finds no GPU here. Install torch with CUDA, or see the code run with --device cpu")
    options.out.mkdir(parents=True, exist_ok=True)
    rows = measure(options, time.monotonic() + 60 * options.minutes)
    if options.device == "cpu":
        rows = (replace(row, goal=None) if row.section == "step" else row for row in rows)
    name = torch.cuda.get_device_name(options.device) if options.device != "cpu" else "no GPU"
    title = f"`--shape {options.shape}`, random weights; {name}, torch {torch.__version__}"
    return publish("gpu_check", title, rows, options.out)


if __name__ == "__main__":
    sys.exit(main())
