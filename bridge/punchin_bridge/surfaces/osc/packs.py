"""The model packs that are installed, as `punchin packs list` says, or those that can be fetched, as `packs pull` does.
The server knows them, so its program is asked, on a thread; the bridge's loop waits for nothing."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

import msgspec
from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError, from_info

COMMAND = (sys.executable, "-m", "punchin_server", "packs", "list", "--json")
CATALOG = (sys.executable, "-m", "punchin_server", "packs", "pull", "--json")
PATIENCE_SECONDS = 30.0


class Pack(msgspec.Struct, frozen=True):
    """What surfaces are told of a pack. `state` is `ok`, or an error's code; a damaged one has no version."""

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
    """What surfaces are told of a pack that can be fetched."""

    name: str
    title: str
    size: str
    memory: str

    @property
    def words(self) -> tuple[str, ...]:
        """As `/punchin/pack/offer` says it."""
        return self.name, self.title, self.size, self.memory


class _Answer(msgspec.Struct, frozen=True):
    packs: tuple[Pack, ...] = ()
    catalog: tuple[Offer, ...] = ()
    error: ErrorInfo | None = None


Look = Callable[[Sequence[str]], tuple[Pack | Offer, ...]]
"""Asks a command, and waits for what it answers. Raises PunchinError."""


class Packs:
    """:meth:`ask`, and some steps later there is :meth:`answer`. Several that ask meanwhile get the same."""

    def __init__(self, command: Sequence[str] = COMMAND, look: Look | None = None) -> None:
        self._command, self._look_up = command, look or listed
        self._answers: queue.SimpleQueue[tuple[Pack | Offer, ...] | PunchinError] = queue.SimpleQueue()
        self._is_asking = False

    def ask(self) -> None:
        if not self._is_asking:
            self._is_asking = True
            threading.Thread(target=self._look, name="packs", daemon=True).start()

    def answer(self) -> tuple[Pack | Offer, ...] | PunchinError | None:
        """The packs, or why they are not known; None while that is open."""
        try:
            found = self._answers.get_nowait()
        except queue.Empty:
            return None
        self._is_asking = False
        return found

    def _look(self) -> None:
        try:
            self._answers.put(self._look_up(self._command))
        except PunchinError as error:
            self._answers.put(error)


def listed(command: Sequence[str] = COMMAND) -> tuple[Pack, ...]:
    """The packs that are installed; asks, and waits for it. Raises PunchinError."""
    return _asked(command).packs


def offered(command: Sequence[str] = CATALOG) -> tuple[Offer, ...]:
    """The packs that can be fetched; asks, and waits for it. Raises PunchinError."""
    return _asked(command).catalog


def _asked(command: Sequence[str]) -> _Answer:
    unknown = DaemonError("The model packs are not known.", "Run `punchin packs list` to see why.")
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL)
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        raise unknown from None
    if answer.error is not None:
        raise from_info(answer.error)
    return answer
