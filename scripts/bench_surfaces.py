"""How long surfaces wait, and what hostile packets do: control surfaces and MIDI controllers at the bridge.

    python scripts/bench_surfaces.py [--presses N] [--fuzz N] [--json]

A real bridge process. *Echo*: an OSC packet sets a fader, until the surface hears it at its own address. *Accepted*: a
MIDI key (rtmidi, a JACK server of its own), or an OSC button, asks a host that answers at once; until the host hears
that its job was accepted. Beside them in the same run the floor: a packet to a bare UDP socket and back, and a MIDI
message from port to port. *Fuzz*: mutated OSC packets through a real socket and mutated MIDI streams, on the bridge's
own objects in this process; what counts is that it goes on, and memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))  # the console that the tests use

from fakes.bridge import bridge
from fakes.harness import until
from fakes.room import SUBMIT
from fakes.surfaces import MAPPING, Lists, Stage, no_midi
from punchin_bridge.hosts.protocol import CommandResult, Hello, Project, State, Submit
from punchin_bridge.surfaces.midi.edge import MidiEdge
from punchin_bridge.surfaces.midi.mapping import MappingFile
from punchin_bridge.surfaces.midi.ports import MidiMessage
from punchin_bridge.surfaces.osc.port import SurfacePort
from punchin_wire.osc.packets import build, parse
from punchin_wire.paths import BridgeRecord
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

LOOPBACK = "127.0.0.1"
GOALS = {"echo": 0.005, "accepted": 0.020}
JACK = {"JACK_DEFAULT_SERVER": "punchin-bench", "JACK_NO_START_SERVER": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--fuzz", type=int, default=1_000_000, help="mutated packets, and as many MIDI messages")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = latencies(options.presses)
    if options.fuzz:
        figures |= fuzz(options.fuzz)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:58} {value:10.4g}")


# ---- latency -------------------------------------------------------------------------------------------------


def latencies(presses: int) -> dict[str, float]:
    with jack() as has_jack, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "data").mkdir()
        (home / "data" / "midi.toml").write_text('ports = ["bench*"]\n[[map]]\nnote = 36\naction = "inpaint"\n')
        with bridge(home, env=JACK) as running:
            record = (running.home / "runtime" / "bridge.json").read_bytes()
            ports = msgspec.json.decode(record, type=BridgeRecord)
            figures = spread("echo, bare UDP (floor)", bare(presses))
            figures |= spread("echo, fader to fader", echoes(ports.surface_port, presses), "echo")
            with Host(ports.osc_port) as host:
                button = build("/punchin/action/inpaint", (), "to", "surfaces")
                with udp() as surface:
                    press = lambda: surface.sendto(button, (LOOPBACK, ports.surface_port))  # noqa: E731
                    figures |= spread("accepted, OSC button", host.accepted(press, presses), "accepted")
                if has_jack:
                    figures |= by_midi(host, presses, lambda: "bench" in running.log)
    return figures


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def spread(name: str, seconds: list[float], goal: str = "") -> dict[str, float]:
    ranked = statistics.quantiles(seconds, n=20)
    found = {f"{name}: p50 ms": 1e3 * ranked[9], f"{name}: p95 ms": 1e3 * ranked[18]}
    return found | ({f"{name}: p95 / goal": ranked[18] / GOALS[goal]} if goal else {})


def bare(count: int) -> list[float]:
    """A packet to a socket and back, with a thread on the other side."""
    found = []
    with udp() as here, udp() as there:
        here.bind((LOOPBACK, 0))
        there.bind((LOOPBACK, 0))
        here.settimeout(5)

        def answer() -> None:
            for _ in range(count):
                data, peer = there.recvfrom(2048)
                there.sendto(data, peer)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        for _ in range(count):
            began = time.perf_counter()
            here.sendto(b"x" * 44, there.getsockname())
            here.recv(2048)
            found.append(time.perf_counter() - began)
            time.sleep(0.005)
        thread.join(5)
    return found


def echoes(port: int, count: int) -> list[float]:
    found = []
    with udp() as surface:
        surface.settimeout(5)
        surface.sendto(build("/punchin/listen", (600.0,), "to", "surfaces"), (LOOPBACK, port))
        with contextlib.suppress(TimeoutError):
            surface.settimeout(0.3)
            while True:
                surface.recv(2048)
        surface.settimeout(5)
        for number in range(count):
            place = (number % 100 + 1) / 101
            began = time.perf_counter()
            surface.sendto(build("/punchin/fader/alpha", (place,), "to", "surfaces"), (LOOPBACK, port))
            while parse(surface.recv(2048))[0][0] != "/punchin/fader/alpha":
                pass
            found.append(time.perf_counter() - began)
            time.sleep(0.007)
    return found


class Host:
    """A host that hears OSC, as Live does, and submits at once whatever it is asked for."""

    def __init__(self, port: int) -> None:
        self._bridge = (LOOPBACK, port)
        self._socket = udp()
        self._socket.bind((LOOPBACK, 0))
        self._socket.settimeout(0.05)
        self._greeted = -1e9
        self._asked: set[str] = set()
        self._jobs: set[str] = set()
        self.name = "bench-1"

    def __enter__(self) -> Host:
        until(lambda: self._hear() is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def accepted(self, press: Callable[[], object], count: int) -> list[float]:
        """Seconds from each press until the bridge says that it has the job."""
        found = []
        for _ in range(count):
            known = len(self._jobs)
            began = time.perf_counter()
            press()
            while len(self._jobs) == known:
                assert time.perf_counter() - began < 10
                self._hear()
            found.append(time.perf_counter() - began)
            pause = time.perf_counter() + 0.05
            while time.perf_counter() < pause:
                self._hear()
        return found

    def _post(self, document: Hello | Submit | CommandResult) -> None:
        builder = OscMessageBuilder("/punchin/host/post")
        builder.add_arg(msgspec.json.encode(document).decode())
        self._socket.sendto(builder.build().dgram, self._bridge)

    def _hear(self) -> State | None:
        if time.monotonic() - self._greeted > 2.0:
            self._greeted = time.monotonic()
            port = self._socket.getsockname()[1]
            self._post(Hello(self.name, "Bench", Project("bench"), port, ("inpaint",)))
        try:
            message = OscMessage(self._socket.recv(65536))
        except TimeoutError:
            return None
        text = message.params[0]
        data = Path(text).read_bytes() if message.address.endswith("state_file") else text.encode()
        state = msgspec.json.decode(data, type=State)
        for ask in state.asks:
            if ask.ask not in self._asked:
                self._asked.add(ask.ask)
                job = f"job-{ask.ask}"
                self._post(msgspec.structs.replace(SUBMIT, host=self.name, job=job, project=Project("bench")))
                self._post(CommandResult(self.name, ask.ask))
        self._jobs |= {job.job for job in state.jobs}
        return state


@contextlib.contextmanager
def jack() -> Iterator[bool]:
    """A JACK server of our own, if there can be one."""
    if not shutil.which("jackd"):
        yield False
        return
    os.environ |= JACK
    command = ["jackd", "-n", JACK["JACK_DEFAULT_SERVER"], "-r", "-d", "dummy", "-r", "48000", "-p", "64"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2.0)
    try:
        yield server.poll() is None
    finally:
        server.terminate()
        server.wait(10)


def by_midi(host: Host, count: int, is_heard: Callable[[], bool]) -> dict[str, float]:
    import rtmidi

    keys = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="bench")
    keys.open_virtual_port("keys")
    until(is_heard, 20)
    figures = spread("MIDI port to port (floor)", bare_midi(count))
    seconds = host.accepted(lambda: keys.send_message([0x90, 36, 100]), count)
    figures |= spread("accepted, MIDI key", seconds, "accepted")
    keys.delete()
    return figures


def bare_midi(count: int) -> list[float]:
    import rtmidi

    there = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="floor in")
    there.open_virtual_port("in")
    here = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="floor out")
    here.open_port(next(i for i, name in enumerate(here.get_ports()) if "floor in" in name), name="out")
    came = threading.Event()
    there.set_callback(lambda *_: came.set())
    found = []
    for _ in range(count):
        came.clear()
        began = time.perf_counter()
        here.send_message([0x90, 36, 100])
        came.wait(5)
        found.append(time.perf_counter() - began)
        time.sleep(0.007)
    here.delete()
    there.delete()
    return found


# ---- fuzz ----------------------------------------------------------------------------------------------------


def fuzz(count: int) -> dict[str, float]:
    logging.disable(logging.WARNING)  # each of them would be told of
    return fuzz_osc(count) | fuzz_midi(count)


def fuzz_osc(count: int) -> dict[str, float]:
    chance = random.Random(1)
    stage = Stage()
    port = SurfacePort(stage.console, no_midi, 0)
    seeds = [
        build("/punchin/control/temperature", (0.7,), "to", "surfaces"),
        build("/punchin/control/text", ("slow",), "to", "surfaces"),
        build("/punchin/region/select", (1.0, 2.0, "seconds"), "to", "surfaces"),
        build("/punchin/job/pick", ("job-1", 1), "to", "surfaces"),
        build("/punchin/action/inpaint", (1.0,), "to", "surfaces"),
        build("/punchin/listen", (1.0,), "to", "surfaces"),
    ]
    with udp() as hostile:
        hostile.bind((LOOPBACK, 0))

        def some(number: int) -> None:
            for _ in range(number):
                hostile.sendto(mutated(chance, chance.choice(seeds)), (LOOPBACK, port.port))
                stage.room.now += 1e-4
                port.step(stage.room.now)

        figures = flat("OSC packets", some, count)
    port.close()
    return figures


def fuzz_midi(count: int) -> dict[str, float]:
    chance = random.Random(2)
    stage, ports = Stage(), Lists()
    with tempfile.TemporaryDirectory() as folder:
        file = MappingFile(Path(folder) / "midi.toml")
        file.path.write_text(MAPPING)
        edge = MidiEdge(stage.console, file, lambda: ports)
        seeds = [b"\x90\x24\x64", b"\xb0\x14\x40", b"\xb0\x15\x01", b"\xf1\x30", b"\xf8", b"\xfa", b"\xf2\x10\x00"]
        seeds += [b"\xf0\x7f\x7f\x06\x06\xf7", b"\x91\x3c\x64", b"\xc0\x02"]
        clock = time.time()

        def some(number: int) -> None:
            nonlocal clock
            for at in range(0, number, 100):
                for _ in range(min(100, number - at)):
                    clock += 1e-4
                    data = chance.choice(seeds)
                    data = mutated(chance, data) if chance.random() < 0.7 else data
                    ports.waiting.append(MidiMessage("fuzz", clock, data))
                stage.room.now += 0.01
                edge.step(stage.room.now)
                ports.sent.clear()

        return flat("MIDI messages", some, count)


def mutated(chance: random.Random, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(3):
            case 0 if data:
                data[at] = chance.randrange(256)
            case 1:
                del data[at:]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(data)


def flat(name: str, some: Callable[[int], None], count: int) -> dict[str, float]:
    """Memory after a tenth of them, and how much more it is after all."""
    process = psutil.Process()
    some(count // 10)
    before, began = process.memory_info().rss, time.perf_counter()
    some(count - count // 10)
    seconds = time.perf_counter() - began
    return {
        f"fuzz, {name}": float(count),
        f"fuzz, {name}: a second": (count - count // 10) / seconds,
        f"fuzz, {name}: memory grown, MiB": (process.memory_info().rss - before) / 2**20,
    }


if __name__ == "__main__":
    main()
