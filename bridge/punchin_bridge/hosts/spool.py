"""Documents by files: how hosts without sockets, and hosts with long documents, speak with the bridge.

::

    inbox/<host>-<number>.json    host -> bridge: written beside as `.part`, then renamed; taken in the order of names
    hosts/<host>/state.json       bridge -> host: replaced whole
    hosts/<host>/audio/           stems that the host rendered, until their job ends
    jobs/<job>/                   what the bridge keeps of a job

All three systems have files, Lua has them, a rename is atomic, and nothing has to be installed or opened. What is in
the inbox and cannot be used is deleted, and said once. While a document is acted on it is called `.taken`, so that the
next bridge finds it when we are killed meanwhile. Knows no jobs and no hosts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import (
    BadMessage,
    BadSetting,
    DaemonError,
    DaemonUnreachable,
    FileMissing,
    InputError,
    PunchinError,
    TooLarge,
)
from punchin_wire.params import Control
from punchin_wire.structs import UNREADABLE, in_words

from .jobs import JobRecord
from .protocol import MAX_BYTES, Bye, Command, CommandRequest, FromHost, Hello, Project, State

NAME = re.compile(r"([a-z]{2,16}-[A-Za-z0-9]{1,32})-(\d{8}|hello)\.(json|taken)")
TAKEN = ".taken"
MOST_AT_ONCE = 64
"""Documents taken from the inbox before others get their turn."""
STALE_SECONDS = 60.0
"""A half-written document or an unknown file older than this is deleted."""
MAX_NAME = 100
"""Characters of a name that are repeated of a document which cannot be used."""

log = logging.getLogger(__name__)


class Post(NamedTuple):
    """A document as it came. `error` is what is wrong where it could not be used; `job` is the job that it names."""

    host: str
    document: FromHost | None
    error: PunchinError | None = None
    job: str = ""


@dataclass(frozen=True)
class Spool:
    """The folder `root`. Other users of this computer can neither read nor write it."""

    root: Path

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    def open(self) -> None:
        for folder in (self.root, self.inbox, self.root / "hosts", self.root / "jobs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    # ---- from hosts ------------------------------------------------------------------------------------------

    def receive(self) -> Iterator[Post]:
        """The documents that wait, each deleted when it was acted on. One that a bridge died over comes once more, and
        is deleted first, so that one which kills us does so twice at most."""
        for name in sorted(self._waiting(), key=_turn)[:MOST_AT_ONCE]:
            path, host = self.inbox / name, NAME.fullmatch(name)
            assert host is not None
            post, taken = _read(path, host[1]), path.with_suffix(TAKEN)
            with contextlib.suppress(FileNotFoundError):
                path.unlink() if path == taken else os.replace(path, taken)
            try:
                yield post
            finally:
                taken.unlink(missing_ok=True)

    def _waiting(self) -> Iterator[str]:
        now = time.time()
        with contextlib.suppress(OSError), os.scandir(self.inbox) as entries:
            for entry in entries:
                if NAME.fullmatch(entry.name):
                    yield entry.name
                elif now - entry.stat(follow_symlinks=False).st_mtime > STALE_SECONDS:
                    _delete(Path(entry.path))

    # ---- to hosts --------------------------------------------------------------------------------------------

    def host(self, host: str) -> Path:
        return self.root / "hosts" / host

    def welcome(self, host: str) -> None:
        """Make a host's folders."""
        (self.host(host) / "audio").mkdir(parents=True, exist_ok=True, mode=0o700)

    def send(self, state: State) -> Path:
        """Leave a host its state, and return where. Raises OSError."""
        path = self.host(state.host) / "state.json"
        with replacing(path, durable=False) as file:
            file.write(msgspec.json.encode(state))
        return path

    def forget(self, host: str) -> None:
        """Delete a host's folder, with stems that no job claimed."""
        _delete(self.host(host))

    def adopt(self, job: str, control: Control, host: str, path: str) -> str:
        """Make a stem that `host` rendered the job's own: its new path. Raises BadMessage where it is none of that
        host's, FileMissing where it is not there."""
        if Path(path).parent != self.host(host) / "audio":
            raise BadMessage(f"{host} has rendered to where nothing of its own lies.", _update(host))
        own = self.job(job) / f"heard-{control}.wav"
        try:
            os.replace(path, own)
        except OSError as error:
            raise FileMissing(f"What {host} has rendered cannot be had: {error.strerror}.", OWN_FOLDER) from None
        return str(own)

    def hosts(self) -> tuple[str, ...]:
        """Whoever has a folder, from this bridge or from one before it."""
        with contextlib.suppress(OSError):
            return tuple(entry.name for entry in os.scandir(self.root / "hosts"))
        return ()

    # ---- jobs ------------------------------------------------------------------------------------------------

    def job(self, job: str) -> Path:
        return self.root / "jobs" / job

    def keep(self, kept: JobRecord) -> None:
        """Write a job down; it is on disk when this returns. Raises BadSetting when the disk is full."""
        folder = self.job(kept.submit.job)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BadSetting(f"{folder} cannot be made: {error.strerror}.", OWN_FOLDER) from None
        with replacing(folder / "job.json", durable=True, next_step=OWN_FOLDER) as file:
            file.write(msgspec.json.encode(kept))

    def records(self) -> Iterator[tuple[JobRecord, float]]:
        """The jobs that were written down, and when; what is no record, or has none, is deleted."""
        for folder in sorted((self.root / "jobs").iterdir()):
            file = folder / "job.json"
            try:
                yield msgspec.json.decode(file.read_bytes(), type=JobRecord), file.stat().st_mtime
            except (FileNotFoundError, NotADirectoryError, *UNREADABLE):
                _delete(folder)
            except OSError as error:  # not its fault: the next bridge may be able to read it
                log.error("job %s: %s", folder.name, error)

    def finish(self, kept: JobRecord) -> None:
        """Delete what a job has left here: its folder, and the stems that its host rendered for it."""
        submit = kept.submit
        own = self.host(submit.host) / "audio"
        for track in (submit.target, submit.drums, submit.harmony):
            path = getattr(track.audio, "path", None) if track else None
            if path and Path(path).parent == own:
                _delete(Path(path))
        _delete(self.job(submit.job) / "job.json")  # first: a job of which half is left has ended
        _delete(self.job(submit.job))


