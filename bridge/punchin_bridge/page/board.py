"""The takes that can be dragged into another program, from the bridge that makes them. Knows no window.

A browser cannot hand a file to a program; a window of our own can (:mod:`.shelf`). Only takes that lie where they stay
are among them: a DAW may use a file where it lies.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from punchin_wire import paths
from punchin_wire.errors import PunchinError
from punchin_wire.osc.udp import LOOPBACK

from . import opening

EVERY_SECONDS = 1.0
ANSWER_SECONDS = 5.0
MOST_SHOWN = 200


class Entry(NamedTuple):
    """A take: where it is, and what is shown of it."""

    path: Path
    title: str
    about: str


class Board:
    """[board] Asks the bridge once a second on a thread of its own, and tells `show` what has changed; also that there
    is no bridge any more, by a sentence."""

    def __init__(self, show: Callable[[tuple[Entry, ...]], None], complain: Callable[[str], None]) -> None:
        self._show, self._complain = show, complain
        self._shown: tuple[Entry, ...] | None = None
        self._token = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(ANSWER_SECONDS)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                found = entries(self._groups())
                if found != self._shown:
                    self._shown = found
                    self._show(found)
            except (PunchinError, OSError, ValueError) as error:
                self._token, self._shown = "", None
                self._complain(str(error))
            self._closed.wait(EVERY_SECONDS)

    def _groups(self) -> list[dict[str, Any]]:
        """Raises PunchinError and OSError."""
        record = opening.find_or_start()
        where = f"http://{LOOPBACK}:{record.page_port}"
        if not self._token:
            ticket = opening.address(record).partition("#")[2]
            self._token = _ask(f"{where}/api/enter", ticket, b"")["token"]
        try:
            return list(_ask(f"{where}/api/takes", self._token)["groups"])
        except urllib.error.HTTPError:  # another bridge than the one that let us in
            self._token = ""
            return []


def entries(groups: list[dict[str, Any]]) -> tuple[Entry, ...]:
    """The takes that lie where they stay, the last ones first."""
    found = [
        (
            take["created"],
            Entry(Path(take["path"]), take["note"].get("name") or take["file"], f"{group['title']}, {group['place']}"),
        )
        for group in groups
        for take in group["takes"]
        if not Path(take["path"]).is_relative_to(paths.spool_folder())
    ]
    ordered = sorted(found, key=lambda each: each[0], reverse=True)
    return tuple(entry for _, entry in ordered if entry.path.is_file())[:MOST_SHOWN]


def _ask(address: str, token: str, body: bytes | None = None) -> dict[str, Any]:
    asked = urllib.request.Request(address, body, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, timeout=ANSWER_SECONDS) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found
