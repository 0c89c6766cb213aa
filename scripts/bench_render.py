"""How fast songs are rendered for training: seconds of music a second of one core, each with all its tracks.

Prints one table by edition: writing the notes, then rendering stems, mix and conditions at 32 kHz; processor time, so
that other programs count less. `--against FOLDER` measures another checkout of this repository in turn with this one,
and adds the ratio. `--json FILE` writes the numbers.

    python scripts/bench_render.py --songs 8 --against ../older
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
WORKER = """
import sys, time
from punchin_train.songs import songs
from punchin_train.songs.rendering import render_song
edition, count, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
first = getattr(songs, "EDITIONS", {1: 0}).get(edition)
if first is None:
    sys.exit(0)
render_song(songs.compose(first, seconds))  # the soundfont is read, and numpy is warm
before = time.process_time()
written = [songs.compose(first + 1 + index, seconds) for index in range(count)]
between = time.process_time()
for song in written:
    render_song(song)
print(between - before, time.process_time() - between)
"""


def measure(checkout: Path, edition: int, songs: int, seconds: float) -> tuple[float, float] | None:
    """Processor time of writing and of rendering, in a process of its own; None where there is no such edition."""
    paths = os.pathsep.join(str(checkout / part) for part in ("bridge", "server"))
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORKER, str(edition), str(songs), str(seconds)]
    environment = {**os.environ, **threads, "PYTHONPATH": paths}
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=900).stdout
    return tuple(map(float, printed.split())) if printed else None  # type: ignore[return-value]


def quickest(checkouts: list[Path], edition: int, options: argparse.Namespace) -> list[tuple[float, float] | None]:
    """The best of `--repeats` for each checkout; they take turns, so that noise hits all alike."""
    found: list[list[tuple[float, float]]] = [[] for _ in checkouts]
    for _ in range(options.repeats):
        for times, checkout in zip(found, checkouts, strict=True):
            if (taken := measure(checkout, edition, options.songs, options.seconds)) is not None:
                times.append(taken)
    return [min(times, key=sum) if times else None for times in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of a song")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout to compare with")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    checkouts = [HERE] + ([options.against.resolve()] if options.against else [])
    music, numbers = options.songs * options.seconds, {}
    print("| edition | notes, s | rendering, s | times real time | other checkout | ratio |\n|---|---|---|---|---|---|")
    for edition in (1, 2):
        ours, *others = quickest(checkouts, edition, options)
        assert ours is not None
        speeds = [music / sum(times) for times in (ours, *others) if times]
        ratio = f"{speeds[1]:.0f} | {speeds[0] / speeds[1]:.2f}" if len(speeds) > 1 else " | "
        print(f"| {edition} | {ours[0]:.2f} | {ours[1]:.2f} | {speeds[0]:.0f} | {ratio} |", flush=True)
        numbers[edition] = {"notes": ours[0], "rendering": ours[1], "times_real_time": speeds}
    if options.json:
        options.json.write_text(json.dumps(numbers, indent=1))


if __name__ == "__main__":
    main()
