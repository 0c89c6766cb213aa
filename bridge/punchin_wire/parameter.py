"""What a parameter of a take is: which values it has, how they are checked, and where its fader stands. Pure.

A value is *plain* as people say it, and *normalized* as a fader has it, from 0 to 1: plug-in formats call both so.

>>> daring = Parameter("daring", "How daring takes are.", ("inpaint",), 1.0, 0.0, 10.0, fader=(0.25, 4.0), log=True)
>>> daring.plain(0.5), daring.normalized(4.0), daring.range
(1.0, 1.0, '0 to 10')
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Meta

from .errors import BadSetting

Value: TypeAlias = float | int | str
Engine = Literal["inpaint", "transfer"]
T = TypeVar("T", bound=Value)


@dataclass(frozen=True)
class Parameter(Generic[T]):
    """One parameter, declared once; :data:`punchin_wire.params.TABLE` holds them all.

    `name` is its own among all of them; `text` is one sentence for people; `engines` use it. Numbers lie in
    `[low, high]`, `above` says that `low` itself is none of them; with `choices` it is one of those. Texts have up to
    `length` characters and match `pattern`, which `spelt` says in words.

    `default` is the plain value that it begins with. Where nobody says a value, it is `unsaid` (`the pack's`, `the
    task's`, `drawn`); a default that is none of its own values (-1, `pack`) stands for just that on a fader. `tasks`
    are the defaults of a transfer's tasks that have another, `methods` the ways of a transfer that have it; empty: all.

    A `fader` covers so much of its range, with `log` so that equal ratios are equally far. `flag` is its option on the
    command line and of the daemon's OSC, which several parameters may share. `path` is the field that holds it in
    :class:`.params.InpaintParams` or `TransferParams`, or `group.key`. `short` is its name in six ASCII letters.
    """

    name: str
    text: str
    engines: tuple[Engine, ...]
    default: T
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    fader: tuple[float, float] | None = None
    log: bool = False
    choices: tuple[T, ...] = ()
    unit: str = ""
    unsaid: str = ""
    tasks: Mapping[str, T] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    length: int = 500
    pattern: str = ""
    spelt: str = ""
    flag: str = ""
    path: str = ""
    short: str = ""

    def __post_init__(self) -> None:
        for attribute, usual in (("flag", self.name.replace("_", "-")), ("path", self.name), ("short", self.name[:6])):
            object.__setattr__(self, attribute, getattr(self, attribute) or usual)

    # ---- its values ------------------------------------------------------------------------------------------

    @property
    def type(self) -> type:
        """`float`, `int` or `str`."""
        return type(self.default)

    @property
    def meta(self) -> Meta:
        """Its range, for the field of a struct."""
        if self.type is str:
            return Meta(max_length=self.length, pattern=self.pattern or None)
        return Meta(gt=self.low, le=self.high) if self.above else Meta(ge=self.low, le=self.high)

    def check(self, value: object, or_unsaid: bool = False) -> T:
        """The plain value as its own type; whole numbers may come as floats. With `or_unsaid` a default that is none of
        its own values is one, too. Raises BadSetting."""
        found = self._typed(value)
        if not (self.has(found) or (or_unsaid and found == self.default)):
            shown = repr(found[:60]) if isinstance(found, str) else f"{found:g}"
            raise BadSetting(f"{self.name} cannot be {shown}.", self._allowed)
        return found

    def has(self, value: Value) -> bool:
        """Whether this is one of its own values."""
        if self.choices:
            return value in self.choices
        if isinstance(value, str):
            return len(value) <= self.length and re.search(self.pattern, value) is not None
        return (self.low < value if self.above else self.low <= value) and value <= self.high

    def read(self, text: str) -> T:
        """The plain value that is written so. Raises BadSetting."""
        try:
            return self.check(self.type(text))
        except ValueError:
            raise BadSetting(f"{self.name} cannot be {text[:60]!r}.", self._allowed) from None

    def of_task(self, task: str) -> T:
        """What it is in this task where nobody says otherwise."""
        return self.tasks.get(task, self.default)

    def is_of(self, method: Value) -> bool:
        """Whether a transfer of this method has it."""
        return not self.methods or method in self.methods

    def is_unsaid(self, value: Value) -> bool:
        """Whether this value stands for none."""
        return value == self.default and not self.has(value)

    @property
    def range(self) -> str:
        """Its values in words."""
        if self.choices:
            *most, last = map(str, self.choices)
            return f"{', '.join(most)} or {last}" if most else last
        if self.type is str:
            return f"a text of up to {self.length} {self.spelt or 'characters'}"
        low, high = _number(self.low), _number(self.high)
        return (f"above {low} to {high}" if self.above else f"{low} to {high}") + f" {self.unit}".rstrip()

    @property
    def _allowed(self) -> str:
        return f"It {'is' if self.type is str or self.choices else 'goes from'} {self.range}."

    def _typed(self, value: object) -> T:
        if self.type is str:
            if not isinstance(value, str):
                raise BadSetting(f"{self.name} cannot be {str(value)[:60]!r}.", self._allowed)
            return value  # type: ignore[return-value]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadSetting(f"{self.name} is a number, not {str(value)[:60]!r}.", self._allowed)
        return round(value) if self.type is int else float(value)  # type: ignore[return-value]

    # ---- its fader -------------------------------------------------------------------------------------------

    @property
    def is_fader(self) -> bool:
        """Whether a fader can set it: all but free text."""
        return self.type is not str or bool(self.choices)

    @property
    def ends(self) -> tuple[float, float]:
        """The plain numbers at both ends of its fader."""
        return self.fader or (self.low, self.high)

    @property
    def stops(self) -> tuple[T, ...]:
        """The choices as a fader has them: with the one that stands for none."""
        is_own = not self.choices or self.default in self.choices
        return self.choices if is_own else (self.default, *self.choices)

    @property
    def steps(self) -> int:
        """How many places its fader has, 0 where it glides."""
        if self.choices:
            return len(self.stops)
        low, high = self.ends
        return round(high - low) + 1 if self.type is int and not self.log else 0

    def plain(self, normalized: float) -> T:
        """The plain value of a place of the fader; beyond 0 and 1, the end's."""
        place = min(max(normalized, 0.0), 1.0)
        if self.choices:
            return self.stops[round(place * (len(self.stops) - 1))]
        low, high = self.ends
        value = low * (high / low) ** place if self.log else low + (high - low) * place
        return round(value) if self.type is int else min(max(value, low), high)  # type: ignore[return-value]

    def normalized(self, plain: Value) -> float:
        """Where the fader stands that shows this value: at an end where it lies beyond, and 0 for a text."""
        if self.choices:
            return self.stops.index(plain) / max(len(self.stops) - 1, 1)
        if isinstance(plain, str):
            return 0.0
        low, high = self.ends
        place = min(max(plain, low), high)
        return math.log(place / low) / math.log(high / low) if self.log else (place - low) / (high - low)


def _number(value: float) -> str:
    """A number for people; large whole ones to the last digit."""
    return str(int(value)) if value == int(value) else f"{value:g}"
