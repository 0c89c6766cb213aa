"""Live's status bar: the newest job, while it runs, how far it is; when it ends, how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .clips import Json
from .jobs import REMEMBERED
from .outbox import WORKING

if TYPE_CHECKING:
    from .surface import Program

SAY_SECONDS = 0.25
"""Progress alone is shown so often at most."""


class StatusBar:
    """Of `program`, with a line in Live's log for each phase of each job."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._phases: dict[str, str] = {}
        self._said = ("", -1e9)

    def show(self, jobs: list[Json], now: float) -> None:
        """Show what is new of the open set's jobs."""
        for job in jobs:
            name, phase = str(job["job"]), str(job["phase"])
            if self._phases.get(name) != phase:
                self._phases[name] = phase
                self._enter(job, name, phase)
        self._phases = {name: self._phases[name] for name in list(self._phases)[-REMEMBERED:]}
        running = [job for job in jobs if job["phase"] in WORKING]
        if running and now - self._said[1] >= SAY_SECONDS:
            self._progress(running[-1], now)

    def _enter(self, job: Json, name: str, phase: str) -> None:
        self._program.log("Punchin: {} {}: {}".format(name, phase, job["line"]))
        if phase in ("failed", "cancelled", "dropped"):
            self._program.say("Punchin: {} {}".format(job["line"], job.get("next_step", "")).strip())
        elif phase == "placed":
            self._program.log("Punchin: {} {}".format(name, json.dumps(job.get("timings", {}))))

    def _progress(self, job: Json, now: float) -> None:
        line, percent = str(job["line"]), int(100 * float(str(job["fraction"])))
        text = "{}{} · Punchin".format(f"{percent} % · " if percent and "%" not in line else "", line.rstrip("."))
        if text != self._said[0]:
            self._said = (text, now)
            self._program.say(text)
