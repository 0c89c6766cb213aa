"""The model packs that are installed, as `punchin packs list` says, or those that can be fetched, as `packs pull` does.
Each call asks the server's program, and waits for it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import msgspec
from punchin_wire.errors import DaemonError, ErrorInfo, from_info
from punchin_wire.structs import UNREADABLE, ready

from . import program

PATIENCE_SECONDS = 30.0


class Pack(msgspec.Struct, frozen=True):
    """What is told of a pack. `state` is `ok`, or an error's code; a damaged one has no version."""

    name: str
    state: str
    version: str = ""
    engines: tuple[str, ...] = ()
    licence: str = ""
    bytes: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """As `/punchin/pack/here` says it."""
        return self.name, self.version, ", ".join(self.engines), self.state


class Offer(msgspec.Struct, frozen=True):
    """What is told of a pack that can be fetched: `licences` by name, those that forbid nothing among them."""

    name: str
    title: str
    size: str
    memory: str
    licences: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """As `/punchin/pack/offer` says it."""
        return self.name, self.title, self.size, self.memory


class _Answer(msgspec.Struct, frozen=True):
    packs: tuple[Pack, ...] = ()
    catalog: tuple[Offer, ...] = ()
    error: ErrorInfo | None = None


ready(_Answer)


def listed(command: Sequence[str] | None = None) -> tuple[Pack, ...]:
    """The packs that are installed. Raises PunchinError."""
    return _asked(command or (*program.packs(), "list", "--json")).packs


def offered(command: Sequence[str] | None = None) -> tuple[Offer, ...]:
    """The packs that can be fetched. Raises PunchinError."""
    return _asked(command or (*program.packs(), "pull", "--json")).catalog


def _asked(command: Sequence[str]) -> _Answer:
    unknown = DaemonError("The model packs are not known.", "Run `punchin packs list` to see why.")
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL)
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (OSError, subprocess.SubprocessError, *UNREADABLE):
        raise unknown from None
    if answer.error is not None:
        raise from_info(answer.error)
    return answer
