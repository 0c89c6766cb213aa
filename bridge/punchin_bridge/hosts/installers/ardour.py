"""What Ardour gets: our Lua, put together into scripts of one file each. Ardour's Lua has no `require`.

Each module is a chunk that is called with the modules that its line `local json, spool = ...` names, and returns a
table or a function; here all of them become locals of a script's factory, for Ardour keeps the factory alone, without
what lies around it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from punchin_wire import paths

from .install import Config, Installer, Surroundings


@dataclass(frozen=True)
class Action:
    """A script for a key or a button of Ardour's: its file, its title, what it says of itself, the Lua it calls and the
    module that has it.

    Ardour labels a button by the first letter of the script's name, so each title begins with another one.
    """

    file: str
    title: str
    about: str
    call: str
    module: str = "here"

    @property
    def name(self) -> str:
        """What Ardour calls it."""
        return f"{self.title} (Punchin)"


def _click(name: str, title: str, about: str) -> Action:
    return Action(f"punchin_{name}", title, about, f'here.click, "{name}"')


ACTIONS = (
    _click("inpaint", "Inpaint", "New takes of the selected bars, which follow chords and drums."),
    Action(
        "punchin_transfer",
        "Transfer",
        "The selected bars on another instrument, or in another genre.",
        "dialogs.transfer",
        "dialogs",
    ),
    _click("repeat", "Repeat", "The last request once more, with other seeds."),
    _click("next_take", "Next take", "Show the next take; after the last one comes what was there before."),
    _click("previous_take", "Previous take", "Show the take before."),
    _click("cancel", "Cancel", "Stop the latest request."),
    Action(
        "punchin_settings",
        "Settings",
        "How many takes, of what, and which tracks they follow.",
        "dialogs.settings",
        "dialogs",
    ),
)
HOOK = "punchin"
NEEDS = re.compile(r"^local ([\w, ]+) = \.\.\.$", re.MULTILINE)
"""The line of a module that names what it is called with."""

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
    made = {HOOK: hook.replace("--@MODULES", _bundle("host", lua, source))}
    for one in ACTIONS:
        text = action.replace("@NAME@", one.name).replace("@ABOUT@", one.about).replace("@CALL@", one.call)
        made[one.file] = text.replace("--@MODULES", _bundle(one.module, lua, source))
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


def _bundle(module: str, config: str, source: Path) -> str:
    """Lua that makes `module` and all that it needs, each once and in an order in which they can be made."""
    parts = {"config": f"local config = {config}"}

    def add(name: str) -> None:
        if name in parts:
            return
        shared = source / "lua" / f"{name}.lua"
        path = shared if shared.exists() else source / "ardour" / f"{name}.lua"
        text = path.read_text(encoding="utf-8")
        line = NEEDS.search(text)
        needed = line[1] if line else ""
        for other in filter(None, needed.split(", ")):
            add(other)
        parts[name] = f"local {name} = (function (...)\n{text}\nend) ({needed})"

    add(module)
    return "\n".join(parts.values())


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
        f"Page `Action Scripts`: for each of {', '.join(f'`{one.name}`' for one in ACTIONS)}, choose a free row and "
        "`Add/Set`. The first four are on the buttons beside the clock.",
        "Give them keys in Window > Keyboard Shortcuts (group `Lua Scripts`), or use the buttons beside the clock.",
        f"Select some bars of an audio track, and press `{ACTIONS[0].name}`.",
    ),
    problems,
)
