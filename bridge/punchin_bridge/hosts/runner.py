"""Jobs carried out: from what a host submitted to takes where they belong. A thread a job; knows no hosts.

A thread prepares the order, has it made by the daemon, and writes the takes into the job's own folder. Then it writes
down where they belong, and only then moves them there: whenever the bridge dies, its successor finds a job that must
be done again, or takes that only have to be moved. What happens goes into a queue for the bridge's thread of control.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec
from punchin_wire import disk
from punchin_wire.errors import BadSetting, DaemonUnreachable, ErrorInfo, JobCancelled, JobLost, PunchinError
from punchin_wire.frames import Audio
from punchin_wire.messages import Progress

from ..daemon import launch
from ..daemon.client import Client
from ..daemon.endpoint import Endpoint
from ..daemon.follow import Silent
from ..settings import Settings, replaced
from ..splice import seam as seams
from ..takes import heard
from ..takes.order import Order
from ..takes.render import produce
from ..takes.report import Report
from . import compose, naming, timeline
from .jobs import JobRecord, error_info
from .previews import Place, Previews
from .protocol import NamedChord, Submit, TakeFile
from .spool import Spool

AT_ONCE = 4
"""Jobs that are prepared or at the daemon at once; it makes one after the other anyway."""
TRIES = 5
"""How often a job is given to a daemon, when daemons die under it."""
ANOTHER_PLACE = "Save the project somewhere else."
GIVE_UP_SECONDS = 8.0
"""How long a silent daemon is waited for, until the next try looks where it is now, or starts one."""


Find = Callable[[Settings], Endpoint]
"""Returns the endpoint of a daemon that answers."""


class Waits(NamedTuple):
    job: str
    position: int


class Works(NamedTuple):
    job: str
    progress: Progress


class IsReady(NamedTuple):
    record: JobRecord


class HasFailed(NamedTuple):
    job: str
    error: ErrorInfo


class IsCancelled(NamedTuple):
    job: str


Event = Waits | Works | IsReady | HasFailed | IsCancelled


class _Stop(NamedTuple):
    """By which a job's thread is stopped, and the settings by which its daemon is found."""

    event: threading.Event
    settings: Settings


class JobRunner:
    """Whoever does the work of :class:`.sessions.HostSessions`. `events` go from [job] to [loop]. What comes
    of takes while they grow goes to `previews`, for jobs that were accepted while somebody was `watching`."""

    def __init__(
        self,
        spool: Spool,
        settings: Settings,
        find: Find = launch.find_or_start,
        watching: Callable[[], bool] = lambda: False,
    ) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.previews = Previews()
        self.is_watched = watching  # [loop]
        self._spool, self._find = spool, find
        self._settings = msgspec.structs.replace(
            settings, give_up_seconds=min(settings.give_up_seconds, GIVE_UP_SECONDS)
        )
        self._turns = threading.Semaphore(AT_ONCE)
        self._naming = threading.Lock()
        self._stops: dict[str, _Stop] = {}

    def start(self, record: JobRecord) -> None:
        """[loop] Carry a job out, on a thread of its own."""
        name = record.submit.job
        stop = self._stops[name] = _Stop(threading.Event(), self._at(record))
        # Daemonic: when the bridge is told to stop, jobs go on at the daemon, and the next bridge fetches them.
        threading.Thread(target=self._carry_out, args=(record, stop), name=f"job-{name}", daemon=True).start()

    def stop(self, job: str) -> None:
        """[loop] Stop a job: at once where it waits or is prepared, at the daemon within one step."""
        if (stop := self._stops.get(job)) is not None:
            stop.event.set()
            threading.Thread(target=self._cancel, args=(job, stop.settings), name=f"cancel-{job}", daemon=True).start()

    def _at(self, record: JobRecord) -> Settings:
        """The settings, for the daemon that has the job."""
        return replaced(self._settings, remote=record.remote) if record.remote else self._settings

    def _cancel(self, job: str, settings: Settings) -> None:
        """[job] On a second thread, for the first may be waiting for the daemon."""
        with contextlib.suppress(PunchinError):  # then it has not come so far, or is done
            endpoint = launch.find(settings)
            if endpoint is not None:
                with Client(endpoint, settings) as client:
                    client.cancel(job)

    def _carry_out(self, record: JobRecord, stop: _Stop) -> None:
        """[job] From a record to takes, or to what went wrong: one event in the end, whatever happens."""
        name = record.submit.job
        try:
            while not self._turns.acquire(timeout=0.05):
                _check(stop)
            try:
                ready = self._make(record, stop)
            finally:
                self._turns.release()
            self.events.put(IsReady(ready))
        except JobCancelled:
            self.events.put(IsCancelled(name))
        except Exception as error:
            self.events.put(HasFailed(name, error_info(error)))
        finally:
            self.previews.drop(name)
            del self._stops[name]

    def _make(self, record: JobRecord, stop: _Stop) -> JobRecord:
        submit, folder = record.submit, self._spool.job(record.submit.job)
        drafts = folder / "takes"
        shutil.rmtree(drafts, ignore_errors=True)  # of a bridge that died while it wrote
        disk.make_folder(drafts, disk.OWN_FOLDER)
        began = time.monotonic()
        if submit.folder:
            check_folder(Path(submit.folder))
        order = compose.order(submit, record.seed, folder)
        if record.preview:
            order = replace(order, request=msgspec.structs.replace(order.request, preview=True))
            self.previews.begin(submit.job, _place(order, submit))
        prepared = time.monotonic() - began
        report = self._produce(order, submit.job, drafts, stop)
        timings = {"prepare": prepared} | {name: s for name, s in report.timings.items() if name != "total"}
        with self._naming:  # until a name is taken, another job would find it free
            ready = finished(record, order, report, Path(submit.folder) if submit.folder else None)
            ready = msgspec.structs.replace(ready, phase="ready", timings=timings, notes=report.notes)
            self._spool.keep(ready)
            return settle(ready, self._spool)

    def _produce(self, order: Order, job: str, drafts: Path, stop: _Stop) -> Report:
        for left in reversed(range(TRIES)):
            _check(stop)
            try:
                with Client(self._find(stop.settings), stop.settings) as client:
                    return produce(order, client, drafts, _Relay(job, self.events, self.previews), job, keep=True)
            except (DaemonUnreachable, JobLost):
                if not left:
                    raise
        raise AssertionError("unreachable")


