"""What control surfaces can set and do."""

from __future__ import annotations

from punchin_bridge.surfaces import actions, parameters

from . import table


def tables() -> str:
    """Parameters and actions."""
    return (
        table(
            ("Parameter", "Engine", "Values", "At first", "What it is"),
            (
                (f"`{one.name}`", " and ".join(one.engines), _values(one), _shown(one.default), one.doc)
                for one in parameters.TABLE
            ),
        )
        + "\n"
        + table(
            ("Action", "Needs", "What it does"),
            (
                (
                    f"`{action.name}`",
                    ", ".join([*action.needs, *(f"{name} (or not)" for name in action.may)]) or "nothing",
                    action.doc,
                )
                for action in actions.TABLE
            ),
        )
    )


def _values(one: parameters.Control) -> str:
    if one.choices:
        return ", ".join(map(str, one.choices))
    if not one.is_fader:
        return "a text"
    return f"{one.low:g} to {one.high:g}" + ", logarithmic" * one.log


def _shown(value: parameters.Value) -> str:
    return f"{value:g}" if not isinstance(value, str) else value or "empty"
