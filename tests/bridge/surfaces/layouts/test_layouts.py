"""Layouts for tablets: what they send is understood, what they show is said, and all that there is is on them."""

from __future__ import annotations

import json
import re
import zlib
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import lupa.lua51
import pytest
from punchin_bridge.cli.main import app
from punchin_bridge.surfaces import actions
from punchin_bridge.surfaces.layouts import open_stage_control, panel, touchosc
from punchin_wire import params
from punchin_wire.osc.table import check, find
from typer.testing import CliRunner

EXAMPLES = {"f": 0.5, "i": 1, "s": "pack"}


def all_that_is_there() -> set[str]:
    """The addresses that a panel must have."""
    faders = {f"/punchin/fader/{each.name}" for each in params.TABLE if each.is_fader and each.name != "seed"}
    values = {f"/punchin/control/{each.name}" for each in params.TABLE}
    buttons = {f"/punchin/action/{action.name}" for action in actions.TABLE if not action.needs}
    now = {f"/punchin/now/{word}" for word in ("host", "line", "fraction", "takes", "seats", "foot", "chord")}
    return faders | values | buttons | now | {"/punchin/take/pick"}


# ---- Open Stage Control --------------------------------------------------------------------------------------


@pytest.fixture
def session() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(open_stage_control.session("10.0.0.7:17814"))
    return found


def test_a_session_is_one(session: dict[str, Any]) -> None:
    assert (session["type"], session["createdWith"]) == ("session", "Open Stage Control")
    assert session["content"]["type"] == "root"
    widgets = open_stage_control.walk(session["content"])
    names = [widget["id"] for widget in widgets]
    assert len(set(names)) == len(names)  # widgets of one name would follow each other


def test_a_session_is_not_taken_for_an_old_one(session: dict[str, Any]) -> None:
    """Up to 1.8.15 sessions had another form, and the program converts what claims to be one of those."""
    assert tuple(map(int, session["version"].split("."))) > (1, 8, 15)
    assert "content" in session


def test_every_widget_of_a_session_speaks_to_the_bridge(session: dict[str, Any]) -> None:
    speaking = [widget for widget in open_stage_control.walk(session["content"]) if "address" in widget]
    assert {widget["address"] for widget in speaking} == all_that_is_there() | {panel.ERROR}
    for widget in speaking:
        assert widget["target"] == ["10.0.0.7:17814"]
        if widget["type"] == "text" or not widget.get("interaction", True):
            assert find(widget["address"], "from", "surfaces")
        else:
            value = widget.get("on", EXAMPLES[widget["typeTags"]])
            check(widget["address"], [value], "to", "surfaces")


def test_a_session_asks_to_be_told(session: dict[str, Any]) -> None:
    sent = re.findall(r"send\('(.+?)', '(.+?)', \{type: 'f', value: (\d+)\}\)", session["content"]["onCreate"])
    assert sent == [("10.0.0.7:17814", "/punchin/listen", "60")] * 2
    assert ", 20000)" in session["content"]["onCreate"]
    check("/punchin/listen", [60.0], "to", "surfaces")


# ---- TouchOSC ------------------------------------------------------------------------------------------------


@pytest.fixture
def lexml() -> Element:
    return ElementTree.fromstring(zlib.decompress(touchosc.layout(9001)))


def text(element: Element, path: str) -> str:
    return element.findtext(path) or ""


def properties(node: Element) -> dict[str, Element]:
    return {
        text(each, "key"): value
        for each in node.iterfind("properties/property")
        if (value := each.find("value")) is not None
    }


def test_a_layout_is_one(lexml: Element) -> None:
    assert lexml.tag == "lexml"
    [root] = lexml
    assert root.get("type") == "GROUP"
    nodes = list(lexml.iter("node"))
    assert len({node.get("ID") for node in nodes}) == len(nodes)
    assert {node.get("type") for node in nodes} == {"GROUP", "FADER", "BUTTON", "LABEL"}


def test_every_message_of_a_layout_is_in_the_table(lexml: Element) -> None:
    found = set()
    for osc in lexml.iter("osc"):
        [path] = [text(partial, "value") for partial in osc.iterfind("path/partial")]
        found.add(path)
        if text(osc, "receive") == "1":
            assert find(path, "from", "surfaces"), path
        assert (osc.find("triggers") is not None) == (text(osc, "send") == "1")
        if text(osc, "send") == "1":
            check(path, [_sent(partial) for partial in osc.iterfind("arguments/partial")], "to", "surfaces")
    assert found == all_that_is_there()


def _sent(partial: Element) -> float | int:
    kind, conversion, value = (text(partial, word) for word in ("type", "conversion", "value"))
    if kind == "CONSTANT":
        return int(value) if conversion == "INTEGER" else float(value)
    assert (kind, conversion, value) == ("VALUE", "FLOAT", "x")
    return 1.0


def test_controls_lie_on_the_canvas_beside_each_other(lexml: Element) -> None:
    frames = []
    for node in lexml.iter("node"):
        frame = properties(node)["frame"]
        left, top, width, height = (float(text(frame, axis)) for axis in "xywh")
        assert 0 <= left < left + width <= touchosc.WIDTH
        assert 0 <= top < top + height <= touchosc.HEIGHT
        if node.get("type") in ("FADER", "BUTTON"):
            assert width >= 40
            frames.append((left, top, left + width, top + height))
    for one, other in combinations(frames, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_the_script_of_a_layout_asks_to_be_told_and_shows_errors(lexml: Element) -> None:
    """In Lua 5.1, as TouchOSC has it."""
    lua = lupa.lua51.LuaRuntime()
    sent: list[Any] = []
    clock = [1000.0]
    lua.globals().getMillis = lambda: clock[0]
    lua.globals().sendOSC = sent.append
    lua.execute("self = { children = { error = { values = { text = '' } } } }")
    lua.execute(properties(lexml[0])["script"].text)
    for _ in range(3):
        lua.globals().update()
        clock[0] += 15_000
    assert len(sent) == 2
    path, arguments = sent[0][1], [(each.tag, each.value) for each in sent[0][2].values()]
    assert (path, arguments) == ("/punchin/listen", [("f", 60), ("i", 9001)])
    check(path, [value for _, value in arguments], "to", "surfaces")
    lua.execute("onReceiveOSC({ '/punchin/error', { { value = 'code' }, { value = 'No.' }, { value = 'Do this.' } } })")
    lua.execute("onReceiveOSC({ '/punchin/now/foot', { { value = 'in' } } })")
    assert lua.eval("self.children.error.values.text") == "No. Do this."


# ---- the command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tablet", "name"), [("touchosc", "punchin.tosc"), ("open-stage-control", "punchin.json")])
def test_the_command_writes_a_layout(tablet: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["surface", "layout", tablet])
    assert done.exit_code == 0, done.output
    data = Path(name).read_bytes()
    assert data in (touchosc.layout(9000), open_stage_control.session("127.0.0.1:17814"))
    assert name in done.output
