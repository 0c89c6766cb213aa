"""`punchin surface`: teach a MIDI controller what its keys and knobs do, and write layouts for tablets."""

from __future__ import annotations

import json
import socket
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from punchin_wire.errors import BadSetting, DaemonUnreachable

from .options import Json

app = typer.Typer(help="MIDI controllers and control surfaces: learn | show | layout.", no_args_is_help=True)

LISTEN_SECONDS = 30.0
"""How long the bridge listens for something to learn."""


@app.command()
def learn(
    name: Annotated[
        str, typer.Argument(help="A parameter or an action of docs/surfaces.md, such as temperature or punch.")
    ],
    as_json: Json = False,
) -> None:
    """Let the next key or knob of a MIDI controller drive a parameter or an action, from now on."""
    from punchin_wire.osc.packets import build, parse

    from ..daemon import launch
    from ..surfaces.midi import mapping

    record = launch.bridge()
    if record is None or not record.surface_port:
        raise DaemonUnreachable("No bridge is running.", "Start it with `punchin bridge`, or open the host.")
    path = mapping.mapping_file()
    before = _entries(path.read_bytes() if path.exists() else b"")
    if not as_json:
        print(f"Press a key, or turn a knob up and then down, for {name} …", flush=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(0.2)
        link.sendto(build("/punchin/midi/learn", (name,), "to", "surfaces"), ("127.0.0.1", record.surface_port))
        until = time.monotonic() + LISTEN_SECONDS
        while time.monotonic() < until:
            try:
                [(_, said)] = parse(link.recv(4096))
                raise BadSetting(str(said[1]), str(said[2]))
            except TimeoutError:
                pass
            after = _entries(path.read_bytes() if path.exists() else b"")
            if len(after) > len(before):
                words = f"{after[-1]}\nIt stands in {path}."
                print(json.dumps({"learned": name, "file": str(path)}) if as_json else words)
                return
    raise BadSetting("Nothing came from a MIDI controller.", mapping.NO_MIDI)


@app.command()
def show() -> None:
    """Say where the mapping of MIDI controllers is, and what is in it."""
    from ..surfaces.midi import mapping

    path = mapping.mapping_file()
    print(path)
    if path.exists():
        data = path.read_bytes()
        mapping.parse(data)
        print(data.decode())
    else:
        print("It does not exist yet: `punchin surface learn punch` makes it.")


class Tablet(StrEnum):
    TOUCHOSC = "touchosc"
    OPEN_STAGE_CONTROL = "open-stage-control"


@app.command()
def layout(
    tablet: Annotated[Tablet, typer.Argument(help="The program on the tablet.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; punchin.tosc or punchin.json here.")] = None,
    bridge: Annotated[
        str, typer.Option(help="Open Stage Control: where the bridge is, address:port.")
    ] = "127.0.0.1:17814",
    hears: Annotated[int, typer.Option(min=1, max=65535, help="TouchOSC: its receive port.")] = 9000,
    as_json: Json = False,
) -> None:
    """Write a ready-made layout with every parameter, button and display of this version."""
    from punchin_wire.disk import replacing

    from ..surfaces.layouts import open_stage_control, touchosc

    if tablet is Tablet.TOUCHOSC:
        path, data = out or Path("punchin.tosc"), touchosc.layout(hears)
        then = f"Open it in TouchOSC; in its connections: UDP, this machine, send port 17814, receive port {hears}."
    else:
        path, data = out or Path("punchin.json"), open_stage_control.session(bridge)
        then = "Open it in Open Stage Control; nothing else is to be set."
    with replacing(path, durable=True, next_step="Choose another file with --out.") as file:
        file.write(data)
    print(json.dumps({"file": str(path)}) if as_json else f"{path} is written. {then}")


def _entries(data: bytes) -> list[str]:
    """The entries of a mapping as they are written."""
    return [f"[[map]]{part}".strip() for part in data.decode(errors="replace").split("[[map]]")[1:]]
