"""`punchin remote`: daemons of other computers, by name."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .. import remotes
from ..settings import LOCAL
from .options import Json

app = typer.Typer(help="Daemons of other computers: add | list | remove | use.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name here.")]


@app.command()
def add(
    name: Name,
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where it listens, such as box.local:17815.")],
    key: Annotated[str, typer.Argument(help="Its computer's key, as `punchin keys list` shows it there.")],
    as_json: Json = False,
) -> None:
    """Know another computer's daemon by a name. It must allow this computer's key (`punchin keys`)."""
    remotes.add(name, address, key)
    print(
        json.dumps({"added": name}) if as_json else f"{name} is known; `punchin remote use {name}` lets it make takes."
    )


@app.command("list")
def show(as_json: Json = False) -> None:
    """Show the daemons that are known, and which of them is used."""
    known = remotes.read()
    if as_json:
        rows = [{"name": name, "address": remote.address, "key": remote.key} for name, remote in known.remotes.items()]
        print(json.dumps({"remotes": rows, "used": known.used or LOCAL}))
        return
    for name, remote in known.remotes.items():
        print(f"{name:<32}  {remote.address}  {remote.key}{'  (used)' if name == known.used else ''}")
    if not known.used:
        print("This computer's own daemon is used.")


@app.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Know a daemon no longer."""
    remotes.remove(name)
    print(json.dumps({"removed": name}) if as_json else f"{name} is known no longer.")


@app.command()
def use(
    name: Annotated[str, typer.Argument(help="Its name here; local: this computer's own.")], as_json: Json = False
) -> None:
    """Let it make all takes from now on, for DAWs, the page, surfaces and shells, unless --remote names another."""
    remotes.use(name)
    said = "This computer's own daemon is used." if name == LOCAL else f"{name} is used."
    print(json.dumps({"used": name}) if as_json else said)
