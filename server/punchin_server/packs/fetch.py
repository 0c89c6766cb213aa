"""One file from the network to the disk, whole and verified or not at all. Knows no models and no packs.

The file grows as `.NAME.punchin-part` beside its place. Whoever dies leaves that part, and the next process hashes it
and asks for the rest (`Range`); only content with the right hash is renamed to its place. Two processes that want the
same file take turns by a lock, and the second finds it there.

huggingface_hub does neither: it starts again from nothing in another process, and checks no content.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol
from urllib.error import HTTPError, URLError

from filelock import FileLock, Timeout
from punchin_wire.disk import FULL, OWN_FOLDER, make_folder
from punchin_wire.errors import NotWritten, PackCorrupt, PunchinError, SourceRefused, SourceUnreachable

from . import web

TRIES = 5
"""How often in a row a server may give nothing before it is given up."""
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
CHUNK = 2**18
BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Answers that mean: later."""
BY_HAND = "Open {page} in a browser, save the file, and give it to Punchin with `punchin packs add FOLDER`."


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
    """A file: what to call it, where it comes from, and what is known of it. `page` is where a browser gets it.

    Raises nothing; of `size` and hashes those that are None are not known.
    """

    name: str
    url: str
    page: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    at_most: int | None = None
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def whence(self) -> str:
        """Where it comes from, for people: a host, or a file."""
        return web.host(self.url) or self.url

    @property
    def is_pinned(self) -> bool:
        """Whether its hash is known, so that a part needs no other proof of what it is a part of."""
        return bool(self.sha256 or self.git_sha1)


class Later(Exception):
    """Nothing came; `pause` is how long the server wants us to wait."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


def fetch(wanted: Wanted, to: Path, watcher: Watcher | None = None) -> str:
    """Bring `wanted` to `to`, and return its sha256. A file that is there in that content is not fetched. The caller
    holds a lock of it.

    Raises SourceUnreachable, SourceRefused, PackCorrupt (another content), NotWritten, BadSetting.
    """
    watcher = watcher or Unwatched()
    make_folder(to.parent, OWN_FOLDER)
    if to.is_file():
        if (found := sha256_if_right(wanted, to, watcher)) is not None:
            return found
        to.unlink()
    try:
        with Part(wanted, to, watcher) as part:
            _fill(part)
            if part.is_resumed and not part.is_right:
                watcher.waiting(f"what an earlier pull left of {wanted.name} is damaged; fetching it anew")
                part.restart()
                _fill(part)
            return part.finish()
    except OSError as error:
        refuse_disk(to, error)


def copy(wanted: Wanted, source: BinaryIO, start: int, to: Path, watcher: Watcher) -> str:
    """Bring `wanted`, whose size is known, to `to` as :func:`fetch` does, from `source` at `start`; returns its sha256.

    Raises PackCorrupt, NotWritten, BadSetting.
    """
    make_folder(to.parent, OWN_FOLDER)
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


@contextmanager
def locked(file: Path, watcher: Watcher, name: str) -> Iterator[None]:
    """Hold a lock that ends with this process. Waits without limit: for another's download of many gigabytes, and the
    system takes a lock away from the dead."""
    make_folder(file.parent, OWN_FOLDER)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        watcher.waiting(f"another program is fetching {name}")
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()


def get_json(url: str, headers: Mapping[str, str], watcher: Watcher | None = None) -> dict[str, Any]:
    """The JSON object at `url`, of at most some megabytes. Raises SourceUnreachable; HTTPError for a refusal."""
    tries = 0
    while True:
        try:
            with _answer(url, headers) as answer:
                return _object(_read(answer, 2**26))
        except Later as error:
            tries += 1
            if tries >= TRIES:
                _give_up(url, error)
            _pause(url, error, tries, watcher or Unwatched())


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Later("it answers something other than expected")
    return found


# ---- the network ---------------------------------------------------------------------------------------------


def _fill(part: Part) -> None:
    """Ask until all is there. Raises as :func:`fetch` does."""
    tries = 0
    while not part.is_whole:
        before = part.length
        try:
            _receive(part)
        except HTTPError as error:
            raise _refusal(part.wanted, error) from None
        except Later as error:
            tries = 0 if part.length > before else tries + 1
            if tries >= TRIES:
                _give_up(part.wanted.url, error)
            _pause(part.wanted.url, error, tries, part.watcher)


def _receive(part: Part) -> None:
    """One connection's worth of the file. Raises Later where it ends early, HTTPError for a refusal."""
    wanted = part.wanted
    asked = dict(wanted.headers)
    if part.length:
        asked["Range"] = f"bytes={part.length}-"
        if part.version and not wanted.is_pinned:
            asked["If-Range"] = part.version
    try:
        answer = _answer(wanted.url, asked)
    except HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and part.length:
            part.restart()
            raise Later("it has no more of this file than is here") from None
        raise
    with answer:
        _agree(part, answer)
        while data := _read(answer, CHUNK):
            if not part.length and _is_page(data):
                raise _page(wanted)
            part.append(data)
    if part.total is not None and part.length < part.total:
        raise Later("the connection was cut")
    part.is_ended = True


