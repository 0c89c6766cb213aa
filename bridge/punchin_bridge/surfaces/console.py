"""What all surfaces share: the parameters, what they asked for, and what they show. Knows no packets and no sockets.

An edge passes on what was done on a surface (:meth:`Console.set`, :meth:`Console.act`), and looks at the :class:`View`
to show what has come of it, on every surface alike. What is wrong at once is raised, for the surface it came from; what
turns out wrong later, in a host, is the view's `trouble`.
"""

from __future__ import annotations

import math
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET
from punchin_wire.errors import BadSetting, DaemonUnreachable, ErrorInfo, PunchinError
from punchin_wire.parameter import Value
from punchin_wire.params import ENGINES, find

from ..hosts.protocol import Command, JobView, Submit
from ..hosts.seats import Seats
from ..hosts.sessions import HostSessions
from . import actions
from .actions import Details, Place
from .chords import LiveChords
from .parameters import Parameters

PATIENCE_SECONDS = 10.0
"""How long a host may take to do what it was asked for, before surfaces show that it has not."""

MAX_DONE = 64
"""Commands whose outcome is remembered."""
PASSIVE = ("page-", "cli-")
"""Hosts that cannot be driven: songs on the page, which has its own buttons, and the command line."""

Foot = Literal["up", "in", "out"]
"""What a foot has marked so far: nothing, the start, or start and end."""


@dataclass(frozen=True)
class View:
    """What surfaces show. `jobs` are those of all hosts, oldest first; `job` is the last one of the host that is
    driven, `host`, whose program is `program`; both empty while there is none. `troubles` counts up with each new
    `trouble`. `chord` is the chord that is played live. `seats` are those of the daemon, while a job is at work."""

    host: str
    program: str
    hosts: tuple[str, ...]
    values: Mapping[str, Value]
    touched: frozenset[str]
    jobs: tuple[JobView, ...]
    job: JobView | None
    foot: Foot
    chord: str
    trouble: ErrorInfo | None
    troubles: int
    seats: Seats


@dataclass
class _Open:
    """A command that a host has not answered yet."""

    action: str
    program: str
    until: float


