"""`punchin open`: the page on which takes are chosen by ear."""

from __future__ import annotations

import json
import os
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from .. import settings
from .options import Json


def open_page(
    song: Annotated[
        Path | None, typer.Argument(help="A song to open there: WAV, FLAC, AIFF, …", show_default=False)
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print its address.")] = False,
    as_json: Json = False,
) -> None:
    """Open the page: hear takes against each other, of a DAW's jobs or of a song that you drop there.

    Starts the bridge and the daemon where they do not run. The address opens the page once, on this machine.
    """
    from ..audio import stems
    from ..daemon import launch
    from ..page import opening

    if song is not None:
        stems.probe(song)  # says what is wrong with it before anything is started
    address = opening.address(opening.find_or_start(), song)
    print(json.dumps({"address": address}) if as_json else address, flush=True)
    if not no_browser and not webbrowser.open(address):
        print("No browser could be opened here: open the address in one.")
    launch.find_or_start(settings.load(os.environ))
