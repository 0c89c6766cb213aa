"""The bridge's side of the page: wakes its server when somebody comes, leaves it a picture, does what it asks.

Until then there is a listening socket and a file with a key, and nothing is loaded. Where the page is open, its songs
are hosts that say hello; their jobs need no placing, for their takes lie where they belong.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from punchin_wire.disk import replacing
from punchin_wire.errors import BadMessage, PunchinError, UnknownJob
from punchin_wire.osc.udp import LOOPBACK
from punchin_wire.parameter import Value
from punchin_wire.params import ENGINES, Params
from punchin_wire.throttle import Throttle

from ..hosts.jobs import WORKING
from ..hosts.previews import Previews
from ..hosts.protocol import HELLO_SECONDS, Cancel, FromHost, Placed, Submit
from ..hosts.sessions import HostSessions
from ..packs.pulls import Pulls
from ..surfaces.actions import Details
from ..surfaces.console import Console
from ..surfaces.edge import HasFileno
from .calls import Calls
from .keys import Keys
from .picture import HostCard, Ledger, Picture, knobs, pull

if TYPE_CHECKING:
    from .server import PageServer

SHOWN_HZ = 10.0
Say = Callable[[FromHost, float], None]
T = TypeVar("T")

log = logging.getLogger(__name__)


class PageEdge:
    """An :class:`..surfaces.edge.Edge`. `port` is where the page is served; `say` takes documents in as if a host had
    sent them; `previews` are of takes that grow; `spool` is the spool's folder, and `key_file` where the key is left
    for `punchin open`."""

    def __init__(
        self,
        console: Console,
        sessions: HostSessions,
        pulls: Pulls,
        previews: Previews,
        say: Say,
        spool: Path,
        key_file: Path,
    ) -> None:
        self._console, self._sessions, self._pulls, self._say = console, sessions, pulls, say
        self._previews, self._spool, self._key_file = previews, spool, key_file
        self.keys = Keys()
        self._calls = Calls()
        self._ledger = Ledger(spool / "page" / "tracks", previews)
        self._throttle = Throttle(SHOWN_HZ)
        self._server: PageServer | None = None
        self._shown = Picture()
        self._greeted = -HELLO_SECONDS
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        _write_key(key_file, self.keys.key)

    @property
    def sources(self) -> Sequence[HasFileno]:
        return () if self._server else (self._socket,)

    @property
    def is_watched(self) -> bool:
        """Whether a page is open, or the shelf."""
        return self._server is not None and self._server.is_watched

    @property
    def is_shown(self) -> bool:
        """[any] Whether a tab shows the page."""
        return self._server is not None and self._server.is_shown

    def step(self, now: float) -> None:
        """[loop] Wake up for the first who comes; then answer, and show what is new."""
        if self._server is None:
            if select.select([self._socket], [], [], 0)[0]:
                self._wake()
            return
        self._calls.answer(now)
        if not self._server.is_watched:
            return
        self._ledger.hold(self._sessions, self._spool / "jobs")
        if now - self._greeted > HELLO_SECONDS:
            self._greeted = now
            for song in self._server.songs.all():
                self._say(song.hello, now)
        self._place(now)
        if self._throttle.passes(now):
            shown = self._picture(now)
            if shown != self._shown:
                self._shown = shown
                self._server.show(shown)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._socket.close()
        with contextlib.suppress(OSError):
            if self._key_file.read_text() == self.keys.key:
                self._key_file.unlink()

    def _wake(self) -> None:
        from .server import PageServer  # here: what a bridge whose page nobody opens need not load

        self._ledger.open()
        self._server = PageServer(self, self.keys, self._socket, self._previews, self._spool / "page" / "uploads")
        self._server.start()
        log.info("the page is served on port %d", self.port)

    def _place(self, now: float) -> None:
        """What a song's host does with takes that are ready: nothing, and it says so."""
        for job in list(self._sessions.jobs.values()):
            host = job.record.submit.host
            if job.phase == "ready" and host.startswith("page-") and not job.record.staged:
                self._say(Placed(host, job.name), now)

    def _picture(self, now: float) -> Picture:
        view = self._console.view(now)
        return Picture(
            tuple(
                HostCard(name, here.hello.program, here.hello.project.name, here.hello.can)
                for name, here in self._sessions.hosts.items()
                if not name.startswith(("page-", "cli-"))
            ),
            self._ledger.look(self._sessions, now, time.time()),
            knobs(self._console),
            view.trouble,
            view.troubles,
            pull(self._pulls.last),
            view.seats,
        )

    # ---- what the page's threads ask of the loop -------------------------------------------------------------

    def ask(self, do: Callable[[float], T]) -> Future[T]:
        """[page job] Have the loop do something. Raises QueueFull."""
        return self._calls.ask(do)

    def say(self, document: FromHost, now: float) -> None:
        """[loop] Take in a document of a host of ours. Raises BadMessage with what is wrong with it."""
        here = self._sessions.hosts.get(document.host)
        if here is not None:
            here.trouble = ""
        self._say(document, now)
        here = self._sessions.hosts.get(document.host)
        if here is not None and here.trouble:
            raise BadMessage(here.trouble, "Ask again.")

    def submitted(self, job: str) -> Submit | None:
        """[loop] What was asked for, as long as it is remembered."""
        known = self._sessions.jobs.get(job)
        return known.record.submit if known else self._ledger.submits.get(job)

    def stop(self, job: str, now: float) -> None:
        """[loop] Cancel a job, in the name of its host. Raises UnknownJob."""
        known = self._sessions.jobs.get(job)
        if known is None or known.phase not in WORKING:
            raise UnknownJob("That job is not at work.", "Look at its takes.")
        self._say(Cancel(known.record.submit.host, job), now)

    def use(self, job: str, take: int, now: float) -> str:
        """[loop] Let the host show a take of its job; the command. Raises UnknownJob, BadMessage and QueueFull."""
        return self._console.act("pick", now, Details(take=take, job=job), host=self._host(job))

    def repeat(self, job: str, now: float) -> str:
        """[loop] Let the host do its last job again; the command. Raises UnknownJob, BadMessage and QueueFull."""
        return self._console.act("repeat", now, host=self._host(job))

    def outcome(self, command: str) -> PunchinError | Literal["open", "done"]:
        """[loop] What has become of a command."""
        return self._console.outcome(command)

    def turn(self, name: str, value: Value) -> None:
        """[loop] Raises BadSetting."""
        self._console.set(name, value)

    def reset(self) -> None:
        """[loop]"""
        self._console.parameters.reset()

    def params(self, engine: str) -> Params | msgspec.UnsetType:
        """[loop] What surfaces and the page have set for an engine. Raises BadSetting."""
        return next((self._console.parameters.params(each) for each in ENGINES if each == engine), msgspec.UNSET)

    def fetch(self, pack: str, accept: Sequence[str]) -> None:
        """[loop] Fetch a model pack. Raises QueueFull and DaemonError."""
        self._pulls.start(pack, accept)

    def stop_fetching(self) -> None:
        """[loop]"""
        self._pulls.stop()

    def _host(self, job: str) -> str:
        known, submit = self._sessions.jobs.get(job), self.submitted(job)
        host = known.owner if known else submit.host if submit else ""
        if host not in self._sessions.hosts:
            raise UnknownJob("The host of that job is not connected.", "Open its project.")
        return host


def _write_key(path: Path, key: str) -> None:
    """Leave the key where only this user reads it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(path, durable=False) as file:
        os.chmod(file.fileno() if os.chmod in os.supports_fd else file.name, 0o600)
        file.write(key.encode())
