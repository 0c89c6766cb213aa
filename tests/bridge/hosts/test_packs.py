"""What hosts are told of model packs: the server's program is played by hand, and everything else is real."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import pytest
from fakes.room import Room, hello
from punchin_bridge.hosts.packs import SHOWN_SECONDS, HostPacks
from punchin_bridge.hosts.protocol import Bye, ListPacks, PackView, Pull, PullView, StopPull, Terms
from punchin_bridge.hosts.sessions import HostSessions
from punchin_bridge.packs.listing import Offer, Pack
from punchin_bridge.packs.plans import Plan
from punchin_bridge.packs.pulls import Pulls
from punchin_bridge.packs.question import Question
from punchin_wire.errors import DaemonError, SourceUnreachable

PLAN = Plan("airgen", "large", 7_700_000_000, {"CC": "CC: asks", "MIT": "MIT"}, ("CC",), "It fits.")
OFFER = Offer("airgen", "large", "7.7 GB", "It fits.", ("CC", "MIT"))
SAYS = """
import json, sys, time
def say(**line): print(json.dumps(line), flush=True)
say(progress={"file": "a.bin", "done": 3_100_000_000, "total": 14_000_000_000})
"""
HOST = "fake-1"


class Desk:
    """A room whose packs come from here. The pull's program is `SAYS` and then `program`."""

    def __init__(self, program: str = "say(packs=[{}])") -> None:
        self.here: tuple[Pack, ...] = (Pack("tiny", "ok", "3", ("inpaint",), "Apache-2.0"), Pack("old", "pack_corrupt"))
        self.plan: Plan | Exception = PLAN
        self.trouble: DaemonError | None = None
        self.pulls = Pulls([sys.executable, "-c", SAYS + program])
        self.packs = HostPacks(self.pulls, Question(self._here), Question(lambda: (OFFER,)), self._plan)
        self.room = Room()
        self.room.sessions = HostSessions(self.room.elsewhere, self.room.elsewhere, self.packs)
        self.room.say(hello())

    def _here(self) -> tuple[Pack, ...]:
        if self.trouble is not None:
            raise self.trouble
        return self.here

    def _plan(self, _name: str) -> Plan:
        if isinstance(self.plan, Exception):
            raise self.plan
        return self.plan

    def until(self, found: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not found():
            assert time.monotonic() < deadline, self.room.told
            time.sleep(0.01)
            self.pulls.news()  # as the surfaces' port does at each step
            self.room.now += 0.02
            self.packs.step(self.room.now)
            self.room.tell()

    def pull(self, host: str = HOST) -> PullView | None:
        return self.room.told[host].pull

    def reaches(self, phase: str) -> PullView:
        self.until(lambda: (pull := self.pull()) is not None and pull.phase == phase)
        found = self.pull()
        assert found is not None
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.pulls.close()


def test_packs_are_told_to_whoever_asks(desk: Desk) -> None:
    desk.room.say(hello("other-1"), ListPacks(HOST))
    desk.until(lambda: desk.room.told[HOST].packs)
    assert desk.room.told[HOST].packs == (
        PackView("tiny", "here", "", "", ("Apache-2.0",), "", ("inpaint",)),
        PackView("old", "damaged"),
        PackView("airgen", "offered", "large", "7.7 GB", ("CC", "MIT"), "It fits."),
    )
    assert desk.room.told["other-1"].packs is None


def test_a_pack_whose_files_are_gone_can_be_fetched_again(desk: Desk) -> None:
    desk.here = (Pack("airgen", "pack_corrupt"),)
    desk.room.say(ListPacks(HOST))
    desk.until(lambda: desk.room.told[HOST].packs)
    assert [(pack.name, pack.state) for pack in desk.room.told[HOST].packs or ()] == [("airgen", "offered")]


def test_nothing_is_fetched_before_its_licence_is_accepted(desk: Desk) -> None:
    desk.room.say(Pull(HOST, "airgen"))
    asking = desk.reaches("asking")
    assert (asking.line, asking.terms) == ("airgen: 7.7 GB to fetch. It fits.", (Terms("CC", "CC: asks"),))
    assert desk.pulls.count == 0
    desk.room.say(StopPull(HOST))
    assert desk.pull() is None
    desk.room.say(Pull(HOST, "airgen", ("CC",)))
    assert desk.reaches("done").line == "airgen is here."
    assert desk.pulls.count == 1


def test_what_was_accepted_before_is_not_asked_again(desk: Desk) -> None:
    desk.plan = Plan("airgen", "large", 1, {"MIT": "MIT"}, (), "It fits.")
    desk.room.say(Pull(HOST, "airgen"))
    desk.reaches("done")


def test_the_list_is_new_when_a_pack_has_come(desk: Desk) -> None:
    desk.room.say(ListPacks(HOST))
    desk.until(lambda: desk.room.told[HOST].packs)
    desk.here = (Pack("airgen", "ok", "1", ("inpaint",), "CC"),)
    desk.room.say(Pull(HOST, "airgen", ("CC",)))
    here = PackView("airgen", "here", "large", "", ("CC",), "", ("inpaint",))
    desk.until(lambda: desk.room.told[HOST].packs == (here,))
    desk.room.now += SHOWN_SECONDS + 1
    desk.until(lambda: desk.pull() is None)


def test_a_pull_is_followed_and_stopped_and_there_is_but_one() -> None:
    desk = Desk("time.sleep(60)")
    desk.room.say(Pull(HOST, "airgen", ("CC",)))
    desk.until(lambda: (pull := desk.pull()) is not None and pull.fraction)
    running = desk.pull()
    assert running is not None
    assert (running.phase, running.line) == ("running", "airgen: 22 % · 3.1 of 14 GB")
    desk.room.say(Pull(HOST, "airgen", ("CC",)), Pull(HOST, "listener", ("CC",)))
    assert desk.room.told[HOST].trouble == "A pack is being fetched already. Wait for it, or stop it first."
    assert desk.pulls.count == 1
    desk.room.say(Bye(HOST))
    assert not desk.room.sessions.is_idle  # it goes on when the DAW is closed
    desk.room.say(hello(), ListPacks(HOST))
    assert desk.pull() == running
    desk.room.say(StopPull(HOST))
    assert desk.reaches("stopped").line == "airgen is not whole; what came is kept."
    desk.pulls.close()


def test_what_goes_wrong_is_one_sentence_in_a_musicians_words(desk: Desk) -> None:
    desk.plan = SourceUnreachable("The hub does not answer.", "Run `punchin packs pull` later.")
    desk.room.say(Pull(HOST, "airgen"))
    first = desk.reaches("failed")
    assert first.line == "The hub does not answer. Look at the network, and ask again: it goes on where it stopped."
    desk.trouble = DaemonError("The model packs are not known.", "Run `punchin packs list` to see why.")
    desk.room.say(StopPull(HOST), ListPacks(HOST))
    desk.until(lambda: (pull := desk.pull()) is not None and pull.pull != first.pull)
    assert desk.reaches("failed").line == "The model packs are not known. Ask again."


def test_an_error_of_the_pull_itself() -> None:
    desk = Desk("say(error={'code': 'not_written', 'message': 'The disk is full.', 'next_step': 'Make room.'})")
    desk.room.say(Pull(HOST, "airgen", ("CC",)))
    assert desk.reaches("failed").line == "The disk is full. Make room."