def _agree(part: Part, answer: HTTPResponse) -> None:
    """Make the part fit what the server sends: its rest, or all of it. Raises SourceRefused for another file."""
    wanted, version = part.wanted, answer.headers.get("ETag")
    if answer.headers.get_content_type() == web.PAGE:
        raise _page(wanted)
    start, total = _extent(answer)
    has_changed = bool(not wanted.is_pinned and part.version and version and version != part.version)
    if start != part.length or has_changed:
        if start:
            part.restart()
            raise Later("it has another version of this file by now")
        part.restart()
    if total is not None:
        most = wanted.size if wanted.size is not None else wanted.at_most
        if (wanted.size is not None and total != wanted.size) or (most is not None and total > most):
            raise SourceRefused(
                f"{wanted.name}: {wanted.whence} offers {total} bytes, not {'' if wanted.size else 'at most '}"
                f"{most}: it is another file.",
                BY_HAND.format(page=wanted.page),
            )
    part.begin(total if total is not None else wanted.size, version)


def _extent(answer: HTTPResponse) -> tuple[int, int | None]:
    """Where the body starts in the file, and how long the whole file is."""
    length = answer.headers.get("Content-Length", "")
    if answer.status != http.client.PARTIAL_CONTENT:
        return 0, int(length) if length.isdigit() else None
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    return int(start) if start.isdigit() else -1, int(total) if total.isdigit() else None


def _answer(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    try:
        return web.open_url(url, headers)
    except HTTPError as error:
        error.close()
        if error.code in BUSY:
            raise Later(f"it is busy ({error.code})", _retry_after(error)) from None
        raise
    except (URLError, http.client.HTTPException, OSError) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            raise SourceUnreachable(
                f"The certificate of {web.host(url)} is not trusted here.",
                "A proxy may be reading along: name its certificate by SSL_CERT_FILE, or use another network.",
            ) from None
        raise Later(_in_words(error)) from None


def _read(answer: HTTPResponse, count: int) -> bytes:
    try:
        return answer.read1(count) if count <= CHUNK else answer.read(count)
    except TimeoutError:
        raise Later(f"nothing came for {web.STALL_SECONDS:.0f} s") from None
    except (http.client.HTTPException, OSError) as error:
        raise Later(_in_words(error)) from None


def _in_words(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"nothing came for {web.STALL_SECONDS:.0f} s"
    if isinstance(reason, ConnectionResetError | http.client.IncompleteRead | http.client.RemoteDisconnected):
        return "the connection was cut"
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)


def _retry_after(error: HTTPError) -> float | None:
    given = error.headers.get("Retry-After", "")
    return float(given) if given.isdigit() else None


def _pause(url: str, later: Later, tries: int, watcher: Watcher) -> None:
    """Wait as long as the server asks. Raises SourceUnreachable where that is too long for one who looks on."""
    pause = later.pause if later.pause is not None else PAUSE_SECONDS * 2**tries
    if pause > LONGEST_PAUSE_SECONDS:
        raise SourceUnreachable(
            f"{web.host(url)} wants to be asked again in {pause / 60:.0f} minutes.",
            "Give the same command then: it goes on where it stopped.",
        )
    watcher.waiting(f"{later}; asking {web.host(url)} again in {pause:.0f} s")
    time.sleep(pause)


def _give_up(url: str, later: Later) -> NoReturn:
    raise SourceUnreachable(f"{web.host(url)} does not answer as it should: {later}.") from None


def _refusal(wanted: Wanted, error: HTTPError) -> SourceRefused:
    """What a refusal means, by its number; the hub says more of itself in a header."""
    why = {
        401: "it asks who you are; set HF_TOKEN, or the file is not public",
        403: "it may not be fetched by everyone; its page may ask for your consent",
        404: "it is not there any more",
        410: "it is not there any more",
    }.get(error.code, f"{error.reason} ({error.code})")
    return SourceRefused(f"{wanted.whence} does not give {wanted.name}: {why}.", BY_HAND.format(page=wanted.page))


def _is_page(data: bytes) -> bool:
    return data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _page(wanted: Wanted) -> SourceRefused:
    return SourceRefused(
        f"{wanted.whence} answers with a web page instead of {wanted.name}: too many people fetch it today, it "
        "wants to be asked in a browser, or it is not shared any more.",
        BY_HAND.format(page=wanted.page),
    )


def part_of(to: Path) -> Path:
    """Where a file grows that will be `to`."""
    return to.with_name(f".{to.name}.punchin-part")


def note_of(to: Path) -> Path:
    """Where it is said of which version (`ETag`) a part is, of a file whose hash nobody knows yet."""
    return to.with_name(f".{to.name}.punchin-etag")


# ---- the disk ------------------------------------------------------------------------------------------------


class Part:
    """The file that grows beside its place, hashed as it does. Raises OSError where it cannot be written."""

    def __init__(self, wanted: Wanted, to: Path, watcher: Watcher) -> None:
        self.wanted, self.watcher, self._to = wanted, watcher, to
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
        os.replace(self._path, self._to)
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
    step = "Make room on the disk; the same command then goes on." if error.errno in FULL else OWN_FOLDER
    raise NotWritten(f"{to.parent} cannot be written: {error.strerror or error}.", step) from None
