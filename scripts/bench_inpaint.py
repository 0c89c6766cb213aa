"""Measures the inpaint engine against its goals and its peers, and writes one table.

    python scripts/bench_inpaint.py [--only step,pairs,engine,codec,wire,quality] [--shape small|tiny] [--out FOLDER]

`small` is the true MusicGen-small shape with random weights. Everything runs on `--cores` threads, each case in its own
process; the bandwidth floor is measured beside it. Writes `bench_inpaint.md` and `bench_inpaint.json`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from _bench import Row, engine, rest, step_pairs, steps
from _bench.table import machine, publish

SECTIONS = ("step", "pairs", "engine", "codec", "wire", "quality")


def measure(section: str, options: argparse.Namespace) -> Iterator[Row]:
    shape, cores = options.shape, options.cores
    match section:
        case "step":
            yield from steps.rows(shape, cores, options.frames)
        case "pairs":
            yield from step_pairs.rows(shape, cores)
        case "engine":
            for precision in options.precision.split(","):
                yield from engine.rows(shape, cores, precision, options.window)
        case "codec":
            yield from rest.codec_rows(cores, seconds=10.0)
        case "wire":
            yield from rest.wire_rows()
        case "quality":
            yield from rest.quality_rows(shape, cores)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    parser.add_argument("--shape", choices=("small", "tiny"), default="small")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--frames", type=int, default=40, help="steps that a median is taken of")
    parser.add_argument("--precision", default="float32,int8", help="of the engine section, separated by commas")
    parser.add_argument("--window", type=int, help="frames of the engine section's window, if not the pack's")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"unknown sections {sorted(unknown)}; there are {', '.join(SECTIONS)}")
    os.environ["OMP_NUM_THREADS"] = str(options.cores)
    rows = (row for section in chosen for row in measure(section, options))
    if options.shape != "small":
        rows = (replace(row, goal=None) for row in rows)  # goals are for the true shape
    title = f"`--shape {options.shape}`, random weights; {machine(options.cores)}"
    return publish("bench_inpaint", title, rows, options.out)


if __name__ == "__main__":
    raise SystemExit(main())
