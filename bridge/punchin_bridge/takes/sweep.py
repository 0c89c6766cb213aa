"""A grid of parameters: from words such as `pooling=1,2,4,8 alpha=.3,.5` to points. Pure.

>>> [point.label for point in grid(axes(["pooling=2,4x1", "alpha=.3"]), TransferParams("violin"))]
['pooling2_alpha0.3', 'pooling4x1_alpha0.3']
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import msgspec
from punchin_wire.errors import BadSetting
from punchin_wire.params import DENOISING, TransferParams

MAX_POINTS = 64


class Axis(NamedTuple):
    """One field of the parameters, and the values it takes."""

    name: str
    values: tuple[Any, ...]


class Point(NamedTuple):
    """One place of the grid: all parameters, and the values of those that are swept."""

    params: TransferParams
    swept: dict[str, Any]

    @property
    def label(self) -> str:
        """For file names."""
        return "_".join(name + text(value).replace("+", "p") for name, value in self.swept.items())


def is_axis(word: str) -> bool:
    """Whether a word is meant as an axis, `name=…`."""
    return "=" in word and word.partition("=")[0] in DENOISING


def axes(words: Iterable[str]) -> tuple[Axis, ...]:
    """The axes that the words say. Raises BadSetting, also for more than :data:`MAX_POINTS` points."""
    found: dict[str, Axis] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if name not in DENOISING or not equals:
            raise BadSetting(
                f"{word[:40]!r} is nothing to sweep.", f"Sweep {', '.join(DENOISING)}: --sweep pooling=1,2 alpha=.3,.5"
            )
        if name in found:
            raise BadSetting(f"The sweep names {name} twice.", "Write all its values behind one name.")
        found[name] = Axis(name, tuple(dict.fromkeys(_value(name, part.strip()) for part in values.split(","))))
    if not found:
        raise BadSetting("The sweep names no parameter.", "Write for example --sweep pooling=1,2 alpha=.3,.5")
    count = prod(len(axis.values) for axis in found.values())
    if count > MAX_POINTS:
        raise BadSetting(f"The sweep has {count} points; {MAX_POINTS} are the most.", "Leave values out.")
    return tuple(found.values())


def grid(over: Sequence[Axis], base: TransferParams) -> list[Point]:
    """All points, the last axis turning fastest. Raises BadSetting where `base` sets what an axis sweeps."""
    unset = TransferParams(base.to)
    for axis in over:
        if getattr(base, axis.name) != getattr(unset, axis.name):
            raise BadSetting(f"--{axis.name} is set and swept.", "Leave one of them out.")
    names = [axis.name for axis in over]
    swept = [dict(zip(names, values, strict=True)) for values in product(*(axis.values for axis in over))]
    return [Point(msgspec.structs.replace(base, **values), values) for values in swept]


def text(value: object) -> str:
    """A value for people: `0.5`, `2`, `4x2`, `ddim`."""
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(name: str, written: str) -> Any:
    values = tuple(DENOISING[name].read(written).values())
    return values if len(values) > 1 else values[0]


__all__ = ["MAX_POINTS", "Axis", "Point", "axes", "grid", "is_axis", "text"]
