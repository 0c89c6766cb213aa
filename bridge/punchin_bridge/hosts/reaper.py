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

FOLDER = PurePosixPath("Scripts/Punchin")


def folders(here: Surroundings) -> tuple[Path, ...]:
    """REAPER's resource folder; a portable REAPER has its own, which only its user knows."""
    if here.platform == "darwin":
        return (here.home / "Library" / "Application Support" / "REAPER",)
    if here.platform == "win32":
        return (Path(here.environ.get("APPDATA") or here.home / "AppData" / "Roaming") / "REAPER",)
    return (Path(here.environ.get("XDG_CONFIG_HOME") or here.home / ".config") / "REAPER",)


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
            f"{folder} is not a resource folder of REAPER: open REAPER once, or, if it is portable, "
            "give its folder with --folder (Options > Show REAPER resource path)."
        )


INSTALLER = Installer(
    name="reaper",
    title="REAPER",
    folders=folders,
    files=files,
    clicks=(
        "Open REAPER 7.08 or newer: Actions > Show action list > New action > Load ReaScript.",
        "Open Scripts/Punchin in the resource folder, select all files there, and load them.",
        "Select bars and a track, and run “Punchin: Inpaint selection” (give it a key or a toolbar button).",
        "Name the MIDI track with the chords “chords”, or choose another in “Punchin: Settings”.",
    ),
    problems=problems,
)
