"""What REAPER gets: our ReaScripts and the Lua they share, in one folder of its own, and where the bridge is.

The scripts find their modules beside themselves in `lib/`; `punchin.json` in REAPER's resource folder says where the
spool is and how the bridge is started, also to scripts that came by ReaPack.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from .install import Config, Installer, Surroundings

FOLDER = PurePosixPath("Scripts/Punchin/Takes")
"""Where ReaPack puts them, too: the ids of actions come from their path."""


def folders(here: Surroundings) -> tuple[Path, ...]:
    """The resource folders of all REAPERs that were found: the user's own, and those of portable ones, which keep
    `reaper.ini` beside the program."""
    portable = [
        file.parent for place in _programs(here) for file in sorted(place.glob("[Rr][Ee][Aa][Pp][Ee][Rr]*/reaper.ini"))
    ]
    usual = _usual(here)
    return tuple(dict.fromkeys(([usual] if usual.is_dir() or not portable else []) + portable))


def _usual(here: Surroundings) -> Path:
    if here.platform == "darwin":
        return here.home / "Library" / "Application Support" / "REAPER"
    if here.platform == "win32":
        return Path(here.environ.get("APPDATA") or here.home / "AppData" / "Roaming") / "REAPER"
    return Path(here.environ.get("XDG_CONFIG_HOME") or here.home / ".config") / "REAPER"


def _programs(here: Surroundings) -> tuple[Path, ...]:
    """Where people put programs that keep their settings beside them."""
    if here.platform == "darwin":
        return (Path("/Applications"), here.home / "Applications")
    if here.platform == "win32":
        names = ("ProgramFiles", "ProgramW6432", "ProgramFiles(x86)", "SystemDrive")
        found = (here.environ.get(name, "") for name in names)
        return (*(Path(f"{name}/") for name in found if name), here.home)
    return (Path("/opt"), here.home / "opt", here.home)


def files(scripts: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    found = {FOLDER / path.name: path.read_bytes() for path in sorted((scripts / "reaper").glob("*.lua"))}
    for source in (scripts / "reaper" / "lib", scripts / "lua"):
        found |= {FOLDER / "lib" / path.name: path.read_bytes() for path in sorted(source.glob("*.lua"))}
    known = {"spool": config.spool.as_posix(), "bridge": subprocess.list2cmdline(config.command)}
    found[PurePosixPath("punchin.json")] = json.dumps(known, indent=1).encode()
    return found


def problems(folder: Path, _here: Surroundings) -> Iterator[str]:
    if not (folder / "reaper.ini").is_file():
        yield (
            f"{folder} is no resource folder of REAPER yet: open REAPER once. Options > Show REAPER resource path "
            "shows its own, in case that is another one (--folder)."
        )


INSTALLER = Installer(
    name="reaper",
    title="REAPER",
    folders=folders,
    files=files,
    clicks=(
        "Open REAPER 7.08 or newer: Actions > Show action list > New action > Load ReaScript.",
        "Open Scripts/Punchin/Takes in the resource folder, and load Punchin_Settings.lua.",
        "Run it: from then on all actions of Punchin are in the list.",
        "Select bars and a track, and run “Punchin: Inpaint selection” (give it a key or a toolbar button).",
        "Name the MIDI track with the chords “chords”, or choose another in “Punchin: Settings”.",
    ),
    problems=problems,
)
