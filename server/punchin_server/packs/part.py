"""A file that grows on the disk until it is whole and right: hashed as it comes, then renamed to its place.

It grows as `.NAME.punchin-part` beside that place. Whoever dies leaves the part, and the next process hashes it and
goes on behind it. Opens no sockets.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn, Protocol
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from punchin_wire.disk import FULL, make_folder
from punchin_wire.errors import BadSetting, NotWritten, PackCorrupt, PunchinError, SourceRefused

from .hub import if_refused

CHUNK = 2**18
Kind = Literal["hub", "drive", "address"]


class Watcher(Protocol):
    """Told of what happens to a file: bytes that are here, bytes that are read again, and why nothing comes."""

    def received(self, count: int) -> None: ...

    def checking(self, count: int) -> None: ...

    def waiting(self, why: str) -> None: ...


class Unwatched:
    """For those who do not look."""

    def received(self, count: int) -> None: ...

    def checking(self, count: int) -> None: ...

    def waiting(self, why: str) -> None: ...


@dataclass(frozen=True)
class Wanted:
    """A file: what to call it, where it comes from, and what is known of it (None: not known). `page` is where a
    browser gets it, `kind` who gives it: what they mean by a web page, and what helps, differs."""

    name: str
    url: str
    page: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    at_most: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None
    kind: Kind = "address"

    @property
    def whence(self) -> str:
        """Where it comes from, for people: a host, or a file."""
        return urlsplit(self.url).netloc or self.url

    @property
    def is_pinned(self) -> bool:
        """Whether its hash is known, so that a part needs no other proof of what it is a part of."""
        return bool(self.sha256 or self.git_sha1)


@contextmanager
def locked(file: Path, watcher: Watcher, name: str, *, is_waiting: bool = True) -> Iterator[None]:
    """Hold a lock that ends with this process. Waits without limit: for another's download of many gigabytes, and the
    system takes a lock away from the dead. Raises NotWritten, BadSetting; the latter, too, where another has it and
    this one does not wait."""
    make_folder(file.parent, if_refused(file))
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not is_waiting:
            raise BadSetting(
                f"Another program is fetching {name}.", "Stop that first, or wait until it is done."
            ) from None
        watcher.waiting(f"another program is fetching {name}")
        lock.acquire(poll_interval=0.2)
    except OSError as error:
        refuse_disk(file, error)
    try:
        yield
    finally:
        lock.release()


def part_of(to: Path) -> Path:
    """Where a file grows that will be `to`."""
    return to.with_name(f".{to.name}.punchin-part")


def note_of(to: Path) -> Path:
    """Where it is said of which version (`ETag`) a part is, of a file whose hash nobody knows yet."""
    return to.with_name(f".{to.name}.punchin-etag")


class Part:
    """The file that grows beside its place, hashed as it does. Raises OSError where it cannot be written."""

    def __init__(self, wanted: Wanted, to: Path, watcher: Watcher) -> None:
        self.wanted, self.watcher, self.to = wanted, watcher, to
        self._path = part_of(to)
        self._note = note_of(to)
        self.length, self.total = 0, wanted.size
        self.version: str | None = None
        self.is_ended = self.is_resumed = False

    def __enter__(self) -> Part:
        self._file: BinaryIO = self._path.open("a+b", buffering=0)
        self._resume()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_whole(self) -> bool:
        return self.is_ended if self.total is None else self.length == self.total

    def begin(self, total: int | None, version: str | None) -> None:
        """Bytes will follow, of a file of `total` in this `version`."""
        self.total = total
        if version and version != self.version and not self.wanted.is_pinned:
            self._note.write_text(version, "utf-8")
            self.version = version

    def append(self, data: bytes) -> None:
        """Raises SourceRefused where there is more than there may be."""
        most = self.total if self.total is not None else self.wanted.at_most
        if most is not None and self.length + len(data) > most:
            self.restart()
            raise SourceRefused(f"{self.wanted.name} is longer than {self.wanted.whence} said: {most} bytes.")
        self._file.write(data)
        self._hash(data)
        self.watcher.received(self.length)

    def restart(self) -> None:
        """Forget what came."""
        self._file.truncate(0)
        self._note.unlink(missing_ok=True)
        self.length, self.total, self.version = 0, self.wanted.size, None
        self.is_ended = self.is_resumed = False
        self._start_hashes()

    def finish(self) -> str:
        """Compare, and put the file in its place; returns its sha256. Raises PackCorrupt; the part is then gone."""
        found = self._sha256.hexdigest()
        if not self.is_right:
            self._file.close()
            self._path.unlink()
            self._note.unlink(missing_ok=True)
            expected = self.wanted.sha256 or self.wanted.git_sha1 or ""
            raise PackCorrupt(
                f"{self.wanted.name} came from {self.wanted.whence} with another content than published "
                f"(sha256 {found[:12]}…, not {expected[:12]}…). It was not kept.",
                "Give the same command again; if that repeats, the source or a proxy on the way changes the file.",
            )
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._path, self.to)
        self._note.unlink(missing_ok=True)
        return found

    @property
    def is_right(self) -> bool:
        """Whether the hashes that are known are those of what is here."""
        wanted = self.wanted
        return (wanted.sha256 in (None, self._sha256.hexdigest())) and (
            wanted.git_sha1 in (None, self._git.hexdigest())
        )

    def _resume(self) -> None:
        """Hash what another process left, if it can be a part of this file."""
        self._start_hashes()
        left = self._path.stat().st_size
        if self._note.is_file() and not self.wanted.is_pinned:
            self.version = self._note.read_text("utf-8", errors="replace")[:200]
        knows = self.wanted.is_pinned or self.version is not None
        if left and (not knows or (self.wanted.size is not None and left > self.wanted.size)):
            self.restart()
            return
        self._file.seek(0)
        while data := self._file.read(2**20):
            self._hash(data)
            self.watcher.checking(self.length)
        self.is_resumed = self.length > 0

    def _start_hashes(self) -> None:
        self._sha256 = hashlib.sha256()
        self._git = git_sha1(self.wanted.size)

    def _hash(self, data: bytes) -> None:
        self._sha256.update(data)
        if self.wanted.git_sha1:
            self._git.update(data)
        self.length += len(data)


def git_sha1(size: int | None) -> Any:
    """The hash that git gives files of `size` bytes, by which the hub names small ones."""
    return hashlib.sha1(b"blob %d\0" % (size or 0), usedforsecurity=False)


def sha256_if_right(wanted: Wanted, path: Path, watcher: Watcher) -> str | None:
    """The sha256 of a file that is there, or None where it is not `wanted`."""
    if wanted.size is not None and path.stat().st_size != wanted.size:
        return None
    sha256, git, done = hashlib.sha256(), git_sha1(wanted.size), 0
    with path.open("rb") as file:
        while data := file.read(2**20):
            sha256.update(data)
            git.update(data)
            done += len(data)
            watcher.checking(done)
    right = wanted.sha256 in (None, sha256.hexdigest()) and wanted.git_sha1 in (None, git.hexdigest())
    return sha256.hexdigest() if right else None


def refuse_disk(to: Path, error: OSError) -> NoReturn:
    if isinstance(error, PunchinError):
        raise error
    step = "Make room on the disk; the same command then goes on." if error.errno in FULL else if_refused(to)
    raise NotWritten(f"{to.parent} cannot be written: {error.strerror or error}.", step) from None


def copy(wanted: Wanted, source: BinaryIO, start: int, to: Path, watcher: Watcher) -> str:
    """Bring `wanted`, whose size is known, from `source` at `start` to `to`, as :func:`.fetch.fetch` does.

    Raises PackCorrupt, NotWritten, BadSetting.
    """
    make_folder(to.parent, if_refused(to))
    if to.is_file() and (found := sha256_if_right(wanted, to, watcher)) is not None:
        return found
    try:
        to.unlink(missing_ok=True)
        with Part(wanted, to, watcher) as part:
            source.seek(start + part.length)
            while data := source.read(min(CHUNK, (wanted.size or 0) - part.length)):
                part.append(data)
            return part.finish()
    except OSError as error:
        refuse_disk(to, error)
