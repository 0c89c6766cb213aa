"""Seats of this computer: each worker is a child process of the daemon."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import zmq

from ..child import Child
from ..link import Orders

LOOPBACK = "tcp://127.0.0.1"


class Local:
    """Starts workers by `command`, one for each of the devices."""

    least = 0
    start_seconds = 120.0  # importing torch from a cold disk

    def __init__(self, command: Sequence[str], devices: tuple[str, ...] = ("auto",)) -> None:
        self.devices = devices
        self._command = command
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def line(self) -> tuple[zmq.Socket[bytes], str]:
        socket = self._context.socket(zmq.ROUTER)
        return socket, f"{LOOPBACK}:{socket.bind_to_random_port(LOOPBACK)}"

    def launch(self, name: str, orders: Orders) -> Child:
        return Child(name, self._command, msgspec.json.encode(orders) + b"\n")

    def close(self) -> None:
        self._context.destroy(linger=0)
