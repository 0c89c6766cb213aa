"""`punchin keys`: this computer's key, and the computers that may use its daemon."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer
from punchin_wire.errors import BadKey
from punchin_wire.remote import keys

from .options import Json

app = typer.Typer(help="Keys of computers that use one another's daemon.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name for that computer, such as room-2.")]


@app.command()
def new(
    replace: Annotated[
        bool, typer.Option("--replace", help="Make another; whoever knows the one before must be told.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make this computer's key, and show the part of it that others may know."""
    import zmq  # what the other commands need not load
    from zmq.utils import z85

    public, secret = (z85.decode(half).hex() for half in zmq.curve_keypair())
    keys.keep_own(keys.KeyPair(public, secret), replace=replace)
    print(json.dumps({"key": public}) if as_json else f"This computer's key: {public}")
    if replace and not as_json:
        print("A daemon that serves here with the one before must be started again.")


@app.command()
def allow(
    name: Name,
    key: Annotated[str, typer.Argument(help="Its key, as `punchin keys list` shows it there.")],
    as_json: Json = False,
) -> None:
    """Let another computer use this one's daemon (`punchin serve --keys`); one that runs need not be restarted."""
    before = keys.allow(name, key)
    renamed = f" Its name was {before} until now." if before else ""
    said = {"allowed": name} | ({"before": before} if before else {})
    print(json.dumps(said) if as_json else f"{name} may use this computer's daemon.{renamed}")


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The name that the key was given here, or the key.")],
    as_json: Json = False,
) -> None:
    """Let a computer use this one's daemon no longer: it is cut off with its next packet."""
    key = keys.revoke(name)
    print(json.dumps({"revoked": key}) if as_json else f"{name} may use this computer's daemon no longer.")


@app.command("list")
def show(as_json: Json = False) -> None:
    """Show this computer's key, and those that may use its daemon."""
    try:
        own, problem = keys.own().public, ""
    except BadKey as error:
        own, problem = "", f"{error} {error.next_step}"
    allowed = [
        {"name": known.name, "key": key, "jobs": keys.scope(key), "since": known.since}
        for key, known in keys.allowed().items()
    ]
    faults = [f"{fault} {fault.next_step}" for fault in keys.faults()]
    if as_json:
        print(json.dumps({"own": own, "allowed": allowed, "faults": faults}))
        return
    print(f"This computer's key: {own}" if own else problem)
    for key, known in keys.allowed().items():
        since = f"{datetime.fromtimestamp(known.since):%Y-%m-%d %H:%M}"
        print(f"{known.name:<32}  {key}  since {since}, its jobs are {keys.scope(key)}…")
    if not allowed:
        print("No other computer may use this one's daemon.")
    for fault in faults:
        print(fault)
