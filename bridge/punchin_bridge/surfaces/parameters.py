"""What surfaces turn: every parameter of a wish as a control with a place between 0 and 1. Pure.

The table is what faders, V-pots, OSC addresses and MIDI mappings are made from. A value is always one that a host
could have sent itself: :mod:`..hosts.protocol` has the last word.

>>> controls = Controls()
>>> controls.wish("inpaint") is msgspec.UNSET  # nobody has touched anything: the host's own settings hold
True
>>> controls.set("temperature", 0.8)
>>> controls.wish("inpaint").sampling
Sampling(temperature=0.8, top_k=250, cfg=3.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET, UnsetType
from punchin_wire.errors import BadSetting
from punchin_wire.messages import MAX_TAKES, Solver

from ..hosts.protocol import InpaintWish, TransferWish, Wish
from ..takes.presets import POOLINGS, PRESETS, TaskName

Value: TypeAlias = float | int | str
Engine = Literal["inpaint", "transfer"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
MAX_TEXT = 200
"""Characters of a text that is set from a surface; it must fit an OSC packet."""
DRAWN = -1
"""The seed that stands for a new one each time."""


@dataclass(frozen=True)
class Control:
    """One parameter. Numbers go from `low` to `high`, `whole` ones by 1, on a `log`arithmic fader where equal ratios
    are equally far; a control with `choices` is one of them. `engines` use it."""

    name: str
    doc: str
    default: Value
    engines: tuple[Engine, ...]
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Value, ...] = ()

    @property
    def type(self) -> type:
        """`float`, `int` or `str`."""
        return type(self.default)

    @property
    def is_fader(self) -> bool:
        """Whether a fader can set it: all but free text."""
        return self.type is not str or bool(self.choices)

    def check(self, value: object) -> Value:
        """The value as this control has it; whole numbers may come as floats. Raises BadSetting."""
        if self.type is str:
            if not isinstance(value, str) or (self.choices and value not in self.choices):
                raise BadSetting(f"{self.name} cannot be {str(value)[:60]!r}.", self._allowed)
            if len(value) > MAX_TEXT or not value.isprintable():
                raise BadSetting(f"{self.name} is one line of up to {MAX_TEXT} characters.")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadSetting(f"{self.name} is a number, not {str(value)[:60]!r}.", self._allowed)
        number = round(value) if self.type is int else float(value)
        if number not in self.choices if self.choices else not self.low <= number <= self.high:
            raise BadSetting(f"{self.name} cannot be {value:g}.", self._allowed)
        return number

    def at(self, place: float) -> Value:
        """The value at `place` of a fader, from 0 to 1; beyond them, the end."""
        place = min(max(place, 0.0), 1.0)
        if self.choices:
            return self.choices[round(place * (len(self.choices) - 1))]
        value: float
        if self.log:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return round(value) if self.type is int else min(max(value, self.low), self.high)

    def place(self, value: Value) -> float:
        """Where a fader stands that shows `value`, from 0 to 1."""
        if self.choices:
            return self.choices.index(value) / max(len(self.choices) - 1, 1)
        if isinstance(value, str):
            return 0.0
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    @property
    def steps(self) -> int:
        """How many places a fader has, 0 where it glides."""
        if self.choices:
            return len(self.choices)
        return round(self.high - self.low) + 1 if self.type is int and not self.log else 0

    @property
    def _allowed(self) -> str:
        if self.choices:
            return f"It is one of {', '.join(map(str, self.choices))}."
        return f"It goes from {self.low:g} to {self.high:g}." if self.is_fader else "It is a text."


_BOTH = ENGINES
_INPAINT: tuple[Engine, ...] = ("inpaint",)
_TRANSFER: tuple[Engine, ...] = ("transfer",)
_TASK: TaskName = "timbre"

TABLE: tuple[Control, ...] = (
    Control("takes", "how many takes a job makes", 1, _BOTH, 1, MAX_TAKES),
    Control("seed", f"seed of the first take; {DRAWN} draws a new one each time", DRAWN, _BOTH, DRAWN, 2**31 - 1),
    Control("pack", "model pack", "tiny", _BOTH),
    Control("text", "what new takes should sound like", "", _INPAINT),
    Control("temperature", "how daring new takes are", 1.0, _INPAINT, 0.1, 2.0, log=True),
    Control("top_k", "how many tokens may follow one another; fewer are safer", 250, _INPAINT, 1, 2048, log=True),
    Control("cfg", "how strictly the text is followed", 3.0, _INPAINT, 0.0, 10.0),
    Control("chord", "how much takes follow the chords; 0: not at all", 1.0, _INPAINT, 0.0, 2.0),
    Control("drums", "how much takes follow the drums; 0: not at all", 1.0, _INPAINT, 0.0, 2.0),
    Control("piano", "how much takes follow the piano part; 0: not at all", 1.0, _INPAINT, 0.0, 2.0),
    Control("to", "what a transfer makes of the clip", "", _TRANSFER),
    Control("source", "what plays in the clip now", "", _TRANSFER),
    Control("task", "what kind of transfer", _TASK, _TRANSFER, choices=get_args(TaskName)),
    Control("pooling_time", "ω in time: how loosely the clip's rhythm is kept", 2, _TRANSFER, choices=POOLINGS),
    Control("pooling_frequency", "ω in frequency: how loosely its pitch is kept", 2, _TRANSFER, choices=POOLINGS),
    Control("alpha", "α: the weight of the clip", PRESETS[_TASK].alpha, _TRANSFER, 0.0, 1.0),
    Control("guidance", "λ: the weight of the prompt", PRESETS[_TASK].guidance, _TRANSFER, 1.0, 15.0),
    Control("scheduler", "solver; `pack` is the pack's own", "pack", _TRANSFER, choices=("pack", *get_args(Solver))),
    Control("steps", "denoising steps; 0: the pack's own", 0, _TRANSFER, 0, 200),
)
BY_NAME: Mapping[str, Control] = {control.name: control for control in TABLE}


def find(name: str) -> Control:
    """Raises BadSetting."""
    if name not in BY_NAME:
        raise BadSetting(f"There is no control {name[:60]!r}.", f"There are {', '.join(BY_NAME)}.")
    return BY_NAME[name]


@dataclass
class Controls:
    """The controls as they stand now. `touched` names those that somebody has set."""

    values: dict[str, Value] = field(default_factory=lambda: {control.name: control.default for control in TABLE})
    touched: set[str] = field(default_factory=set)

    def set(self, name: str, value: object) -> None:
        """Raises BadSetting; then nothing has changed. A new `task` brings its preset's ω, α and λ along."""
        checked = find(name).check(value)
        if name == "task" and checked != self.values["task"]:
            preset = PRESETS[checked]  # type: ignore[index]  # checked: one of them
            self.values |= {"pooling_time": preset.pooling, "pooling_frequency": preset.pooling}
            self.values |= {"alpha": preset.alpha, "guidance": preset.guidance}
        self.values[name] = checked
        self.touched.add(name)

    def reset(self) -> None:
        """As if nobody had touched anything."""
        self.values = {control.name: control.default for control in TABLE}
        self.touched = set()

    def wish(self, engine: Engine) -> Wish | UnsetType:
        """What a job of `engine` is asked to make; unset where no control of this engine was touched, so that the
        host's own settings hold. Raises BadSetting."""
        if not any(engine in BY_NAME[name].engines for name in self.touched):
            return UNSET
        values = self.values
        common: dict[str, Any] = {"engine": engine, "takes": values["takes"], "pack": values["pack"]}
        if values["seed"] != DRAWN:
            common["seed"] = values["seed"]
        try:
            if engine == "inpaint":
                return msgspec.convert(common | self._inpaint(), InpaintWish)
            return msgspec.convert(common | self._transfer(), TransferWish)
        except msgspec.ValidationError as error:
            raise BadSetting(f"This cannot be made: {error}.") from None

    def _inpaint(self) -> dict[str, Any]:
        values = self.values
        sampling = {name: values[name] for name in ("temperature", "top_k", "cfg")}
        weights = {name: values[name] for name in ("chord", "drums", "piano") if name in self.touched}
        return {"text": values["text"], "weights": weights, "sampling": sampling}

    def _transfer(self) -> dict[str, Any]:
        values = self.values
        if not values["to"]:
            raise BadSetting("Nobody has said what the clip should become.", "Set `to`, for example to violin.")
        wish = {name: values[name] for name in ("to", "task", "alpha", "guidance")}
        wish["pooling"] = (values["pooling_time"], values["pooling_frequency"])  # type: ignore[assignment]
        optional = {"source": "", "scheduler": "pack", "steps": 0}
        return wish | {name: values[name] for name, nothing in optional.items() if values[name] != nothing}
