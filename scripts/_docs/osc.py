"""Every OSC address, by port and direction, and the options of those that have any."""

from __future__ import annotations

from typing import get_args

from punchin_wire.osc.table import TABLE, Address, Direction, Program

from . import table

PORTS: dict[Program, str] = {
    "surfaces": "The bridge, for control surfaces: UDP 17814",
    "daemon": "The daemon: UDP 17812",
    "bridge": "The bridge, for hosts: UDP 17813",
}


def tables() -> str:
    """A heading and two tables for each port, and one table for each address that has options."""
    parts = []
    for port, title in PORTS.items():
        parts.append(f"## {title}\n")
        rows = [address for address in TABLE if address.at == port]
        parts += [_addresses(rows, direction) for direction in get_args(Direction)]
        parts += [_options(address) for address in rows if address.options]
    return "\n".join(parts)


def _addresses(rows: list[Address], direction: Direction) -> str:
    title = "Sent to it" if direction == "to" else "Sent by it"
    cells = [(f"`{row.path}`", _arguments(row), row.doc) for row in rows if row.direction == direction]
    return f"**{title}**\n\n" + table(("Address", "Arguments", "Meaning"), cells)


def _arguments(address: Address) -> str:
    words = [f"`{arg.name}` {arg.type}" + " (optional)" * arg.optional for arg in address.args]
    words += ["name, value …"] * bool(address.options)
    return ", ".join(words) or "none"


def _options(address: Address) -> str:
    cells = [(f"`{arg.name}`", f"`{arg.type}`", arg.doc) for arg in address.options]
    return f"**Options of `{address.path}`**\n\n" + table(("Name", "Type", "Meaning"), cells)
