"""Starts `punchin inpaint` or `transfer` as a child process for each job that a surface submits by file path. Knows no
sockets.

Reading songs, splicing and recipes belong to the bridge, which the daemon must not import; so an OSC take goes the
same way as any other: the child is an ordinary client of this daemon, with the job id that the surface chose.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from punchin_wire.errors import BadSetting, ErrorInfo, InternalError, QueueFull
from punchin_wire.structs import UNREADABLE

from .child import Child, describe_exit

PUNCHIN = (sys.executable, "-m", "punchin_bridge.cli")
Command = Literal["inpaint", "transfer"]


class Written(msgspec.Struct, frozen=True):
    """One take in the child's report; what else the report says is for others."""

    path: str
    seed: int


class Report(msgspec.Struct, frozen=True):
    """What both commands print with `--json`: takes, or why there are none."""

    takes: tuple[Written, ...] = ()
    error: ErrorInfo | None = None


class Ended(NamedTuple):
    """A child that has ended."""

    job: str
    report: Report


class Launcher:
    """At most `limit` children at once."""

    def __init__(self, limit: int, punchin: Sequence[str] = PUNCHIN) -> None:
        self._limit = limit
        self._punchin = punchin
        self._children: dict[str, Child] = {}

    def __len__(self) -> int:
        return len(self._children)

    def __contains__(self, job: str) -> bool:
        return job in self._children

    def start(
        self, command: Command, job: str, song: str, start: float, end: float, out: str, options: Mapping[str, object]
    ) -> None:
        """Raises BadSetting or QueueFull; what is wrong with the files themselves the child reports."""
        if not (Path(song).is_absolute() and Path(out).is_absolute()):
            raise BadSetting("Song and folder must be absolute paths: the daemon runs in a folder of its own.")
        if len(self._children) >= self._limit:
            raise QueueFull(f"{self._limit} jobs of OSC surfaces are under way already.")
        # One word each, so that no value can be taken for a flag. An absolute path never begins with a dash. The job is
        # for us, also where this user has takes made by another computer.
        flags = {"start": start, "end": end, "out": out, "job": job, **options, "remote": "local"}
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        self._children[job] = Child(
            f"{command} {job}", [*self._punchin, command, song, *arguments, "--json", "--no-progress"]
        )

    def ended(self) -> list[Ended]:
        """The children that have ended since the last time."""
        codes = {job: child.poll() for job, child in self._children.items()}
        return [Ended(job, _report(self._children.pop(job), code)) for job, code in codes.items() if code is not None]

    def kill(self, job: str) -> None:
        child = self._children.pop(job, None)
        if child is not None:
            child.leave(patience=0.0)

    def stop(self) -> None:
        """Returns when no child is left."""
        children, self._children = self._children, {}
        for child in children.values():
            child.leave(patience=0.0)
        for child in children.values():
            child.join()


def _report(child: Child, code: int) -> Report:
    child.leave(patience=0.0)
    try:
        report = msgspec.json.decode("\n".join(child.output), type=Report)
    except UNREADABLE:
        report = Report()
    if report.takes or report.error:
        return report
    last = next((line for line in reversed(child.errors) if line.strip()), "")
    return Report(error=InternalError(f"punchin ended by {describe_exit(code)}. {last[:200]}").info())
