"""A grid of knobs: from words such as `pooling=1,2,4,8 alpha=.3,.5` to points. Pure.

>>> [point.label for point in grid(axes(["pooling=2,4x1", "alpha=.3"]), Knobs())]
['pooling2_alpha0.3', 'pooling4x1_alpha0.3']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple, get_args

import msgspec
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Solver

from .presets import Knobs, Method, parse_pooling

MAX_POINTS = 64


def _one_of(choices: Any) -> Callable[[str], str]:
    names: tuple[str, ...] = get_args(choices)
    return lambda written: names[names.index(written)]


KNOBS: dict[str, Callable[[str], Any]] = {
    "pooling": parse_pooling,
    "alpha": float,
    "guidance": float,
    "steps": int,
    "scheduler": _one_of(Solver),
    "method": _one_of(Method),
    "strength": float,
}
"""What can be swept, and how its values are read."""


class Axis(NamedTuple):
    """One knob and the values it takes."""

    knob: str
    values: tuple[Any, ...]


class Point(NamedTuple):
    """One place of the grid: all knobs, and the values of those that are swept."""

    knobs: Knobs
    swept: dict[str, Any]

    @property
    def label(self) -> str:
        """For file names."""
        return "_".join(knob + text(value).replace("+", "p") for knob, value in self.swept.items())


def is_axis(word: str) -> bool:
    """Whether a word is meant as an axis, `knob=…`."""
    return "=" in word and word.partition("=")[0] in KNOBS


def axes(words: Iterable[str]) -> tuple[Axis, ...]:
    """The axes that the words say. Raises BadSetting, also for more than :data:`MAX_POINTS` points."""
    found: dict[str, Axis] = {}
    for word in words:
        knob, equals, values = word.partition("=")
        if knob not in KNOBS or not equals:
            raise BadSetting(
                f"{word[:40]!r} is nothing to sweep.", f"Sweep {', '.join(KNOBS)}: --sweep pooling=1,2 alpha=.3,.5"
            )
        if knob in found:
            raise BadSetting(f"The sweep names {knob} twice.", "Write all its values behind one name.")
        found[knob] = Axis(knob, tuple(dict.fromkeys(_value(knob, part.strip()) for part in values.split(","))))
    if not found:
        raise BadSetting("The sweep names no knob.", "Write for example --sweep pooling=1,2 alpha=.3,.5")
    count = prod(len(axis.values) for axis in found.values())
    if count > MAX_POINTS:
        raise BadSetting(f"The sweep has {count} points; {MAX_POINTS} are the most.", "Leave values out.")
    return tuple(found.values())


def grid(over: Sequence[Axis], base: Knobs) -> list[Point]:
    """All points, the last axis turning fastest. Raises BadSetting where `base` sets the knob of an axis."""
    for axis in over:
        if getattr(base, axis.knob) != getattr(Knobs(), axis.knob):
            raise BadSetting(f"--{axis.knob} is set and swept.", "Leave one of them out.")
    names = [axis.knob for axis in over]
    swept = [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in over))]
    return [Point(msgspec.structs.replace(base, **values), values) for values in swept]


def text(value: object) -> str:
    """A knob's value for people: `0.5`, `2`, `4x2`, `ddim`."""
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(knob: str, written: str) -> Any:
    try:
        return KNOBS[knob](written)
    except ValueError:
        raise BadSetting(f"{written[:40]!r} is no value of {knob}.", "See `punchin transfer --help`.") from None


__all__ = ["MAX_POINTS", "Axis", "Point", "axes", "grid", "is_axis", "text"]
