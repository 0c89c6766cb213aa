"""Ardour's own files that say which scripts are in use (`ui_scripts`), and what its keys do (`ardour.keys`).

Ardour reads both when it starts and writes the first when it saves a session: they are edited while it is closed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from punchin_wire.errors import BadSetting

SLOTS = 32
"""Rows for action scripts in Ardour's Script Manager."""
LUA = "Lua 5.3"
_HOOK_ID = "9001"
_STRING = rb'"(?:[^"\\]|\\.)*"'
_STATEMENT = re.compile(
    rb"\s*(?:scripts = \{\}|scripts\[(\d+)\](?:\[(?:\d+|"
    + _STRING
    + rb")\])* = (?:\{\}|"
    + _STRING
    + rb"|[\w.+-]+))\s*",
    re.DOTALL,
)
"""Ardour keeps action scripts as Lua, an assignment for each field of each slot."""
_CHUNK = "local ardour, factory, signals = function () end\n{text}\nreturn factory (...)"
"""Ardour keeps a script's factory alone, as Lua that gives the function to be called."""


@dataclass(frozen=True)
class Script:
    """What Ardour calls it, and its text: a file of ours."""

    name: str
    text: str

    def fields(self, variable: str) -> bytes:
        """As Ardour keeps it, in Lua `variable`."""
        factory = _CHUNK.format(text=self.text)
        lines = (
            f"{variable} = {{}}",
            *(
                f'{variable}["{key}"] = {value}'
                for key, value in (
                    ("n", quoted(self.name)),
                    ("s", quoted(self.text)),
                    ("f", quoted(factory)),
                    ("a", "{}"),
                )
            ),
        )
        return " ".join(lines).encode()


class InUse:
    """The scripts that Ardour has in use, from the bytes of `ui_scripts`, or none yet. Others' stay as they are.

    Raises BadSetting where the bytes are not what Ardour 7 writes.
    """

    def __init__(self, data: bytes | None) -> None:
        self.actions: dict[int, bytes] = {}  # slot, from 1 -> the Lua that fills it
        try:
            root = ElementTree.fromstring(data) if data else ElementTree.Element("UIScripts")
            for node in root.iter("ActionScript"):
                if node.get("lua") != LUA:
                    raise ValueError(node.get("lua"))
                self.actions |= _slots(base64.b64decode(node.text or ""))
        except (ElementTree.ParseError, binascii.Error, ValueError):
            raise BadSetting(
                "Ardour's list of scripts in use (`ui_scripts`) is not one that Punchin can read.",
                "Start and quit Ardour once, and install again.",
            ) from None
        self._hooks = list(root.iter("LuaCallback"))

    @property
    def is_empty(self) -> bool:
        return not self.actions and not self._hooks

    def slot(self, name: str) -> int | None:
        """The slot of the action script of that name, from 1."""
        field = f'["n"] = {quoted(name)}'.encode()
        return next((slot for slot, fields in self.actions.items() if b"scripts[%d]%s" % (slot, field) in fields), None)

    def put(self, script: Script, slot: int | None = None) -> int:
        """Use an action script: at `slot`, else where one of its name is, else at the first that is free. Returns the
        slot. Raises BadSetting where all are taken."""
        slot = slot or self.slot(script.name) or next((n for n in range(1, SLOTS + 1) if n not in self.actions), None)
        if slot is None:
            raise BadSetting(
                "All of Ardour's slots for action scripts are taken.",
                "Remove some in Ardour: Edit > Lua Scripts > Script Manager.",
            )
        self.actions[slot] = script.fields(f"scripts[{slot}]")
        return slot

    def hook(self, script: Script, signal: int, signals: int) -> None:
        """Call a hook at `signal` of the `signals` that this Ardour has, instead of one of its name."""
        self.unhook(script.name)
        bits = "".join("1" if bit == signal else "0" for bit in reversed(range(signals)))
        node = ElementTree.Element("LuaCallback", lua=LUA, id=_HOOK_ID, name=script.name, signals=bits)
        node.text = base64.b64encode(script.fields("s")).decode()
        self._hooks.append(node)

    def unhook(self, name: str) -> None:
        self._hooks = [node for node in self._hooks if node.get("name") != name]

    def drop(self, slot: int) -> None:
        self.actions.pop(slot, None)

    def encode(self) -> bytes:
        root = ElementTree.Element("UIScripts")
        actions = ElementTree.SubElement(root, "ActionScript", lua=LUA)
        actions.text = base64.b64encode(b" ".join((b"scripts = {}", *self.actions.values()))).decode()
        ElementTree.SubElement(root, "ActionHooks").extend(self._hooks)
        data: bytes = ElementTree.tostring(root, "UTF-8", xml_declaration=True)
        return data + b"\n"


def _slots(lua: bytes) -> dict[int, bytes]:
    """The assignments of each slot. Raises ValueError where there is anything else."""
    found: dict[int, list[bytes]] = {}
    at = 0
    while at < len(lua):
        match = _STATEMENT.match(lua, at)
        if not match:
            raise ValueError(lua[at : at + 40])
        if match[1]:
            found.setdefault(int(match[1]), []).append(match[0].strip())
        at = match.end()
    return {slot: b" ".join(lines) for slot, lines in found.items()}


def quoted(text: str) -> str:
    """`text` as a Lua string."""
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(escaped.get(letter, letter) for letter in text) + '"'


# ---- keys ------------------------------------------------------------------------------------------------------

_GLOBAL = re.compile(r'<Bindings name="Global">.*?</Press>', re.DOTALL)
_BINDING = re.compile(r'[ \t]*<Binding key="(?P<key>[^"]*)" action="LuaAction/script-(?P<slot>\d+)"[^>]*/>\n?')


def with_keys(bindings: str, wanted: Mapping[int, str]) -> str:
    """Ardour's key bindings, where the scripts of these slots have keys: those that they had, else the wanted ones that
    nothing else has."""
    section = _GLOBAL.search(bindings)
    if not section:
        return bindings
    bound = {int(match["slot"]) for match in _BINDING.finditer(bindings)}
    lines = [
        f'   <Binding key="{key}" action="LuaAction/script-{slot}" group="Scripts"/>\n'
        for slot, key in wanted.items()
        if slot not in bound and f'key="{key}"' not in bindings
    ]
    at = section.end() - len("</Press>")
    at = bindings.rfind("\n", 0, at) + 1
    return bindings[:at] + "".join(lines) + bindings[at:]


def without_keys(bindings: str, is_ours: Callable[[int], bool]) -> str:
    """Ardour's key bindings without those of our slots."""
    return _BINDING.sub(lambda match: "" if is_ours(int(match["slot"])) else match[0], bindings)
