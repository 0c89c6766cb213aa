"""What control surfaces can do."""

from __future__ import annotations

from punchin_bridge.surfaces import actions

from . import table


def tables() -> str:
    """The actions; what can be set is :mod:`.parameters`."""
    return table(
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
