"""What a supervisor asks of whatever runs its worker, here or elsewhere. Knows no processes and no clusters."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import zmq
from punchin_wire.errors import ErrorInfo

from .link import Orders


class Hosted(Protocol):
    """A worker's process, wherever it runs. Nothing here waits but `join`, and that not for ever."""

    @property
    def pid(self) -> int:
        """Its process id, 0 while it has none."""

    @property
    def gone(self) -> bool:
        """Whether it has ended and everything of it is given back, after `leave`."""

    @property
    def errors(self) -> Collection[str]:
        """The last lines that it said about itself."""

    @property
    def refusal(self) -> ErrorInfo | None:
        """Why there cannot be such a worker, once that is known."""

    def ended(self) -> str | None:
        """How it ended, in words behind "ended by", once it has; else None."""

    def leave(self, patience: float = 2.0) -> None:
        """Ask it to go; after `patience` seconds it is killed."""

    def join(self) -> None:
        """Wait until it is gone. To be called after `leave`."""


class Executor(Protocol):
    """Starts workers, and gives supervisors the sockets that they are reached by."""

    devices: tuple[str, ...]
    """What each seat's models run on, as orders say it."""
    least: int
    """Workers that are kept though there is nothing to do."""
    start_seconds: float
    """A worker that has not beaten once after this long never will."""

    def line(self) -> tuple[zmq.Socket[bytes], str]:
        """A bound ROUTER, and the address that workers reach it at."""

    def launch(self, name: str, orders: Orders) -> Hosted:
        """Start a worker, whose name in the log that is. Raises InternalError when it cannot."""

    def close(self) -> None:
        """Close what lines are left. To be called when all workers are gone."""
