"""The Remote Script for Ableton Live 11 and 12: where its User Library lies, and what goes there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from punchin_wire import paths
from punchin_wire.errors import BadSetting

from .install import Config, Installer, Surroundings

FOLDER = PurePosixPath("Punchin")
"""Live shows this name in its list of control surfaces."""


def folders(here: Surroundings) -> tuple[Path, ...]:
    """`Remote Scripts` of the User Library, where Live puts it unless told otherwise. Raises BadSetting where there is
    no Live."""
    library = {"win32": here.home / "Documents" / "Ableton", "darwin": here.home / "Music" / "Ableton"}
    if here.platform not in library:
        raise BadSetting(
            "Ableton Live does not run on this system.",
            "Name the folder `Remote Scripts` of its User Library with --folder.",
        )
    return (library[here.platform] / "User Library" / "Remote Scripts",)


def files(source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    """The package as it is, and `installed.json`, by which it finds the bridge."""
    package = source / "ableton" / FOLDER
    found = {FOLDER / path.name: path.read_bytes() for path in sorted(package.glob("*.py"))}
    installed = {"spool": str(config.spool), "record": str(paths.bridge_file()), "command": config.command}
    return found | {FOLDER / "installed.json": json.dumps(installed, indent=1).encode()}


def problems(folder: Path, _here: Surroundings) -> Iterator[str]:
    """What keeps Live from finding the script, or the script from reading its settings."""
    if folder.name != "Remote Scripts":
        yield f"Live looks for scripts in a folder `Remote Scripts` of its User Library only, not in {folder.name}."
    settings = folder / FOLDER / "settings.json"
    try:
        if settings.exists() and not isinstance(json.loads(settings.read_bytes()), dict):
            yield f"{settings} is not a JSON object."
    except (OSError, ValueError) as error:
        yield f"{settings} cannot be read: {error}."


INSTALLER = Installer(
    "ableton",
    "Ableton Live",
    folders,
    files,
    (
        "Restart Live: it looks for scripts when it starts.",
        "Open Live's Settings (Preferences in Live 11), page `Link, Tempo & MIDI`.",
        "Choose `Punchin` in a free row under `Control Surface`; as Input choose the controller that shall trigger it, "
        "or None.",
        "Switch on the loop over some bars (Ctrl+L or Cmd+L), select an audio track, and strike note 36 on channel 16, "
        "or run `punchin host do ableton inpaint`.",
    ),
    problems,
)
