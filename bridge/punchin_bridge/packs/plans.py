"""What the pull of a model pack would fetch, and what its licences ask, before anything is fetched.

The server knows packs, so its program is asked, as the command line does. The pull itself is
:mod:`.pulls`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import msgspec
from punchin_wire.errors import DaemonError, ErrorInfo, from_info
from punchin_wire.structs import UNREADABLE, ready

from . import program

PLAN_SECONDS = 60.0


class Plan(msgspec.Struct, frozen=True):
    """What a pull would do: bytes to fetch, what its licences say, and which of them must be accepted."""

    name: str
    title: str
    to_fetch: int
    licences: dict[str, str]
    to_accept: tuple[str, ...]
    memory: str


class _Answer(msgspec.Struct, frozen=True):
    plan: Plan | None = None
    error: ErrorInfo | None = None


ready(_Answer)


def plan(name: str, command: Sequence[str] | None = None) -> Plan:
    """Ask, and wait for it. Raises PunchinError."""
    unknown = DaemonError("What that pack would fetch is not known.", f"Run `punchin packs pull {name} --dry-run`.")
    try:
        words = [*(command or (*program.packs(), "pull")), name, "--dry-run", "--json"]
        done = subprocess.run(words, capture_output=True, timeout=PLAN_SECONDS, stdin=subprocess.DEVNULL)
        found = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Answer)
    except (OSError, subprocess.SubprocessError, *UNREADABLE, IndexError):
        raise unknown from None
    if found.plan is None:
        raise from_info(found.error) if found.error else unknown
    return found.plan
