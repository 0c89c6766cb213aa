"""Documents on their way to the bridge: each is said again until the bridge's state shows that it was heard.

Nothing is sure to arrive: packets get lost, and a bridge may die over what it has just heard. The bridge acts once on
what it hears twice.
"""

from __future__ import annotations

from typing import Callable

from .clips import Json
from .link import Link
from .settings import Refusal
from .submit import dump

HELLO_SECONDS = 5.0
AGAIN_SECONDS = 1.0
"""How long to wait for the bridge to show that it heard something, before it is said again."""
GIVE_UP_TIMES = 25
"""How often a job is said while no bridge is heard. Not a time: a machine that slept has not waited."""
UNHEARD_TIMES = 8
"""How often a job is said to a bridge that is there."""
WORKING = ("preparing", "queued", "running")
OPEN = (*WORKING, "ready", "held")
UNHEARD = {"cancel": OPEN, "placed": ("ready", "held"), "held": ("ready",), "drop": ("ready", "held")}
"""In which phases of its job the bridge has not heard a document."""


class Pending:
    """A document that the bridge has not shown to have heard yet. It was said last when it was `sent`: for the
    `unheard`th time in a row to a bridge that is there, or for the `alone`th with none."""

    def __init__(self, text: str) -> None:
        self.text, self.sent, self.unheard, self.alone = text, -1e9, 0, 0


class Outbox:
    """What the host called `host` says, by `link`; `log` takes lines for Live's log. Never raises, never waits."""

    def __init__(self, host: str, link: Link, log: Callable[[str], None]) -> None:
        self._host, self._link, self._log = host, link, log
        self._pending: dict[tuple[str, str], Pending] = {}
        self._hello, self._greeted = "", -1e9

    # ---- saying --------------------------------------------------------------------------------------------------

    def greet(self, hello: Json, now: float) -> None:
        """Say who is here: when that is new, and now and then."""
        text = dump(dict({"type": "hello", "host": self._host}, **hello))
        every = HELLO_SECONDS if self._link.alive(now) else AGAIN_SECONDS
        if text != self._hello or now - self._greeted >= every:
            self._hello, self._greeted = text, now
            self._send(text, now)

    def post(self, kind: str, name: str, more: Json, now: float) -> None:
        """Say a document of `kind` about job `name` (or, of kind `did`, about command `name`), until it is heard."""
        subject = "ask" if kind == "did" else "job"
        document = dict({"type": kind, "host": self._host, subject: name}, **more)
        pending = self._pending[kind, name] = Pending(dump(document))
        self._say(pending, now)

    def say_again(self, now: float) -> None:
        """Say once more what has not been heard for a while."""
        for pending in self._pending.values():
            if now - pending.sent >= AGAIN_SECONDS:
                self._say(pending, now)

    def bye(self, now: float) -> None:
        self._send(dump({"type": "bye", "host": self._host}), now)

    def _say(self, pending: Pending, now: float) -> None:
        alive, pending.sent = self._link.alive(now), now
        pending.unheard, pending.alone = (pending.unheard + 1, 0) if alive else (0, pending.alone + 1)
        self._send(pending.text, now)

    def _send(self, text: str, now: float) -> None:
        try:
            self._link.post(text, now)
        except (OSError, Refusal) as problem:
            self._log(f"Punchin: {problem}")

    # ---- what is not heard yet -----------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        return not self._pending

    @property
    def submits(self) -> list[str]:
        """The jobs that the bridge has not shown to have accepted, oldest first."""
        return [name for kind, name in self._pending if kind == "submit"]

    def is_saying(self, name: str, *kinds: str) -> bool:
        """Whether a document of one of the kinds is on its way about `name`."""
        return any((kind, name) in self._pending for kind in kinds)

    def withdraw(self, kind: str, name: str) -> bool:
        """Say a document no more. Whether it was being said."""
        return self._pending.pop((kind, name), None) is not None

    def settle(self, phases: dict[str, str], commands: set[str]) -> None:
        """Forget what the bridge shows to have heard: `phases` of the jobs it shows, and the names of `commands` that
        it still wants done."""
        for kind, name in list(self._pending):
            if kind == "did":
                heard = name not in commands
            elif kind == "submit":
                heard = name in phases
            else:
                heard = phases.get(name, "") not in UNHEARD[kind]
            if heard:
                del self._pending[kind, name]

    def give_up(self, now: float) -> list[str]:
        """Forget the jobs that no bridge takes, and return them."""
        alive = self._link.alive(now)
        waiting = {name: self._pending["submit", name] for name in self.submits}
        lost = [
            name
            for name, pending in waiting.items()
            if (pending.unheard >= UNHEARD_TIMES if alive else pending.alone >= GIVE_UP_TIMES)
        ]
        for name in lost:
            self.withdraw("submit", name)
        return lost