class Console:
    """[loop] One for all surfaces of a bridge. `chords` is what is played live for the next job."""

    def __init__(self, sessions: HostSessions) -> None:
        self._sessions = sessions
        self.parameters = Parameters()
        self.target = ""
        """The host that was chosen, by id or program; empty: the one that worked last, else that came last."""
        self.chords = LiveChords()
        self.seats = Seats()
        """What is known of the daemon's seats."""
        self._foot: Foot = "up"
        self._mark: Place | None = None
        self._open: dict[str, _Open] = {}
        self._done: OrderedDict[str, PunchinError | None] = OrderedDict()
        self._trouble: ErrorInfo | None = None
        self._troubles = 0

    # ---- what surfaces do ------------------------------------------------------------------------------------

    def set(self, name: str, value: object) -> None:
        """Set a parameter. Raises BadSetting."""
        self.parameters.set(name, value)

    def turn(self, name: str, normalized: float) -> None:
        """Put a parameter's fader somewhere, from 0 to 1. Raises BadSetting."""
        parameter = find(name)
        if not parameter.is_fader:
            raise BadSetting(f"{name} is a text; no fader can set it.")
        self.set(name, parameter.plain(normalized))

    def nudge(self, name: str, clicks: int, fine: int = 64) -> None:
        """Turn a parameter's endless knob: by its own steps, or where it glides, by 1/`fine` of the way a click. Raises
        BadSetting."""
        parameter, value = find(name), self.parameters.values[name]
        steps = parameter.steps - 1
        width = 1 / steps if 0 < steps <= fine else 1 / fine
        place = parameter.normalized(value) + clicks * width
        if isinstance(value, int) and not parameter.choices and clicks and parameter.plain(place) == value:
            place = parameter.normalized(value + math.copysign(1, clicks))  # a whole step
        self.turn(name, place)

    def act(self, name: str, now: float, details: Details = Details(), at: Place | None = None, host: str = "") -> str:
        """Do an action, or ask the host for it: the one that is driven, or this one. `at` is where the song was, if a
        clock says so. Returns what the host's command is called, for :meth:`outcome`; empty where there is none. Raises
        BadSetting, BadMessage (no host, or it cannot) and QueueFull."""
        action = actions.find(name, details)
        if name == "reset":
            self.parameters.reset()
        elif name == "unpunch":
            self._foot, self._mark = "up", None
        elif name == "punch":
            self._punch(now, details, at)
        else:
            return self._command(action.name, now, details, host)
        return ""

    def outcome(self, command: str) -> PunchinError | Literal["open", "done"]:
        """What went wrong with a command, or that it is done, or that the host has not answered."""
        if command not in self._done:
            return "open"
        return self._done[command] or "done"

    def choose(self, target: str) -> None:
        """Drive this host from now on, by id or program; empty: whichever worked last."""
        if target and not self._named(target):
            here = ", ".join(self._sessions.hosts) or "none"
            raise BadSetting(f"No {target[:60]} is connected.", f"Connected: {here}.")
        self.target = target

    def complain(self, error: PunchinError) -> None:
        """Show on all surfaces what went wrong."""
        self._trouble, self._troubles = error.info(), self._troubles + 1

    def _punch(self, now: float, details: Details, at: Place | None) -> None:
        if self._foot == "up":
            if at is None:
                self._command("mark_in", now, details)
            self._foot, self._mark = "in", at
        elif self._foot == "in":
            if self._mark is not None and at is not None and at.unit == self._mark.unit:
                start, end = sorted((self._mark.value, at.value))
                self._command("select", now, Details(start=start, end=end, unit=at.unit))
            elif self._mark is None:
                self._command("mark_out", now, details)
            else:
                self._foot, self._mark = "up", None
                raise BadSetting("The clock that the start was marked by is gone.", "Start it, and mark in again.")
            self._foot = "out"
        else:
            self._foot, self._mark = "up", None
            self._command("inpaint", now, details)

    def _command(self, action: str, now: float, details: Details, host: str = "") -> str:
        host = host or self.host
        if not host:
            raise DaemonUnreachable("No host is connected.", "Open REAPER, Live or Ardour with Punchin in it.")
        given = {name: value for name, value in msgspec.structs.asdict(details).items() if value is not UNSET}
        params = next((self.parameters.params(engine) for engine in ENGINES if engine == action), UNSET)
        command = Command(uuid.uuid4().hex[:12], action, params, **given)
        self._sessions.command(host, command)
        self._open[command.ask] = _Open(action, self._sessions.hosts[host].hello.program, now + PATIENCE_SECONDS)
        return command.ask

    # ---- what hosts do ---------------------------------------------------------------------------------------

    def finished(self, command: str, error: str) -> None:
        """A host has done a command, or says why not."""
        if command in self._open:
            self._end(command, BadSetting(error, f"Look at {self._open[command].program}.") if error else None)

    def _end(self, command: str, error: PunchinError | None) -> None:
        del self._open[command]
        self._done[command] = error
        while len(self._done) > MAX_DONE:
            self._done.popitem(last=False)
        if error:
            self.complain(error)

    def complete(self, submit: Submit) -> Submit:
        """A new job with what was played live for it, which is used once. Raises BadSetting for a time line that is
        none."""
        return self.chords.complete(submit)

    # ---- what surfaces show ----------------------------------------------------------------------------------

    def expire(self, now: float) -> None:
        """Complain of hosts that have not answered."""
        for command in [command for command, waiting in self._open.items() if now > waiting.until]:
            late = self._open[command]
            error = DaemonUnreachable(f"{late.program} has not done {late.action}.", "Look whether it hangs.")
            self._end(command, error)

    @property
    def host(self) -> str:
        """The id of the host that is driven; empty where none is here."""
        hosts = {name: here for name, here in self._sessions.hosts.items() if not name.startswith(PASSIVE)}
        if self.target:
            return self._named(self.target)
        last = max(self._sessions.jobs.values(), key=lambda job: job.record.accepted, default=None)
        if last is not None and last.record.submit.host in hosts:
            return last.record.submit.host
        return next(reversed(hosts), "")

    def view(self, now: float) -> View:
        host = self.host
        jobs = tuple(job.view(now) for job in self._sessions.jobs.values())
        mine = [name for name, job in self._sessions.jobs.items() if job.record.submit.host == host]
        return View(
            host=host,
            program=self._sessions.hosts[host].hello.program if host else "",
            hosts=tuple(self._sessions.hosts),
            values=dict(self.parameters.values),
            touched=frozenset(self.parameters.touched),
            jobs=jobs,
            job=next((view for view in jobs if view.job == mine[-1]), None) if mine else None,
            foot=self._foot,
            chord=self.chords.label,
            trouble=self._trouble,
            troubles=self._troubles,
            seats=self.seats,
        )

    def _named(self, target: str) -> str:
        """The id of the host here that is meant; the one that came last of those with this program."""
        found = [name for name in self._sessions.hosts if target in (name, name.partition("-")[0])]
        return found[-1] if found else ""
