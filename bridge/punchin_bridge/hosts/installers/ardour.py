"""What Ardour gets: our Lua, put together into scripts of one file each. Ardour's Lua has no `require`.

Each module is a chunk that is called with the modules that its line `local json, spool = ...` names, and returns a
table or a function; here all of them become locals of a script's factory, for Ardour keeps the factory alone, without
what lies around it.

Ardour 7 is also told to use them (see :mod:`.ardour_files`): of other versions it is not known how they number signals.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil
from punchin_wire import paths
from punchin_wire.disk import replacing
from punchin_wire.errors import BadSetting

from .ardour_files import InUse, Script, quoted, with_keys, without_keys
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
    _click("commit", "Keep", "Keep the take that plays, and take the muted ones off the track."),
    _click("packs", "Model packs", "Which model packs there are: fetch one, or choose one."),
)
HOOK = "punchin"
HOOK_NAME = "Punchin"
KEYS = tuple(f"Tertiary-F{number}" for number in range(1, len(ACTIONS) + 1))
"""Shift+F1 and so on, for the actions as they stand: Ardour's own keys leave them free."""
TIMER, SIGNALS = 49, 51
"""The signal of Ardour 7 that comes ten times a second, and how many it has."""
REGISTERED = "7"
"""The version whose list of scripts in use we know."""
PROGRAM = re.compile(r"[Aa]rdour-?(\d[\w.~]*)?(\.exe)?")
AGAIN = "Look whether the disk is full, and install again."
NEEDS = re.compile(r"^local ([\w, ]+) = \.\.\.$", re.MULTILINE)
"""The line of a module that names what it is called with."""

USUAL = "8"
"""The version whose folder is made where no Ardour is found at all."""
FOLDER = re.compile(r"[Aa]rdour(\d+)")
INSTALLED = re.compile(r"[Aa]rdour-?(\d+)(\.\d[\w.~-]*)?(\.app)?")


def folders(here: Surroundings) -> tuple[Path, ...]:
    """The configuration folders of all versions of Ardour that were started here; where none was, of those that are
    installed. (Ardour offers to take over an older version's settings only where its own folder is not there yet.)"""
    parent, name = _parent(here)
    found = sorted(path for path in parent.glob("[Aa]rdour*") if FOLDER.fullmatch(path.name) and path.is_dir())
    return tuple(found) or tuple(parent / f"{name}{version}" for version in _installed(here) or [USUAL])


def _installed(here: Surroundings) -> list[str]:
    """The versions of Ardour that are installed."""
    names = (INSTALLED.fullmatch(path.name) for place in _places(here) for path in place.glob("[Aa]rdour*"))
    return sorted({match[1] for match in names if match}, key=int)


