"""The parameters of the next take as surfaces have set them. Pure.

>>> parameters = Parameters()
>>> parameters.params("inpaint") is UNSET  # nobody has touched anything: the host's own settings hold
True
>>> parameters.set("temperature", 0.8)
>>> parameters.params("inpaint").sampling
Sampling(temperature=0.8, top_k=None, guidance=None)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType
from punchin_wire.errors import BadSetting
from punchin_wire.parameter import Engine, Value
from punchin_wire.params import BY_NAME, TABLE, Params, build, find

MAX_TEXT = 200
"""Characters of a text that is set from a surface; it must fit an OSC packet."""


@dataclass
class Parameters:
    """Their plain values as they stand now. `touched` names those that somebody has set; only these are asked for."""

    values: dict[str, Value] = field(default_factory=lambda: {each.name: each.default for each in TABLE})
    touched: set[str] = field(default_factory=set)

    def set(self, name: str, value: object) -> None:
        """Raises BadSetting; then nothing has changed. A new `task` brings its own values along."""
        checked = find(name).check(value, or_unsaid=True)
        if isinstance(checked, str) and not (len(checked) <= MAX_TEXT and checked.isprintable()):
            raise BadSetting(f"{name} is one line of up to {MAX_TEXT} characters.")
        if name == "task" and checked != self.values[name]:
            self.values |= {each.name: each.of_task(checked) for each in TABLE if each.tasks}
        self.values[name] = checked
        self.touched.add(name)

    def reset(self) -> None:
        """As if nobody had touched anything."""
        self.values = {each.name: each.default for each in TABLE}
        self.touched = set()

    def params(self, engine: Engine) -> Params | UnsetType:
        """What a job of `engine` is made with; unset where no parameter of this engine was touched, so that the host's
        own settings hold. Raises BadSetting."""
        said = {name: self.values[name] for name in self.touched if engine in BY_NAME[name].engines}
        if not said:
            return UNSET
        method = self.values["method"]
        return build(engine, {name: value for name, value in said.items() if BY_NAME[name].is_of(method)})
