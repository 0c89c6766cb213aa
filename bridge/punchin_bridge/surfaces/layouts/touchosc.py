"""The panel as a layout of TouchOSC (not Mk1): XML, compressed by zlib. Pure.

A node has typed properties, values (its state) and messages; a message's path and arguments are made of partials.
Where the bridge is, TouchOSC is told in its connections, not here. It hears at another port than it sends from, so the
layout's script says which when it asks to be told of changes.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator, Sequence
from typing import TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

from . import panel
from .panel import Button, Display, Fader, Field

WIDTH, HEIGHT, GAP = 1024, 768, 6
VERSION = "3"
"""Of the format; the oldest, which all versions of TouchOSC read."""

T = TypeVar("T")
Frame = tuple[float, float, float, float]
"""Left, top, width and height."""

SCRIPT = """local asked = -1e9
function update()
  local now = getMillis()
  if now - asked < {renew} then return end
  asked = now
  sendOSC({{ '{listen}', {{ {{ tag = 'f', value = {seconds} }}, {{ tag = 'i', value = {port} }} }} }})
end
function onReceiveOSC(message)
  if message[1] == '{error}' then
    self.children['error'].values.text = message[2][2].value .. ' ' .. message[2][3].value
  end
end
"""


def layout(hears: int) -> bytes:
    """A `.tosc` file, for a TouchOSC that hears at port `hears`."""
    return zlib.compress(b"<?xml version='1.0' encoding='UTF-8'?>" + tostring(tree(hears)))


def tree(hears: int) -> Element:
    root = Element("lexml", version=VERSION)
    script = SCRIPT.format(
        renew=f"{1000 * panel.RENEW_SECONDS:g}",
        listen=panel.LISTEN,
        seconds=f"{panel.LISTEN_SECONDS:g}",
        port=hears,
        error=panel.ERROR,
    )
    top = _node(root, "GROUP", "Punchin", (0, 0, WIDTH, HEIGHT), s_script=script)
    children = SubElement(top, "children")
    for frame, display in _row(panel.DISPLAYS, 0, 50, [4 if each.wide else 1 for each in panel.DISPLAYS]):
        _display(children, frame, display)
    _bar(children, (GAP, 52, WIDTH - 2 * GAP, 20))
    buttons = panel.buttons()
    half = (len(buttons) + 1) // 2
    for top_edge, row in ((78, buttons[:half]), (144, buttons[half:]), (210, panel.takes())):
        for frame, button in _row(row, top_edge, 60):
            _button(children, frame, button)
    for top_edge, faders in zip((276, 474), panel.faders(), strict=True):
        for frame, fader in _row(faders, top_edge, 192):
            _fader(children, frame, fader)
    for frame, field in _row(panel.fields(), 672, 50):
        _field(children, frame, field)
    _label(children, "error", (GAP, 730, WIDTH - 2 * GAP, 34), "")
    return root


def _row(items: Sequence[T], top: float, height: float, shares: Sequence[float] = ()) -> Iterator[tuple[Frame, T]]:
    """The items side by side, each as wide as its share."""
    shares = shares or [1.0] * len(items)
    unit = (WIDTH - GAP * (len(items) + 1)) / sum(shares)
    left: float = GAP
    for item, share in zip(items, shares, strict=True):
        yield (left, top, unit * share, height), item
        left += unit * share + GAP


# ---- controls ------------------------------------------------------------------------------------------------


def _display(parent: Element, frame: Frame, each: Display) -> None:
    left, top, width, height = frame
    _label(parent, f"{each.label} label", (left, top, width, 18), each.label, size=11)
    _shown(parent, each.label, (left, top + 18, width, height - 18), each.address)


def _bar(parent: Element, frame: Frame) -> None:
    node = _node(parent, "FADER", "fraction", frame, i_orientation=1, b_interactive=False, b_cursor=False)
    _values(node, x="0")
    _message(node, panel.FRACTION, [("VALUE", "FLOAT", "x")], sends=False)


def _button(parent: Element, frame: Frame, each: Button) -> None:
    node = _node(parent, "BUTTON", each.label, frame, i_buttonType=0)
    _values(node, x="0")
    kind = "INTEGER" if isinstance(each.value, int) else "FLOAT"
    _message(node, each.address, [("CONSTANT", kind, f"{each.value:g}")], hears=False, when="RISE")
    _label(parent, f"{each.label} label", frame, each.label)


def _fader(parent: Element, frame: Frame, each: Fader) -> None:
    left, top, width, height = frame
    _label(parent, f"{each.label} label", (left, top, width, 20), each.label, size=10)
    grid = {"b_grid": True, "i_gridSteps": each.marks} if each.marks else {"b_grid": False}
    node = _node(parent, "FADER", each.label, (left, top + 20, width, height - 46), i_orientation=0, **grid)
    _values(node, x="0")
    _message(node, each.address, [("VALUE", "FLOAT", "x")])
    _shown(parent, f"{each.label} value", (left, top + height - 26, width, 26), each.shown)


def _field(parent: Element, frame: Frame, each: Field) -> None:
    """TouchOSC has no keyboard: what others wrote is shown."""
    left, top, width, height = frame
    _label(parent, f"{each.label} label", (left, top, width, 18), each.label, size=11)
    _shown(parent, each.label, (left, top + 18, width, height - 18), each.address)


def _shown(parent: Element, name: str, frame: Frame, address: str) -> None:
    node = _label(parent, name, frame, "")
    _message(node, address, [("VALUE", "STRING", "text")], sends=False)


def _label(parent: Element, name: str, frame: Frame, text: str, size: int = 13) -> Element:
    node = _node(parent, "LABEL", name, frame, i_textSize=size, b_interactive=False, b_background=False)
    _values(node, text=text)
    return node


# ---- XML -----------------------------------------------------------------------------------------------------


def _node(parent: Element, kind: str, name: str, frame: Frame, **properties: str | int | bool) -> Element:
    """`properties` are named by their type and name, such as `b_grid`: `s` text, `i` whole, `b` on or off. The id is
    the same each time, so that a layout is."""
    address = f"{parent.get('ID', '')}/{kind}/{name}/{frame}"
    node = SubElement(parent, "node", ID=str(uuid.uuid5(uuid.NAMESPACE_URL, address)), type=kind)
    listed = SubElement(node, "properties")
    place = _property(listed, "r", "frame")
    for axis, length in zip("xywh", frame, strict=True):
        SubElement(place, axis).text = f"{length:g}"
    for key, value in {"s_name": name, **properties}.items():
        tag, _, word = key.partition("_")
        _property(listed, tag, word).text = str(int(value)) if isinstance(value, bool) else str(value)
    return node


def _property(listed: Element, tag: str, word: str) -> Element:
    found = SubElement(listed, "property", type=tag)
    SubElement(found, "key").text = word
    return SubElement(found, "value")


def _values(node: Element, **values: str) -> None:
    listed = SubElement(node, "values")
    for key, default in {"touch": "false", **values}.items():
        value = SubElement(listed, "value")
        for word, text in {
            "key": key,
            "locked": "0",
            "lockedDefaultCurrent": "0",
            "default": default,
            "defaultPull": "0",
        }.items():
            SubElement(value, word).text = text


def _message(
    node: Element,
    path: str,
    arguments: Sequence[tuple[str, str, str]],
    sends: bool = True,
    hears: bool = True,
    when: str = "ANY",
) -> None:
    """An OSC message: sent when `x` changes (`ANY`) or goes up (`RISE`), and heard. `feedback` is off, so that what is
    heard is not sent back."""
    osc = SubElement(SubElement(node, "messages"), "osc")
    flags = {"enabled": True, "send": sends, "receive": hears, "feedback": False}
    for word, flag in flags.items():
        SubElement(osc, word).text = str(int(flag))
    SubElement(osc, "connections").text = "00001"
    if sends:
        trigger = SubElement(SubElement(osc, "triggers"), "trigger")
        SubElement(trigger, "var").text = "x"
        SubElement(trigger, "condition").text = when
    _partials(SubElement(osc, "path"), [("CONSTANT", "STRING", path)])
    _partials(SubElement(osc, "arguments"), arguments)


def _partials(parent: Element, partials: Sequence[tuple[str, str, str]]) -> None:
    for kind, conversion, value in partials:
        partial = SubElement(parent, "partial")
        words = {"type": kind, "conversion": conversion, "value": value, "scaleMin": "0", "scaleMax": "1"}
        for word, text in words.items():
            SubElement(partial, word).text = text
