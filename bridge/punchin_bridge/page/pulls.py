"""Model packs from the page: what a pull would fetch and under which licences, and one pull at a time.

The server knows packs, so its program is asked, as the command line does. Licences are never accepted for anyone: who
starts a pull names those that he has read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError, QueueFull, from_info
from punchin_wire.structs import ready

COMMAND = (sys.executable, "-m", "punchin_server", "packs", "pull")
PLAN_SECONDS = 60.0
END_SECONDS = 10.0


class Pull(msgspec.Struct, frozen=True):
    """The last pull. `done` of `total` bytes are here; `line` is what it does or waits for."""

    name: str
    state: Literal["running", "done", "failed", "stopped"]
    line: str = ""
    done: int = 0
    total: int = 0
    error: ErrorInfo | None = None


class Plan(msgspec.Struct, frozen=True):
    """What a pull would do: bytes to fetch, what its licences say, and which of them must be accepted."""

    name: str
    title: str
    to_fetch: int
    licences: dict[str, str]
    to_accept: tuple[str, ...]
    memory: str


ready(Pull, Plan)


class _Plan(msgspec.Struct, frozen=True):
    plan: Plan | None = None
    error: ErrorInfo | None = None


ready(_Plan)


def plan(name: str, command: Sequence[str] = COMMAND) -> Plan:
    """[page job] Ask, and wait for it. Raises PunchinError."""
    unknown = DaemonError("What that pack would fetch is not known.", f"Run `punchin packs pull {name} --dry-run`.")
    try:
        words = [*command, name, "--dry-run", "--json"]
        done = subprocess.run(words, capture_output=True, timeout=PLAN_SECONDS, stdin=subprocess.DEVNULL)
        found = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Plan)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, IndexError):
        raise unknown from None
    if found.plan is None:
        raise from_info(found.error) if found.error else unknown
    return found.plan


@dataclass
class Pulls:
    """One pull at a time, on a thread of its own; `tell` is called there with what becomes of it."""

    tell: Callable[[Pull], None]
    command: Sequence[str] = COMMAND
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None
    _is_stopped: bool = False

    def start(self, name: str, accept: Sequence[str]) -> None:
        """Raises QueueFull while another one runs, DaemonError where it cannot be started."""
        words = [*self.command, name, "--json", *(word for licence in accept for word in ("--accept", licence))]
        with self._lock:
            if self._process is not None:
                raise QueueFull("A pack is being fetched already.", "Wait until it is here.")
            try:
                self._process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            except OSError as error:
                raise DaemonError(
                    f"The pack cannot be fetched: {error}.", f"Run `punchin packs pull {name}`."
                ) from None
            self._is_stopped = False
        threading.Thread(target=self._follow, args=(name, self._process), name="pull", daemon=True).start()

    def stop(self) -> None:
        """What came so far stays, and the next pull goes on from there."""
        with self._lock:
            if self._process is not None:
                self._is_stopped = True
                self._process.terminate()

    def _follow(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        state = Pull(name, "running")
        self.tell(state)
        with process.stdout:
            for line in process.stdout:
                try:
                    state = told(state, json.loads(line))
                except (ValueError, TypeError, KeyError, PunchinError):
                    continue
                self.tell(state)
        process.wait()
        with self._lock:
            self._process, is_stopped = None, self._is_stopped
        if is_stopped:
            state = msgspec.structs.replace(state, state="stopped", line="")
        elif state.state == "running":
            lost = ErrorInfo("internal", f"{name} was not fetched.", f"Run `punchin packs pull {name}` to see why.")
            state = msgspec.structs.replace(state, state="failed", error=lost)
        self.tell(state)


def told(before: Pull, said: dict[str, Any]) -> Pull:
    """The pull after one line of what the program says.

    >>> told(Pull("airgen", "running"), {"progress": {"file": "a.bin", "done": 5, "total": 9}}).done
    5
    """
    if "progress" in said:
        progress = said["progress"]
        change: dict[str, Any] = {"line": progress["file"], "done": progress["done"], "total": progress["total"]}
    elif "waiting" in said or "note" in said:
        change = {"line": str(said.get("waiting", said.get("note")))[:300]}
    elif "error" in said:
        change = {"state": "failed", "error": msgspec.convert(said["error"], ErrorInfo)}
    elif "packs" in said:
        change = {"state": "done", "line": ""}
    else:
        change = {}
    return msgspec.structs.replace(before, **change)
