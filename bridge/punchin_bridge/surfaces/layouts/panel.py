"""What is on a tablet's panel: displays, buttons, faders and texts, each with the OSC address it speaks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from punchin_wire.parameter import Parameter
from punchin_wire.params import ENGINES, TABLE

from .. import actions

LISTEN_SECONDS = 60.0
"""How long a panel asks to be told of changes; it asks again every :data:`RENEW_SECONDS`."""
RENEW_SECONDS = 20.0
TAKES = 8
"""How many takes have a button of their own."""
MOST_MARKS = 64
MOST_STEPS = 2**12
"""A parameter of more steps than this is no use as a fader: it is written as a number."""


@dataclass(frozen=True)
class Display:
    """Shows what arrives at `address`; `wide` ones hold a sentence."""

    address: str
    label: str
    wide: bool = False


@dataclass(frozen=True)
class Button:
    """Sends `value` (a float, or a whole number) when it is pressed."""

    address: str
    label: str
    value: float | int = 1.0


@dataclass(frozen=True)
class Fader:
    """A normalized value at `address`, in so many `steps` (0: it glides); `shown` is where the plain one arrives."""

    address: str
    shown: str
    label: str
    steps: int

    @property
    def marks(self) -> int:
        """How many of its steps can be told apart on a tablet, 0 where it glides or they are too many."""
        return self.steps if self.steps <= MOST_MARKS else 0


@dataclass(frozen=True)
class Field:
    """A text, or where `numeric` a number, at `address`."""

    address: str
    label: str
    numeric: bool


DISPLAYS = (
    Display("/punchin/now/host", "host"),
    Display("/punchin/now/line", "job", wide=True),
    Display("/punchin/now/takes", "takes"),
    Display("/punchin/now/seats", "seats", wide=True),
    Display("/punchin/now/foot", "foot"),
    Display("/punchin/now/chord", "chord"),
)
FRACTION = "/punchin/now/fraction"
ERROR = "/punchin/error"
LISTEN = "/punchin/listen"


def buttons() -> tuple[Button, ...]:
    """A button for each action that needs no more than a press."""
    return tuple(
        Button(f"/punchin/action/{action.name}", _label(action.name)) for action in actions.TABLE if not action.needs
    )


def takes() -> tuple[Button, ...]:
    return tuple(Button("/punchin/take/pick", f"take {number + 1}", number) for number in range(TAKES))


def faders() -> tuple[tuple[Fader, ...], ...]:
    """A row of them for each engine; what both have stands in the first."""
    return tuple(
        tuple(_fader(each) for each in TABLE if each.engines[0] == engine and _is_fader(each)) for engine in ENGINES
    )


def fields() -> tuple[Field, ...]:
    return tuple(
        Field(f"/punchin/control/{each.name}", _label(each.name), each.type is not str)
        for each in TABLE
        if not _is_fader(each)
    )


def _fader(each: Parameter[Any]) -> Fader:
    return Fader(f"/punchin/fader/{each.name}", f"/punchin/control/{each.name}", _label(each.name), each.steps)


def _is_fader(each: Parameter[Any]) -> bool:
    return each.is_fader and each.steps <= MOST_STEPS


def _label(name: str) -> str:
    return name.replace("_", " ")
