"""Put Punchin's scripts where a host looks for them, take them away again, and say what is missing. Knows no host: what
goes where is an :class:`Installer`, one in each of :mod:`.reaper`, :mod:`.ableton`, :mod:`.ardour` and :mod:`.plugin`.

What was written is remembered in `data/hosts/<name>.json`, so that only that is ever deleted.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import msgspec
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import BadSetting, FileMissing
from punchin_wire.paths import hosts_folder, spool_folder
from punchin_wire.structs import UNREADABLE

from ..osc_link import PORT

NAMES = ("reaper", "ableton", "ardour", "plugin")


@dataclass(frozen=True)
class Surroundings:
    """The computer as installers see it: `platform` as `sys.platform` names it, the user's home, the environment."""

    platform: str
    home: Path
    environ: Mapping[str, str]

    @classmethod
    def here(cls) -> Surroundings:
        return cls(sys.platform, Path.home(), os.environ)


@dataclass(frozen=True)
class Config:
    """What scripts must know: the spool folder, the command that starts the bridge, and its OSC port."""

    spool: Path
    command: tuple[str, ...]
    osc_port: int = PORT

    @classmethod
    def here(cls) -> Config:
        command = (sys.executable, "-m", "punchin_bridge.cli", "bridge", "--idle-exit", "3600")
        return cls(spool_folder(), command)


@dataclass(frozen=True)
class Installer:
    """How to install for one host.

    `folders` are where scripts belong, one for each copy of the program that was found, or the usual place where none
    was. `files` are those of our scripts folder `[source, relative path]` as they are to lie in there. `clicks` is what
    the musician does then, a step a line; `problems` what else is in the way of that folder. `closed` raises BadSetting
    while the program runs that has a folder and would undo what is done; `register` tells it of the files written
    there, `unregister` takes that back. `checked` are those files by which an old version is known, where all of them
    would take long to make; of the others is looked that they are there. `first` is said before anything is done.
    """

    name: str
    title: str
    folders: Callable[[Surroundings], tuple[Path, ...]]
    files: Callable[[Path, Config], Mapping[PurePosixPath, bytes]]
    clicks: tuple[str, ...]
    problems: Callable[[Path, Surroundings], Iterator[str]] = lambda _folder, _here: iter(())
    closed: Callable[[Path], None] = lambda _folder: None
    register: Callable[[Path, Mapping[PurePosixPath, bytes]], None] = lambda _folder, _files: None
    unregister: Callable[[Path], None] = lambda _folder: None
    checked: Callable[[Path, Config], Mapping[PurePosixPath, bytes]] | None = None
    first: str = ""


class Installed(msgspec.Struct, frozen=True):
    """What was written for one host: its files by folder."""

    files: dict[str, list[str]] = {}


def find(name: str) -> Installer:
    """The installer of a host. Raises BadSetting for others."""
    if name not in NAMES:
        raise BadSetting(f"{name[:40]!r} is no host that Punchin knows.", f"Choose one of {', '.join(NAMES)}.")
    installer: Installer = importlib.import_module(f".{name}", __package__).INSTALLER
    return installer


def scripts() -> Path:
    """The folder of what lives inside hosts: beside the packages in a checkout, within ours when installed."""
    for folder in (Path(__file__).with_name("scripts"), Path(__file__).parents[4] / "plugin_host"):
        if folder.is_dir():
            return folder
    raise FileMissing("The host scripts are not where Punchin is installed.", "Install Punchin again.")


def install(installer: Installer, folders: tuple[Path, ...], config: Config) -> tuple[Path, ...]:
    """Write the scripts into each of `folders`, over older ones. Returns the files. Raises BadSetting, FileMissing."""
    wanted = installer.files(scripts(), config)
    for folder in folders:
        installer.closed(folder)
    uninstall(installer, keep={folder / path for folder in folders for path in wanted})
    written = {str(folder): [str(path) for path in wanted] for folder in folders}
    _remember(installer.name, written)  # before: what is written halfway can then be taken away, too
    config.spool.joinpath("inbox").mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in folders:
        for path, data in wanted.items():
            _write(folder / path, data)
        installer.register(folder, wanted)
    return tuple(folder / path for folder in folders for path in wanted)


def uninstall(installer: Installer, keep: set[Path] | None = None) -> tuple[Path, ...]:
    """Delete what was installed, and folders that are empty then. Returns what was there. Raises BadSetting."""
    gone, installed = [], _remembered(installer.name).files
    left = [folder for folder in map(Path, installed) if not any(path.is_relative_to(folder) for path in keep or ())]
    for place in left:
        installer.closed(place)
    for place in left:
        installer.unregister(place)
    for folder, paths in installed.items():
        for path in (Path(folder) / path for path in paths):
            if path not in (keep or set()) and path.is_file():
                path.unlink()
                gone.append(path)
                with contextlib.suppress(OSError):  # not empty: others' files, or the host's own folder
                    while path.parent != Path(folder):
                        path = path.parent
                        path.rmdir()
    if keep is None:
        _record(installer.name).unlink(missing_ok=True)
    return tuple(gone)


def check(installer: Installer, config: Config, here: Surroundings, folders: tuple[Path, ...] = ()) -> Iterator[str]:
    """What is wrong with an installation, or with its part in `folders`, a sentence each; nothing where all is well."""
    written = _remembered(installer.name).files
    installed = tuple(map(Path, written))
    again = _command(installer, here, tuple(dict.fromkeys((*installed, *folders))))
    if not installed and not folders:
        yield f"Punchin is not installed in {installer.title}: run {again}."
    wanted = (installer.checked or installer.files)(scripts(), config)
    for folder in folders or installed:
        if folder not in installed:
            yield f"Punchin is not installed in {folder}: run {again}."
            continue
        for path in dict.fromkeys((*wanted, *map(PurePosixPath, written[str(folder)]))):
            file = folder / path
            if not file.is_file():
                yield f"{file} is missing: run {again} again."
            elif path in wanted and sha256(file.read_bytes()).digest() != sha256(wanted[path]).digest():
                yield f"{file} is of another version: run {again} again."
        yield from installer.problems(folder, here)


def _command(installer: Installer, here: Surroundings, folders: tuple[Path, ...]) -> str:
    """What installs in `folders`, which need not be said where they are the usual ones."""
    try:
        usual = installer.folders(here)
    except BadSetting:  # this system has none
        usual = ()
    named = "".join(f' --folder "{folder}"' for folder in folders) if set(folders) - set(usual) else ""
    return f"`punchin host install {installer.name}{named}`"


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{path.parent} cannot be made: {error.strerror}.", "Choose another --folder.") from None
    with replacing(path, durable=True, next_step="Choose another --folder.") as file:
        file.write(data)


def _record(name: str) -> Path:
    return hosts_folder() / f"{name}.json"


def _remembered(name: str) -> Installed:
    try:
        return msgspec.json.decode(_record(name).read_bytes(), type=Installed)
    except (OSError, *UNREADABLE):
        return Installed()


def _remember(name: str, files: dict[str, list[str]]) -> None:
    _record(name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(_record(name), durable=True, next_step=OWN_FOLDER) as file:
        file.write(msgspec.json.encode(Installed(files)))
