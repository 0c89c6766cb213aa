"""What surfaces may ask for, as one table: OSC addresses, MIDI mappings and the command line are made from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from punchin_wire.errors import BadSetting

Argument = Literal["job", "take", "start", "end", "unit"]
Unit = Literal["seconds", "quarters"]


@dataclass(frozen=True)
class Place:
    """A place in the project by a clock that came with the press: MTC (seconds) or MIDI clock (quarters)."""

    value: float
    unit: Unit


@dataclass(frozen=True)
class Action:
    """`needs` are the details it cannot do without, `may` those it has a use for beside; `host` says that a host does
    it."""

    name: str
    doc: str
    needs: tuple[Argument, ...] = ()
    may: tuple[Argument, ...] = ()
    host: bool = True


TABLE: tuple[Action, ...] = (
    Action("inpaint", "make new takes of what is selected"),
    Action("transfer", "hand what is selected to another instrument or genre"),
    Action("repeat", "do the last job again, with a new seed"),
    Action("next_take", "show the next take"),
    Action("previous_take", "show the take before"),
    Action("pick", "show this take (from 0), of the last job or of another", ("take",), ("job",)),
    Action("commit", "keep the take that is shown and put the others away"),
    Action("cancel", "stop the last job, or another", (), ("job",)),
    Action("mark_in", "the selection starts where the song is now"),
    Action("mark_out", "the selection ends where the song is now"),
    Action("select", "select this part of the song", ("start", "end"), ("unit",)),
    Action("punch", "mark in, then mark out, then new takes: for one foot", host=False),
    Action("unpunch", "forget what the foot has marked", host=False),
    Action("reset", "let the host's own settings hold again", host=False),
)
BY_NAME: Mapping[str, Action] = {action.name: action for action in TABLE}


class Details(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What comes with an action. `start` and `end` are places in the project, in seconds of its time line or quarter
    notes from bar 1; `pressed` is when the button was, in Unix seconds, so that a host can make up for the way here."""

    job: str | UnsetType = UNSET
    take: int | UnsetType = UNSET
    start: float | UnsetType = UNSET
    end: float | UnsetType = UNSET
    unit: Unit | UnsetType = UNSET
    pressed: float | UnsetType = UNSET


def find(name: str, details: Details = Details()) -> Action:
    """The action `name`, once it is sure that `details` fit it. Raises BadSetting."""
    action = BY_NAME.get(name)
    if action is None:
        raise BadSetting(f"There is no action {name[:60]!r}.", f"There are {', '.join(BY_NAME)}.")
    given = {name for name, value in msgspec.structs.asdict(details).items() if value is not UNSET} - {"pressed"}
    if missing := set(action.needs) - given:
        raise BadSetting(f"{name} needs {' and '.join(sorted(missing))}.", "Say that, too.")
    if extra := given - {*action.needs, *action.may}:
        raise BadSetting(f"{name} takes no {' or '.join(sorted(extra))}.", "Leave it out.")
    return action
