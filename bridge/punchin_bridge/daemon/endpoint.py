"""Where a daemon is, by which key it is known, and what it means when the two of us cannot come to terms. Knows no
sockets."""

from __future__ import annotations

from typing import NamedTuple

from punchin_wire.errors import DaemonUnreachable, KeyRefused, RemoteUnreachable


class Endpoint(NamedTuple):
    """A daemon at `address` (`tcp://host:port`), known by the public `key` where it serves with keys. `remote` is its
    name where it is another computer's."""

    address: str
    key: str = ""
    remote: str = ""

    def __str__(self) -> str:
        where = self.address.removeprefix("tcp://")
        return f"{self.remote} ({where})" if self.remote else where

    def silent(self) -> DaemonUnreachable:
        """Nobody answers there."""
        return self.unreachable(f"No daemon answers at {self}.", "Start it there with `punchin serve`.")

    def unreachable(self, what: str, next_step: str) -> DaemonUnreachable:
        """`what` has happened, and `next_step` is to be done where the daemon is this computer's own."""
        return RemoteUnreachable(what) if self.remote else DaemonUnreachable(what, next_step)

    def unknown_here(self, own: str) -> KeyRefused:
        return KeyRefused(
            f"The daemon at {self} does not know this computer's key.",
            f"On that computer, run `punchin keys allow NAME {own}` with a name for this one.",
        )

    def another(self) -> KeyRefused:
        return KeyRefused(
            f"What answers at {self} does not have the key that this computer knows the daemon by.",
            "Compare that key with the one that `punchin keys list` shows there, and `punchin remote add` it again.",
        )

    def mismatched(self) -> KeyRefused:
        if self.key:
            return KeyRefused(
                f"The daemon at {self} serves without keys, so nothing would be encrypted.",
                "Start it there with `punchin serve --keys`.",
            )
        return KeyRefused(
            f"The daemon at {self} lets in known keys only, and was asked without one.",
            "Add it with `punchin remote add NAME HOST:PORT KEY`, with the key that `punchin keys list` shows there.",
        )
