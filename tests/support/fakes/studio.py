"""A daemon that serves with keys, and the computers of a studio: each with a home and a pair of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from punchin_bridge.daemon.client import Client
from punchin_bridge.daemon.endpoint import Endpoint
from punchin_bridge.settings import Settings
from punchin_wire.remote import keys
from punchin_wire.remote.keys import KeyPair

from .harness import Client as Bare
from .harness import RunningDaemon, daemon, new_pair


class Studio:
    """The daemon, and who may use it. Its computers are folders below `root`; `pairs` are those of a studio that was
    here before."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, pairs: dict[str, KeyPair] | None = None) -> None:
        self.root, self._patch = root, patch
        self.pairs = pairs or {}
        self.running: RunningDaemon
        if not pairs:
            self.computer("box")

    def at(self, name: str) -> Path:
        """Be at that computer from now on."""
        home = self.root / name
        self._patch.setenv("PUNCHIN_HOME", str(home))
        return home

    def computer(self, name: str, allowed: bool = False) -> KeyPair:
        """A computer with a new pair."""
        self.pairs[name] = pair = new_pair()
        self.at(name)
        keys.keep_own(pair, replace=True)
        if allowed:
            self.at("box")
            keys.allow(name, pair.public)
        return pair

    def revoke(self, name: str) -> None:
        self.at("box")
        keys.revoke(name)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"tcp://127.0.0.1:{self.running.record.port}", self.running.record.key)

    def client(self, name: str, endpoint: Endpoint | None = None, settings: Settings = Settings()) -> Client:
        """The real client, at that computer."""
        self.at(name)
        return Client(endpoint or self.endpoint, settings)

    def bare(self, name: str, identity: bytes = b"") -> Bare:
        return self.running.client(pair=self.pairs[name], identity=identity)


@contextmanager
def studio(
    root: Path,
    *flags: str,
    pairs: dict[str, KeyPair] | None = None,
    at: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Studio]:
    """A studio whose daemon runs on the computer `box`, with the fake engine."""
    with pytest.MonkeyPatch.context() as patch:
        found = Studio(root, patch, pairs)
        with daemon(root / "box", "--keys", *flags, env=env, at=at) as running:
            found.running = running
            yield found
