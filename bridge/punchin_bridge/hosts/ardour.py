"""What Ardour gets: our Lua, put together into scripts of one file each. Ardour's Lua has no `require`.

Each module is a chunk that is called with the modules it needs, and returns a table; here all of them become locals of
a script's factory, for Ardour keeps the factory alone, without what lies around it.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NEEDS: dict[str, tuple[str, ...]] = {
    "json": (),
    "spool": ("json",),
    "wav": (),
    "here": ("json", "spool", "config"),
    "project": ("json",),
    "stems": ("wav", "project", "here"),
    "takes": ("json", "spool", "project"),
    "progress": ("project",),
    "dialogs": ("here",),
    "host": ("json", "spool", "config", "here", "project", "stems", "takes", "progress"),
}
"""What each module is called with, in an order in which all of them can be made."""


@dataclass(frozen=True)
class Action:
    """A script for a key or a button of Ardour's: its file, its title, what it says of itself, the Lua it calls."""

    file: str
    title: str
    about: str
    call: str
    modules: tuple[str, ...] = ("json", "spool", "here")


def _click(name: str, title: str, about: str) -> Action:
    return Action(f"punchin_{name}", title, about, f'here.click, "{name}"')


ACTIONS = (
    _click("inpaint", "inpaint selection", "New takes of the selected bars, which follow chords and drums."),
    Action(
        "punchin_transfer",
        "transfer selection",
        "The selected bars on another instrument, or in another genre.",
        "dialogs.transfer",
        ("json", "spool", "here", "dialogs"),
    ),
    _click("repeat", "repeat last", "The last request once more, with other seeds."),
    _click("next_take", "next take", "Show the next take; after the last one comes what was there before."),
    _click("previous_take", "previous take", "Show the take before."),
    _click("cancel", "cancel", "Stop the latest request."),
    Action(
        "punchin_settings",
        "settings",
        "How many takes, of what, and which tracks they follow.",
        "dialogs.settings",
        ("json", "spool", "here", "dialogs"),
    ),
)
HOOK = "punchin"


def scripts(spool: Path, home: Path, bridge: Sequence[str], sources: Path) -> dict[str, str]:
    """All scripts, by file name without `.lua`. `sources` is the folder `plugin_host`; `spool` the bridge's folder, `home`
    ours in Ardour's configuration, `bridge` the command that starts the bridge; all absolute."""
    config = f"{{ spool = {_quoted(str(spool))}, home = {_quoted(str(home))}, bridge = {_quoted(_detached(bridge))} }}"
    hook = (sources / "ardour" / "hook.lua").read_text(encoding="utf-8")
    action = (sources / "ardour" / "action.lua").read_text(encoding="utf-8")
    modules = tuple(name for name in NEEDS if name != "dialogs")
    made = {HOOK: hook.replace("--@MODULES", _bundle(modules, config, sources))}
    for one in ACTIONS:
        text = action.replace("@TITLE@", one.title).replace("@ABOUT@", one.about).replace("@CALL@", one.call)
        made[one.file] = text.replace("--@MODULES", _bundle(one.modules, config, sources))
    return made


def folder(environ: Mapping[str, str], version: int = 7) -> Path:
    """Ardour's configuration folder on this system."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Preferences" / f"Ardour{version}"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / f"Ardour{version}"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / f"ardour{version}"


def _bundle(modules: Sequence[str], config: str, sources: Path) -> str:
    parts = [f"local config = {config}"]
    for name in modules:
        shared = sources / "lua" / f"{name}.lua"
        path = shared if shared.exists() else sources / "ardour" / f"{name}.lua"
        parts.append(f"local {name} = (function (...)\n{path.read_text(encoding='utf-8')}\nend) ({', '.join(NEEDS[name])})")
    return "\n".join(parts)


def _detached(command: Sequence[str]) -> str:
    """`command` for a shell that returns at once; the program outlives Ardour and holds nothing of its."""
    if not command:
        return ""
    if os.name == "nt":
        return ""  # Ardour's Lua starts no programs on Windows
    return f"nohup {shlex.join(command)} </dev/null >/dev/null 2>&1 &"


def _quoted(text: str) -> str:
    """`text` as a Lua string."""
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(escaped.get(letter, letter) for letter in text) + '"'
