"""Files that come from the browser in pieces. Bounded in number, in size and in time; what is given up is deleted.

A piece says where it belongs, and only the next one is taken, so a file is whole or not there. What a file is, is found
out by reading it: its name only names it.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from punchin_wire import disk, paths
from punchin_wire.disk import OWN_FOLDER
from punchin_wire.errors import BadSetting, QueueFull, TooLarge
from punchin_wire.structs import ready

from ..audio import stems
from ..hosts import naming
from ..music import midi_files, text_files
from .acts import Id
from .songs import FOLLOWED, PageSong, Songs

Kind = Literal["song", "chords", "drums", "piano", "tempo"]
PIECE_BYTES = 4 * 2**20
MOST_AT_ONCE = 4
IDLE_SECONDS = 120.0
ROOM = "Make room on the disk, and drop it again."
MOST_BYTES: dict[Kind, int] = {
    "song": 4 * 2**30,
    "drums": 4 * 2**30,
    "chords": midi_files.MAX_BYTES,
    "piano": midi_files.MAX_BYTES,
    "tempo": max(midi_files.MAX_BYTES, text_files.MAX_BYTES),
}


class Announced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What will come: a file of so many bytes, for an open song unless it is one."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=1, le=2**40)]
    kind: Kind
    song: Id | None = None


ready(Announced)


@dataclass
class _Upload:
    announced: Announced
    path: Path
    written: int
    touched: float


@dataclass
class Uploads:
    """[page job] `folder` is their own; it is emptied when they are opened."""

    folder: Path
    songs: Songs
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _placing: threading.Lock = field(default_factory=threading.Lock)
    _coming: dict[str, _Upload] = field(default_factory=dict)

    def open(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, announced: Announced, now: float) -> str:
        """The id of an upload. Raises TooLarge, QueueFull and BadSetting (no such song, no room)."""
        if announced.size > MOST_BYTES[announced.kind]:
            most = MOST_BYTES[announced.kind] >> 20
            raise TooLarge(f"{announced.name} is larger than {most} MiB.", "Choose a smaller file.")
        if announced.kind != "song":
            self.songs.find(announced.song or "")
        self._give_up(now)
        disk.make_folder(self.folder, OWN_FOLDER, 0o700)
        with self._lock:
            taken = sum(other.announced.size - other.written for other in self._coming.values())
            if announced.size > shutil.disk_usage(self.folder).free - taken:
                raise BadSetting(f"There is no room for {announced.name}.", ROOM)
            if len(self._coming) >= MOST_AT_ONCE:
                raise QueueFull(f"{MOST_AT_ONCE} files are coming already.", "Wait until they are here.")
            name = secrets.token_hex(6)
            path = self.folder / f"{name}.part"
            path.touch(0o600)
            self._coming[name] = _Upload(announced, path, 0, now)
        return name

    def piece(self, upload: str, at: int, data: bytes, now: float) -> int:
        """Append a piece; returns how much is here. Raises BadSetting where it is not the next one, TooLarge; and
        BadSetting where the disk does not take it, and then the file does not come any more."""
        with self._lock:
            coming = self._find(upload)
            if at != coming.written:
                raise BadSetting("A piece of the file is missing.", "Drop the file again.")
            if coming.written + len(data) > coming.announced.size:
                raise TooLarge(f"{coming.announced.name} is longer than was said.", "Drop the file again.")
            try:
                with coming.path.open("ab") as file:
                    file.write(data)
            except OSError as error:
                self._drop(upload)
                why = error.strerror or error
                raise BadSetting(f"{coming.announced.name} cannot be kept: {why}.", ROOM) from None
            coming.written, coming.touched = coming.written + len(data), now
            return coming.written

    def finish(self, upload: str) -> PageSong:
        """The song that the file is, or belongs to. Raises what is wrong with the file; then it is gone."""
        with self._lock:
            coming = self._find(upload)
            del self._coming[upload]
        try:
            if coming.written != coming.announced.size:
                raise BadSetting("A piece of the file is missing.", "Drop the file again.")
            with self._placing:  # two may come under one name
                return self._song(coming) if coming.announced.kind == "song" else self._material(coming)
        finally:
            coming.path.unlink(missing_ok=True)

    def _find(self, upload: str) -> _Upload:
        if upload not in self._coming:
            raise BadSetting("That file does not come any more.", "Drop it again.")
        return self._coming[upload]

    def _give_up(self, now: float) -> None:
        with self._lock:
            for name in [name for name, upload in self._coming.items() if now - upload.touched > IDLE_SECONDS]:
                self._drop(name)

    def _drop(self, name: str) -> None:
        self._coming.pop(name).path.unlink(missing_ok=True)

    def _song(self, coming: _Upload) -> PageSong:
        title, ending = _named(coming.announced.name)
        with TemporaryDirectory(dir=self.folder) as own:  # what is wrong with it is said by the name that it came with
            part = coming.path.rename(Path(own) / f"{title}{ending or '.wav'}")
            stems.probe(part)
            return self._placed(part, title, ending)

    def _placed(self, part: Path, title: str, ending: str) -> PageSong:
        """The song in a folder of its own, or the same one that is there already."""
        root = paths.takes_folder()
        number = 1
        while True:
            folder = root / (title if number == 1 else f"{title}_{number}")
            path = folder / f"{title}{ending}"
            if not folder.exists():
                disk.make_folder(folder, OWN_FOLDER)
                disk.move(part, path, OWN_FOLDER)
                return self.songs.open(path)
            if path.is_file() and _same(path, part):
                return self.songs.open(path)
            number += 1

    def _material(self, coming: _Upload) -> PageSong:
        announced = coming.announced
        song = self.songs.find(announced.song or "")
        title, ending = _named(announced.name)
        folder = song.folder / FOLLOWED
        disk.make_folder(folder, OWN_FOLDER)
        path = folder / f"{title}{ending}"
        if not (path.is_file() and _same(path, coming.path)):
            path = folder / f"{disk.free_stem(folder, title, ending)}{ending}"
            disk.move(coming.path, path, OWN_FOLDER)
        changes: dict[str, object] = {announced.kind: str(path)}
        if announced.kind == "chords":
            changes["typed"] = None
        if announced.kind == "tempo":
            changes["bpm"] = 0.0
        try:
            return self.songs.change(song.id, **changes)
        except Exception:
            path.unlink(missing_ok=True)
            raise


def _named(name: str) -> tuple[str, str]:
    """A file's name as ours: a title that is a name on any system, and its ending."""
    path = Path(name.replace("\\", "/")).name
    stem, _, ending = path.rpartition(".")
    plain = re.sub(r"[^a-z0-9]", "", ending.lower())[:5]
    return naming.title(stem or ending) or "Song", f".{plain}" if stem and plain else ""


def _same(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    return _digest(one) == _digest(other)


def _digest(path: Path) -> bytes:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.digest()
