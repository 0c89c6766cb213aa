"""Lines to other computers: whose key was allowed gets in, nobody else does, and nothing is readable on the way."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import zmq
from punchin_server.daemon.executors.curve import CurveLines

WAIT_MS = 10_000


@pytest.fixture
def lines() -> Iterator[CurveLines]:
    lines = CurveLines()
    yield lines
    lines.close()


Say = Callable[[str, bytes, tuple[bytes, bytes]], None]


@pytest.fixture
def say() -> Iterator[Say]:
    """Says hello at an address over a line with those keys, or without any."""
    with zmq.Context() as context, ExitStack() as stack:

        def one(address: str, server_key: bytes, pair: tuple[bytes, bytes]) -> None:
            socket = stack.enter_context(context.socket(zmq.DEALER))
            _say(socket, address, server_key, pair)

        yield one


def _say(socket: zmq.Socket[bytes], address: str, server_key: bytes, pair: tuple[bytes, bytes]) -> None:
    socket.linger = 0
    if server_key:
        socket.curve_serverkey = server_key
        socket.curve_publickey, socket.curve_secretkey = pair
    socket.connect(address)
    socket.send(b"hello of " + (pair[0] or b"nobody"))


def test_only_an_allowed_key_gets_in(lines: CurveLines, say: Say) -> None:
    known, stranger = zmq.curve_keypair(), zmq.curve_keypair()
    socket, address = lines.open("127.0.0.1")
    lines.allow(known[0])
    say(address, b"", (b"", b""))
    say(address, lines.server_key, stranger)
    say(address, zmq.curve_keypair()[0], known)
    say(address, lines.server_key, known)
    assert socket.poll(WAIT_MS)
    assert socket.recv_multipart()[1] == b"hello of " + known[0]
    assert not socket.poll(500)  # what was said before has not come
    lines.forget(known[0])
    say(address, lines.server_key, known)
    assert not socket.poll(500)
    socket.close()
