"""One page over HTTP, `/metrics`, for programs of this computer that watch the daemon. Knows no figures.

A request is a few hundred bytes that come at once, and the connection is closed behind the answer. Whoever asks by
another name than this computer's gets nothing: pages of the web could point their own name at it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import zmq
from punchin_wire.errors import DaemonError

LOOPBACK = "127.0.0.1"
HOST = re.compile(rb"\r\nhost: *(127\.0\.0\.1|localhost)(:\d+)?\r\n", re.IGNORECASE)
CONTENT = "text/plain; version=0.0.4; charset=utf-8"


class HttpFront:
    """A TCP port of this computer. Raises DaemonError when it is taken."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], port: int) -> None:
        self.socket = context.socket(zmq.STREAM)
        self.socket.linger = 0
        try:
            self.socket.bind(f"tcp://{LOOPBACK}:{port or '*'}")
        except zmq.ZMQError as error:
            self.socket.close()
            raise DaemonError(
                f"Port {port} on {LOOPBACK} cannot be used: {error.strerror}.",
                "Stop the program that holds the port, or choose another with --metrics-port.",
            ) from None
        self.port = int(self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def step(self, page: Callable[[], str], limit: int = 20) -> None:
        """Answer who has asked since the last time."""
        for _ in range(limit):
            try:
                peer, asked = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if asked:  # nothing: somebody has come, or gone
                with contextlib.suppress(zmq.ZMQError):
                    self.socket.send_multipart([peer, _answer(asked, page)], zmq.DONTWAIT)
                    self.socket.send_multipart([peer, b""], zmq.DONTWAIT)  # closes the connection

    def close(self) -> None:
        self.socket.close()


def _answer(asked: bytes, page: Callable[[], str]) -> bytes:
    if not HOST.search(asked):
        status, text = "403 Forbidden", "Ask for 127.0.0.1.\n"
    elif not re.match(rb"GET /metrics[ ?]", asked):
        status, text = "404 Not Found", "There is /metrics here.\n"
    else:
        status, text = "200 OK", page()
    body = text.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
