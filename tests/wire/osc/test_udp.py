"""One UDP port: what may be bound, how much is read at once, and whatever comes in or cannot leave."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from punchin_wire.errors import BadMessage, PunchinError, TooLarge
from punchin_wire.osc.packets import LONGEST, build, messages
from punchin_wire.osc.table import OscValue, Program
from punchin_wire.osc.udp import LOOPBACK, Endpoint
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder


@pytest.fixture
def port() -> Iterator[Endpoint]:
    with closing(Endpoint("daemon")) as made:
        yield made


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((LOOPBACK, 0))
        made.settimeout(2.0)
        yield made


def bundle(*paths: str) -> bytes:
    builder = OscBundleBuilder(IMMEDIATELY)
    for path in paths:
        builder.add_content(OscMessageBuilder(path).build())
    return bytes(builder.build().dgram)


def test_it_is_this_machines_alone(port: Endpoint) -> None:
    assert port.address == ("127.0.0.1", port.port)
    with closing(Endpoint("daemon", bind="::1")) as newer:
        assert newer.address == ("::1", newer.port)


def test_a_taken_port_is_an_error_or_another(port: Endpoint) -> None:
    with pytest.raises(OSError):
        Endpoint("daemon", port.port)
    with closing(Endpoint("daemon", port.port, or_any=True)) as other:
        assert other.port not in (0, port.port)


def test_packets_come_with_their_senders_and_never_wait(port: Endpoint, peer: socket.socket) -> None:
    assert list(port.receive(10)) == []
    for number in range(5):
        peer.sendto(bytes([number]), port.address)
    assert list(port.receive(3)) == [(peer.getsockname(), bytes([number])) for number in range(3)]
    assert [data for _, data in port.receive(3)] == [b"\3", b"\4"]


@pytest.mark.parametrize("program", list(LONGEST))
def test_of_a_packet_that_is_too_long_only_so_much_is_read(program: Program, peer: socket.socket) -> None:
    longest = LONGEST[program]
    with closing(Endpoint(program)) as port:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**18)
        peer.sendto(b"x" * min(2 * longest, 65_507), port.address)
        [(_, data)] = port.receive(1)
    assert len(data) == min(longest + 1, 65_507)
    if len(data) > longest:
        with pytest.raises(TooLarge):
            list(messages(data, program))


def test_a_message_is_typed_by_the_table(port: Endpoint, peer: socket.socket) -> None:
    port.send(peer.getsockname(), "/punchin/pong", "0.1")
    data, source = peer.recvfrom(2048)
    assert (OscMessage(data).address, OscMessage(data).params, source) == ("/punchin/pong", ["0.1"], port.address)


@pytest.mark.parametrize("said", [("/punchin/no-address", 1), ("/punchin/pong", 1), ("/punchin/ping",)])
def test_what_the_table_does_not_have_is_not_sent(
    port: Endpoint, peer: socket.socket, said: tuple[str, OscValue]
) -> None:
    port.send(peer.getsockname(), *said)
    port.send(peer.getsockname(), "/punchin/pong", "0.1")
    assert OscMessage(peer.recv(2048)).params == ["0.1"]


def test_nobody_at_a_port_is_no_error(port: Endpoint, peer: socket.socket) -> None:
    gone = peer.getsockname()
    peer.close()
    for _ in range(3):
        port.send(gone, "/punchin/pong", "0.1")
        assert list(port.receive(10)) == []
    port.send((LOOPBACK, 0), "/punchin/pong", "0.1")  # no port at all


# ---- what packets hold ---------------------------------------------------------------------------------------


def test_an_answer_is_never_answered() -> None:
    assert list(messages(build("/punchin/pong", ("0.1",), "from", "daemon"), "daemon")) == []
    assert list(messages(bundle("/punchin/pong", "/punchin/ping"), "daemon")) == [("/punchin/ping", ())]
    both = build("/punchin/control/alpha", (0.5,), "from", "surfaces")  # goes both ways
    assert list(messages(both, "surfaces")) == [("/punchin/control/alpha", (0.5,))]


def test_what_stands_before_a_mistake_in_a_bundle_is_done() -> None:
    found = messages(bundle("/punchin/ping", "/punchin/no-address", "/punchin/ping"), "daemon")
    assert next(found) == ("/punchin/ping", ())
    with pytest.raises(BadMessage, match="no-address"):
        next(found)


def test_each_port_has_its_own_addresses() -> None:
    ping = build("/punchin/ping", (), "to", "daemon")
    assert list(messages(ping, "surfaces")) == list(messages(ping, "daemon")) == [("/punchin/ping", ())]
    with pytest.raises(BadMessage):
        list(messages(ping, "bridge"))


def test_a_hosts_document_may_be_long() -> None:
    document = '{"name":"' + "ü" * 8000 + '"}'
    data = build("/punchin/host/post", (document,), "to", "bridge")
    assert len(data) > LONGEST["daemon"]
    assert list(messages(data, "bridge")) == [("/punchin/host/post", (document,))]


@pytest.mark.parametrize("program", list(LONGEST))
def test_mutated_packets_raise_only_our_errors(program: Program) -> None:
    chance = random.Random(0)
    sound = [bundle("/punchin/ping", "/punchin/status/get"), build("/punchin/host/post", ("{}",), "to", "bridge")]
    for _ in range(3000):
        data = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            for path, args in messages(bytes(data[: chance.randint(0, len(data))]), program):
                build(path, args, "to", program)
        except PunchinError:
            pass
