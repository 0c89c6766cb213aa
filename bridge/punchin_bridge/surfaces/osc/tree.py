"""The OSCQuery tree: every address of the surfaces' port with types, ranges, values and words. Pure.

Source: OSCQuery proposal (Vidvox), attributes FULL_PATH, CONTENTS, TYPE, ACCESS, RANGE, VALUE, DESCRIPTION.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from punchin_wire import VERSION
from punchin_wire.osc.table import Address, Arg, OscValue, find
from punchin_wire.parameter import Parameter
from punchin_wire.params import BY_NAME, TABLE

from .. import actions
from .picture import Picture

Node = dict[str, Any]
READ, WRITE = 1, 2
_NOTHING: dict[str, OscValue] = {"s": "", "i": 0, "h": 0, "f": 0.0}
EXTENSIONS = ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "LISTEN")
ATTRIBUTES = frozenset({"FULL_PATH", "CONTENTS", "TYPE", *EXTENSIONS} - {"LISTEN"})


def host_info(osc_port: int) -> Node:
    """What `?HOST_INFO` says."""
    return {
        "NAME": f"Punchin {VERSION}",
        "OSC_IP": "127.0.0.1",
        "OSC_PORT": osc_port,
        "OSC_TRANSPORT": "UDP",
        "EXTENSIONS": dict.fromkeys(EXTENSIONS, True),
    }


def tree(table: tuple[Address, ...], shown: Picture) -> Node:
    """The root; `table` are the addresses of :mod:`punchin_wire.osc.table`, `shown` gives the values."""
    root: Node = {"FULL_PATH": "/", "ACCESS": 0, "DESCRIPTION": "Punchin", "CONTENTS": {}}
    for address in table:
        if address.at == "surfaces":
            for path in paths(address):
                _put(root, path, address, shown)
    return root


def paths(address: Address) -> Iterator[str]:
    """An address, or all that one which ends in `*` stands for."""
    room = address.path.removesuffix("*")
    if room == address.path:
        yield address.path
    elif room.endswith("/action/"):
        yield from (room + action.name for action in actions.TABLE if not action.needs)
    else:
        yield from (room + each.name for each in TABLE if "/fader/" not in room or each.is_fader)


def at(root: Node, path: str) -> Node | None:
    """The node of a path."""
    node = root
    for word in filter(None, path.split("/")):
        node = node.get("CONTENTS", {}).get(word)
        if node is None:
            return None
    return node


def _put(root: Node, path: str, address: Address, shown: Picture) -> None:
    node = root
    words = path.split("/")[1:]
    for depth, word in enumerate(words, start=1):
        fresh = {"FULL_PATH": "/" + "/".join(words[:depth]), "ACCESS": 0}
        node = node.setdefault("CONTENTS", {}).setdefault(word, fresh)
    parameter = BY_NAME.get(words[-1]) if words[1] in ("control", "fader", "get") else None
    if address.args:  # else there is no value, whoever may send it
        node["ACCESS"] |= WRITE if address.direction == "to" else READ
    node["DESCRIPTION"] = _words(words, address, parameter)
    args = address.args
    node["TYPE"] = "".join(_type(arg, parameter) for arg in args)
    node["RANGE"] = [_range(arg, parameter) for arg in args]
    if (path,) in shown:
        node["VALUE"] = list(shown[path,][1])
    elif args:  # clients take a node without value for a container
        node["VALUE"] = [_NOTHING[tag] for tag in node["TYPE"]]


def _words(words: list[str], address: Address, parameter: Parameter[Any] | None) -> str:
    if parameter is not None:
        return parameter.text
    return actions.BY_NAME[words[-1]].doc if words[1] == "action" else address.doc


def _type(arg: Arg, parameter: Parameter[Any] | None) -> str:
    if arg.type == "v" and parameter is not None:
        return {float: "f", int: "i", str: "s"}[parameter.type]
    return arg.type


def _range(arg: Arg, parameter: Parameter[Any] | None) -> Node:
    if arg.type == "v" and parameter is not None:
        if parameter.choices:
            return {"VALS": list(parameter.stops)}
        return dict(zip(("MIN", "MAX"), parameter.ends, strict=True)) if parameter.is_fader else {}
    bounds: dict[str, OscValue] = {"MIN": arg.low, "MAX": arg.high}
    return {name: bound for name, bound in bounds.items() if isinstance(bound, int | float) and math.isfinite(bound)}


def is_listenable(path: str) -> bool:
    """Whether something is said at this address."""
    return find(path, "from", "surfaces") is not None
