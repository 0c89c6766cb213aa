"""Measures the inpaint engine against its goals and its peers, and writes one table.

    python scripts/bench_inpaint.py [--only step,engine,codec,wire,quality] [--shape small|tiny] [--out FOLDER]

`small` is the true MusicGen-small shape with random weights. Everything runs on `--cores` threads, each case in its own
process; the bandwidth floor is measured beside it. Writes `bench_inpaint.md` and `bench_inpaint.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from _bench import Row, engine, rest, steps

SECTIONS = ("step", "engine", "codec", "wire", "quality")


def measure(section: str, options: argparse.Namespace) -> Iterator[Row]:
    shape, cores = options.shape, options.cores
    match section:
        case "step":
            yield from steps.rows(shape, cores, options.frames)
        case "engine":
            for precision in options.precision.split(","):
                yield from engine.rows(shape, cores, precision, options.window)
        case "codec":
            yield from rest.codec_rows(cores, seconds=10.0)
        case "wire":
            yield from rest.wire_rows()
        case "quality":
            yield from rest.quality_rows(shape, cores)


def show(row: Row) -> str:
    goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:g}"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    return f"| {row.section} | {row.name} | {row.value:.4g} {row.unit} | {goal} | {met} |"


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
    machine = f"{platform.machine()}, {options.cores} of {os.cpu_count()} cores, torch {torch.__version__}"
    head = [
        f"`--shape {options.shape}`, random weights; {machine}",
        "",
        "| part | what | value | goal | met |",
        "|-|-|-|-|-|",
    ]
    print("\n".join(head), flush=True)
    rows, lines = [], []
    for section in chosen:
        for measured in measure(section, options):
            row = measured if options.shape == "small" else replace(measured, goal=None)  # goals are for the true shape
            rows.append(row)
            lines.append(show(row))
            print(lines[-1], flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    (options.out / "bench_inpaint.md").write_text("\n".join([when, "", *head, *lines, ""]), "utf-8")
    table = [asdict(row) | {"met": row.met} for row in rows]
    report = {"when": when, "machine": machine, "shape": options.shape, "rows": table}
    (options.out / "bench_inpaint.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), "utf-8")
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
