"""Lines to workers on other computers: sockets that only keys which were allowed get in by. Knows no cluster."""

from __future__ import annotations

import zmq
from zmq.auth.thread import ThreadAuthenticator


class CurveLines:
    """A context whose sockets are encrypted, and the thread that asks whose key is let in. Keys are in Z85, as ZeroMQ
    makes them."""

    def __init__(self) -> None:
        self.server_key, self._secret = zmq.curve_keypair()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._allowed: set[bytes] = set()
        self._gate = ThreadAuthenticator(self._context)
        self._gate.start()
        self._gate.configure_curve_callback("*", self)

    def callback(self, _domain: str, key: bytes) -> bool:
        """Whether a key is let in. [gate's thread]"""
        return key in self._allowed

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
        self._gate.stop()
        self._context.destroy(linger=0)
