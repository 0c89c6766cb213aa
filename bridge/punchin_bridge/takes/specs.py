"""What each take follows, in a musician's words: `chord`, `chord+drums=.5`, `free`. Pure.

>>> take_specs(7, 1, ("chord", "drums"), {}, ["chord+drums=.5", "free"])
(TakeSpec(seed=7, controls={'chord': 1.0, 'drums': 0.5}), TakeSpec(seed=8, controls={}))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec
from punchin_wire.errors import BadSetting
from punchin_wire.messages import TakeSpec
from punchin_wire.params import CHORD, MAX_TAKES, SEED, Control, InpaintParams

CONTROLS: tuple[Control, ...] = get_args(Control)

Weights = Mapping[Control, float]


def take_specs(
    seed: int, count: int, given: Sequence[Control], weights: Weights, specs: Sequence[str] = ()
) -> tuple[TakeSpec, ...]:
    """`count` takes with seeds `seed`, `seed + 1`, …, each following everything `given`; or one for each of `specs`.

    A spec names the controls of its take, `chord`, `chord+drums`, `chord=0.8+piano` or `free` (none); a weight it
    does not give is that of `weights`, else 1. A weight of 0 leaves its control out. Raises BadSetting.
    """
    followed = [_followed(spec, given, weights) for spec in specs] or [
        {control: weight for control in given if (weight := weights.get(control, 1.0))}
    ] * count
    if not 1 <= len(followed) <= MAX_TAKES:
        raise BadSetting(f"One request makes 1 to {MAX_TAKES} takes, not {len(followed)}.")
    if not 0 <= seed <= SEED.high - len(followed):
        raise BadSetting(f"A seed is a whole number, {SEED.range}.")
    for control, weight in weights.items():
        if weight and control not in given:
            raise BadSetting(f"There is a weight for {control}, but no {control} to follow.", _bring(control))
    return tuple(TakeSpec(seed + index, controls) for index, controls in enumerate(followed))


def without(params: InpaintParams, control: Control) -> InpaintParams:
    """The same takes, which do not follow `control`. Raises BadSetting.

    >>> without(InpaintParams(weights={"drums": 0.5}, specs=("chord+drums=.5", "drums")), "drums").specs
    ('chord', 'free')
    """

    def follows(part: str) -> bool:
        name = part.partition("=")[0].strip()
        return name != "free" and _control(name) == control

    specs = ["+".join(part for part in spec.split("+") if not follows(part)) or "free" for spec in params.specs]
    weights = {name: weight for name, weight in params.weights.items() if name != control}
    return msgspec.structs.replace(params, weights=weights, specs=tuple(specs))


def _followed(spec: str, given: Sequence[Control], weights: Weights) -> dict[Control, float]:
    found: dict[Control, float] = {}
    for part in spec.replace(" ", "").split("+"):
        if part == "free":
            continue
        name, equals, value = part.partition("=")
        control = _control(name)
        if control not in given:
            raise BadSetting(f"A take follows {control}, but there is no {control} to follow.", _bring(control))
        found[control] = _weight(value) if equals else weights.get(control, 1.0)
    return {control: weight for control, weight in found.items() if weight}


def _bring(control: Control) -> str:
    return f"Give takes the {'chords' if control == 'chord' else control}, or leave {control} out."


def _control(name: str) -> Control:
    for control in CONTROLS:
        if name == control or name + "s" == control or name == control + "s":
            return control
    raise BadSetting(f"{name[:40]!r} is nothing that a take can follow.", "Takes follow chord, drums and piano.")


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight <= CHORD.high:
        raise BadSetting(f"A weight is a number above 0 and up to {CHORD.high:g}, not {value[:40]!r}.")
    return weight
