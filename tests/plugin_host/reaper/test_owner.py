"""Two REAPERs that have one project open, and a bridge that is killed: takes are placed once."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from fakes.reaper import Reaper
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.packs import HostPacks
from punchin_bridge.hosts.sessions import BACK_SECONDS, HostSessions
from punchin_bridge.hosts.spool import Spool
from punchin_bridge.packs.pulls import Pulls

from .conftest import SCRIPTS, Studio

pytestmark = pytest.mark.slow


class Worker:
    """Begins nothing."""

    def start(self, _record: JobRecord) -> None: ...

    def stop(self, _job: str) -> None: ...

    def is_watched(self) -> bool:
        return False


class Pair:
    """Two REAPERs before one file, and the bridge between them. Its clock may be put forward."""

    def __init__(self, studio: Studio) -> None:
        self.studio, self.spool, self.skipped = studio, Spool(studio.spool), 0.0
        self.spool.open()
        self.bridge: HostSessions | None = HostSessions(self.spool, Worker(), HostPacks(Pulls()))
        self.awake = [studio.reaper]
        self.click("Background", studio.reaper)
        self.until(lambda: studio.project.ext)  # it has an id now
        self.other = Reaper(studio.resources, [copy.deepcopy(studio.project)])
        self.awake.append(self.other)
        self.click("Background", self.other)

    @property
    def both(self) -> tuple[Reaper, Reaper]:
        return self.studio.reaper, self.other

    @property
    def now(self) -> float:
        return time.monotonic() + self.skipped

    def click(self, title: str, reaper: Reaper) -> None:
        reaper.run(self.studio.resources / SCRIPTS / f"Punchin_{title}.lua")

    def turn(self) -> None:
        for reaper in self.awake:
            reaper.tick()
        if self.bridge is not None:
            for post in self.spool.receive():
                self.bridge.receive(post, self.now, time.time())
            for _, state in self.bridge.news(self.now):
                self.spool.send(state)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, [reaper.window() for reaper in self.both]
            self.turn()
            time.sleep(0.001)

    def turns(self, seconds: float) -> None:
        """Go on for a while, for what must not happen."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def asked(self) -> str:
        """The job of a click in the first REAPER."""
        assert self.bridge is not None
        known = self.bridge
        self.until(lambda: len(known.hosts) == 2)
        self.click("Inpaint selection", self.studio.reaper)
        self.until(lambda: known.jobs)
        return next(iter(known.jobs))

    def make(self, job: str) -> None:
        """The takes of `job`, written down as the runner does."""
        assert self.bridge is not None
        record = self.bridge.jobs[job].record
        view = self.studio.ready_view(record.submit)
        made = msgspec.structs.replace(record, phase="ready", takes=view.takes, undo=view.undo)
        self.spool.keep(made)
        self.bridge.ready(made, self.now)

    def next_bridge(self) -> None:
        self.bridge = HostSessions(self.spool, Worker(), HostPacks(Pulls()))
        for record, _ in self.spool.records():
            self.bridge.resume(record, self.now)

    @property
    def placed(self) -> list[int]:
        """How often takes were laid in each."""
        return [len(reaper.undos.get(0, [])) for reaper in self.both]


@pytest.fixture
def pair(studio: Studio) -> Iterator[Pair]:
    yield (made := Pair(studio))
    assert made.other.console == []


def test_two_reapers_are_two_hosts_of_one_project(pair: Pair) -> None:
    pair.make(pair.asked())
    pair.until(lambda: pair.placed == [1, 0])
    pair.turns(0.3)
    assert pair.placed == [1, 0]


def test_the_one_that_asked_places_though_the_other_is_heard_first(pair: Pair) -> None:
    job = pair.asked()
    pair.awake = []
    pair.make(job)
    pair.bridge = None  # killed before either has heard
    pair.awake = [pair.other]
    pair.next_bridge()
    pair.turns(6.0)  # a hello later
    assert pair.placed == [0, 0]
    pair.awake = list(pair.both)
    pair.until(lambda: pair.placed == [1, 0])
    pair.turns(0.3)
    assert pair.placed == [1, 0]


def test_one_that_slept_too_long_places_nothing_when_it_wakes(pair: Pair) -> None:
    """Its state of the last bridge says that the takes are ready; the next bridge has passed them on."""
    job = pair.asked()
    pair.awake = [pair.other]  # the first is held up by a dialog of its own
    pair.make(job)
    pair.turn()
    pair.bridge = None
    pair.next_bridge()
    pair.skipped += BACK_SECONDS + 1
    pair.until(lambda: pair.placed == [0, 1])
    pair.awake = list(pair.both)
    pair.turns(0.5)
    assert pair.placed == [0, 1]
    assert not list(Path(pair.spool.root / "jobs").iterdir())


def test_an_answer_that_comes_too_late_is_not_followed(pair: Pair) -> None:
    """The musician was asked where takes belong; the job went to the other meanwhile."""
    job = pair.asked()
    pair.studio.project.track("Keys").items[0].info["D_VOL"] = 0.7
    pair.make(job)
    pair.until(lambda: "Where asked" in pair.studio.reaper.screen.texts)
    pair.awake = [pair.other]
    pair.bridge = None
    pair.next_bridge()
    pair.skipped += BACK_SECONDS + 1
    pair.until(lambda: pair.placed == [0, 1])
    pair.studio.reaper.press("Where asked")
    pair.studio.reaper.ticks(lambda: "Another program" in pair.studio.reaper.window())
    assert pair.placed == [0, 1]
