"""The tables of docs/surfaces.md, from the tables that the code runs by."""

from __future__ import annotations

from . import actions, parameters


def markdown() -> str:
    """Controls and actions as the documentation shows them."""
    lines = ["| Control | Engine | Values | At first | What it is |", "|---|---|---|---|---|"]
    for control in parameters.TABLE:
        engines = " and ".join(control.engines)
        cells = (f"`{control.name}`", engines, _values(control), _shown(control.default), control.doc)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| Action | Needs | What it does |", "|---|---|---|"]
    for action in actions.TABLE:
        needs = ", ".join([*action.needs, *(f"{name} (or not)" for name in action.may)]) or "nothing"
        lines.append(f"| `{action.name}` | {needs} | {action.doc} |")
    return "\n".join(lines) + "\n"


def _values(control: parameters.Control) -> str:
    if control.choices:
        return ", ".join(map(str, control.choices))
    if not control.is_fader:
        return "a text"
    return f"{control.low:g} to {control.high:g}" + ", logarithmic" * control.log


def _shown(value: parameters.Value) -> str:
    return f"{value:g}" if not isinstance(value, str) else value or "empty"
