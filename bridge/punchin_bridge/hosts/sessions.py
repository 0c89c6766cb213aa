"""Who is here, what they asked for, and what each of them should know now. Knows no files, sockets, threads or clocks.

Everything that happens comes in as a call with the time it happened; whoever calls asks for `news` afterwards and
carries it to the hosts. What must be done elsewhere is asked of three others: one keeps (:class:`Keeper`, the spool),
one works (:class:`Worker`, the runner), one knows model packs (:class:`Packs`).
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec
from punchin_wire import params
from punchin_wire.errors import BadMessage, ErrorInfo, PunchinError, QueueFull, UnknownJob
from punchin_wire.messages import Progress
from punchin_wire.params import Control

from ..settings import LOCAL
from . import played, words
from .ensemble import Ensemble
from .jobs import WORKING, Job, JobRecord, error_info
from .presence import Presence
from .protocol import (
    BEAT_SECONDS,
    HELLO_SECONDS,
    LEASE_SECONDS,
    Bye,
    Cancel,
    Command,
    CommandRequest,
    CommandResult,
    Drop,
    FromHost,
    Held,
    Hello,
    ListPacks,
    NameChords,
    PackView,
    Placed,
    Pull,
    PullView,
    State,
    Stem,
    StopPull,
    Submit,
)
from .spool import Post

MAX_HOSTS = 256
"""Every plug-in in a project is one."""
MAX_WORKING = 64
"""Jobs that are prepared or at the daemon at once; more are refused."""
MAX_JOBS = 512
SHOWN_SECONDS = 60.0
"""How long hosts see a job that has ended."""
SILENT_SECONDS = 3600.0
"""How long the files of a host stay that is not heard any more: it may only wait for its musician. Ardour calls no
hook while a dialog is open that the hook has opened."""
BACK_SECONDS = 3 * HELLO_SECONDS
"""How long the owner of a job has to say hello to a new bridge, until another host with its project gets the job."""

TERMINAL = "cli-"
"""How the ids of those begin who have no project of their own: `punchin host do`."""

log = logging.getLogger(__name__)


class Keeper(Protocol):
    def keep(self, record: JobRecord) -> None: ...
    def finish(self, record: JobRecord) -> None: ...
    def welcome(self, host: str) -> None: ...
    def forget(self, host: str) -> None: ...
    def adopt(self, job: str, control: Control, host: str, path: str) -> str: ...


class Worker(Protocol):
    def start(self, record: JobRecord) -> None: ...
    def stop(self, job: str) -> None: ...
    def is_watched(self) -> bool:
        """Whether somebody looks at takes while they grow."""
        ...


class Packs(Protocol):
    @property
    def is_pulling(self) -> bool: ...
    def look(self, host: str) -> None: ...
    def pull(self, host: str, name: str, accept: Sequence[str]) -> None: ...
    def stop(self, host: str) -> None: ...
    def forget(self, host: str) -> None: ...
    def packs(self, host: str) -> tuple[PackView, ...] | None: ...
    def pulling(self, host: str) -> PullView | None: ...


class HostSessions:
    """[loop] The bridge's memory. `used` says which remote makes what is asked for now."""

    def __init__(self, keeper: Keeper, worker: Worker, packs: Packs, used: Callable[[], str] = lambda: "") -> None:
        self._keeper, self._worker, self._packs, self._used = keeper, worker, packs, used
        self.hosts: dict[str, Presence] = {}
        self.jobs: dict[str, Job] = {}
        self._gone: dict[str, float] = {}  # host -> when its files may go
        self._ensemble = Ensemble()
        self._awaited: dict[str, float] = {}
        self._remote, self._remote_until = "", 0.0

    @property
    def daemon(self) -> str | None:
        """The name of the daemon that has the last of the jobs at work; None where none is."""
        working = (job.record for job in self.jobs.values() if job.phase in WORKING)
        last = max(working, key=lambda record: record.accepted, default=None)
        return None if last is None else last.remote

    # ---- from before -----------------------------------------------------------------------------------------

    def resume(self, record: JobRecord, now: float) -> None:
        """Take up a job that an earlier bridge wrote down. Its owner may be alive, and about to say hello."""
        job = self.jobs[record.submit.job] = Job(record)
        self._awaited[job.owner] = now + BACK_SECONDS
        if record.phase in WORKING:
            self._start(record)

    # ---- from hosts ------------------------------------------------------------------------------------------

    def receive(self, post: Post, now: float, wall: float) -> None:
        """A document has come, at `now` of the monotonic clock and `wall` Unix seconds. What is wrong with it becomes
        its host's `trouble`."""
        try:
            if post.document is None:
                raise post.error or BadMessage("There is no document.")
            self._take_in(post.document, now, wall)
        except PunchinError as error:
            log.warning("%s: %s", post.host, error)
            if post.host in self.hosts:
                presence = self.hosts[post.host]
                said = error.info() if post.host.startswith(TERMINAL) else words.in_host(error.info())
                presence.trouble, presence.refused = f"{said.message} {said.next_step}", post.job

    def _take_in(self, document: FromHost, now: float, wall: float) -> None:
        """Raises PunchinError."""
        if document.host in self.hosts:
            self.hosts[document.host].came = now
        match document:
            case Hello():
                self._meet(document, now)
            case Bye(host):
                self.leave(host, now)
            case Submit():
                self._accept(document, now, wall)
            case Cancel() | Placed() | Held() | Drop():
                if (job := self._job(document.host, document.job)) is not None:
                    self._decide(job, document, now, wall)
            case CommandResult(host, command, error):
                self._finish(host, command, error)
            case Stem(host, command):
                self._finish(host, command, document.error)
                self._ensemble.receive(document, self._keeper.adopt)
            case NameChords(host):
                if host in self.hosts:
                    self.hosts[host].name(played.named(document), now)
            case CommandRequest(host, target, command):
                self.command(target, command, host)
            case ListPacks(host):
                self._packs.look(host)
            case Pull(host, pack, accept):
                self._packs.pull(host, pack, accept)
            case StopPull(host):
                self._packs.stop(host)

    def _decide(self, job: Job, document: Cancel | Placed | Held | Drop, now: float, wall: float) -> None:
        match document:
            case Cancel():
                self._cancel(job, now)
            case Placed():
                self._placed(job, document, now, wall)
            case Held():
                log.info("job %s is held: %s", job.name, document.reason)
                self._change(job, "held")
            case Drop():
                self._end(job, "dropped", now)

    def _meet(self, hello: Hello, now: float) -> None:
        known = self.hosts.get(hello.host)
        if known is None:
            if len(self.hosts) >= MAX_HOSTS:
                raise QueueFull(f"{MAX_HOSTS} hosts are connected already.", "Close one of them.")
            self._gone.pop(hello.host, None)
            self._keeper.welcome(hello.host)
            self.hosts[hello.host] = Presence(hello, now)
            log.info("%s is here: %s with %s", hello.host, hello.program, hello.project.name or hello.project.id)
        else:
            known.hello = hello

    def leave(self, host: str, now: float, files_stay: float = 0.0) -> None:
        """Forget a host, and its files in so many seconds. Its jobs stay, for whoever opens their project next, and so
        do the stems of those at work."""
        self.hosts.pop(host, None)
        self._awaited.pop(host, None)
        self._packs.forget(host)
        self._gone[host] = now + files_stay
        self._clear(now)

    def _clear(self, now: float) -> None:
        """Forget the files of hosts that have left, once no job needs them."""
        needed = {job.record.submit.host for job in self.jobs.values() if job.phase in WORKING}
        for host in [name for name, when in self._gone.items() if when <= now and name not in needed]:
            del self._gone[host]
            self._keeper.forget(host)

    def _accept(self, submit: Submit, now: float, wall: float) -> None:
        if submit.job in self.jobs:
            return  # documents may come twice
        submit = _as_said(submit)
        seed = submit.params.seed if submit.params.seed is not None else secrets.randbelow(2**31)
        record = JobRecord(submit, wall, seed, remote=self._used(), preview=self._worker.is_watched())
        job = self.jobs[submit.job] = Job(record)
        if sum(other.phase in WORKING for other in self.jobs.values()) > MAX_WORKING or len(self.jobs) > MAX_JOBS:
            full = QueueFull(f"{MAX_WORKING} jobs wait already.", "Wait until one is done, or cancel one.")
            self.failed(submit.job, error_info(full), now)
            return
        try:
            self._keeper.keep(record)
        except PunchinError as error:
            self.failed(submit.job, error_info(error), now)
            return
        waited = wall - submit.clicked - submit.read - submit.render if submit.clicked else 0.0
        job.record = msgspec.structs.replace(
            record, timings={"read": submit.read, "render": submit.render, "accept": max(waited, 0.0)}
        )
        self._start(record)

    def _start(self, record: JobRecord) -> None:
        """Have a job carried out, once all is there that it follows."""
        if record.submit.follow:
            self._ensemble.hold(record.submit)
        else:
            self._worker.start(record)

    def _gather(self, now: float) -> None:
        """Go on with jobs that have all they follow now; it is written down, so that the next bridge need not ask."""
        for submit in self._ensemble.step(now, self.hosts):
            job = self.jobs[submit.job]
            job.record = msgspec.structs.replace(job.record, submit=submit)
            try:
                self._keeper.keep(job.record)
            except PunchinError as error:
                self.failed(job.name, error_info(error), now)
            else:
                self._worker.start(job.record)

    def _cancel(self, job: Job, now: float) -> None:
        if self._ensemble.is_holding(job.name):
            self._ensemble.drop(job.name)
            self._end(job, "cancelled", now)
        elif job.phase in WORKING:
            job.cancelling = True
            self._worker.stop(job.name)
        else:
            self._end(job, "dropped", now)

    def _placed(self, job: Job, placed: Placed, now: float, wall: float) -> None:
        if job.is_ended:
            return
        total = {"total": wall - job.record.submit.clicked} if job.record.submit.clicked else {}
        timings = job.record.timings | {"place": placed.seconds} | total
        job.record = msgspec.structs.replace(job.record, timings=timings)
        split = ", ".join(f"{name} {seconds:.3f}" for name, seconds in timings.items())
        log.info("job %s is placed; seconds: %s", job.name, split)
        self._end(job, "placed", now)

    def _change(self, job: Job, phase: str) -> None:
        if job.move(phase):  # type: ignore[arg-type]
            self._keeper.keep(job.record)

    def _end(self, job: Job, phase: str, now: float) -> None:
        if job.move(phase):  # type: ignore[arg-type]
            job.ended = now
            self._keeper.finish(job.record)

    def _job(self, host: str, name: str) -> Job | None:
        """A job that `host` may speak of: its own, or one of the project it has open. None where there is none of that
        name: it has ended, and the bridge that ended it died before the host heard so. Raises UnknownJob."""
        job, here = self.jobs.get(name), self.hosts.get(host)
        if job is None:
            log.info("%s speaks of job %s, which has ended", host, name)
            return None
        if (
            job.record.submit.host != host
            and (here is None or here.hello.project.id != job.record.submit.project.id)
            and not host.startswith(TERMINAL)
        ):
            raise UnknownJob(f"There is no job {name} of this project.", "Submit it again.")
        return job

    # ---- commands --------------------------------------------------------------------------------------------

    def command(self, target: str, command: Command, sender: str = "") -> None:
        """Have the host `target` do a command of `sender`: by its id, its program (the one that sent something last),
        or the name of the track that a plug-in is on.

        Raises BadMessage, also where the host cannot do it, and QueueFull.
        """
        here = [
            (presence.came, name)
            for name, presence in self.hosts.items()
            if target in (name, name.partition("-")[0]) or _is_on(presence.hello, target)
        ]
        if not here:
            raise BadMessage(
                f"No {target} is connected.", f"Open it with Punchin in it: `punchin host check {target}`."
            )
        self.hosts[max(here)[1]].command(command)
        if sender in self.hosts:
            self.hosts[sender].answers.setdefault(command.ask, "")

    def _finish(self, host: str, command: str, error: str) -> None:
        if host in self.hosts:
            self.hosts[host].commands.pop(command, None)
        for presence in self.hosts.values():
            if command in presence.answers:
                presence.answers[command] = error or "done"

    # ---- from the runner -------------------------------------------------------------------------------------

    def waiting(self, name: str, position: int) -> None:
        if name in self.jobs:
            self.jobs[name].wait(position)

    def working(self, name: str, progress: Progress, now: float) -> None:
        if name in self.jobs:
            self.jobs[name].work(progress, now)

    def ready(self, record: JobRecord, now: float) -> None:
        """The takes lie whole where they belong, and that is written down. One that was cancelled meanwhile ends."""
        job = self.jobs[record.submit.job]
        timings = job.record.timings | record.timings
        job.move(
            "ready", takes=record.takes, staged=(), undo=record.undo, notes=record.notes, timings=timings,
            reports=record.reports, heard=record.heard,
        )  # fmt: skip
        if job.cancelling:
            self._end(job, "dropped", now)
        elif job.record.owner != record.owner:  # it was passed on meanwhile, and the runner wrote down what it knew
            self._keeper.keep(job.record)

    def failed(self, name: str, error: ErrorInfo, now: float) -> None:
        job = self.jobs[name]
        if job.move("failed", error=error):
            log.warning("job %s failed: %s (%s)", name, error.message, error.code)
            job.ended = now
            self._keeper.finish(job.record)

    def cancelled(self, name: str, now: float) -> None:
        self._end(self.jobs[name], "cancelled", now)

    # ---- what hosts should know ------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Forget hosts that are gone, and jobs that ended a while ago."""
        for host in [name for name, presence in self.hosts.items() if now - presence.came > LEASE_SECONDS]:
            log.info("%s is gone", host)
            self.leave(host, now, SILENT_SECONDS)
        self._clear(now)
        for name in [name for name, job in self.jobs.items() if job.ended and now - job.ended > SHOWN_SECONDS]:
            del self.jobs[name]

    def news(self, now: float) -> Iterator[tuple[Hello, State]]:
        """What has to be sent, and to whom. A job is told to one host, its owner."""
        self._gather(now)
        self._pass_on(now)
        remote = self._remote_now(now)
        for host, presence in self.hosts.items():
            jobs = tuple(job.view(now) for job in self.jobs.values() if job.owner == host)
            packs, pull = self._packs.packs(host), self._packs.pulling(host)
            if (state := presence.news(jobs, now, packs, pull, remote, self._song(presence.hello))) is not None:
                yield presence.hello, state

    def _remote_now(self, now: float) -> str:
        """As `State.remote`. It stands in a file, which is read once a beat."""
        if now >= self._remote_until:
            used = self._used()
            self._remote, self._remote_until = "" if used == LOCAL else used, now + BEAT_SECONDS
        return self._remote

    def _song(self, hello: Hello) -> str:
        """What other plug-ins call the song of one that does not say: musicians write it in one window."""
        if hello.part is None or hello.project.name:
            return ""
        songs = (presence.hello.project for presence in self.hosts.values() if presence.hello.part is not None)
        return next((song.name for song in songs if song.name and song.id == hello.project.id), "")

    def _pass_on(self, now: float) -> None:
        """Give jobs whose owner is gone to a host that has their project open. The last owner's files go, its state
        among them, so that it places nothing should it only have been asleep."""
        for job in self.jobs.values():
            owner = job.owner
            if job.is_ended or owner in self.hosts or now < self._awaited.get(owner, now):
                continue
            heir = next((host for host, found in self.hosts.items() if _inherits(found.hello, job)), None)
            if heir is not None:
                log.info("job %s of %s is passed on to %s", job.name, owner, heir)
                job.record = msgspec.structs.replace(job.record, owner=heir)
                self._gone[owner] = now
                with contextlib.suppress(PunchinError):  # a full disk: the next bridge asks the last owner first
                    self._keeper.keep(job.record)
        self._clear(now)

    @property
    def is_idle(self) -> bool:
        """Whether nobody is here and nothing is at work."""
        return (
            not self.hosts
            and not self._packs.is_pulling
            and not any(job.phase in WORKING for job in self.jobs.values())
        )


def _inherits(hello: Hello, job: Job) -> bool:
    """Whether a host has the project of `job` open; of plug-ins the one on its track."""
    submit = job.record.submit
    return hello.project.id == submit.project.id and (hello.part is None or hello.part.track == submit.target.id)


def _is_on(hello: Hello, track: str) -> bool:
    """Whether a host is a plug-in on the track of this name."""
    return hello.part is not None and bool(track) and hello.part.name.casefold() == track.casefold()


def _as_said(submit: Submit) -> Submit:
    """The job with those of the parameters that the musician wrote that its engine has. Raises BadSetting."""
    if not submit.said:
        return submit
    engine = submit.params.engine
    said = [(params.find(name), text) for name, text in submit.said.items()]
    values = {each.name: each.read(text) for each, text in said if engine in each.engines}
    return msgspec.structs.replace(submit, params=params.build(engine, values), said={})
