"""`punchin status` and `punchin cancel`: what the daemon is doing, and stopping it. They start no daemon."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer
from punchin_wire.errors import DaemonUnreachable
from punchin_wire.messages import OWNED_JOB_ID, JobStatus, SeatStatus, Status
from punchin_wire.paths import BridgeRecord
from punchin_wire.remote import keys
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..daemon import launch
from ..daemon.client import Client
from . import options
from .job import check_job, chosen

WATCH_SECONDS = 1.0

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Watch = Annotated[
    bool,
    typer.Option("--watch", help="Go on, once a second, until Ctrl-C; into a pipe, one below the other."),
]


def status(remote: options.Remote = None, as_json: Json = False, watch: Watch = False) -> None:
    """Show the daemon, its seats and its jobs, and the bridge."""
    console = Console()
    with _client(remote) as client, contextlib.ExitStack() as screen:
        in_place = watch and not as_json and console.is_terminal
        live = screen.enter_context(Live(console=console)) if in_place else None
        while True:
            found, bridge = client.status(), launch.bridge()
            if as_json:
                print(json.dumps(msgspec.to_builtins(found) | {"bridge": msgspec.to_builtins(bridge)}), flush=True)
            elif live is not None:
                live.update(_shown(found, bridge, client.remote), refresh=True)
            else:
                console.print(_shown(found, bridge, client.remote), soft_wrap=True)
            if not watch:
                return
            if live is None and not as_json:
                print(flush=True)  # between this picture and the next
            time.sleep(WATCH_SECONDS)


def cancel(
    job: Annotated[str, typer.Argument(help="The job's id, as `punchin status` shows it.")],
    remote: options.Remote = None,
    as_json: Json = False,
) -> None:
    """Stop a job. It stops within one decode step."""
    check_job(job, OWNED_JOB_ID)  # as a daemon with keys shows its own user those of other computers
    with _client(remote) as client:
        client.cancel(job)
    print(json.dumps({"cancelled": job}) if as_json else f"Job {job} is cancelled.")


def _client(remote: str | None) -> Client:
    """A client of the running daemon."""
    known = chosen(remote)
    endpoint = launch.find(known)
    if endpoint is None and (there := launch.elsewhere(known)) is not None:
        raise there.silent()
    if endpoint is None:
        raise DaemonUnreachable("No daemon is running.", "The next job starts one by itself.")
    return Client(endpoint, known)


def _shown(found: Status, bridge: BridgeRecord | None, remote: str) -> Text:
    """All of it, for a terminal. Ports and processes are of use on their own computer alone."""
    metrics = f", metrics port {found.metrics_port}" if found.metrics_port else ""
    here = f"process {found.pid}, OSC port {found.osc_port or 'off'}{metrics}"
    lines = [f"Daemon {found.version}, {f'of {remote}' if remote else here}, up {found.uptime:.0f} s"]
    lines += [_seat(number, seat) for number, seat in enumerate(found.seats, 1)]
    rooms = {} if remote else {keys.scope(key): known.name for key, known in keys.allowed().items()}
    lines += [_job(job, rooms) for job in found.jobs] or ["No jobs."]
    lines += [f"Jobs of other computers: {found.others}"] if found.others else []
    lines += [f"Bridge: process {bridge.pid}, OSC port {bridge.osc_port}." if bridge else "No bridge runs."]
    return Text("\n".join(lines))


def _seat(number: int, seat: SeatStatus) -> str:
    memory = f", {seat.memory / 2**20:.0f} MiB" if seat.memory else ""
    vram = f", {seat.vram / 2**20:.0f} MiB of the GPU" if seat.vram else ""
    packs = f", holds {', '.join(seat.packs)}" if seat.packs else ""
    return f"Seat {number} {seat.state} on {seat.device}{memory}{vram}{packs}"


def _job(job: JobStatus, rooms: Mapping[str, str]) -> str:
    """A line, for no table has room for whole names, and `punchin cancel` wants them whole. `rooms` are other
    computers, by what the names of their jobs begin with."""
    room = next((f" of {name}" for scope, name in rooms.items() if job.job.startswith(scope)), "")
    seat = f" on seat {job.seat}" if job.state == "running" else ""
    ahead = f", {job.position} ahead" if job.state == "queued" else ""
    stage = f", {job.stage}" if job.stage else ""
    step = f" {job.step}/{job.total}" if job.total else ""
    return f"Job {job.job}{room} {job.state}{seat}{ahead}, {job.engine} of {job.pack}{stage}{step}, {job.age:.0f} s old"
