"""The bridge's sessions without a spool and without work: one submission, and a room that remembers what was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.packs import HostPacks
from punchin_bridge.hosts.protocol import (
    FromHost,
    Hello,
    Project,
    Rendered,
    Span,
    State,
    Submit,
    TakeFile,
    TempoPoint,
    Timeline,
    TimeSignaturePoint,
    Track,
)
from punchin_bridge.hosts.sessions import HostSessions
from punchin_bridge.hosts.spool import Post
from punchin_bridge.packs.pulls import Pulls
from punchin_wire.errors import BadMessage
from punchin_wire.params import Control, InpaintParams

SUBMIT = Submit(
    "fake-1",
    "job-1",
    Project("song"),
    Timeline(48_000, (TempoPoint(0.0, 120.0),), (TimeSignaturePoint(0.0),)),
    Span(0, 48_000),
    Track("t", "Keys", Rendered("/a.wav", 0)),
    InpaintParams(takes=4),
    guard="digest",
)
TAKE = TakeFile("/take.wav", "Punchin 1", 7, 0, 48_000, 2)


@dataclass
class Elsewhere:
    """The spool and the runner, which only remember."""

    record: list[JobRecord] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    watched: bool = False
    used: str = "local"

    def keep(self, record: JobRecord) -> None:
        self.record.append(record)

    def finish(self, record: JobRecord) -> None:
        self.finished.append(record.submit.job)

    def welcome(self, host: str) -> None: ...

    def forget(self, host: str) -> None:
        self.forgotten.append(host)

    def adopt(self, job: str, control: Control, host: str, path: str) -> str:
        if f"/{host}/" not in path:
            raise BadMessage("That is another's.")
        return f"/jobs/{job}/{control}.wav"

    def start(self, record: JobRecord) -> None:
        self.started.append(record.submit.job)

    def stop(self, job: str) -> None:
        self.stopped.append(job)

    def is_watched(self) -> bool:
        return self.watched


@dataclass
class Room:
    """The sessions, what is elsewhere, and what each host was sent last."""

    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    told: dict[str, State] = field(default_factory=dict)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.sessions = HostSessions(self.elsewhere, self.elsewhere, HostPacks(Pulls()), lambda: self.elsewhere.used)

    def say(self, *documents: FromHost) -> None:
        for document in documents:
            self.sessions.receive(Post(document.host, document), self.now, 1000.0)
        self.tell()

    def tell(self) -> list[str]:
        news = {hello.host: state for hello, state in self.sessions.news(self.now)}
        self.told |= news
        return list(news)

    def phases(self, host: str) -> list[str]:
        return [view.phase for view in self.told[host].jobs]

    def ready(self, name: str = "job-1") -> None:
        record = self.sessions.jobs[name].record
        self.sessions.ready(
            msgspec.structs.replace(record, phase="ready", takes=(TAKE,), timings={"splice": 0.5}), self.now
        )
        self.tell()


def hello(host: str = "fake-1", project: str = "song", **more: Any) -> Hello:
    return Hello(host, "Fake", Project(project), **more)


def submit(job: str = "job-1", **more: Any) -> Any:
    return msgspec.structs.replace(SUBMIT, job=job, **more)
