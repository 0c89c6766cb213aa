"""Runs `punchin packs list` and `pull` for clients on other computers, a child process each, and passes on what they
print. Knows no sockets, and nothing of packs."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from punchin_wire.errors import DaemonError, QueueFull
from punchin_wire.messages import PackQuery, Packs

from .child import Child
from .zmq_front import Client

PACKS = (sys.executable, "-m", "punchin_server", "packs")
AT_ONCE = 4
LINES = 100
"""Lines that are passed on together; the rest waits for the next step."""
STOP_SECONDS = 10.0
"""A pull that is stopped keeps what came, and then ends."""


class Told(NamedTuple):
    """What a program has printed for a client."""

    client: Client
    packs: Packs


class PackPrograms:
    """At most :data:`AT_ONCE` programs, one for a client. `may_pull` is whether others than this computer's user may
    have packs fetched."""

    def __init__(self, may_pull: bool, command: Sequence[str] = PACKS) -> None:
        self._may_pull, self._command = may_pull, command
        self._children: dict[Client, Child] = {}

    def __len__(self) -> int:
        return len(self._children)

    def start(self, client: Client, query: PackQuery) -> None:
        """Begin to answer a query. Raises DaemonError or QueueFull."""
        if query.verb == "stop":
            self.stop(client)
            return
        if query.verb == "pull" and client.key and not self._may_pull:
            raise DaemonError(
                "This daemon fetches no model packs for other computers.",
                f"On its computer, run `punchin packs pull {query.pack}`, or `punchin serve` with --pulls.",
            )
        if client in self._children or len(self._children) >= AT_ONCE:
            raise QueueFull("The daemon is looking after other packs.", "Ask again in a moment.")
        words = [*self._command, *_words(query), "--json"]
        self._children[client] = Child(f"packs {query.verb}", words, level=logging.DEBUG)

    def step(self) -> Iterator[Told]:
        """What was printed since the last time; with the last of it the program's exit code."""
        for client, child in list(self._children.items()):
            code = child.poll()
            lines = tuple(child.output.popleft() for _ in range(min(LINES, len(child.output))))
            ended = code is not None and not child.output
            if ended:
                self._children.pop(client).leave(0.0)
            if lines or ended:
                yield Told(client, Packs(lines, code if ended else None))

    def stop(self, client: Client) -> None:
        """Let a client's program end as by Ctrl-C: its last words are still passed on."""
        if (child := self._children.get(client)) is not None:
            child.interrupt()

    def close(self) -> None:
        """Returns when no program is left."""
        for child in self._children.values():
            child.interrupt()
        until = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            child.leave(max(0.0, until - time.monotonic()))
        for child in self._children.values():
            child.join()
        self._children.clear()


def _words(query: PackQuery) -> list[str]:
    """One word each, so that none can be taken for a flag: a pack's name never begins with a dash."""
    match query.verb:
        case "list":
            return ["list"]
        case "offers":
            return ["pull"]
        case "plan":
            return ["pull", query.pack, "--dry-run"]
    return ["pull", query.pack, *(f"--accept={licence}" for licence in query.accept)]
