"""What the wire costs: 30 s of stereo at 48 kHz (11.5 MB) to the worker and back, through real sockets and processes.

`python scripts/bench_wire.py [--rounds N] [--json]`. An engine that returns its source stands in for the model, so a
round is all that is not music: client, daemon, worker, results folder, and back. Beside it, in the same run: the same
frames echoed by a bare ZeroMQ socket (what any transport over loopback costs), and a ping through the daemon.

With `--line` the same between two computers, by a daemon with keys and a line of 100 Mbit/s: audio as it is, and in
less room. The line is a network namespace where root may lay one; else its time is computed from the bytes.
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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zmq
from _bench import line as lines
from punchin_bridge.daemon.client import Client
from punchin_bridge.daemon.endpoint import Endpoint
from punchin_server import worker
from punchin_server.daemon import serve
from punchin_wire.frames import Audio, describe, pack
from punchin_wire.messages import Done, Event, Hole, InpaintRequest, Submit, Take, TakeSpec
from punchin_wire.paths import read_daemon_record
from punchin_wire.remote import keys, lossless
from zmq.utils import z85

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
def daemon(home: str, line: lines.Line | None = None) -> Iterator[Endpoint]:
    """The endpoint of a real daemon with the echo engine, at the other end of `line`; all it writes is below `home`."""
    os.environ["PUNCHIN_HOME"] = home
    command = [sys.executable, __file__, "--serve"]
    if line is not None:
        public, secret = (z85.decode(half).hex() for half in zmq.curve_keypair())
        keys.keep_own(keys.KeyPair(public, secret))
        command = line.there(*command, f"--bind={line.address}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        record = read_daemon_record()
        assert record is not None, "the daemon did not start"
        yield Endpoint(f"tcp://{record.host}:{record.port}", record.key)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def noise() -> Audio:
    return np.random.default_rng(0).standard_normal((CHANNELS, SECONDS * RATE), dtype=np.float32)


def music(bits: int) -> Audio:
    """Chords with strokes and a floor of noise, at -3 dB, as samples of a file with so many bits; 0: of floats."""
    chance, time = np.random.default_rng(0), np.arange(SECONDS * RATE) / RATE
    audio = chance.standard_normal((CHANNELS, len(time))) * 0.004 * (1 + 5 * (time * 2 % 1 < 0.1))
    for note in range(40):
        falls = 0.05 * np.exp(-4 * (time * chance.uniform(0.5, 3) % 1))
        phase = 2 * np.pi * 55 * 2 ** (chance.integers(0, 60) / 12) * time
        audio += falls * np.sin(phase + note * np.array([[1.0], [1.3]]))
    audio *= 0.7 / np.abs(audio).max()
    return (np.round(audio * 2.0**bits / 2) / 2.0**bits * 2 if bits else audio).astype(np.float32) + np.float32(0)


def round_trips(endpoint: Endpoint, rounds: int, audio: Audio, shrink: bool = False) -> list[float]:
    """Seconds from before the submit until the take is here, of each round; the first, which warms up, is left out."""
    request = InpaintRequest(describe(audio, RATE), (Hole(0, RATE),), (TakeSpec(0),))
    seconds = []
    with Client(endpoint) as client:
        for number in range(rounds + 1):
            job, started = f"bench-{number:04d}", time.perf_counter()
            for packet in client.run(Submit(job, request, shrink=shrink), [audio]):
                match packet.message:
                    case Event(body=Take(audio=ref)):
                        seconds.append(time.perf_counter() - started)
                        assert np.array_equal(packet.of(ref), audio)
            client.release(job)
    return seconds[1:]


def pings(endpoint: Endpoint, rounds: int) -> list[float]:
    with Client(endpoint) as client:
        return [timed(client.ping) for _ in range(rounds + 1)][1:]


def bare(rounds: int) -> list[float]:
    """The same frames to a thread that echoes them, over one loopback connection."""
    audio = noise()
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
            "through daemon and worker": spread(round_trips(endpoint, rounds, noise())),
            "bare ZeroMQ echo": spread(bare(rounds)),
            "ping": spread(pings(endpoint, 10 * rounds)),
        }


MBIT = 100
SONGS = {"of 16 bits": 16, "of 24 bits": 24, "of floats": 0}


def measure_line(rounds: int = 5) -> dict[str, dict[str, float]]:
    """The same over a line of :data:`MBIT`, with keys, by what the song is made of and how it travels."""
    found = {}
    with ExitStack() as stack:
        try:
            laid = stack.enter_context(lines.line(MBIT))
        except (OSError, subprocess.SubprocessError):
            return {f"{name}, {way}, computed": row for name, way, row in _computed()}
        endpoint = stack.enter_context(daemon(stack.enter_context(tempfile.TemporaryDirectory()), laid))
        for name, bits in SONGS.items():
            for shrink in (False, True):
                way = "in less room" if shrink else "as it is"
                found[f"{name}, {way}"] = spread(round_trips(endpoint, rounds, music(bits), shrink))
    return found


def _computed() -> Iterator[tuple[str, str, dict[str, float]]]:
    """What the line alone takes both ways, and making and opening the frames."""
    for name, bits in SONGS.items():
        audio = music(bits)
        started = time.perf_counter()
        frame = lossless.shrunk(audio) or audio.tobytes()
        lossless.grown(frame, *audio.shape)
        work = time.perf_counter() - started
        for way, size, extra in (("as it is", audio.nbytes, 0.0), ("in less room", len(frame), work)):
            yield name, way, spread([2 * (8 * size / (MBIT * 1e6) + extra)] * 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--line", action="store_true", help="between two computers, at 100 Mbit/s")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bind", default="", help=argparse.SUPPRESS)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        worker.main({"inpaint": lambda *_: Echo()})
        return 0
    if options.serve:
        far = ["--bind", options.bind, "--keys"] if options.bind else []
        return serve.main(["--osc-port", "-1", *far], [sys.executable, str(Path(__file__)), "--work"])
    found = measure_line(options.rounds) if options.line else measure(options.rounds)
    if options.json:
        print(json.dumps(found))
    else:
        print(f"{SECONDS} s, {CHANNELS} channels, {RATE} Hz, both ways; {options.rounds} rounds")
        for name, each in found.items():
            print(f"{name:28} p50 {each['p50_ms']:8.2f} ms   p95 {each['p95_ms']:8.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
