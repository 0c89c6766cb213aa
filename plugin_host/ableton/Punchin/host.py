"""What this script does, tick by tick: hear the bridge, do what is asked, place what is ready, say it again if unheard.

The bridge's state is level-triggered: it says what should be known now. So every step here looks at the newest state
and at what was done already, and nothing goes wrong when a packet is lost, comes twice, or either side starts anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .clips import Json
from .commands import Commands
from .jobs import Jobs
from .link import Link
from .outbox import WORKING, Outbox
from .placing import Placing
from .settings import ACTIONS, FOLDER, Refusal
from .status import StatusBar
from .watch import Watch

if TYPE_CHECKING:
    from .surface import Program


class Host:
    """One Live with one set, on Live's own thread. `program` is Live as this needs it; `link` the way to the bridge;
    `name` the host's id; `folder` holds the settings."""

    def __init__(self, name: str, program: Program, link: Link, folder: str = FOLDER) -> None:
        self._program, self._link = program, link
        self._jobs = Jobs(name, program)
        self._outbox = Outbox(name, link, program.log)
        self._placing = Placing(program, self._jobs, self._outbox, folder)
        self._commands = Commands(name, program, self._jobs, self._outbox, self._placing, folder)
        self._status = StatusBar(program)
        self._watch = Watch(program, link, folder)
        self._done: dict[str, str] = {}  # commands that were done, and what went wrong with them
        self._title = ""

    def tick(self, now: float) -> None:
        """Everything that is due at `now`, seconds of a clock that only goes forward. Never waits."""
        states = self._link.receive(now)
        if states:
            self._hear(states[-1], now)
        self._placing.place_next(now)
        self._greet(now)
        for _ in self._outbox.give_up(now):
            self._program.say(f"Punchin: {self._why_lost(now)} Its log (bridge.log) says why.")
        self._outbox.say_again(now)
        self._watch.look(now, self._needs_bridge())

    def do(self, action: str, now: float) -> None:
        """One of :data:`ACTIONS`. Raises Refusal."""
        self._commands.do({"action": action}, now)

    def bye(self) -> None:
        self._outbox.bye(time.monotonic())
        self._link.close()

    def _hear(self, state: Json, now: float) -> None:
        """Take in what the bridge says now."""
        before, self._jobs.state = self._jobs.state, state
        names = {str(command["ask"]) for command in self._jobs.commands()}
        self._outbox.settle(self._jobs.phases(), names)
        self._done = {name: error for name, error in self._done.items() if name in names}
        if state.get("trouble") and _trouble(state) != _trouble(before):
            self._program.say("Punchin: {}".format(state["trouble"]))
            self._outbox.withdraw("submit", str(state.get("refused")))
        for command in self._jobs.commands():
            self._obey(command, now)
        self._status.show(self._jobs.here(), now)

    def _obey(self, command: Json, now: float) -> None:
        """Do a command once, also when the bridge shows it for a while longer, and say what became of it."""
        name = str(command["ask"])
        try:
            if name not in self._done:
                self._done[name] = ""
                self._commands.do(command, now)
        except Refusal as refusal:
            self._done[name] = str(refusal)
            self._program.say(f"Punchin: {refusal}")
        except Exception as problem:
            self._done[name] = f"Something went wrong in Live: {problem}"
            raise
        if not self._outbox.is_saying(name, "did"):
            self._outbox.post("did", name, {"error": self._done[name][:500]}, now)

    def _greet(self, now: float) -> None:
        self._title = self._title or self._program.title()
        hello: Json = {"program": self._title, "project": self._jobs.project(), "port": self._link.port, "can": ACTIONS}
        self._outbox.greet(hello, now)

    def _needs_bridge(self) -> bool:
        """Whether something waits to be heard, or is at work."""
        jobs = self._jobs.state.get("jobs", ())
        assert isinstance(jobs, (list, tuple))
        return not self._outbox.is_empty or any(job["phase"] in WORKING for job in jobs)

    def _why_lost(self, now: float) -> str:
        if not self._link.alive(now):
            return "The bridge does not answer."
        return str(self._jobs.state.get("trouble") or "The bridge did not take the job.")


def _trouble(state: Json) -> tuple[object, object]:
    return state.get("trouble"), state.get("refused")
