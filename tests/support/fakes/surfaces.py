"""A console with a host that can do everything, and MIDI ports that are lists: time is a number."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from punchin_bridge.hosts.protocol import Command, FromHost
from punchin_bridge.hosts.spool import Post
from punchin_bridge.serve import receive
from punchin_bridge.surfaces import actions
from punchin_bridge.surfaces.actions import Details, Place
from punchin_bridge.surfaces.console import Console
from punchin_bridge.surfaces.midi.edge import MidiEdge
from punchin_bridge.surfaces.midi.mapping import MappingFile
from punchin_bridge.surfaces.midi.ports import MidiMessage
from punchin_bridge.surfaces.osc.port import SurfacePort
from punchin_wire.errors import BadSetting
from punchin_wire.osc.packets import parse
from punchin_wire.osc.table import MAX_PACKET, check
from pythonosc.osc_message_builder import OscMessageBuilder

from fakes.room import Room, hello

HOST_ACTIONS = tuple(action.name for action in actions.TABLE if action.host)


@dataclass
class Stage:
    """A room with a console, and a host that can do everything."""

    room: Room = field(default_factory=Room)

    def __post_init__(self) -> None:
        self.console = Console(self.room.sessions)
        self.come("fake-1")

    def come(self, host: str, can: tuple[str, ...] = HOST_ACTIONS) -> None:
        self.say(hello(host, can=can))

    def say(self, *documents: FromHost) -> None:
        """Documents of hosts, as the bridge's loop takes them in."""
        for document in documents:
            receive(Post(document.host, document), self.console, self.room.sessions, self.room.now, 1000.0)
        self.room.tell()

    def act(self, name: str, at: Place | None = None, **details: object) -> None:
        self.console.act(name, self.room.now, Details(**details), at)  # type: ignore[arg-type]
        self.room.tell()

    def asked(self, host: str = "fake-1") -> list[tuple[str, dict[str, object]]]:
        """What the host was asked for, with all that it was told."""
        plain = [msgspec.to_builtins(ask) for ask in self.room.told[host].asks]
        return [(ask.pop("action"), {k: v for k, v in ask.items() if k != "ask"}) for ask in plain]

    @property
    def asks(self) -> tuple[Command, ...]:
        return self.room.told["fake-1"].asks


def no_midi(name: str, _now: float) -> None:
    """Nobody learns anything."""
    raise BadSetting(f"Nothing can be learned for {name}.")


class Surface:
    """A tablet: a socket that says and hears OSC, on a time line of its own."""

    def __init__(self, stage: Stage, port: SurfacePort) -> None:
        self.stage, self.port = stage, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2.0)

    def say(self, path: str, *args: Any) -> None:
        self.send(message(path, *args))

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.port.port))
        self.port.step(self.stage.room.now)

    def hear(self) -> dict[str, list[Any]]:
        """All that has come, the last of each address; each fits the table."""
        found: dict[str, list[Any]] = {}
        for data in self.packets():
            for path, args in parse(data):
                check(path, args, "from", "surfaces")
                found[path] = args
        return found

    def packets(self) -> list[bytes]:
        """All that has come."""
        found: list[bytes] = []
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.socket.recv(65536))
                assert len(found[-1]) <= MAX_PACKET
        return found

    def pass_time(self, seconds: float = 0.1) -> dict[str, list[Any]]:
        self.stage.room.now += seconds
        self.port.step(self.stage.room.now)
        return self.hear()


def message(path: str, *args: Any) -> bytes:
    builder = OscMessageBuilder(path)
    for arg in args:
        builder.add_arg(arg)
    return bytes(builder.build().dgram)


PORT = "nanoKONTROL"
MAPPING = """
[[map]]
note = 36
action = "punch"
[[map]]
note = 37
action = "inpaint"
[[map]]
cc = 20
control = "alpha"
[[map]]
cc = 21
control = "takes"
mode = "twos"
[[map]]
cc = 7
control = "guidance"
mode = "fine"
pickup = false
[[map]]
program = 2
action = "pick"
take = 2
[[map]]
mmc = "record"
action = "repeat"
[chords]
channel = 2
"""


@dataclass
class Lists:
    """Ports that are lists: what was plugged in, what came, what was sent."""

    plugged: list[str] = field(default_factory=lambda: [PORT])
    opened: list[str] = field(default_factory=list)
    waiting: list[MidiMessage] = field(default_factory=list)
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    dropped: int = 0

    def fileno(self) -> int:
        raise AssertionError("nobody waits for lists")

    def receive(self) -> Iterator[MidiMessage]:
        found, self.waiting = self.waiting, []
        yield from found

    def scan(self, opens: Callable[[str], bool]) -> tuple[list[str], list[str]]:
        there = [name for name in self.plugged if opens(name)]
        come = [name for name in there if name not in self.opened]
        gone = [name for name in self.opened if name not in there]
        self.opened = there
        return come, gone

    def send(self, port: str, data: bytes) -> None:
        self.sent.append((port, data))

    def close(self) -> None: ...


@dataclass
class MidiStage:
    """A stage with a controller on it."""

    stage: Stage
    edge: MidiEdge
    ports: Lists
    file: MappingFile
    wall: float = field(default_factory=time.time)

    def play(self, *messages: bytes, apart: float = 0.0, port: str = PORT) -> None:
        """Messages that came just now, `apart` seconds from each other, and one step of the loop."""
        self.wall += 0.5
        for data in messages:
            self.ports.waiting.append(MidiMessage(port, self.wall, data))
            self.wall += apart
        self.step()

    def step(self, seconds: float = 0.02) -> None:
        self.stage.room.now += seconds
        self.edge.step(self.stage.room.now)
        self.stage.room.tell()

    @property
    def actions(self) -> list[str]:
        return [action for action, _ in self.stage.asked()]

    @property
    def values(self) -> dict[str, float | int | str]:
        return self.stage.console.parameters.values


def note(number: int, velocity: int = 100, channel: int = 1) -> bytes:
    return bytes([0x8F + channel, number, velocity])


def cc(number: int, value: int, channel: int = 1) -> bytes:
    return bytes([0xAF + channel, number, value])
