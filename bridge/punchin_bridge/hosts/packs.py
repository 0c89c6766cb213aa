"""Model packs as hosts are told of them: which there are, what must be accepted, how a pull goes. Waits for nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from punchin_wire.errors import PunchinError, QueueFull

from ..packs import listing, plans
from ..packs.listing import Offer, Pack
from ..packs.plans import Plan
from ..packs.pulls import News, Pulls, size_of
from ..packs.question import Question
from . import words
from .protocol import PackView, PullPhase, PullView, Terms

T = TypeVar("T")

MAX_PACKS = 64
"""Packs that a host is told of."""
SHOWN_SECONDS = 60.0
"""How long hosts see a pull that has ended."""


class _Asking(NamedTuple):
    """A host wants the pack `name`, and what that takes is being looked up: `view` says so, and then what was found."""

    view: PullView
    plan: Question[Plan] | None


class HostPacks:
    """[loop] What was asked is answered by :meth:`step`, and shown to those alone that asked for packs."""

    def __init__(
        self,
        pulls: Pulls,
        here: Question[tuple[Pack, ...]] | None = None,
        offers: Question[tuple[Offer, ...]] | None = None,
        plan: Callable[[str], Plan] = plans.plan,
    ) -> None:
        self._pulls, self._plan = pulls, plan
        self._here, self._offers = here or Question(listing.listed), offers or Question(listing.offered)
        self._packs: tuple[Pack, ...] | None = None
        self._offered: tuple[Offer, ...] | None = None
        self._hosts: set[str] = set()
        self._asking: dict[str, _Asking] = {}
        self._ids, self._count = secrets.token_hex(4), 0
        self._ended: float | None = None
        self._is_old = False

    # ---- what hosts ask for ----------------------------------------------------------------------------------

    def look(self, host: str) -> None:
        """Find out which packs there are."""
        self._hosts.add(host)
        self._here.ask()
        self._offers.ask()

    def pull(self, host: str, name: str, accept: Sequence[str]) -> None:
        """Fetch the pack `name`, once what must be accepted is. Raises QueueFull, DaemonError."""
        self._hosts.add(host)
        self._asking.pop(host, None)
        if self.is_pulling and self._pulls.last is not None and self._pulls.last.name == name:
            return  # documents may come twice
        if self.is_pulling:
            raise QueueFull("A pack is being fetched already.", "Wait for it, or stop it first.")
        if accept:
            self._pulls.start(name, accept)
            return
        question = Question(partial(self._plan, name))
        question.ask()
        self._asking[host] = _Asking(self._told(name, "planning", f"{name}: looking for what is to fetch."), question)

    def stop(self, host: str) -> None:
        """Fetch no more. What came is kept. Who was asked something does not want the pack."""
        if self._asking.pop(host, None) is None:
            self._pulls.stop()

    def forget(self, host: str) -> None:
        """It is gone. A pull goes on."""
        self._hosts.discard(host)
        self._asking.pop(host, None)

    # ---- what has become of it -------------------------------------------------------------------------------

    def step(self, now: float) -> None:
        """Take in what was found out."""
        self._packs = self._taken(self._here.answer(), self._packs)
        self._offered = self._taken(self._offers.answer(), self._offered)
        for host, asking in list(self._asking.items()):
            if asking.plan is not None and (plan := asking.plan.answer()) is not None:
                self._planned(host, asking.view, plan)
        if self._pulls.last is None or self.is_pulling:
            self._ended = None
        elif self._ended is None:
            self._ended = now
            for host in self._hosts:
                self.look(host)
        self._is_old = self._ended is not None and now - self._ended > SHOWN_SECONDS

    def _taken(self, found: T | PunchinError | None, before: T | None) -> T | None:
        if isinstance(found, PunchinError):
            for host in self._hosts:
                self._asking.setdefault(host, _Asking(self._failed("", found), None))
            return before
        return before if found is None else found

    def _planned(self, host: str, view: PullView, plan: Plan | PunchinError) -> None:
        """Ask the musician, or fetch where there is nothing to ask."""
        if not isinstance(plan, PunchinError) and not plan.to_accept:
            del self._asking[host]
            try:
                self._pulls.start(view.pack, ())
                return
            except PunchinError as error:
                plan = error
        if isinstance(plan, PunchinError):
            asked = self._failed(view.pack, plan)
        else:
            line = f"{view.pack}: {size_of(plan.to_fetch)} to fetch. {plan.memory}"
            terms = tuple(Terms(name, plan.licences[name]) for name in plan.to_accept)
            asked = self._told(view.pack, "asking", line, terms)
        self._asking[host] = _Asking(asked, None)

    @property
    def is_pulling(self) -> bool:
        return self._pulls.last is not None and self._pulls.last.state == "running"

    # ---- what hosts are shown --------------------------------------------------------------------------------

    def packs(self, host: str) -> tuple[PackView, ...] | None:
        """Those that are here, and then those that can be fetched; None where nobody asked, or it is not known yet."""
        if host not in self._hosts or self._packs is None or self._offered is None:
            return None
        return tuple(_shown(self._packs, self._offered))[:MAX_PACKS]

    def pulling(self, host: str) -> PullView | None:
        """What becomes of what this host asked for, or of the pull that goes on."""
        if (asking := self._asking.get(host)) is not None:
            return asking.view
        if host not in self._hosts or self._pulls.last is None or self._is_old:
            return None
        return _pulling(f"{self._ids}-pull-{self._pulls.count}", self._pulls.last)

    def _told(self, pack: str, phase: PullPhase, line: str, terms: tuple[Terms, ...] = ()) -> PullView:
        self._count += 1
        return PullView(f"{self._ids}-{self._count}", pack, phase, line, 0.0, terms)

    def _failed(self, pack: str, error: PunchinError) -> PullView:
        return self._told(pack, "failed", _sentence(error))


def _shown(packs: Sequence[Pack], offers: Sequence[Offer]) -> Iterator[PackView]:
    whole = {pack.name for pack in packs if pack.state == "ok"}
    by_name = {offer.name: offer for offer in offers}
    for pack in packs:
        if pack.name in whole:
            title = by_name[pack.name].title if pack.name in by_name else ""
            yield PackView(pack.name, "here", title, licences=(pack.licence,), engines=pack.engines)
        elif pack.name not in by_name:
            yield PackView(pack.name, "damaged")
    for offer in offers:
        if offer.name not in whole:
            yield PackView(offer.name, "offered", offer.title, offer.size, offer.licences, offer.memory)


def _pulling(name: str, news: News) -> PullView:
    line = news.line
    if news.state == "running":
        percent = round(100 * news.fraction)
        line = f"{news.name}: {percent} % · {news.amount}" if news.amount else f"{news.name}: {news.line}"
    elif news.error is not None:
        line = _sentence(news.error)
    return PullView(name, news.name, news.state, line, news.fraction)


def _sentence(error: PunchinError) -> str:
    said = words.in_host(error.info())
    return f"{said.message} {said.next_step}"
