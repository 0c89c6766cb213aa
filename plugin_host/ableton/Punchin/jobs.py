"""What the bridge showed last, and which of its jobs are those of the open set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clips import Json
from .settings import Refusal

if TYPE_CHECKING:
    from .surface import Program

REMEMBERED = 256
"""Jobs of which is remembered that they are ours, or what was done with them."""


class Jobs:
    """`state` is the bridge's newest, empty until it is heard; `host` the host's id."""

    def __init__(self, host: str, program: Program) -> None:
        self._host, self._program = host, program
        self.state: Json = {}
        self._mine: list[str] = []  # what this set submitted, also before it had a name

    def project(self) -> Json:
        """The open set. It has a path once it is saved, in Lives that tell it; else it is known to this script only."""
        song = self._program.song()
        path = str(getattr(song, "file_path", "") or "")
        return {"id": path or "unsaved-" + self._host, "name": str(getattr(song, "name", "") or "")[:500]}

    def add(self, job: str) -> None:
        """Remember that this set submitted `job`."""
        self._mine = ([*self._mine, job])[-REMEMBERED:]

    def here(self) -> list[Json]:
        """The jobs of this set, oldest first."""
        jobs = self.state.get("jobs", ())
        assert isinstance(jobs, (list, tuple))
        project = self.project()["id"] if jobs else ""
        return [job for job in jobs if job["project"] == project or job["job"] in self._mine]

    def phases(self) -> dict[str, str]:
        """The phase of each job of this set."""
        return {str(job["job"]): str(job["phase"]) for job in self.here()}

    def newest(self, phases: tuple[str, ...], wanted: object = None) -> Json:
        """The job called `wanted`, else the newest, in one of the phases. Raises Refusal."""
        for job in reversed(self.here()):
            if job["phase"] in phases and wanted in (None, job["job"]):
                return job
        raise Refusal("No job of Punchin is {} now.".format(" or ".join(phases)))

    def commands(self) -> list[Json]:
        """What somebody else wants done here."""
        asks = self.state.get("asks", ())
        assert isinstance(asks, (list, tuple))
        return list(asks)
