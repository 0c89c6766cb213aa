"""`punchin bridge`: the process between hosts and the daemon, in the foreground."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from .. import settings


def bridge(
    osc_port: Annotated[
        int, typer.Option(min=0, max=65535, help="UDP port of this machine; another if taken.")
    ] = 17813,
    surface_port: Annotated[
        int, typer.Option(min=0, max=65535, help="UDP port for control surfaces; another if taken.")
    ] = 17814,
    idle_exit: Annotated[float, typer.Option(min=0, help="Stop after so many seconds without hosts; 0: never.")] = 0.0,
) -> None:
    """Serve REAPER, Ableton Live and Ardour, and control surfaces. Their scripts start it when it does not run."""
    from .. import serve  # what other commands need not load

    serve.serve(settings.load(os.environ), osc_port, idle_exit, surface_port)