@dataclass
class _Relay(Silent):
    """[job] Reports a job's progress, and passes on what comes of its takes."""

    job: str
    events: queue.SimpleQueue[Event]
    previews: Previews

    def waiting(self, position: int) -> None:
        self.events.put(Waits(self.job, position))

    def working(self, progress: Progress) -> None:
        self.events.put(Works(self.job, progress))

    def preview(self, take: int, start: int, audio: Audio, rate: int) -> None:
        self.previews.grow(self.job, take, start, audio, rate)


def _place(order: Order, submit: Submit) -> Place:
    """Where the model's time line lies in the project of a host."""
    origin = submit.region.start - order.region.start
    return Place(order.source.start + origin, order.song.rate, order.region.shifted(origin))


def _check(stop: _Stop) -> None:
    if stop.event.is_set():
        raise JobCancelled("The job was cancelled.")


# ---- files ---------------------------------------------------------------------------------------------------


def check_folder(folder: Path) -> None:
    """Make the folder for takes, before any work is done for it. Raises BadSetting."""
    if not folder.is_absolute():
        raise BadSetting(f"{folder} does not say in which folder it lies.", "Save the project first.")
    disk.make_folder(folder, ANOTHER_PLACE)


def finished(record: JobRecord, order: Order, report: Report, folder: Path | None) -> JobRecord:
    """`record` with the takes of `report`: staged where they were written, bound for `folder` if there is one."""
    submit = record.submit
    place = naming.place(timeline.holes(submit), timeline.ruler(submit.timeline))
    what = order.task.to if order.task else ""
    staged = [Path(take.path) for take in report.takes]
    specs = [
        msgspec.structs.replace(spec, seed=take.seed)
        for spec, take in zip(order.request.takes, report.takes, strict=True)
    ]
    takes = tuple(
        TakeFile(
            path=str(_free(folder, path) if folder else path),
            name=naming.take(number, place, spec, what),
            seed=spec.seed,
            start=submit.region.start,
            end=submit.region.end,
            channels=order.song.channels,
        )
        for number, (path, spec) in enumerate(zip(staged, specs, strict=True), start=1)
    )
    undo = naming.undo(len(takes), place)
    reports = tuple(tuple(row for seam in take.seam for row in seams.table(seam)) for take in report.takes)
    bound = tuple(map(str, staged)) if folder else ()
    return msgspec.structs.replace(
        record, takes=takes, staged=bound, undo=undo, reports=reports, heard=_chords(order, report, submit)
    )


def _chords(order: Order, report: Report, submit: Submit) -> tuple[NamedChord, ...]:
    """Those that were read by ear, in the project."""
    if isinstance(report.heard, msgspec.UnsetType):
        return ()
    rate, origin = order.song.rate, submit.region.start - order.region.start
    places = (
        (round(each.start * rate) + origin, round(each.end * rate) + origin, each) for each in report.heard.chords
    )
    return tuple(NamedChord(start, end, heard.name_of(each), each.sure) for start, end, each in places if start < end)


def settle(record: JobRecord, keeper: Spool) -> JobRecord:
    """Move the takes of a ready job where they belong. May be done again at any point of it."""
    if not record.staged:
        return record
    for draft, take in zip(record.staged, record.takes, strict=True):
        if Path(draft).exists():
            for beside, there in zip(heard.beside(Path(draft)), heard.beside(Path(take.path)), strict=True):
                if beside.exists():
                    disk.move(beside, there, ANOTHER_PLACE)
            disk.move(Path(draft), Path(take.path), ANOTHER_PLACE)
    record = msgspec.structs.replace(record, staged=())
    keeper.keep(record)
    return record


def _free(folder: Path, draft: Path) -> Path:
    return folder / f"{disk.free_stem(folder, draft.stem, draft.suffix, *heard.BESIDE)}{draft.suffix}"
