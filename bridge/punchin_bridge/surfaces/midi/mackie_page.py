"""Punchin on a Mackie Control: V-pots turn parameters, buttons do actions, the display says what is going on. Pure.

::

    upper line   the driven host's job, while it waits how busy the daemon is; or what went wrong, or what the foot has
                 marked | chord
    lower line   names of eight parameters; the value of one that was turned, for a while

BANK goes through the parameters of new takes and those of a transfer, NAME/VALUE shows all values, a press on a V-pot
puts its parameter back where it began. A device that is switched on later says so, and is shown all again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from punchin_wire.parameter import Parameter, Value
from punchin_wire.params import ENGINES, TABLE

from ...hosts.jobs import WORKING
from ..actions import Details
from ..console import Console, View
from . import mackie
from .mackie import CELL, LINE, POTS, Answered, PotPressed, Pressed, Turned

SHOWN_SECONDS = 2.0
"""How long the value of a parameter is shown that was turned."""
TROUBLE_SECONDS = 6.0
SHOW_SECONDS = 0.05
"""How often the display changes at most."""
AGAIN_SECONDS = 5.0
"""How often all is shown again: what was sent in the first moments of a connection may be lost."""


def _banks() -> tuple[tuple[Parameter[Any], ...], ...]:
    """Those of new takes, then those that only a transfer has, as many at a time as there are V-pots."""
    faders = [[each for each in TABLE if each.is_fader and each.engines[0] == engine] for engine in ENGINES]
    return tuple(tuple(row[first : first + POTS]) for row in faders for first in range(0, len(row), POTS))


BANKS = _banks()
ACTIONS: dict[str, tuple[str, Details]] = {
    "record": ("punch", Details()),
    "undo": ("unpunch", Details()),
    "play": ("inpaint", Details()),
    "replace": ("transfer", Details()),
    "cycle": ("repeat", Details()),
    "stop": ("cancel", Details()),
    "rewind": ("previous_take", Details()),
    "forward": ("next_take", Details()),
    "enter": ("commit", Details()),
    "marker": ("mark_in", Details()),
    "nudge": ("mark_out", Details()),
} | {f"f{take + 1}": ("pick", Details(take=take)) for take in range(8)}
"""What buttons do."""
Act = Callable[[str, Details], None]


@dataclass
class Page:
    """One device. What it was shown last is kept, so that only what changes is sent."""

    console: Console
    model: int = mackie.MODEL
    bank: int = 0
    values: bool = False
    turned: Counter[int] = field(default_factory=Counter)
    seen: dict[str, Value] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    """Until when the values of parameters are shown."""
    troubles: int | None = None
    trouble_until: float = -1e9
    lines: list[str] = field(default_factory=lambda: ["", ""])
    lights: dict[bytes, bytes] = field(default_factory=dict)
    shown: float = -1e9
    whole: float = -1e9
    """When the device was last sent something, and all."""

    def greet(self) -> bytes:
        """What is sent to a device that has been plugged in; it is taken to know nothing."""
        self.whole = self.shown = -1e9
        return mackie.query(self.model)

    # ---- what is done on it ----------------------------------------------------------------------------------

    def receive(self, data: bytes, act: Act) -> bool:
        """Whether a message was meant for this page. `act` does actions. Raises PunchinError."""
        match mackie.parse(data):
            case Answered(model):
                self.model = model
                self.greet()
            case Turned(pot, clicks):
                self.turned[pot] += clicks
            case PotPressed(pot):
                self.turned.pop(pot, None)
                if (parameter := self._parameter(pot)) is not None:
                    self.console.set(parameter.name, parameter.default)
            case Pressed(button):
                self.turn()
                self._press(button, act)
            case None:
                return False
        return True

    def turn(self) -> None:
        """Do what V-pots were turned since the last time. Raises PunchinError."""
        turned, self.turned = self.turned, Counter()
        for pot, clicks in turned.items():
            if clicks and (parameter := self._parameter(pot)) is not None:
                self.console.nudge(parameter.name, clicks)

    def _press(self, button: str, act: Act) -> None:
        if button in ("bank_left", "bank_right"):
            self.bank = min(max(self.bank + (1 if button == "bank_right" else -1), 0), len(BANKS) - 1)
        elif button == "name_value":
            self.values = not self.values
        elif button in ACTIONS:
            act(*ACTIONS[button])

    def _parameter(self, pot: int) -> Parameter[Any] | None:
        bank = BANKS[self.bank]
        return bank[pot] if pot < len(bank) else None

    # ---- what it shows ---------------------------------------------------------------------------------------

    def show(self, view: View, now: float) -> list[bytes]:
        """The messages that bring the device up to date."""
        self._notice(view, now)
        if now - self.shown < SHOW_SECONDS:
            return []
        self.shown = now
        if now - self.whole >= AGAIN_SECONDS:
            self.lines, self.lights, self.whole = ["", ""], {}, now
        lines = [self._upper(view, now), "".join(self._cell(pot, view, now) for pot in range(POTS))]
        sent = [self._change(row, line) for row, line in enumerate(lines) if line != self.lines[row]]
        self.lines = lines
        for message in self._lights(view):
            if self.lights.get(message[:2]) != message:
                self.lights[message[:2]] = message
                sent.append(message)
        return sent

    def _notice(self, view: View, now: float) -> None:
        """See which values have changed, whoever turned them, and whether something went wrong."""
        if self.seen:
            new = [name for name, value in view.values.items() if self.seen[name] != value]
            self.changed |= dict.fromkeys(new, now + SHOWN_SECONDS)
        self.seen = dict(view.values)
        if self.troubles is not None and view.troubles != self.troubles:
            self.trouble_until = now + TROUBLE_SECONDS
        self.troubles = view.troubles

    def _upper(self, view: View, now: float) -> str:
        if view.trouble is not None and now < self.trouble_until:
            return f"{view.trouble.message:{LINE}.{LINE}}"
        marked = {"up": "", "in": "In is marked.", "out": "In and out are marked."}[view.foot]
        line = marked or _job(view) or view.program or "No host is connected."
        chord = view.chord[: LINE // 2]
        room = LINE - len(chord) - 1
        return f"{line:{room}.{room}} {chord}"

    def _cell(self, pot: int, view: View, now: float) -> str:
        parameter = self._parameter(pot)
        if parameter is None:
            return " " * CELL
        value = view.values[parameter.name]
        shows_value = self.values or now < self.changed.get(parameter.name, -1e9)
        text = _short(value) if shows_value else parameter.short
        return f"{text[: CELL - 1]:{CELL}}"

    def _change(self, row: int, line: str) -> bytes:
        """The part of a line that is new."""
        before = self.lines[row].ljust(LINE, "\0")
        differ = [place for place in range(LINE) if line[place] != before[place]]
        first, last = differ[0], differ[-1] + 1
        return mackie.text(row * LINE + first, line[first:last], self.model)

    def _lights(self, view: View) -> list[bytes]:
        rings = []
        for pot in range(POTS):
            parameter = self._parameter(pot)
            place = None if parameter is None else parameter.normalized(view.values[parameter.name])
            rings.append(mackie.ring(pot, place))
        busy = view.job.engine if view.job is not None and view.job.phase in WORKING else ""
        lamps = {
            "record": view.foot != "up", "play": busy == "inpaint", "replace": busy == "transfer", "stop": bool(busy),
            "bank_left": self.bank > 0, "bank_right": self.bank < len(BANKS) - 1, "name_value": self.values,
        }  # fmt: skip
        return rings + [mackie.lamp(button, on) for button, on in lamps.items()]


def _job(view: View) -> str:
    """The job, and while it waits, why."""
    if view.job is None:
        return ""
    return f"{view.job.line} {view.seats.line}" if view.job.phase == "queued" else view.job.line


def _short(value: Value) -> str:
    """A value in six letters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
