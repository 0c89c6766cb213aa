"""Documents by OSC: through real sockets, and whatever else arrives at the port."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from punchin_bridge.hosts.osc_link import MOST_AT_ONCE, POST, OscLink
from punchin_bridge.hosts.protocol import Bye, Command, Hello, Project, State
from punchin_bridge.hosts.spool import Post
from punchin_wire.errors import PunchinError
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder


@pytest.fixture
def link() -> Iterator[OscLink]:
    made = OscLink(0)
    yield made
    made.close()


@pytest.fixture
def host() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(2.0)
        yield made


def packet(text: object, address: str = POST) -> bytes:
    builder = OscMessageBuilder(address)
    builder.add_arg(text)
    return bytes(builder.build().dgram)


def received(link: OscLink, count: int = 1) -> list[Post]:
    found: list[Post] = []
    deadline = time.monotonic() + 2
    while len(found) < count and time.monotonic() < deadline:
        found += link.receive()
    return found


def test_a_document_arrives(link: OscLink, host: socket.socket) -> None:
    hello = Hello("live-1", "Live 12", Project("set"), port=9000)
    host.sendto(packet(msgspec.json.encode(hello).decode()), ("127.0.0.1", link.port))
    [post] = received(link)
    assert (post.host, post.document) == ("live-1", hello)


@pytest.mark.parametrize(
    "data",
    [b"", b"/punchin", b"\xff" * 100, packet("no json"), packet(5), packet("{}", "/punchin/host/other"),
     packet('{"type":"bye","host":"live-1"}', "/other"), packet('{"type":"bye","host":"live-1","more":1}')],
)  # fmt: skip
def test_what_is_no_document_is_said(link: OscLink, host: socket.socket, data: bytes) -> None:
    host.sendto(data, ("127.0.0.1", link.port))
    host.sendto(packet('{"type":"bye","host":"live-1"}'), ("127.0.0.1", link.port))
    bad, good = received(link, 2)
    assert isinstance(bad.error, PunchinError)
    assert good.document == Bye("live-1")


def test_a_short_state_travels_and_a_long_one_is_a_file(link: OscLink, host: socket.socket, tmp_path: Path) -> None:
    port = host.getsockname()[1]
    short = State("live-1", 1, 2, "0.1.0")
    link.send(port, short, tmp_path / "state.json")
    heard = OscMessage(host.recv(65536))
    assert heard.address == "/punchin/host/state"
    assert msgspec.json.decode(heard.params[0], type=State) == short
    link.send(port, State("live-1", 1, 2, "0.1.0", asks=(Command("a", "x" * 9000),)), tmp_path / "state.json")
    data = host.recv(65536)
    assert len(data) < 1500
    heard = OscMessage(data)
    assert (heard.address, heard.params) == ("/punchin/host/state_file", [str(tmp_path / "state.json")])


def test_nobody_at_a_port_is_no_error(link: OscLink, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    for _ in range(3):
        link.send(port, State("live-1", 1, 2, "0.1.0"), tmp_path)
        assert list(link.receive()) == []


def test_the_port_is_this_machines_alone(link: OscLink) -> None:
    assert link.endpoint.address[0] == "127.0.0.1"


def test_another_port_where_ours_is_taken(link: OscLink) -> None:
    second = OscLink(link.port)
    assert second.port != link.port
    second.close()


def test_mutated_packets_never_raise(link: OscLink, host: socket.socket) -> None:
    chance = random.Random(0)
    sound = packet('{"type":"hello","host":"live-1","program":"Live","project":{"id":"set"}}')
    for _ in range(300):
        for _ in range(MOST_AT_ONCE // 2):
            data = bytearray(sound)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            host.sendto(bytes(data[: chance.randint(0, len(data))]), ("127.0.0.1", link.port))
        for post in link.receive():
            assert post.document is not None or isinstance(post.error, PunchinError)
