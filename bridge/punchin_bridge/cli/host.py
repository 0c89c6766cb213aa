"""`punchin host`: put the scripts into a DAW, look at them, take them out, and let a DAW do something."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from msgspec import UNSET, UnsetType
from punchin_wire import paths
from punchin_wire.errors import BadSetting, DaemonUnreachable
from punchin_wire.params import Params

from . import options
from .options import Json

app = typer.Typer(
    help="REAPER, Ableton Live, Ardour, and the plug-in for all others: install | check | uninstall | do.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="reaper, ableton, ardour or plugin")]
Folder = Annotated[
    list[Path] | None,
    typer.Option(metavar="FOLDER", help="Where its scripts belong, if not the usual place (may be given again)."),
]
Checked = Annotated[
    list[Path] | None,
    typer.Option(metavar="FOLDER", help="Only what was installed there with --folder (may be given again)."),
]
Unit = Literal["seconds", "quarters"]
PATIENCE_SECONDS = 10.0
"""How long a host may take to do what it was asked for."""


@app.command()
def install(name: Name, folder: Folder = None, as_json: Json = False) -> None:
    """Put Punchin's scripts into a host, and say what to click there."""
    from ..hosts.installers import install as installing

    installer = installing.find(name)
    here = installing.Surroundings.here()
    folders = tuple(path.absolute() for path in folder or ()) or installer.folders(here)
    if installer.first and not as_json:
        print(installer.first, flush=True)
    written = installing.install(installer, folders, installing.Config.here())
    problems = [problem for path in folders for problem in installer.problems(path, here)]
    if as_json:
        files = [str(path) for path in written]
        print(json.dumps({"files": files, "clicks": list(installer.clicks), "problems": problems}))
        return
    for path in folders:
        print(f"{installer.title}: {sum(file.is_relative_to(path) for file in written)} files in {path}")
    print("\n".join(f"{number}. {step}" for number, step in enumerate(installer.clicks, start=1)))
    if problems:
        print("\n".join(["", f"`punchin host check {name}` will say, until that is done:", *problems]))


@app.command()
def uninstall(name: Name, as_json: Json = False) -> None:
    """Take Punchin's scripts out of a host; nothing else is touched."""
    from ..hosts.installers import install as installing

    installer = installing.find(name)
    gone = installing.uninstall(installer)
    if as_json:
        print(json.dumps({"files": [str(path) for path in gone]}))
    else:
        print(f"{installer.title}: {len(gone)} files were deleted." if gone else "Nothing was installed.")


@app.command()
def check(name: Name, folder: Checked = None, as_json: Json = False) -> None:
    """Say what is missing or out of date; exit code 2 if something is."""
    from ..hosts.installers import install as installing

    installer = installing.find(name)
    folders = tuple(path.absolute() for path in folder or ())
    problems = list(installing.check(installer, installing.Config.here(), installing.Surroundings.here(), folders))
    if as_json:
        print(json.dumps({"problems": problems}))
    else:
        print("\n".join(problems) or f"{installer.title}: all is well.")
    if problems:
        raise typer.Exit(BadSetting.exit_code)


@app.command()
@options.parameters("inpaint", "transfer")
def do(
    name: Annotated[str, typer.Argument(help="The host: reaper, ableton, ardour, plugin, or its id.")],
    action: Annotated[
        str, typer.Argument(help="inpaint, transfer, repeat, next_take, pick, commit, select, mark_in …")
    ],
    given: options.Given = options.NOTHING,
    take: Annotated[
        list[str] | None,
        typer.Option(metavar="N|WHAT", help="pick: the take, from 1. inpaint: what one take follows; may be repeated."),
    ] = None,
    job: Annotated[str, typer.Option(help="The job that is meant, for cancel and pick.")] = "",
    start: Annotated[float | None, typer.Option(help="Where the selection starts; for select.")] = None,
    end: Annotated[float | None, typer.Option(help="Where it ends; for select.")] = None,
    unit: Annotated[Unit, typer.Option(help="What these are.")] = "seconds",
    as_json: Json = False,
) -> None:
    """Let a host that is open do what its own buttons do.

    inpaint and transfer have the options of `punchin inpaint` and `punchin transfer` that say how takes are made.
    Without any, the host's own settings hold in place of the defaults that are listed here; with any, these defaults
    hold for the others.
    """
    from ..daemon import launch
    from ..hosts import protocol, spool
    from ..surfaces import actions

    params = _params(action, given, take)
    told: dict[str, Any] = {"job": job or None, "take": _number(action, take), "start": start, "end": end}
    told = {name: value for name, value in told.items() if value is not None}
    if action == "select":
        told["unit"] = unit
    if action in actions.BY_NAME:  # else it is one that this host alone has
        actions.find(action, actions.Details(**told))
    if launch.bridge() is None:
        raise DaemonUnreachable("No bridge is running.", "Start it with `punchin bridge`, or open the host.")
    ask = protocol.Command(uuid.uuid4().hex[:12], action, params, pressed=time.time(), **told)
    me = spool.Caller(spool.Spool(paths.spool_folder()), f"cli-{uuid.uuid4().hex[:8]}")
    try:
        me.want(name, ask, time.monotonic() + PATIENCE_SECONDS)
    finally:
        me.leave()
    print(json.dumps({"done": action}) if as_json else f"{name}: {action} is done.")


def _params(action: str, given: options.Given, take: list[str] | None) -> Params | UnsetType:
    """What takes shall be made with; unset where nothing was said, so that the host's own settings hold. Raises
    BadSetting."""
    if action == "inpaint" and (given or take):
        return options.inpaint_params(given, take)
    if action == "transfer" and given:
        return options.transfer_params(given)
    if given:
        raise BadSetting(f"{action} makes no takes.", f"Leave --{next(iter(given))} out.")
    return UNSET


def _number(action: str, take: list[str] | None) -> int | None:
    """The take that is meant, from 0. Raises BadSetting."""
    if not take or action == "inpaint":
        return None
    if len(take) > 1 or not take[0].isdecimal() or take[0] == "0":
        raise BadSetting(f"{', '.join(take)[:60]!r} is no take.", "Takes are numbered from 1.")
    return int(take[0]) - 1
