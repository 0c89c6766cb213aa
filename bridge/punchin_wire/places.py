"""Where this user's files lie, and the small file by which a bridge finds the daemon. Knows no sockets, starts nothing.

With `PUNCHIN_HOME` set, everything lies below that folder (tests, portable installs)::

    runtime/daemon.json   who serves: process, ports, version   (removed when the daemon stops)
    log/daemon.log        what the daemon says
    data/packs/           installed model packs
    results/              takes that the daemon keeps until they are fetched
    cache/                what can be made again
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import platformdirs

_DIRS = platformdirs.PlatformDirs("punchin", appauthor=False)


def _place(name: str, default: Path) -> Path:
    home = os.environ.get("PUNCHIN_HOME")
    return Path(home).expanduser() / name if home else default


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


def daemon_file() -> Path:
    return runtime_folder() / "daemon.json"


def daemon_log() -> Path:
    return log_folder() / "daemon.log"


class DaemonRecord(msgspec.Struct, frozen=True):
    """The daemon that serves this user: its process, its ports on the loopback interface, its version.

    Fields of a newer daemon are ignored, so that its `version` can still be read and named in an error.
    """

    pid: int
    port: int
    osc_port: int
    version: str
    events_port: int = 0


def write_daemon_record(record: DaemonRecord) -> None:
    """Say who serves. Atomic: a reader sees the old record or the new one, never half of either."""
    path = daemon_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(record))
    os.replace(draft, path)


def read_daemon_record() -> DaemonRecord | None:
    """Who serves, or None when nobody said so (or left a file that is not a record)."""
    try:
        return msgspec.json.decode(daemon_file().read_bytes(), type=DaemonRecord)
    except (OSError, msgspec.DecodeError):
        return None


def remove_daemon_record(pid: int) -> None:
    """Take the record away if it is still that of process `pid`: a successor's record stays."""
    record = read_daemon_record()
    if record is not None and record.pid == pid:
        daemon_file().unlink(missing_ok=True)
