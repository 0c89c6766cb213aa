"""What a musician writes down about takes, and what was reported of them when they were made: one file for all.

A take's file says how it was made; what is here could not be read from it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from punchin_wire.disk import OWN_FOLDER, make_folder, replacing
from punchin_wire.structs import UNREADABLE, ready

MOST_NOTES = 20_000
Rows: TypeAlias = tuple[tuple[str, str], ...]
"""What is reported of a take: names and values, for people."""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one take."""

    favourite: bool = False
    name: str = ""
    comment: str = ""
    report: Rows = ()


ready(dict[str, Note])


@dataclass
class Notebook:
    """[page job] The notes in `file`, by the ids of takes. Those written longest ago are forgotten."""

    file: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _notes: OrderedDict[str, Note] | None = None

    def of(self, take: str) -> Note:
        with self._lock:
            return self._read().get(take, Note())

    def write(self, take: str, **changes: Any) -> None:
        """Change a note. Raises BadSetting where it cannot be written; then it is as before."""
        with self._lock:
            notes = self._read()
            before = notes.get(take, Note())
            after = msgspec.structs.replace(before, **changes)
            if after == before:
                return
            wanted = OrderedDict(notes)
            wanted[take] = after
            wanted.move_to_end(take)
            while len(wanted) > MOST_NOTES:
                wanted.popitem(last=False)
            make_folder(self.file.parent, OWN_FOLDER, 0o700)
            with replacing(self.file, durable=True, next_step=OWN_FOLDER) as file:
                file.write(msgspec.json.encode(wanted))
            self._notes = wanted

    def _read(self) -> OrderedDict[str, Note]:
        if self._notes is None:
            self._notes = OrderedDict()
            with contextlib.suppress(OSError, *UNREADABLE):  # none yet, or not ours
                self._notes = OrderedDict(msgspec.json.decode(self.file.read_bytes(), type=dict[str, Note]))
        return self._notes