def _places(here: Surroundings) -> list[Path]:
    """Where its own installers and distributions put it."""
    if here.platform == "darwin":
        return [Path("/Applications")]
    if here.platform == "win32":
        return [Path(here.environ.get("PROGRAMFILES") or "C:/Program Files")]
    return [Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib"), Path("/opt")]


def _parent(here: Surroundings) -> tuple[Path, str]:
    """Where configuration folders lie, and what their names begin with."""
    if here.platform == "darwin":
        return here.home / "Library" / "Preferences", "Ardour"
    if here.platform == "win32":
        return Path(here.environ.get("LOCALAPPDATA") or here.home / "AppData" / "Local"), "Ardour"
    return Path(here.environ.get("XDG_CONFIG_HOME") or here.home / ".config"), "ardour"


def files(source: Path, config: Config) -> Mapping[PurePosixPath, bytes]:
    """A script for each action, and the hook that does the work. `source` is the folder `plugin_host`."""
    lua = (
        f"{{ spool = {quoted(config.spool.as_posix())}, home = {quoted(paths.hosts_folder().as_posix())}, "
        f"bridge = {quoted(_detached(config.command))} }}"
    )
    hook = (source / "ardour" / "hook.lua").read_text(encoding="utf-8")
    action = (source / "ardour" / "action.lua").read_text(encoding="utf-8")
    made = {HOOK: hook.replace("--@MODULES", _bundle("host", lua, source))}
    for one in ACTIONS:
        text = action.replace("@NAME@", one.name).replace("@ABOUT@", one.about).replace("@CALL@", one.call)
        made[one.file] = text.replace("--@MODULES", _bundle(one.module, lua, source))
    return {PurePosixPath("scripts") / f"{name}.lua": text.encode() for name, text in made.items()}


# ---- what Ardour has in use ----------------------------------------------------------------------------------------


def closed(folder: Path) -> None:
    """Raises BadSetting while an Ardour runs whose configuration is `folder`: it would write its own over ours."""
    for process in psutil.process_iter(["exe"]):
        if not PROGRAM.fullmatch(Path(process.info["exe"] or "").name):  # it calls its process ArdourGUI
            continue
        with suppress(psutil.Error, OSError):  # gone, or another user's
            environ = process.environ()
            if (
                environ
                and _parent(Surroundings(sys.platform, Path.home(), environ))[0].resolve() == folder.parent.resolve()
            ):
                raise BadSetting("Ardour is running.", "Quit Ardour, and run this again.")


def register(folder: Path, written: Mapping[PurePosixPath, bytes]) -> None:
    """Have Ardour use the scripts, and give them keys, where its version is one that we know. Raises BadSetting."""
    if not _is_known(folder):
        return
    in_use = InUse(_read(folder / "ui_scripts"))
    texts = {path.stem: data.decode() for path, data in written.items()}
    slots = [in_use.put(Script(one.name, texts[one.file])) for one in ACTIONS]
    in_use.hook(Script(HOOK_NAME, texts[HOOK]), TIMER, SIGNALS)
    _edit(folder / "ui_scripts", in_use.encode())
    keys = folder / "ardour.keys"
    bindings = _read(keys) or _read(_usual_keys())
    if bindings:
        _edit(keys, with_keys(bindings.decode(), dict(zip(slots, KEYS, strict=True))).encode())


def unregister(folder: Path) -> None:
    """Undo what :func:`register` did; what else is in use stays. Raises BadSetting."""
    used, keys = folder / "ui_scripts", folder / "ardour.keys"
    data, bindings = _read(used), _read(keys)
    if not data or not _is_known(folder):
        return
    try:
        in_use = InUse(data)
    except BadSetting:  # then nothing of ours is in it
        return
    slots = {slot for one in ACTIONS if (slot := in_use.slot(one.name))}
    for slot in slots:
        in_use.drop(slot)
    in_use.unhook(HOOK_NAME)
    _edit(used, None if in_use.is_empty else in_use.encode())
    if bindings:
        rest = without_keys(bindings.decode(), slots.__contains__).encode()
        _edit(keys, None if rest == _read(_usual_keys()) else rest)


def _is_known(folder: Path) -> bool:
    version = FOLDER.fullmatch(folder.name)
    return version is not None and version[1] == REGISTERED


def _usual_keys() -> Path:
    """The keys that Ardour brings: a file of the user's stands in for all of it."""
    places = [Path("/etc"), *Path("/opt").glob(f"Ardour-{REGISTERED}*/etc"), Path("/usr/local/etc")]
    found = (place / f"ardour{REGISTERED}" / "ardour.keys" for place in places)
    return next((path for path in found if path.is_file()), Path(os.devnull))


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _edit(path: Path, data: bytes | None) -> None:
    """Write (or with None delete) a file of Ardour's; what it was before lies beside it. Raises BadSetting."""
    before = _read(path)
    if before == data:
        return
    if before is not None:
        shutil.copy2(path, path.with_name(f"{path.name}.before-punchin"))
    if data is None:
        path.unlink()
        return
    with replacing(path, durable=True, next_step=AGAIN) as file:
        file.write(data)


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


INSTALLER = Installer(
    "ardour",
    "Ardour",
    folders,
    files,
    (
        "In Ardour 8 and later (7 needs none of it), choose Edit > Lua Scripts > Script Manager. Page `Action Hooks`: "
        f"`New Hook`, name `{HOOK_NAME}`, `Add`; it does the work. Page `Action Scripts`: for each of "
        f"{', '.join(f'`{one.name}`' for one in ACTIONS)}, choose a free row and `Add/Set`.",
        f"Start Ardour, open a session, select some bars of an audio track, and press `{ACTIONS[0].title[0]}` beside "
        "the clock, or Shift+F1. The others are on the keys after it (Window > Keyboard Shortcuts, `Lua Scripts`).",
    ),
    problems,
    closed,
    register,
    unregister,
)
