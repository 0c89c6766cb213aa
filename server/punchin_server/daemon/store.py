"""Results on disk, kept until they are released or expire. Knows no sockets, no clock and no job states.

::

    results/<job>/job.json        what the job was (:class:`JobRecord`)
    results/<job>/00000012.event  one event that must not be lost (what was heard, take or ending): three frames as on
                                  the wire, the first two ended by a newline, which neither JSON nor the magic contains

Should the disk be full, an event is held in memory instead, so that it is lost only with the daemon.

Every file is written beside its name and moved into place, so a daemon that dies leaves whole events or none, and
the next one finds every take that was ever announced. Progress, positions and previews are not kept.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
from punchin_wire.disk import replacing
from punchin_wire.errors import PunchinError, VersionMismatch
from punchin_wire.frames import MAGIC, Frame, unpack_message
from punchin_wire.messages import Event, FromDaemon
from punchin_wire.structs import UNREADABLE

log = logging.getLogger(__name__)

SAME_EVENTS = (b"punchin/1", b"punchin/2")
"""Earlier protocols whose takes and endings are those of today."""


class JobRecord(msgspec.Struct, frozen=True):
    """What is kept about a job beside its events. `digest` tells a repeated submit from another job's name."""

    id: str
    engine: str
    pack: str
    digest: str
    submitted: float
    client: str = ""


class Store:
    """Kept events by job. `bytes` is the size of everything kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[str, dict[int, Path | list[Frame]]] = {}
        self._sizes: dict[str, int] = {}

    @property
    def bytes(self) -> int:
        return sum(self._sizes.values())

    def size(self, job: str) -> int:
        """Bytes that are kept of one job."""
        return self._sizes.get(job, 0)

    def open(self) -> list[tuple[JobRecord, list[Event], float]]:
        """Everything that an earlier daemon kept: record, events, time of the last write. Clears what is broken.

        What a daemon of another protocol version kept stays where it is, for that version to find.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = []
        for folder in sorted(self.folder.iterdir()):
            try:
                record = msgspec.json.decode((folder / "job.json").read_bytes(), type=JobRecord)
                events = {path: event for path in sorted(folder.glob("*.event")) if (event := _event(path))}
            except VersionMismatch:
                continue
            except (FileNotFoundError, NotADirectoryError, *UNREADABLE):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            except OSError as error:  # not its fault: the next daemon may be able to read it
                log.error("job %s: %s", folder.name, error)
                continue
            for part in folder.glob("*.part"):
                part.unlink()
            self._kept[record.id] = {event.seq: path for path, event in events.items()}
            self._sizes[record.id] = sum(path.stat().st_size for path in events)
            written = max(path.stat().st_mtime for path in folder.iterdir())
            found.append((record, list(events.values()), written))
        return found

    def create(self, record: JobRecord) -> None:
        """Begin to keep a job. Raises OSError."""
        (self.folder / record.id).mkdir(mode=0o700)
        self._kept[record.id], self._sizes[record.id] = {}, 0
        self._write(record.id, "job.json", [msgspec.json.encode(record)])

    def keep(self, event: Event, frames: Sequence[Frame]) -> None:
        """Keep one event, given as its frames on the wire."""
        magic, header, *audio = frames
        parts = [magic, b"\n", header, b"\n", *audio]
        kept: Path | list[Frame] = list(frames)
        try:
            kept = self._write(event.job, f"{event.seq:08d}.event", parts)
        except OSError as error:
            log.error("event %d of job %s stays in memory: %s", event.seq, event.job, error)
        self._kept[event.job][event.seq] = kept
        self._sizes[event.job] += sum(map(len, parts))

    def after(self, job: str, seq: int) -> list[int]:
        """Numbers of the kept events behind number `seq`, in order."""
        return sorted(n for n in self._kept.get(job, {}) if n > seq)

    def frames(self, job: str, seq: int) -> list[Frame]:
        """The frames of one kept event. Raises OSError when somebody has deleted its file."""
        kept = self._kept[job][seq]
        if not isinstance(kept, Path):
            return kept
        _, header, audio = kept.read_bytes().split(b"\n", 2)
        return [MAGIC, header, audio] if audio else [MAGIC, header]

    def drop(self, job: str) -> None:
        self._kept.pop(job, None)
        self._sizes.pop(job, None)
        shutil.rmtree(self.folder / job, ignore_errors=True)

    def _write(self, job: str, name: str, parts: Sequence[Frame]) -> Path:
        path = self.folder / job / name
        with replacing(path, durable=True) as file:
            file.writelines(parts)
        return path


def _event(path: Path) -> Event | None:
    """The event in a file; None, and the file is gone, when it holds none. Raises VersionMismatch."""
    with path.open("rb") as file:
        magic, header = file.readline().rstrip(b"\n"), file.readline().rstrip(b"\n")
    try:
        event: Event = unpack_message([MAGIC if magic in SAME_EVENTS else magic, header], FromDaemon)
    except VersionMismatch:
        raise
    except PunchinError as error:
        log.error("%s is damaged: %s", path, error)
        path.unlink()
        return None
    return event
