"""What Ardour gets: our Lua, put together into scripts of one file each. Ardour's Lua has no `require`.

Each module is a chunk that is called with the modules it needs, and returns a table; here all of them become locals of
a script's factory, for Ardour keeps the factory alone, without what lies around it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from punchin_wire import paths

from .install import Config, Installer, Surroundings

NEEDS: dict[str, tuple[str, ...]] = {
    "json": (),
    "spool": ("json",),
    "wav": (),
    "filled": (),
    "here": ("json", "spool", "config", "filled"),
    "project": ("json",),
    "marks": ("project",),
    "clock": (),
    "asks": ("json",),
    "reader": ("here",),
    "stems": ("wav", "reader"),
    "takes": ("json", "spool", "project"),
    "request": ("here", "project", "takes"),
    "progress": ("project",),
    "dialogs": ("here",),
    "host": (
        *("json", "spool", "config", "here", "project", "request", "stems", "takes", "progress"),
        *("marks", "clock", "asks"),
    ),
}
"""What each module is called with, in an order in which all of them can be made."""


@dataclass(frozen=True)
class Action:
    """A script for a key or a button of Ardour's: its file, its title, what it says of itself, the Lua it calls."""

    file: str
    title: str
    about: str
    call: str
    modules: tuple[str, ...] = ("json", "spool", "filled", "here")


def _click(name: str, title: str, about: str) -> Action:
    return Action(f"punchin_{name}", title, about, f'here.click, "{name}"')


ACTIONS = (
    _click("inpaint", "inpaint selection", "New takes of the selected bars, which follow chords and drums."),
    Action(
        "punchin_transfer",
        "transfer selection",
        "The selected bars on another instrument, or in another genre.",
        "dialogs.transfer",
        ("json", "spool", "filled", "here", "dialogs"),
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
        ("json", "spool", "filled", "here", "dialogs"),
    ),
)
HOOK = "punchin"


USUAL = 8
"""The version whose folder is made where no Ardour has one."""
FOLDER = re.compile(r"[Aa]rdour(\d+)")


def folders(here: Surroundings) -> tuple[Path, ...]:
    """The configuration folders of all versions of Ardour that were started here."""
    if here.platform == "darwin":
        parent, name = here.home / "Library" / "Preferences", "Ardour"
    elif here.platform == "win32":
        parent, name = Path(here.environ.get("LOCALAPPDATA") or here.home / "AppData" / "Local"), "Ardour"
    else:
        parent, name = Path(here.environ.get("XDG_CONFIG_HOME") or here.home / ".config"), "ardour"
    found = sorted(path for path in parent.glob("[Aa]rdour*") if FOLDER.fullmatch(path.name) and path.is_dir())
    return tuple(found) or (parent / f"{name}{USUAL}",)


def files(source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    """A script for each action, and the hook that does the work. `source` is the folder `plugin_host`."""
    lua = (
        f"{{ spool = {_quoted(config.spool.as_posix())}, home = {_quoted(paths.hosts_folder().as_posix())}, "
        f"bridge = {_quoted(_detached(config.command))} }}"
    )
    hook = (source / "ardour" / "hook.lua").read_text(encoding="utf-8")
    action = (source / "ardour" / "action.lua").read_text(encoding="utf-8")
    modules = tuple(name for name in NEEDS if name != "dialogs")
    made = {HOOK: hook.replace("--@MODULES", _bundle(modules, lua, source))}
    for one in ACTIONS:
        text = action.replace("@TITLE@", one.title).replace("@ABOUT@", one.about).replace("@CALL@", one.call)
        made[one.file] = text.replace("--@MODULES", _bundle(one.modules, lua, source))
    return {PurePosixPath("scripts") / f"{name}.lua": text.encode() for name, text in made.items()}


def problems(folder: Path, _here: Surroundings) -> Iterator[str]:
    """What keeps Ardour from running the scripts."""
    if not FOLDER.fullmatch(folder.name):
        yield f"Ardour looks for scripts in its configuration folder only (`ardour7`, `ardour8`), not in {folder.name}."
    used = folder / "ui_scripts"
    try:
        text = used.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if 'name="Punchin"' not in text:
        yield "The hook `Punchin` is not added in Ardour, or Ardour was not closed since: see docs/ardour.md."


def _bundle(modules: Sequence[str], config: str, source: Path) -> str:
    parts = [f"local config = {config}"]
    for name in modules:
        shared = source / "lua" / f"{name}.lua"
        path = shared if shared.exists() else source / "ardour" / f"{name}.lua"
        parts.append(
            f"local {name} = (function (...)\n{path.read_text(encoding='utf-8')}\nend) ({', '.join(NEEDS[name])})"
        )
    return "\n".join(parts)


def _detached(command: Sequence[str]) -> str:
    """`command` for a POSIX shell that returns at once; the program outlives Ardour and holds nothing of its. Ardour's
    Lua starts no programs on Windows: there the bridge is started by hand."""
    return f"nohup {shlex.join(command)} </dev/null >/dev/null 2>&1 &"


def _quoted(text: str) -> str:
    """`text` as a Lua string."""
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(escaped.get(letter, letter) for letter in text) + '"'


INSTALLER = Installer(
    "ardour",
    "Ardour",
    folders,
    files,
    (
        "Start Ardour, open a session, and choose Edit > Lua Scripts > Script Manager.",
        "Page `Action Hooks`: `New Hook`, name `Punchin`, `Add`. It does the work.",
        "Page `Action Scripts`: for each of `Punchin: inpaint selection`, `transfer selection`, `repeat last`, "
        "`next take`, `previous take`, `cancel` and `settings`, choose a free row and `Add/Set`.",
        "Give them keys in Window > Keyboard Shortcuts (group `Lua Scripts`), or use the buttons beside the clock.",
        "Select some bars of an audio track, and press `Punchin: inpaint selection`.",
    ),
    problems,
)
