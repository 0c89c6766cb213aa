"""`punchin open`, from the outside: find this user's bridge or start one, and get an address that opens its page once.
Knows processes and one request."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
from punchin_wire import disk, paths
from punchin_wire.errors import DaemonUnreachable, ErrorInfo, PunchinError, from_info
from punchin_wire.osc.udp import LOOPBACK
from punchin_wire.paths import BridgeRecord
from punchin_wire.structs import UNREADABLE, ready

from ..daemon import launch

COMMAND = (sys.executable, "-m", "punchin_bridge.cli", "bridge", "--idle-exit", "3600")
START_SECONDS = 30.0
KNOCK_SECONDS = 5.0
ANSWER_SECONDS = 30.0


class _Opened(msgspec.Struct):
    ticket: str
    song: str


ready(_Opened)


def find_or_start(command: tuple[str, ...] = COMMAND) -> BridgeRecord:
    """The bridge that serves this user; one is started when none runs. Raises DaemonUnreachable."""
    record = _answering()
    if record is not None:
        return record
    disk.make_folder(paths.log_folder(), disk.OWN_FOLDER, 0o700)
    output = paths.log_folder() / "bridge.out"
    child = launch.start([*command], output)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        record = _answering()
        if record is not None:
            return record
        if child.poll() is not None and _answering() is None:
            break
        time.sleep(0.05)
    raise DaemonUnreachable(f"The bridge did not start. {launch.tail(output)}", "Run `punchin bridge` to see why.")


def address(record: BridgeRecord, song: Path | None = None) -> str:
    """An address that opens the page once, with this song. Raises DaemonUnreachable, and what is wrong with a song."""
    if not record.page_port:
        raise DaemonUnreachable("The bridge that runs has no page.", "Stop it, and run `punchin open` again.")
    where = f"http://{LOOPBACK}:{record.page_port}"
    body = json.dumps({"song": str(song.absolute())} if song else {}).encode()
    try:
        key = paths.page_key().read_text()
        asked = urllib.request.Request(f"{where}/api/open", body, {"Authorization": f"Bearer {key}"}, method="POST")
        with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:
            found = msgspec.json.decode(answer.read(), type=_Opened)
    except urllib.error.HTTPError as error:
        with error:
            raise _error(error.read()) from None
    except OSError as error:
        why = getattr(error, "reason", error)
        why = getattr(why, "strerror", None) or why
        raise DaemonUnreachable(f"The page does not answer: {why}.", "Run `punchin open` again.") from None
    except (http.client.HTTPException, *UNREADABLE):
        what = f"Another program answers at port {record.page_port}, where the page was."
        raise DaemonUnreachable(what, f"Delete {paths.bridge_file()}, and run `punchin open` again.") from None
    shown = f"?song={found.song}" if found.song else ""
    return f"{where}/{shown}#{found.ticket}"


def _answering() -> BridgeRecord | None:
    """The bridge that runs. One that was killed has left a record, and another process may have its number by now."""
    record = launch.bridge()
    if record is None or not record.page_port:
        return record
    try:
        socket.create_connection((LOOPBACK, record.page_port), KNOCK_SECONDS).close()
    except OSError:
        return None
    return record


def _error(body: bytes) -> PunchinError:
    try:
        info = json.loads(body)["error"]
        return from_info(ErrorInfo(info["code"], info["message"], info["next_step"]))
    except (ValueError, KeyError, TypeError):
        return DaemonUnreachable("The page does not answer.", "Run `punchin open` again.")