@dataclass(frozen=True)
class Caller:
    """Somebody without a time line, at the other end of the spool: wants something of a host, and waits for it."""

    spool: Spool
    name: str

    def want(self, target: str, ask: Command, until: float) -> None:
        """Returns when `ask` is done. Raises InputError with what the host says, DaemonError with what the bridge does,
        and DaemonUnreachable where nobody has answered by `until` (monotonic seconds)."""
        self._post("hello", Hello(self.name, "punchin", Project("")))
        self._post("00000001", CommandRequest(self.name, target, ask))
        while time.monotonic() < until:
            if (state := self._state()) is not None:
                if state.trouble:
                    raise DaemonError(state.trouble, "Then ask again.")
                if answer := state.answers.get(ask.ask):
                    if answer != "done":
                        raise InputError(answer, "Then ask again.")
                    return
            time.sleep(0.02)
        raise DaemonUnreachable(f"{target} has not answered.", "Look whether it hangs, or shows a question.")

    def leave(self) -> None:
        self._post("00000002", Bye(self.name))

    def _post(self, number: str, document: FromHost) -> None:
        path = self.spool.inbox / f"{self.name}-{number}.json"
        with replacing(path, durable=False, next_step=OWN_FOLDER) as file:
            file.write(msgspec.json.encode(document))

    def _state(self) -> State | None:
        try:
            return msgspec.json.decode((self.spool.host(self.name) / "state.json").read_bytes(), type=State)
        except (OSError, *UNREADABLE):
            return None


def decode(data: bytes, host: str) -> Post:
    """A document from its JSON; `host` is who is told when there is none in it."""
    try:
        document: FromHost = msgspec.json.decode(data, type=FromHost)
    except UNREADABLE as error:
        _, job = signed(data)
        reason = in_words(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        return Post(
            host, None, BadMessage(f"A document from {host} cannot be used: {reason}."[:400], _update(host)), job
        )
    return Post(document.host, document, None, getattr(document, "job", ""))


def _update(host: str) -> str:
    return f"Bring its scripts up to date: `punchin host install {host.partition('-')[0]}`."


class _Signed(msgspec.Struct):
    host: object = ""
    job: object = ""


def signed(data: bytes) -> tuple[str, str]:
    """The host and the job that a document names, also where the rest of it cannot be used; empty where it does not."""
    try:
        found = msgspec.json.decode(data, type=_Signed)
    except UNREADABLE:
        return "", ""
    return str(found.host)[:MAX_NAME], str(found.job)[:MAX_NAME]


def _turn(name: str) -> tuple[bool, bool, str]:
    """Whose turn it is: what a bridge died over, then who says hello, since that is answered; then by number."""
    path = Path(name)
    return path.suffix != TAKEN, not path.stem.endswith("-hello"), name


def _read(path: Path, host: str) -> Post:
    try:
        if path.stat().st_size > MAX_BYTES:
            return Post(
                host,
                None,
                TooLarge(f"A document from {host} is over {MAX_BYTES >> 20} MiB.", "Select a shorter region."),
            )
        post = decode(path.read_bytes(), host)
    except OSError as error:
        return Post(host, None, BadMessage(f"A document from {host} cannot be read: {error.strerror}.", OWN_FOLDER))
    if post.host != host:
        return Post(host, None, BadMessage(f"A document in the name of {post.host} came from {host}.", _update(host)))
    return post


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
