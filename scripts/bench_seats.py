"""What the daemon adds to a job, by where its seats are: a fake engine that takes no time, in milliseconds.

    python scripts/bench_seats.py [--jobs 60] [--ray]

From submitting to the last event; and from a cancel to its event, of jobs whose steps take 20 ms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from fakes.harness import Client, daemon, until  # noqa: E402
from punchin_wire.messages import Event, Progress  # noqa: E402

SEATS = {"one seat": ("--device", "cpu"), "two seats": ("--device", "cpu,cpu")}
RAY = {"two seats in a Ray cluster": ("--executor", "ray", "--seats", "2:2")}


def job(client: Client, name: str) -> float:
    started = time.perf_counter()
    client.accepted(name, "steps=1", seconds=0.1)
    client.ending(name, 60.0)
    ended = time.perf_counter()
    client.release(name)
    return ended - started


def cancel(client: Client, name: str) -> float:
    client.accepted(name, "steps=6000 step=0.02", seconds=0.1)
    while not isinstance(message := client.packet(60.0).message, Event) or not _decodes(message):
        pass
    started = time.perf_counter()
    client.cancel(name)
    client.ending(name, 60.0)
    return time.perf_counter() - started


def _decodes(message: Event) -> bool:
    return isinstance(message.body, Progress) and message.body.stage == "decode"


def measure(flags: Sequence[str], jobs: int) -> tuple[list[float], list[float]]:
    """Seconds of jobs and of cancels."""
    with tempfile.TemporaryDirectory() as home, daemon(Path(home), *flags) as running:
        client = running.client()
        client.stop(*client.occupy())  # every seat has a worker, which has loaded its engine
        until(lambda: all(seat.state == "idle" for seat in client.status().seats), 60.0)
        return (
            [job(client, f"job{number}") for number in range(jobs)],
            [cancel(client, f"cancel{number}") for number in range(jobs // 3)],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--ray", action="store_true", help="in a Ray cluster of this computer, too")
    given = parser.parse_args()
    print("| seats | a job: median | longest | a cancel: median | longest |\n|---|---|---|---|---|")
    for name, flags in (SEATS | RAY if given.ray else SEATS).items():
        times = measure(flags, given.jobs)
        cells = [f"{1000 * figure(seconds):.1f} ms" for seconds in times for figure in (statistics.median, max)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
