"""Who is here, what they asked for, and what each of them should know now. Knows no files, sockets, threads or clocks.

Everything that happens comes in as a call with the time it happened; whoever calls asks for `news` afterwards and
carries it to the hosts. What must be done elsewhere is asked of two helpers: one keeps (:class:`Keeper`, the spool),
one works (:class:`Worker`, the crew).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from punchin_wire import VERSION
from punchin_wire.errors import BadMessage, ErrorInfo, PunchinError, QueueFull, UnknownJob
from punchin_wire.messages import Progress

from .jobs import WORKING, Job, JobRecord
from .protocol import (
    BEAT_SECONDS,
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
    Placed,
    State,
    Submit,
)
from .spool import Post

MAX_HOSTS = 32
MAX_WORKING = 64
"""Jobs that are prepared or at the daemon at once; more are refused."""
MAX_JOBS = 512
MAX_ASKS = 16
SHOWN_SECONDS = 60.0
"""How long hosts are told of a job that has ended."""
PROGRESS_SECONDS = 0.1
"""Progress alone is told so often at most."""

log = logging.getLogger(__name__)


class Keeper(Protocol):
    def keep(self, record: JobRecord) -> None: ...
    def finish(self, record: JobRecord) -> None: ...
    def welcome(self, host: str) -> None: ...
    def forget(self, host: str) -> None: ...


class Worker(Protocol):
    def start(self, record: JobRecord) -> None: ...
    def stop(self, job: str) -> None: ...


class Hands(Protocol):
    """Surfaces, which ask hosts for things and add to what they submit (:mod:`..hands`)."""

    def did(self, ask: str, error: str) -> None: ...
    def complete(self, submit: Submit) -> Submit: ...


@dataclass
class Presence:
    """A host that is here: its last hello, when it was heard, and what it was told last."""

    hello: Hello
    heard: float
    asks: dict[str, Command] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    told: State | None = None
    told_at: float = -1e9


class HostSessions:
    """The bridge's memory. Not for more than one thread."""

    def __init__(self, keeper: Keeper, worker: Worker) -> None:
        self._keeper, self._worker = keeper, worker
        self.hands: Hands | None = None
        self.hosts: dict[str, Presence] = {}
        self.jobs: dict[str, Job] = {}
        self._gone: set[str] = set()

    # ---- from before -----------------------------------------------------------------------------------------

    def resume(self, record: JobRecord) -> None:
        """Take up a job that an earlier bridge wrote down."""
        self.jobs[record.submit.job] = Job(record)
        if record.phase in WORKING:
            self._worker.start(record)

    # ---- from hosts ------------------------------------------------------------------------------------------

    def hear(self, post: Post, now: float, wall: float) -> None:
        """A document has come, at `now` of the monotonic clock and `wall` Unix seconds. Whatever is wrong with it is
        told to its host."""
        try:
            if post.document is None:
                raise post.said or BadMessage("Nothing was said.")
            self._hear(post.document, now, wall)
        except PunchinError as error:
            log.warning("%s: %s", post.host, error)
            if post.host in self.hosts:
                self.hosts[post.host].trouble = f"{error} {error.next_step}"

    def _hear(self, document: FromHost, now: float, wall: float) -> None:
        if document.host in self.hosts:
            self.hosts[document.host].heard = now
        match document:
            case Hello():
                self._meet(document, now)
            case Bye(host):
                self.leave(host)
            case Submit():
                self._accept(document, now, wall)
            case Cancel(host, name):
                self._cancel(self._job(host, name), now)
            case Placed(host, name):
                self._placed(self._job(host, name), document, now, wall)
            case Held(host, name, reason):
                log.info("job %s is held: %s", name, reason)
                self._change(self._job(host, name), "held")
            case Drop(host, name):
                self._end(self._job(host, name), "dropped", now)
            case CommandResult(host, ask, error):
                self._did(host, ask, error)
            case CommandRequest(host, target, ask):
                self.ask(target, ask, host)

    def _meet(self, hello: Hello, now: float) -> None:
        known = self.hosts.get(hello.host)
        if known is None:
            if len(self.hosts) >= MAX_HOSTS:
                raise QueueFull(f"{MAX_HOSTS} hosts are connected already.", "Close one of them.")
            self._keeper.welcome(hello.host)
            self.hosts[hello.host] = Presence(hello, now)
            log.info("%s is here: %s with %s", hello.host, hello.program, hello.project.name or hello.project.id)
        else:
            known.hello = hello

    def leave(self, host: str) -> None:
        """Forget a host. Its jobs stay, for whoever opens their project next, and so do the stems of those at work."""
        self.hosts.pop(host, None)
        self._gone.add(host)
        self._clear()

    def _clear(self) -> None:
        """Forget the files of hosts that have left, once no job needs them."""
        needed = {job.record.submit.host for job in self.jobs.values() if job.phase in WORKING}
        for host in self._gone - needed:
            self._gone.discard(host)
            if host not in self.hosts:
                self._keeper.forget(host)

    def _accept(self, submit: Submit, now: float, wall: float) -> None:
        if submit.job in self.jobs:
            return  # said twice
        submit = self.hands.complete(submit) if self.hands else submit
        seed = submit.wish.seed if submit.wish.seed is not None else secrets.randbelow(2**31)
        record = JobRecord(submit, wall, seed)
        job = self.jobs[submit.job] = Job(record)
        if sum(other.phase in WORKING for other in self.jobs.values()) > MAX_WORKING or len(self.jobs) > MAX_JOBS:
            self.failed(submit.job, QueueFull(f"{MAX_WORKING} jobs wait already.").info(), now)
            return
        try:
            self._keeper.keep(record)
        except PunchinError as error:
            self.failed(submit.job, error.info(), now)
            return
        waited = wall - submit.clicked - submit.read - submit.render if submit.clicked else 0.0
        job.record = msgspec.structs.replace(
            record, timings={"read": submit.read, "render": submit.render, "accept": max(waited, 0.0)}
        )
        self._worker.start(record)

    def _cancel(self, job: Job, now: float) -> None:
        if job.phase in WORKING:
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

    def _job(self, host: str, name: str) -> Job:
        """A job that `host` may speak of: its own, or one of the project it has open. Raises UnknownJob."""
        job, here = self.jobs.get(name), self.hosts.get(host)
        if job is None or (
            job.record.submit.host != host
            and (here is None or here.hello.project.id != job.record.submit.project.id)
            and not host.startswith("cli-")
        ):
            raise UnknownJob(f"There is no job {name} of this project.", "Submit it again.")
        return job

    # ---- asks ------------------------------------------------------------------------------------------------

    def ask(self, target: str, ask: Command, asker: str = "") -> None:
        """Ask the host `target` (its id, or its program: the one heard last) for an action. Raises BadMessage."""
        here = [
            (presence.heard, name)
            for name, presence in self.hosts.items()
            if target == name or target == name.partition("-")[0]
        ]
        if not here:
            raise BadMessage(
                f"No {target} is connected.", f"Open it with Punchin in it: `punchin host check {target}`."
            )
        presence = self.hosts[max(here)[1]]
        if ask.action not in presence.hello.can:
            can = ", ".join(presence.hello.can) or "nothing"
            raise BadMessage(f"{presence.hello.program} cannot {ask.action}.", f"It can: {can}.")
        if len(presence.asks) >= MAX_ASKS:
            raise QueueFull(f"{presence.hello.program} has not done the last {MAX_ASKS} things it was asked for.")
        presence.asks[ask.ask] = ask
        if asker in self.hosts:
            self.hosts[asker].answers.setdefault(ask.ask, "")

    def _did(self, host: str, ask: str, error: str) -> None:
        if host in self.hosts:
            self.hosts[host].asks.pop(ask, None)
        for presence in self.hosts.values():
            if ask in presence.answers:
                presence.answers[ask] = error or "done"
        if self.hands:
            self.hands.did(ask, error)

    # ---- from the crew ---------------------------------------------------------------------------------------

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
        job.move("ready", takes=record.takes, staged=(), undo=record.undo, notes=record.notes, timings=timings)
        if job.cancelling:
            self._end(job, "dropped", now)

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
        for host in [name for name, presence in self.hosts.items() if now - presence.heard > LEASE_SECONDS]:
            log.info("%s is gone", host)
            self.leave(host)
        self._clear()
        for name in [name for name, job in self.jobs.items() if job.ended and now - job.ended > SHOWN_SECONDS]:
            del self.jobs[name]

    def news(self, now: float) -> Iterator[tuple[Hello, State]]:
        """What has to be told, and to whom: changes at once, mere progress now and then, the beat every second."""
        for presence in self.hosts.values():
            before, since = presence.told, now - presence.told_at
            state = self._state(presence, before.revision if before else 0, int(now / BEAT_SECONDS), now)
            if before is None or not _same(state, before):
                if before is not None and since < PROGRESS_SECONDS and _only_progress(state, before):
                    continue
                state = msgspec.structs.replace(state, revision=state.revision + 1)
            elif state.beat == before.beat:
                continue
            presence.told, presence.told_at = state, now
            yield presence.hello, state

    def _state(self, presence: Presence, revision: int, beat: int, now: float) -> State:
        host = presence.hello.host
        jobs = tuple(job.view(now) for job in self.jobs.values() if self._concerns(job, presence))
        asks = tuple(presence.asks.values())
        return State(host, revision, beat, VERSION, jobs, asks, presence.trouble, dict(presence.answers))

    def _concerns(self, job: Job, presence: Presence) -> bool:
        """A host hears of its own jobs, and of those that another left behind in the project it has open."""
        submit = job.record.submit
        if submit.host == presence.hello.host:
            return True
        return submit.host not in self.hosts and submit.project.id == presence.hello.project.id

    @property
    def is_idle(self) -> bool:
        """Whether nobody is here and nothing is at work."""
        return not self.hosts and not any(job.phase in WORKING for job in self.jobs.values())


def _same(now: State, before: State) -> bool:
    return msgspec.structs.replace(now, beat=0, revision=0) == msgspec.structs.replace(before, beat=0, revision=0)


def _only_progress(now: State, before: State) -> bool:
    def rest(state: State) -> tuple[object, ...]:
        return state.asks, state.trouble, state.answers, [(job.job, job.phase) for job in state.jobs]

    return rest(now) == rest(before)
