"""The jobs of all hosts as the page shows them. Knows no sockets.

A job that has ended is forgotten by the sessions a minute later, and what its host rendered at once, and takes that a
host has copied into its project. The page goes on showing and playing them: the :class:`Ledger` keeps what it showed,
and second names of those files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from punchin_wire.errors import ErrorInfo, PunchinError
from punchin_wire.parameter import Engine, Value
from punchin_wire.params import TABLE
from punchin_wire.structs import ready

from ..hosts import compose, naming, timeline
from ..hosts.jobs import MAX_NOTES, WORKING, Job
from ..hosts.previews import Previews
from ..hosts.protocol import Clips, Phase, Rendered, Submit, TakeFile
from ..hosts.seats import Seats
from ..hosts.sessions import HostSessions
from ..music.region import Region
from ..packs.pulls import News
from ..surfaces.console import Console
from . import growing
from .growing import PreviewCard

MAX_KEPT = 64
"""Jobs that have ended and are still shown."""


class JobCard(msgspec.Struct, frozen=True):
    """A job as it is shown. `start` and `end` are samples of its project at `rate`; `place` says the same for people.
    `stem` is a file with the track around it, whose first sample lies at `origin` of the project; empty where there is
    none. `uses` says that its host can show one of its takes, `repeats` that it can be made again with new seeds.
    `previews` are its takes while they grow, and `holes` what those fill, as samples of the project."""

    job: str
    host: str
    program: str
    project: str
    project_name: str
    track: str
    engine: Engine
    phase: Phase
    line: str
    fraction: float
    position: int
    place: str
    start: int
    end: int
    rate: int
    seconds: float
    takes: tuple[TakeFile, ...] = ()
    notes: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    timings: dict[str, float] = {}
    reports: tuple[tuple[tuple[str, str], ...], ...] = ()
    stem: str = ""
    origin: int = 0
    uses: bool = False
    repeats: bool = False
    previews: tuple[PreviewCard, ...] = ()
    holes: tuple[Region, ...] = ()


class Knob(msgspec.Struct, frozen=True):
    """Where a parameter stands: its plain value, where its fader is, and whether anybody has touched it."""

    value: Value
    normalized: float | None
    touched: bool


class HostCard(msgspec.Struct, frozen=True):
    host: str
    program: str
    project: str
    can: tuple[str, ...]


class PullCard(msgspec.Struct, frozen=True):
    """How the pull of a model pack goes."""

    name: str
    state: str
    line: str
    fraction: float
    error: ErrorInfo | None = None


class Picture(msgspec.Struct, frozen=True):
    """All that the loop knows and the page shows."""

    hosts: tuple[HostCard, ...] = ()
    jobs: tuple[JobCard, ...] = ()
    knobs: dict[str, Knob] = {}
    trouble: ErrorInfo | None = None
    troubles: int = 0
    pull: PullCard | None = None
    seats: Seats = Seats()


ready(Picture)


@dataclass
class Ledger:
    """[loop] What the page has shown of jobs, oldest first. `folder` is its own, for the files of hosts; it is emptied
    when a ledger is opened. `previews` are of takes that grow. `submits` are what was asked for, for whoever asks
    again."""

    folder: Path
    previews: Previews
    cards: OrderedDict[str, JobCard] = field(default_factory=OrderedDict)
    _stems: dict[str, Path] = field(default_factory=dict)
    _takes: dict[str, tuple[TakeFile, ...]] = field(default_factory=dict)
    submits: dict[str, Submit] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)

    def open(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, mode=0o700)

    def hold(self, sessions: HostSessions, jobs: Path) -> None:
        """Give files that will be deleted second names. To be called whenever a job may have become ready, before its
        host knows; `jobs` is the spool's folder of jobs."""
        for name, job in sessions.jobs.items():
            if name not in self._stems and (stem := self._stem(job, jobs / name)) is not None:
                self._stems[name] = stem
            if name not in self._takes and job.record.takes and not job.record.staged:
                self._takes[name] = tuple(
                    self._held(take, number, name, jobs) for number, take in enumerate(job.record.takes, start=1)
                )

    def look(self, sessions: HostSessions, now: float, wall: float) -> tuple[JobCard, ...]:
        """The jobs as they are."""
        for name, job in sessions.jobs.items():
            self.submits[name] = job.record.submit
            self.cards[name] = self._card(job, sessions, now, wall)
        for name in [name for name in self.cards if name not in sessions.jobs][:-MAX_KEPT]:
            self._forget(name)
        return tuple(self.cards.values())

    def _card(self, job: Job, sessions: HostSessions, now: float, wall: float) -> JobCard:
        record, submit, before = job.record, job.record.submit, self.cards.get(job.name)
        view, here = job.view(now), sessions.hosts.get(job.owner)
        can = here.hello.can if here else ()
        mine = [name for name, other in sessions.jobs.items() if other.record.submit.host == submit.host]
        ended = job.phase not in WORKING
        previews = () if ended else tuple(growing.card(each) for each in self.previews.of(job.name))
        return JobCard(
            job=job.name,
            host=submit.host,
            program=here.hello.program if here else before.program if before else submit.host.partition("-")[0],
            project=submit.project.id,
            project_name=submit.project.name,
            track=submit.target.name,
            engine=view.engine,
            phase=view.phase,
            line=view.line,
            fraction=round(view.fraction, 4),
            position=view.position,
            place=self._place(job),
            start=submit.region.start,
            end=submit.region.end,
            rate=submit.timeline.rate,
            seconds=before.seconds if before and ended and before.seconds else max(0.0, round(wall - record.accepted)),
            takes=self._takes.get(job.name, ()),
            notes=record.notes[:MAX_NOTES],
            error=record.error,
            timings=record.timings,
            reports=record.reports,
            stem=str(self._stems.get(job.name, "")),
            origin=_origin(submit),
            uses="pick" in can and bool(record.takes),
            repeats="repeat" in can and mine[-1] == job.name and ended,
            previews=previews,
            holes=timeline.holes(submit) if previews else (),
        )

    def _place(self, job: Job) -> str:
        if job.name not in self._places:
            submit = job.record.submit
            self._places[job.name] = naming.place(timeline.holes(submit), timeline.ruler(submit.timeline))
        return self._places[job.name]

    def _stem(self, job: Job, folder: Path) -> Path | None:
        """A file with the track: a song's own, or a second name of what a host rendered, or the bridge for it."""
        audio = job.record.submit.target.audio
        if job.record.submit.host.startswith("page-"):
            return Path(audio.path) if isinstance(audio, Rendered) else None
        source = Path(audio.path) if isinstance(audio, Rendered) else folder / "target.wav"
        return _linked(source, self.folder / f"{job.name}.wav")

    def _held(self, take: TakeFile, number: int, job: str, jobs: Path) -> TakeFile:
        """A take where it stays: under a second name, if it lies in the spool."""
        if not Path(take.path).is_relative_to(jobs):
            return take
        kept = _linked(Path(take.path), self.folder / f"{job}_take{number}.wav")
        return msgspec.structs.replace(take, path=str(kept)) if kept else take

    def _forget(self, name: str) -> None:
        del self.cards[name]
        self.submits.pop(name, None)
        self._places.pop(name, None)
        self._stems.pop(name, None)
        self._takes.pop(name, None)
        for path in (self.folder / f"{name}.wav", *self.folder.glob(f"{name}_take*.wav")):
            path.unlink(missing_ok=True)


def _linked(source: Path, kept: Path) -> Path | None:
    """A second name for a file; None where it is not there yet, or on a disk that has no second names."""
    try:
        os.link(source, kept)
    except OSError:
        return None
    return kept


def _origin(submit: Submit) -> int:
    """Where a job's stem begins in its project: as its host says, or where the bridge put it together of clips."""
    audio, region = submit.target.audio, Region(submit.region.start, submit.region.end)
    if not isinstance(audio, Clips):
        return audio.start
    try:
        return compose.around(region, audio, submit.target.name, submit.timeline.rate).start
    except PunchinError:  # then the job fails of it
        return 0


def pull(news: News | None) -> PullCard | None:
    """The pull that goes on, or ended last."""
    if news is None:
        return None
    return PullCard(news.name, news.state, news.line, news.fraction, news.error.info() if news.error else None)


def knobs(console: Console) -> dict[str, Knob]:
    """Where all parameters stand."""
    values, touched = console.parameters.values, console.parameters.touched
    return {
        each.name: Knob(
            values[each.name],
            each.normalized(values[each.name]) if each.is_fader else None,
            each.name in touched,
        )
        for each in TABLE
    }
