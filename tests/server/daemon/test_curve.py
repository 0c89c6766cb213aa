"""Lines to other computers: whose key was allowed gets in, nobody else does, and nothing is readable on the way."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq
from fakes.harness import new_pair
from punchin_server.daemon.executors.curve import CurveLines
from punchin_server.daemon.gate import Gate
from punchin_wire.remote import keys
from zmq.utils import z85

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


def test_rooms_and_workers_come_in_by_their_own_doors_alone(
    lines: CurveLines, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context has one handler of ZAP; the daemon has a context for each, and both work side by side."""
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    keys.keep_own(new_pair())
    room_keys = new_pair()
    keys.allow("room", room_keys.public)
    room = _z85(room_keys.public), _z85(room_keys.secret)
    worker = zmq.curve_keypair()
    lines.allow(worker[0])
    with zmq.Context() as context:
        gate, front = Gate(context), context.socket(zmq.ROUTER)
        gate.guard(front)
        port, door = front.bind_to_random_port("tcp://127.0.0.1"), _z85(gate.key)
        line, address = lines.open("127.0.0.1")
        for pair in worker, room:
            say(f"tcp://127.0.0.1:{port}", door, pair)
        for pair in room, worker:
            say(address, lines.server_key, pair)
        heard: dict[str, list[bytes]] = {"front": [], "line": []}
        until = time.monotonic() + 60
        while time.monotonic() < until and not all(heard.values()):
            gate.step()
            for name, socket in ("front", front), ("line", line):
                if socket.poll(10):
                    heard[name].append(socket.recv_multipart()[1])
        for _ in range(50):  # nobody else comes behind them
            gate.step()
            assert not front.poll(10)
            assert not line.poll(0)
        assert heard == {"front": [b"hello of " + room[0]], "line": [b"hello of " + worker[0]]}
        front.close(0)
        line.close(0)
        gate.close()


def _z85(half: str) -> bytes:
    return z85.encode(bytes.fromhex(half))
