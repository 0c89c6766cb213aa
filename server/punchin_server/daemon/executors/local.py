"""Seats of this machine: each worker is a child process of the daemon."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..child import Child
from ..link import Orders
from ..supervisor import Launch


def launcher(command: Sequence[str]) -> Launch:
    """Starts workers by `command`."""

    def launch(name: str, orders: Orders) -> Child:
        return Child(name, command, msgspec.json.encode(orders) + b"\n")

    return launch
