"""The table of parameters, for people and for the scripts in hosts, which cannot import it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from punchin_wire.parameter import Parameter, Value
from punchin_wire.params import SHARED, TABLE

from . import table


def tables() -> str:
    """For docs/parameters.md."""
    whole = table(
        ("Parameter", "Engine", "Option", "Values", "On a fader", "At first", "What it is"),
        (
            (
                f"`{one.name}`",
                " and ".join(one.engines),
                f"`--{one.flag}`",
                one.range,
                _fader(one),
                _default(one),
                one.text,
            )
            for one in TABLE
        ),
    )
    shared = [f"- `--{flag}`: {text}\n" for flag, text in SHARED.items()]
    return "".join([whole, "\nAn option that several parameters share sets one or all of them:\n\n", *shared])


def lua() -> str:
    """For plugin_host/lua/params.lua."""
    lines = ["return {"]
    for each in TABLE:
        lines.append(f"  {each.name} = {{")
        lines += [f"    {key} = {_lua(value)}," for key, value in _said(each)]
        lines.append("  },")
    return "\n".join([*lines, "}"]) + "\n"


def python() -> str:
    """For plugin_host/ableton/Punchin/params.py."""
    lines = ["PARAMS: dict[str, dict[str, Any]] = {"]
    for each in TABLE:
        lines.append(f'    "{each.name}": {{')
        lines += [f'        "{key}": {_python(value)},' for key, value in _said(each)]
        lines.append("    },")
    return "\n".join([*lines, "}"]) + "\n"


def cpp() -> str:
    """For plugin_host/plugin/view/parameters.cpp."""
    return "".join(f"    {{{', '.join(map(_cpp, _row(each)))}}},\n" for each in TABLE)


# ---- cells ---------------------------------------------------------------------------------------------------


def _fader(each: Parameter[Any]) -> str:
    if not each.is_fader:
        return ""
    if each.choices:
        return f"{len(each.stops)} stops"
    low, high = each.ends
    return f"{_shown(low)} to {_shown(high)}" + ", logarithmic" * each.log


def _default(each: Parameter[Any]) -> str:
    """Whose it is to say when nobody does, and what faders show then."""
    others = (f"{task} {_shown(value)}" for task, value in each.tasks.items())
    shown = ", ".join(filter(None, [_shown(each.default), *others]))
    return f"{each.unsaid} ({shown})" if each.unsaid and shown else each.unsaid or shown


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


# ---- what hosts are told -------------------------------------------------------------------------------------


def _said(each: Parameter[Any]) -> Iterator[tuple[str, Any]]:
    yield "text", each.text
    yield "engines", each.engines
    yield "default", each.default
    if each.choices:
        yield "choices", each.choices
    elif each.type is str:
        yield "length", each.length
    else:
        yield from (("low", each.low), ("high", each.high), ("whole", each.type is int))


def _lua(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{{ {', '.join(map(_lua, value))} }}"
    return json.dumps(value, ensure_ascii=False)


def _python(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_python, value))}{',' * (len(value) == 1)})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _row(each: Parameter[Any]) -> Iterator[Any]:
    """A row of the plug-in's table, in the order of its struct."""
    kind = "choice" if each.choices else {float: "number", int: "whole", str: "text"}[each.type]
    numbers = (each.low, each.high, *each.ends) if kind in ("number", "whole") else (0.0,) * 4
    yield from (each.name, each.text, "inpaint" in each.engines, "transfer" in each.engines, f"Kind::{kind}")
    yield from (_shown(each.default), each.unsaid, *numbers, each.log, each.length if kind == "text" else 0)
    yield from (tuple(map(_shown, each.stops if each.choices else ())), each.methods)


def _cpp(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{{{', '.join(map(_cpp, value))}}}"
    if isinstance(value, str) and value.startswith("Kind::"):
        return value
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.16g}"
