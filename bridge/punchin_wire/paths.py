"""Where this user's files lie, and the small files by which programs find each other. Opens no sockets, starts nothing.

With `PUNCHIN_HOME` set, a whole path, everything lies below that folder (tests, portable installs)::

    runtime/daemon.json   who serves: process, ports, version   (removed when the daemon stops)
    runtime/bridge.json   the same of the bridge
    runtime/page.key      who holds it may open the bridge's page
    log/daemon.log        what the daemon says; bridge.log what the bridge says
    data/packs/           installed model packs
    data/keys/            the keys of this computer, and of those that may use it (punchin_wire.remote.keys)
    data/remotes.json     daemons of other computers, by name (punchin_bridge.daemon.remotes)
    data/hosts/           what was installed in which host, and what their scripts remember
    results/              takes that the daemon keeps until they are fetched
    spool/                what hosts and the bridge hand each other (punchin_bridge.hosts.spool)
    cache/                what can be made again
    takes/                songs handed to the page, and takes of them (by default `Punchin` in the music folder)
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import IO, Literal, TypeVar

import msgspec
import platformdirs

from .disk import OWN_FOLDER, make_folder, replacing
from .errors import BadSetting, DaemonError
from .structs import UNREADABLE, ready

LOG_BYTES = 2 * 2**20
"""Of one log file; three older ones are kept."""
EXAMPLE = r"C:\punchin" if sys.platform == "win32" else "/home/me/punchin"
_DIRS = platformdirs.PlatformDirs("punchin", appauthor=False)


def _place(name: str, default: Path) -> Path:
    home = os.environ.get("PUNCHIN_HOME")
    return _home(home) / name if home else default


def _home(said: str) -> Path:
    """Raises BadSetting where it is no whole path: client, daemon, bridge and hosts start in folders of their own, and
    would look for each other in several places."""
    home = Path(said)
    with contextlib.suppress(RuntimeError):  # ~ of a user who is none stays as it is
        home = home.expanduser()
    if not home.is_absolute():
        raise BadSetting(f"PUNCHIN_HOME is {said}, and that is no whole path.", f"Set it to one, such as {EXAMPLE}.")
    return home


def runtime_folder() -> Path:
    # Not the platform's runtime folder: that depends on XDG_RUNTIME_DIR, which a DAW started from the desktop has
    # and a script started by cron or over ssh has not, and the two would not find each other's daemon.
    return _place("runtime", _DIRS.user_state_path / "runtime")


def log_folder() -> Path:
    return _place("log", _DIRS.user_log_path)


def data_folder() -> Path:
    return _place("data", _DIRS.user_data_path)


def results_folder() -> Path:
    return _place("results", _DIRS.user_state_path / "results")


def cache_folder() -> Path:
    return _place("cache", _DIRS.user_cache_path)


def packs_folder() -> Path:
    return data_folder() / "packs"


def keys_folder() -> Path:
    return data_folder() / "keys"


def remotes_file() -> Path:
    return data_folder() / "remotes.json"


def hosts_folder() -> Path:
    return data_folder() / "hosts"


def daemon_file() -> Path:
    return runtime_folder() / "daemon.json"


def daemon_log() -> Path:
    return log_folder() / "daemon.log"


def spool_folder() -> Path:
    return _place("spool", _DIRS.user_state_path / "spool")


def page_key() -> Path:
    return runtime_folder() / "page.key"


def takes_folder() -> Path:
    return _place("takes", _DIRS.user_music_path / "Punchin")


def bridge_file() -> Path:
    return runtime_folder() / "bridge.json"


def bridge_log() -> Path:
    return log_folder() / "bridge.log"


class DaemonRecord(msgspec.Struct, frozen=True):
    """The daemon that serves this user: its process, its ports, its version, the address at which this computer reaches
    it, and its public key where it serves with keys.

    Fields of a newer daemon are ignored, so that its `version` can still be read and named in an error.
    """

    pid: int
    port: int
    osc_port: int
    version: str
    events_port: int = 0
    host: str = "127.0.0.1"
    key: str = ""


class BridgeRecord(msgspec.Struct, frozen=True):
    """The bridge that serves this user's hosts: its process, its OSC port for hosts, its version, its OSC port for
    control surfaces, the HTTP port where they may ask what there is (OSCQuery; 0: none), and that of the page."""

    pid: int
    osc_port: int
    version: str
    surface_port: int = 0
    query_port: int = 0
    page_port: int = 0


ready(DaemonRecord, BridgeRecord)
Record = TypeVar("Record", DaemonRecord, BridgeRecord)


def write_daemon_record(record: DaemonRecord) -> None:
    _write(daemon_file(), record)


def read_daemon_record() -> DaemonRecord | None:
    return _read(daemon_file(), DaemonRecord)


def remove_daemon_record(pid: int) -> None:
    _remove(daemon_file(), DaemonRecord, pid)


def write_bridge_record(record: BridgeRecord) -> None:
    _write(bridge_file(), record)


def read_bridge_record() -> BridgeRecord | None:
    return _read(bridge_file(), BridgeRecord)


def remove_bridge_record(pid: int) -> None:
    _remove(bridge_file(), BridgeRecord, pid)


def _write(path: Path, record: DaemonRecord | BridgeRecord) -> None:
    """Say who serves. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(path, durable=False) as file:
        file.write(msgspec.json.encode(record))


def _read(path: Path, kind: type[Record]) -> Record | None:
    """Who serves, or None when nobody said so (or left a file that is not a record)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, *UNREADABLE):
        return None


def _remove(path: Path, kind: type[Record], pid: int) -> None:
    """Take the record away if it is still that of process `pid`: a successor's record stays."""
    record = _read(path, kind)
    if record is not None and record.pid == pid:
        path.unlink(missing_ok=True)


def open_log(path: Path) -> None:
    """Let this process log into `path`. Raises OSError."""
    from logging.handlers import RotatingFileHandler  # here: it loads sockets

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def only_one(program: Literal["daemon", "bridge"]) -> IO[bytes]:
    """Hold this user's lock for `program` as long as the file is open: two would fight over who is found.

    Raises DaemonError where another process holds it, BadSetting where there can be no lock.
    """
    folder = runtime_folder()
    make_folder(folder, OWN_FOLDER, 0o700)
    lock = (folder / f"{program}.lock").open("wb")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        record = read_daemon_record() if program == "daemon" else read_bridge_record()
        port = record.port if isinstance(record, DaemonRecord) else record.osc_port if record else 0
        who = f" (process {record.pid}, port {port})" if record else ""
        raise DaemonError(f"A {program} of this user runs already{who}.", "Use that one, or stop it first.") from None
    return lock
