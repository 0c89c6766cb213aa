"""A wire between a client and a daemon that a test can cut, so that both ends see a connection break."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import Self


class Proxy:
    """Forwards TCP from `port` to `target` on loopback, until it is cut: `rate` bytes a second, or as they come (0).
    A context manager."""

    def __init__(self, target: int, rate: int = 0) -> None:
        self._target, self._rate = target, rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)
        self.cut()
        self._listener.close()

    def cut(self) -> int:
        """Close every connection there is; new ones are let through. Returns how many there were."""
        pairs = list(self._pairs)
        for pair in pairs:
            self._end(*pair)
        return len(pairs)

    def _end(self, *pair: socket.socket) -> None:
        with self._lock:
            self._pairs = [other for other in self._pairs if not set(pair) & set(other)]
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                ends = {a: b for pair in self._pairs for a, b in (pair, pair[::-1]) if a.fileno() >= 0}
            with contextlib.suppress(OSError, ValueError):
                for ready in select.select([self._listener, *ends], [], [], 0.02)[0]:
                    if ready is self._listener:
                        client, _ = self._listener.accept()
                        server = socket.create_connection(("127.0.0.1", self._target))
                        with self._lock:
                            self._pairs.append((client, server))
                    elif data := ready.recv(1 << 16):
                        ends[ready].sendall(data)
                        time.sleep(len(data) / self._rate if self._rate else 0)
                    else:
                        self._end(ready, ends[ready])
