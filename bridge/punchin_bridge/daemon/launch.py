"""Find this user's daemon, or start one; find the bridge. Knows processes and their records, and nothing of what they
do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
from punchin_wire import disk, paths
from punchin_wire.errors import BadMessage, DaemonUnreachable, NotInstalled
from punchin_wire.paths import BridgeRecord, DaemonRecord

from .. import remotes
from ..settings import Settings
from .client import Client
from .endpoint import Endpoint

TAIL_LINES = 8
FAR_SECONDS = 5.0
"""How long another computer's daemon may take for its first answer."""
OTHERS_SECONDS = 5.0
"""How long we wait for another client's daemon when ours gave up: only one may serve a user."""


def find(settings: Settings) -> Endpoint | None:
    """The endpoint of a daemon that answers, or None. Raises KeyRefused or BadKey where we cannot come to terms."""
    endpoint = known(settings)
    seconds = FAR_SECONDS if elsewhere(settings) is not None else 2.0
    return endpoint if endpoint is not None and _answers(endpoint, seconds) else None


def known(settings: Settings) -> Endpoint | None:
    """The daemon that is used, whether it answers or not; None where it would be our own, and none runs. Raises
    BadSetting or BadKey."""
    if (there := elsewhere(settings)) is not None:
        return there
    record = paths.read_daemon_record()
    return None if record is None else _endpoint(record)


def elsewhere(settings: Settings) -> Endpoint | None:
    """The daemon that is to be used instead of this user's own, whether it answers or not; None: our own. Raises
    BadSetting or BadKey."""
    if (named := remotes.chosen(settings)) is not None:
        return Endpoint(f"tcp://{named.remote.address}", named.remote.key, named.name)
    return Endpoint(f"tcp://{settings.daemon}") if settings.daemon else None


def bridge() -> BridgeRecord | None:
    """The bridge that serves this user, unless it was killed."""
    record = paths.read_bridge_record()
    return record if record is not None and psutil.pid_exists(record.pid) else None


def program(package: str) -> tuple[str, ...]:
    """The command that runs a package of the server. Raises NotInstalled."""
    if find_spec(package.partition(".")[0]) is None:
        raise NotInstalled("Punchin's server part, which makes takes, is not installed.")
    return sys.executable, "-m", package


def find_or_start(settings: Settings, command: tuple[str, ...] = ()) -> Endpoint:
    """The endpoint of a daemon that answers; one is started when none does, by `command` if not by ours. Raises
    DaemonUnreachable, which shows the end of its output, NotInstalled, and BadSetting where its folder cannot be
    written."""
    endpoint = find(settings)
    if endpoint is not None:
        return endpoint
    if (there := elsewhere(settings)) is not None:
        raise there.silent()
    command = command or (*program("punchin_server"), "serve")
    disk.make_folder(paths.log_folder(), disk.OWN_FOLDER, 0o700)  # else the daemon could not even say why it ends
    output = paths.log_folder() / "daemon.out"
    child = start([*command, f"--idle-exit={settings.idle_exit}"], output)
    until = time.monotonic() + settings.start_seconds
    ended = None
    while time.monotonic() < until:
        record = paths.read_daemon_record()
        if record is not None and _answers(_endpoint(record), 1.0):
            return _endpoint(record)  # ours, or one that another client started at the same moment
        if ended is None and child.poll() is not None:
            ended = child.returncode
            until = min(until, time.monotonic() + OTHERS_SECONDS)
        time.sleep(0.05)
    how = f"within {settings.start_seconds:.0f} s" if ended is None else f"(exit code {ended})"
    raise DaemonUnreachable(f"The daemon did not start {how}. {tail(output)}", "Run `punchin serve` to see why.")


def start(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    """A process that outlives us: its own session, no terminal, its words in a file."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    try:
        with output.open("wb") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=Path.home() if Path.home().is_dir() else None,  # not the folder of a song on a disk to be removed
                start_new_session=os.name == "posix",
                creationflags=flags,
            )
    except OSError as error:
        raise DaemonUnreachable(f"The daemon could not be started: {error.strerror or error}.") from None


def _endpoint(record: DaemonRecord) -> Endpoint:
    host = f"[{record.host}]" if ":" in record.host else record.host
    return Endpoint(f"tcp://{host}:{record.port}", record.key)


def _answers(endpoint: Endpoint, seconds: float) -> bool:
    with Client(endpoint, Settings(reply_seconds=seconds)) as client:
        try:
            client.ping()
        except (DaemonUnreachable, BadMessage):  # nobody, or some other program at that port
            return False
    return True


def tail(path: Path) -> str:
    """What a process that we started said last."""
    try:
        lines = path.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return "It said:\n" + "\n".join(lines[-TAIL_LINES:]) if lines else "It said nothing."
