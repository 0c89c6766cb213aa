"""The life of a host's job as a table, and what of it outlives the bridge. Pure: no clock, no files, no hosts.

::

    preparing -> queued -> running -> ready -> placed
        |          |          |       |   ^
        |          |          |       v   |
        |          |          |       held -> dropped
        +----------+----------+-> failed, cancelled

A job that was accepted is written down before its host is told; one that is `ready` has its takes whole on disk.
A bridge that starts again takes up what is not ended: it prepares the same request under the same name, and the daemon,
which kept the results, sends them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from punchin_wire.errors import ErrorInfo, PunchinError
from punchin_wire.messages import Progress
from punchin_wire.structs import ready

from ..daemon.stages import STAGES
from . import words
from .protocol import JobView, NamedChord, Phase, Submit, TakeFile

MOVES: dict[Phase, tuple[Phase, ...]] = {
    "preparing": ("queued", "running", "ready", "failed", "cancelled"),
    "queued": ("queued", "running", "ready", "preparing", "failed", "cancelled"),
    "running": ("running", "queued", "ready", "preparing", "failed", "cancelled"),
    "ready": ("held", "placed", "dropped"),
    "held": ("held", "ready", "placed", "dropped"),
    "placed": (),
    "failed": (),
    "cancelled": (),
    "dropped": (),
}
"""What may follow what. Whoever changes it changes the picture above and the tests."""
ENDED = frozenset(phase for phase, following in MOVES.items() if not following)
WORKING: frozenset[Phase] = frozenset({"preparing", "queued", "running"})

MAX_NOTES = 3
"""Sentences beside the takes in one line."""


class JobRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job as it is written down: what was submitted, when, the seed that was drawn, and how far it came.

    `takes` are the finished files where they belong; `staged[i]` is where take `i` was written first, until it is
    moved there. `notes` are sentences that a musician should read with the takes. `owner` is the host that places
    them, where that is another than the one that asked: it alone is told of the job. `reports` are rows of name and
    value about each take: how it sits in the song. `remote` names the daemon that has the job, also when another is
    used by then (`local`: this computer's). `preview` says whether takes are shown while they grow; that stays as
    it was when the job was accepted, for the daemon knows a job again by the very same request.
    """

    submit: Submit
    accepted: float
    seed: int
    phase: Phase = "preparing"
    undo: str = ""
    notes: tuple[str, ...] = ()
    takes: tuple[TakeFile, ...] = ()
    staged: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    timings: dict[str, float] = {}
    owner: str = ""
    reports: tuple[tuple[tuple[str, str], ...], ...] = ()
    remote: str = ""
    preview: bool = False
    heard: tuple[NamedChord, ...] = ()


ready(JobRecord)


@dataclass
class Job:
    """A job and what is known of it only while it runs. Times are those of one monotonic clock."""

    record: JobRecord
    position: int = 0
    progress: Progress | None = None
    stage_began: float = 0.0
    cancelling: bool = False
    ended: float | None = None
    asked: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.record.submit.job

    @property
    def owner(self) -> str:
        return self.record.owner or self.record.submit.host

    @property
    def phase(self) -> Phase:
        return self.record.phase

    @property
    def is_ended(self) -> bool:
        return self.phase in ENDED

    def move(self, phase: Phase, **changes: object) -> bool:
        """Go on to `phase`, with what is now known. False, and nothing happens, where the table has no such move."""
        if phase not in MOVES[self.phase]:
            return False
        self.record = msgspec.structs.replace(self.record, phase=phase, **changes)
        return True

    def wait(self, position: int) -> None:
        """The daemon holds the job behind `position` others."""
        self.position = position
        if self.phase != "running":
            self.move("queued")

    def work(self, progress: Progress, now: float) -> None:
        """The daemon has done `progress`."""
        if self.progress is None or self.progress.stage != progress.stage:
            self.stage_began = now
        self.position, self.progress = 0, progress
        self.move("running")

    def view(self, now: float) -> JobView:
        """What a host should know."""
        record, submit = self.record, self.record.submit
        error = record.error
        return JobView(
            job=self.name,
            engine=submit.params.engine,
            phase=record.phase,
            line=line(self, now),
            fraction=self.fraction,
            position=self.position,
            project=submit.project.id,
            track=submit.target.id,
            region=submit.region,
            guard=submit.guard,
            undo=record.undo,
            takes=record.takes if not record.staged else (),
            holes=submit.holes,
            code=error.code if error else "",
            next_step=error.next_step if error else "",
            timings=record.timings,
            heard=record.heard,
        )

    @property
    def fraction(self) -> float:
        """The share of the main stage that is done; measured, so it stands at 0 until that stage begins."""
        if self.phase not in WORKING:
            return 1.0 if self.phase in ("ready", "held", "placed") else 0.0
        if self.progress is None or self.progress.stage in ("load", "encode", "prefill") or not self.progress.total:
            return 0.0
        return 1.0 if self.progress.stage == "codec" else self.progress.step / self.progress.total


def line(job: Job, now: float) -> str:
    """The job in one line for people. What changes comes first: many places show only the beginning."""
    takes = job.record.submit.params.takes
    match job.phase:
        case "failed":
            return job.record.error.message if job.record.error else "Failed."
        case "cancelled":
            return "Cancelled."
        case "dropped":
            return "Not placed; the files stay in the project's folder." if job.record.submit.folder else "Not placed."
        case "placed":
            return " ".join([f"{_takes(len(job.record.takes))} placed.", *job.record.notes[:MAX_NOTES]])
        case "held":
            return "The song has changed; nothing is placed until you say where."
        case "ready":
            return " ".join([f"{_takes(len(job.record.takes))} ready.", *job.record.notes[:MAX_NOTES]])
    if job.cancelling:
        return "Stopping."
    if job.phase == "preparing":
        return "Preparing."
    if job.phase == "queued" or job.progress is None:
        return "Next." if not job.position else f"Waiting behind {job.position}."
    progress = job.progress
    parts = [f"{_takes(takes)}: {STAGES[progress.stage].doing}"]
    if progress.total > 1:
        left = round(_seconds_left(progress, now - job.stage_began) or 0.0)
        parts = [f"{100 * progress.step // progress.total} %", *([f"{left} s"] if left else []), *parts]
    return " · ".join(parts)


def _takes(count: int) -> str:
    return "1 take" if count == 1 else f"{count} takes"


def _seconds_left(progress: Progress, elapsed: float) -> float | None:
    """How long the stage lasts at the speed it has had; None while that was seen for less than a second."""
    if elapsed < 1.0 or not progress.step:
        return None
    return elapsed * (progress.total - progress.step) / progress.step


def error_info(error: Exception) -> ErrorInfo:
    """An error as hosts show it; what is not of our tree is our mistake."""
    if isinstance(error, PunchinError):
        return words.in_host(error.info())
    said = f"{type(error).__name__}: {error}"[:500]
    return words.in_host(ErrorInfo("internal", said, PunchinError.default_next_step))
