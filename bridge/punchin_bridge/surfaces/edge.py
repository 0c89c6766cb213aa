"""What the bridge's loop knows of an edge: what to wait for, and that it wants its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int: ...


class Edge(Protocol):
    """[loop] One kind of surface. :meth:`step` is called when one of :attr:`sources` is readable, and 50 times a second
    besides; it never waits, and nothing that came in from outside makes it raise."""

    @property
    def sources(self) -> Sequence[HasFileno]: ...
    def step(self, now: float) -> None: ...
    def close(self) -> None: ...
