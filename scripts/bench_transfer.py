"""Measures the transfer engine against the published way, and writes one table.

    python scripts/bench_transfer.py [--only base,pack,quality] [--precision float32,bfloat16] [--out FOLDER]

`base` is the true shape of `cvssp/audioldm2` with random weights, `pack` a pack as it is installed, `quality` how near
fast solvers come to DDIM on that pack. The published way is diffusers' own pipeline, DDIM with 50 steps, the adapter's
keys and values computed anew in every step. Each case has a process of its own, on `--cores` threads; few steps are
measured and counted up where a step takes seconds. Writes `bench_transfer.md` and `bench_transfer.json`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _bench import CLOCKS, Row, in_process, transfer, transfer_quality
from _bench.audioldm2 import STEPS, write_base
from _bench.table import machine, publish
from punchin_server.packs.registry import find

SECTIONS = ("base", "pack", "quality")


def measure(options: argparse.Namespace) -> Iterator[Row]:
    cores, precisions = options.cores, options.precision.split(",")
    for section in options.only.split(","):
        match section:
            case "base":
                with tempfile.TemporaryDirectory() as folder:
                    in_process(write_base, Path(folder), cores)
                    yield from transfer.rows("base", folder, cores, precisions, options.steps, STEPS, options.clock)
            case "pack":
                steps = find(options.pack).transfer.steps
                yield from transfer.rows(
                    options.pack, options.pack, cores, precisions, transfer.PUBLISHED, steps, options.clock
                )
            case "quality":
                yield from transfer_quality.rows(options.pack, options.pack, cores, options.clips)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--pack", default="tiny", help="the pack of the sections pack and quality")
    parser.add_argument("--precision", default="float32,bfloat16", help="separated by commas")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4, help="that are measured at the true shape")
    parser.add_argument("--clips", type=int, default=4, help="of which quality is the mean")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall", help="cpu: one core of a busy machine")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - set(SECTIONS):
        parser.error(f"unknown sections {sorted(unknown)}; there are {', '.join(SECTIONS)}")
    os.environ["OMP_NUM_THREADS"] = str(options.cores)
    title = f"10 s of audio, guidance with two branches, pooling 2; {machine(options.cores)}"
    return publish("bench_transfer", title, measure(options), options.out)


if __name__ == "__main__":
    raise SystemExit(main())
