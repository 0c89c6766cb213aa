"""The UDP port of control surfaces: what they send is done on the console, what changes is sent to all that listen.

Loopback only, unless the musician names the addresses of surfaces (`PUNCHIN_BRIDGE_SURFACES`); then all others are
still not heard. A port of its own, so that hosts are never reached from beyond this machine.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from punchin_wire import VERSION
from punchin_wire.errors import BadSetting, ErrorInfo, PunchinError, QueueFull
from punchin_wire.osc.packets import messages, plain, spoken
from punchin_wire.osc.table import PROGRESS_HZ, OscValue
from punchin_wire.osc.udp import LOOPBACK, Endpoint, Peer
from punchin_wire.throttle import Throttle

from ... import remotes, settings
from ...hosts.jobs import WORKING
from ...packs import listing
from ...packs.pulls import Pulls
from ...packs.question import Question
from ..actions import Details
from ..console import Console
from ..edge import HasFileno
from . import picture
from .picture import MOVING, OscMessage, Picture

PORT = 17814
MAX_SURFACES = 32
MOST_AT_ONCE = 200
"""Packets that are read in one step."""

Packs = Question[tuple[listing.Pack, ...]] | Question[tuple[listing.Offer, ...]]

Learn = Callable[[str, float], None]
"""Lets the next thing that a MIDI controller sends drive a control or an action, by name, from a time on."""

log = logging.getLogger(__name__)


@dataclass
class Listener:
    """A surface that listens: until when, where it sends from, what it was told last, and how often of progress."""

    until: float
    source: Peer
    shown: dict[tuple[str, ...], OscMessage] = field(default_factory=dict)
    throttle: Throttle = field(default_factory=lambda: Throttle(PROGRESS_HZ))
    troubles: int = 0


@dataclass
class Asked:
    """A question about packs, and who asked it."""

    packs: Packs
    by: dict[Peer, None] = field(default_factory=dict)


class SurfacePort:
    """The bridge's port for surfaces: `port`, or another where that is taken. `allowed` are the addresses beyond this
    machine that are heard."""

    def __init__(
        self,
        console: Console,
        learn: Learn,
        port: int = PORT,
        allowed: frozenset[str] = frozenset(),
        packs: Packs | None = None,
        offers: Packs | None = None,
        pulls: Pulls | None = None,
    ) -> None:
        self._console, self._learn, self._allowed = console, learn, allowed | {LOOPBACK}
        self._packs = {
            "here": Asked(packs or Question(listing.listed)),
            "offer": Asked(offers or Question(listing.offered)),
        }
        self._pulls, self._pullers = pulls or Pulls(), dict[Peer, None]()
        self._listeners: dict[Peer, Listener] = {}  # by where they hear
        self.dropped = 0
        """Packets of strangers."""
        bind = "0.0.0.0" if allowed else LOOPBACK  # the musician has named who may come
        self._endpoint = Endpoint("surfaces", port, bind, or_any=True)
        self.port = self._endpoint.port

    @property
    def sources(self) -> Sequence[HasFileno]:
        return (self._endpoint,)

    def close(self) -> None:
        self._pulls.close()
        self._endpoint.close()

    def step(self, now: float) -> None:
        for peer, data in self._endpoint.receive(MOST_AT_ONCE):
            if not self._may_come(peer):
                continue
            try:
                for path, args in messages(data, "surfaces"):
                    self._do(peer, path, args, now)
            except PunchinError as error:
                log.info("refused what %s:%d sent: %s", *peer, error)
                self._complain(self._home(peer), error.info())
        self._send_packs()
        self._send_pulls()
        self._listeners = {peer: each for peer, each in self._listeners.items() if now < each.until}
        if self._listeners:
            self._show(now)

    # ---- what surfaces do ------------------------------------------------------------------------------------

    def _may_come(self, peer: Peer) -> bool:
        if peer[0] in self._allowed:
            return True
        self.dropped += 1
        if self.dropped == 1:
            log.warning("%s is not among the surfaces that may drive Punchin", peer[0])
        return False

    def _do(self, peer: Peer, path: str, args: tuple[OscValue, ...], now: float) -> None:
        """Do what a message says. Raises PunchinError."""
        _, _, room, word = path.split("/") if path.count("/") == 3 else (*path.split("/"), "")
        match room, word, args:
            case "ping", _, _:
                self._send(self._home(peer), "/punchin/pong", VERSION)
            case "status", _, _:
                self._send_status(self._home(peer), now)
            case "pack", "list", _:
                self._ask_packs(self._home(peer), "here")
            case "pack", "catalog", _:
                self._ask_packs(self._home(peer), "offer")
            case "pack", "pull", (str(name), *accept):
                self._pulls.start(name, str(*accept).split())
                self._pullers[self._home(peer)] = None
            case "pack", "stop", _:
                self._pulls.stop()
            case "remote", "list", _:
                self._send_remotes(self._home(peer))
            case "remote", "use", (str(name),):
                remotes.use(name)
                self._send_remotes(self._home(peer))
            case "listen", _, (float(seconds), *port):
                self._listen(peer, (peer[0], int(port[0])) if port else peer, now + seconds)
            case "control", name, (value,):
                self._console.set(name, value)
                self._answer(peer, name)
            case "fader", name, (float(place),):
                self._console.turn(name, place)
                self._answer(peer, name)
            case "get", name, _:
                self._send_value(self._home(peer), name)
            case "action", name, press:
                if not press or press[0]:
                    self._act(name, now)
            case "take", _, (int(take),):
                self._act("pick", now, take=take)
            case "job", "pick", (str(job), int(take)):
                self._act("pick", now, job=job, take=take)
            case "job", "cancel", (str(job),):
                self._act("cancel", now, job=job)
            case "region", _, (float(start), float(end), str(unit)):
                self._act("select", now, start=start, end=end, unit=unit)
            case "host", _, (str(host),):
                self._console.choose(host)
            case "midi", _, (str(name),):
                self._learn(name, now)

    def _act(self, action: str, now: float, **details: object) -> None:
        self._console.act(action, now, Details(**details, pressed=time.time()))  # type: ignore[arg-type]

    def _listen(self, source: Peer, at: Peer, until: float) -> None:
        if (known := self._listeners.get(at)) is not None:
            known.until, known.source = until, source
            known.shown.clear()  # packets may have been lost: all of it again
            return
        if len(self._listeners) >= MAX_SURFACES:
            raise QueueFull(f"{MAX_SURFACES} surfaces listen already.", "Let one of them stop: listen for 0 seconds.")
        self._listeners[at] = Listener(until, source, troubles=self._console.view(0.0).troubles)

    # ---- what surfaces are shown -----------------------------------------------------------------------------

    def _show(self, now: float) -> None:
        view = self._console.view(now)
        shown = picture.picture(view)
        for peer, listener in self._listeners.items():
            self._update(peer, listener, shown, now)
            if view.troubles != listener.troubles and view.trouble is not None:
                self._complain(peer, view.trouble)
            listener.troubles = view.troubles

    def _update(self, peer: Peer, listener: Listener, shown: Picture, now: float) -> None:
        """Tell one surface what it does not show yet; mere progress now and then."""
        may_move = listener.throttle.is_due(now)
        for key, message in shown.items():
            before = listener.shown.get(key)
            if before == message:
                continue
            path, args = message
            if path in MOVING and before is not None and not may_move and not _turned(message, before):
                continue
            if path in MOVING:
                listener.throttle.passes(now, urgent=True)
            listener.shown[key] = message
            self._send(peer, path, *args)
        for key in listener.shown.keys() - shown.keys():
            del listener.shown[key]

    def _answer(self, peer: Peer, name: str) -> None:
        """Who does not listen hears at once what became of what it set; the others hear it with all the rest."""
        if self._home(peer) not in self._listeners:
            self._send_value(peer, name)

    def _send_value(self, peer: Peer, name: str) -> None:
        values = self._console.parameters.values
        if name not in values:
            raise BadSetting(f"There is no parameter {name[:60]!r}.", f"There are {', '.join(values)}.")
        for path, args in picture.parameter(name, values[name]):
            self._send(peer, path, *args)

    def _send_status(self, peer: Peer, now: float) -> None:
        view = self._console.view(now)
        working = sum(job.phase in WORKING for job in view.jobs)
        self._send(peer, "/punchin/status/now", VERSION, view.host, len(view.hosts), working)
        for host in view.hosts:
            self._send(peer, "/punchin/host/here", host)
        for path, args in picture.seats(view):
            self._send(peer, path, *args)

    def _ask_packs(self, peer: Peer, which: str) -> None:
        asked = self._packs[which]
        if len(asked.by) >= MAX_SURFACES:
            raise QueueFull(f"{MAX_SURFACES} surfaces ask for packs already.", "Ask again.")
        asked.by[peer] = None
        asked.packs.ask()

    def _send_packs(self) -> None:
        for which, asked in self._packs.items():
            if (found := asked.packs.answer()) is None:
                continue
            for peer in asked.by:
                if isinstance(found, PunchinError):
                    self._complain(peer, found.info())
                    continue
                rows: Sequence[listing.Pack | listing.Offer] = found
                for number, pack in enumerate(rows):
                    self._send(peer, f"/punchin/pack/{which}", number, len(found), *map(plain, pack.words))
            asked.by.clear()

    def _send_remotes(self, peer: Peer) -> None:
        found = remotes.offered(settings.load(os.environ))
        for number, (name, is_used) in enumerate(found.items()):
            self._send(peer, "/punchin/remote/here", number, len(found), name, int(is_used))

    def _send_pulls(self) -> None:
        for news in self._pulls.news():
            for peer in {**self._listeners, **self._pullers}:
                self._send(peer, "/punchin/pack/pulling", news.name, news.state, news.fraction, plain(news.line))
                if news.error is not None:
                    self._complain(peer, news.error.info())
            if news.state != "running":
                self._pullers.clear()

    def _home(self, source: Peer) -> Peer:
        """Where a surface that sends from `source` hears: there, or where it listens."""
        return next((at for at, listener in self._listeners.items() if listener.source == source), source)

    def _complain(self, peer: Peer, error: ErrorInfo) -> None:
        self._send(peer, "/punchin/error", *spoken(error))

    def _send(self, peer: Peer, path: str, *args: OscValue) -> None:
        self._endpoint.send(peer, path, *args)


def _turned(message: OscMessage, before: OscMessage) -> bool:
    """Whether a job has another state, not just another line."""
    return message[0] == "/punchin/job/state" and message[1][1] != before[1][1]


def allowed(text: str) -> frozenset[str]:
    """The addresses in `text`, separated by spaces or commas. Raises BadSetting."""
    found = set()
    for word in text.replace(",", " ").split():
        try:
            found.add(str(ipaddress.IPv4Address(word)))
        except ValueError:
            raise BadSetting(
                f"{word[:60]!r} is no address of a surface.", "Write it like 192.168.1.20, as the tablet shows it."
            ) from None
    return frozenset(found)
