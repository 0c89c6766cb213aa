"""Lines to workers on other computers: sockets that only keys which were allowed get in by. Knows no cluster."""

from __future__ import annotations

import threading

import zmq
from zmq.utils import z85

from ..zap import Handler

POLL_MS = 100


class CurveLines:
    """A context whose sockets are encrypted, and a thread that answers whose key is let in. Keys are in Z85, as ZeroMQ
    makes them."""

    def __init__(self) -> None:
        self.server_key, self._secret = zmq.curve_keypair()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._allowed: set[bytes] = set()
        self._handler = Handler(self._context, self._admitted)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="keys of lines", daemon=True)
        self._thread.start()

    def allow(self, key: bytes) -> None:
        self._allowed.add(key)

    def forget(self, key: bytes) -> None:
        self._allowed.discard(key)

    def open(self, host: str) -> tuple[zmq.Socket[bytes], str]:
        """A ROUTER at a free port of the address `host`, and its own address."""
        socket = self._context.socket(zmq.ROUTER)
        socket.curve_server, socket.curve_publickey, socket.curve_secretkey = True, self.server_key, self._secret
        return socket, f"tcp://{host}:{socket.bind_to_random_port(f'tcp://{host}')}"

    def close(self) -> None:
        self._closed.set()
        self._thread.join(10.0)
        self._context.destroy(linger=0)

    def _answer(self) -> None:
        while not self._closed.is_set():
            if self._handler.socket.poll(POLL_MS):
                self._handler.step()
        self._handler.close()

    def _admitted(self, _domain: bytes, _address: bytes, key: bytes) -> str:
        """[handler's thread]"""
        return "worker" if len(key) == 32 and z85.encode(key) in self._allowed else ""
