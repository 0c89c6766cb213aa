"""The handler that ZeroMQ asks who may come in by CURVE (ZAP, ZeroMQ RFC 27). Knows no keys and no files."""

from __future__ import annotations

from collections.abc import Callable

import zmq

ADDRESS = "inproc://zeromq.zap.01"
MECHANISM = b"CURVE"

Admitted = Callable[[bytes, bytes, bytes], str]
"""From (domain, address, public key) to what a connection is known as; empty where it is not let in."""


class Handler:
    """That of a context, of which there can be one; for one thread."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], admitted: Admitted) -> None:
        self._admitted = admitted
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(ADDRESS)

    def step(self, limit: int = 100) -> None:
        """Answer those who knock."""
        for _ in range(limit):
            try:
                parts = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            asker, empty, version, request, domain, address, _identity, mechanism, *said = parts
            key = said[0] if mechanism == MECHANISM and len(said) == 1 else b""
            user = self._admitted(domain, address, key)
            answer = (b"200", b"") if user else (b"400", b"unknown key")
            self.socket.send_multipart([asker, empty, version, request, *answer, user.encode(), b""], zmq.DONTWAIT)

    def close(self) -> None:
        self.socket.close()
