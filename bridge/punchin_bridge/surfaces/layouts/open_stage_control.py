"""The panel as a session of Open Stage Control: JSON, of the widgets and properties of its documentation. Pure.

https://openstagecontrol.ammd.net/docs/widgets/properties-reference/
"""

from __future__ import annotations

import json
from typing import Any

from . import panel
from .panel import Button, Display, Fader, Field

VERSION = "1.29.2"
"""The program's version that this form of a session is of: what claims 1.8.15 or older is converted from another form,
and nothing of it loads."""

Widget = dict[str, Any]


def session(target: str) -> bytes:
    """A session that drives the bridge at `target`, such as `127.0.0.1:17814`."""
    root = {"type": "root", "id": "root", "layout": "vertical", "widgets": _widgets(), "onCreate": _listen(target)}
    for widget in walk(root):
        if "address" in widget:
            widget["target"] = [target]
    whole = {"createdWith": "Open Stage Control", "version": VERSION, "type": "session", "content": root}
    return json.dumps(whole, indent=1, ensure_ascii=False).encode() + b"\n"


def walk(widget: Widget) -> list[Widget]:
    """A widget and all that is in it."""
    return [widget, *(each for child in widget.get("widgets", ()) for each in walk(child))]


def _listen(target: str) -> str:
    """Asks to be told of changes, at once and again and again."""
    seconds = f"{{type: 'f', value: {panel.LISTEN_SECONDS:g}}}"
    listen = f"send('{target}', '{panel.LISTEN}', {seconds})"
    return f"{listen}\nsetInterval('listen', () => {{ {listen} }}, {1000 * panel.RENEW_SECONDS:g})"


def _widgets() -> list[Widget]:
    progress = _at("fader", panel.FRACTION, design="compact", horizontal=True, interaction=False, height=24)
    error = _at("text", panel.ERROR, height=32)
    return [
        _row("displays", [_display(each) for each in panel.DISPLAYS], height=70),
        progress,
        _row("actions", [_button(each) for each in panel.buttons()], height=80),
        _row("takes", [_button(each) for each in panel.takes()], height=60),
        *(
            _row(f"faders_{number}", [_fader(each) for each in row], expand=True)
            for number, row in enumerate(panel.faders())
        ),
        _row("fields", [_field(each) for each in panel.fields()], height=70),
        error,
    ]


def _row(name: str, widgets: list[Widget], **more: Any) -> Widget:
    return {"type": "panel", "id": name, "layout": "horizontal", "widgets": widgets, **more}


def _column(name: str, widgets: list[Widget], expand: float = 1) -> Widget:
    return {
        "type": "panel",
        "id": name.replace(" ", "_"),
        "layout": "vertical",
        "widgets": widgets,
        "expand": expand,
        "padding": 1,
    }


def _at(kind: str, address: str, suffix: str = "", **more: Any) -> Widget:
    name = address.removeprefix("/punchin/").replace("/", "_") + suffix
    return {"type": kind, "id": name, "address": address, **more}


def _label(name: str, text: str) -> Widget:
    return {"type": "text", "id": f"{name}_label", "default": text, "height": 20, "bypass": True}


def _display(each: Display) -> Widget:
    shown = _at("text", each.address, expand=True)
    return _column(f"{each.label}_display", [_label(shown["id"], each.label), shown], 4 if each.wide else 1)


def _button(each: Button) -> Widget:
    whole = isinstance(each.value, int)
    suffix = f"_{each.value}" if whole else ""
    tags = "i" if whole else "f"
    return _at("button", each.address, suffix, label=each.label, mode="tap", on=each.value, typeTags=tags, expand=True)


def _fader(each: Fader) -> Widget:
    fader = _at("fader", each.address, decimals=4, typeTags="f", steps=each.marks or "", expand=True)
    value = _at("text", each.shown, decimals=2, bypass=True, height=24)
    return _column(f"{each.label}_strip", [_label(fader["id"], each.label), fader, value])


def _field(each: Field) -> Widget:
    field = _at("input", each.address, typeTags="i" if each.numeric else "s", numeric=each.numeric, expand=True)
    return _column(f"{each.label}_column", [_label(field["id"], each.label), field])
