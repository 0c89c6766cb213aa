"""What the wire costs: 30 s of stereo at 48 kHz (11.5 MB) to the worker and back, through real sockets and processes.

`python scripts/bench_wire.py [--rounds N] [--json]`. An engine that returns its source stands in for the model, so a
round is all that is not music: client, daemon, worker, results folder, and back. Beside it, in the same run: the same
frames echoed by a bare ZeroMQ socket (what any transport over loopback costs), and a ping through the daemon.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zmq
from punchin_bridge.daemon.client import Client
from punchin_server import worker
from punchin_server.daemon import serve
from punchin_wire.frames import Audio, describe, pack
from punchin_wire.messages import Done, Event, Hole, InpaintRequest, Submit, Take, TakeSpec
from punchin_wire.paths import read_daemon_record

SECONDS, CHANNELS, RATE = 30, 2, 48_000


class Said(NamedTuple):
    """An emission of the engine."""

    event: Take | Done
    audio: Audio | None = None


class Echo:
    """An engine whose take is its source."""

    def run(self, request: InpaintRequest, audio: Sequence[Audio]) -> Generator[Said, None, None]:
        yield Said(Take(0, 0, 0, describe(audio[0], request.source.sample_rate)), audio[0])
        yield Said(Done({}, {}))


@contextmanager
def daemon(home: str) -> Iterator[str]:
    """The endpoint of a real daemon with the echo engine; everything it writes lies below `home`."""
    os.environ["PUNCHIN_HOME"] = home
    command = [sys.executable, __file__, "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        record = read_daemon_record()
        assert record is not None, "the daemon did not start"
        yield f"tcp://127.0.0.1:{record.port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def round_trips(endpoint: str, rounds: int) -> list[float]:
    """Seconds from before the submit until the take is here, of each round; the first, which warms up, is left out."""
    audio = np.random.default_rng(0).standard_normal((CHANNELS, SECONDS * RATE), dtype=np.float32)
    request = InpaintRequest(describe(audio, RATE), (Hole(0, RATE),), (TakeSpec(0),))
    seconds = []
    with Client(endpoint) as client:
        for number in range(rounds + 1):
            job, started = f"bench-{number:04d}", time.perf_counter()
            for packet in client.run(Submit(job, request), [audio]):
                match packet.message:
                    case Event(body=Take(audio=ref)):
                        seconds.append(time.perf_counter() - started)
                        assert np.array_equal(packet.of(ref), audio)
            client.release(job)
    return seconds[1:]


def pings(endpoint: str, rounds: int) -> list[float]:
    with Client(endpoint) as client:
        return [timed(client.ping) for _ in range(rounds + 1)][1:]


def bare(rounds: int) -> list[float]:
    """The same frames to a thread that echoes them, over one loopback connection."""
    audio = np.random.default_rng(0).standard_normal((CHANNELS, SECONDS * RATE), dtype=np.float32)
    take = Event("bench-0000", 1, Take(0, 0, 0, describe(audio, RATE)))
    with zmq.Context() as context:
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.linger = dealer.linger = 0
        dealer.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")

        def echo() -> None:
            for _ in range(rounds + 1):
                router.send_multipart(router.recv_multipart(copy=False), copy=False)

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()

        def once() -> None:
            dealer.send_multipart(pack(take, [audio]), copy=False)
            assert dealer.poll(10_000), "no echo"
            dealer.recv_multipart(copy=False)

        seconds = [timed(once) for _ in range(rounds + 1)][1:]
        thread.join(10)
        router.close()
        dealer.close()
    return seconds


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"p50_ms": round(1000 * cuts[9], 2), "p95_ms": round(1000 * cuts[18], 2)}


def measure(rounds: int = 40) -> dict[str, dict[str, float]]:
    """Everything this script measures, by name; see :func:`spread`."""
    with tempfile.TemporaryDirectory() as home, daemon(home) as endpoint:
        return {
            "through daemon and worker": spread(round_trips(endpoint, rounds)),
            "bare ZeroMQ echo": spread(bare(rounds)),
            "ping": spread(pings(endpoint, 10 * rounds)),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        worker.main({"inpaint": lambda *_: Echo()})
        return 0
    if options.serve:
        return serve.main(["--osc-port", "-1"], [sys.executable, str(Path(__file__)), "--work"])
    found = measure(options.rounds)
    if options.json:
        print(json.dumps(found))
    else:
        print(f"{SECONDS} s, {CHANNELS} channels, {RATE} Hz, both ways; {options.rounds} rounds")
        for name, each in found.items():
            print(f"{name:28} p50 {each['p50_ms']:8.2f} ms   p95 {each['p95_ms']:8.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
