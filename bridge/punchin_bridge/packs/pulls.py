"""A pull of a model pack that a surface started: `punchin packs pull` in a process of its own, its lines read on a
thread; the bridge's loop waits for nothing. One at a time."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Sequence
from typing import Literal

import msgspec
from punchin_wire.errors import INTERRUPTED, DaemonError, ErrorInfo, PunchinError, QueueFull, from_info
from punchin_wire.structs import UNREADABLE, ready

from . import program

END_SECONDS = 5.0
"""A pull that is stopped keeps what came, and then ends."""


PullState = Literal["running", "done", "stopped", "failed"]


class Progress(msgspec.Struct, frozen=True):
    """Bytes that are here, of all; `file` is what comes now."""

    file: str
    done: int
    total: int


class News(msgspec.Struct, frozen=True):
    """How the pull of the pack `name` goes: `state` is running, done, stopped or failed, `line` the same for people,
    `amount` how much is here ("3.1 of 14 GB") once that is known."""

    name: str
    state: PullState
    line: str
    fraction: float = 0.0
    error: PunchinError | None = None
    amount: str = ""


class _Line(msgspec.Struct, frozen=True):
    """A line of `punchin packs pull --json`."""

    progress: Progress | None = None
    waiting: str = ""
    note: str = ""
    packs: tuple[msgspec.Raw, ...] | None = None
    error: ErrorInfo | None = None


ready(_Line)


class Pulls:
    """:meth:`start`, and then there is :meth:`news` now and then, until one of them is an ending."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._running: subprocess.Popen[bytes] | None = None
        self._is_stopped = False
        self.count = 0
        """How many were started."""
        self.last: News | None = None
        """What was asked for by :meth:`news` last: for who only shows how it is."""

    def start(self, name: str, accept: Sequence[str]) -> None:
        """Pull the pack `name`; `accept` are the licences that were accepted. Raises QueueFull, DaemonError."""
        if self._running is not None:
            raise QueueFull("A pack is being fetched already.", "Wait for it, or stop it first.")
        command = self._command or (*program.packs(), "pull")
        words = [*command, name, *(f"--accept={licence}" for licence in accept), "--json"]
        try:
            self._running = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise DaemonError(f"Nothing can be fetched: {error.strerror}.", "Run `punchin doctor`.") from None
        self._is_stopped, self.count = False, self.count + 1
        self.last = News(name, "running", "Looking for what is to fetch.")
        threading.Thread(target=self._read, args=(name, self._running), name="pull", daemon=True).start()

    def stop(self) -> None:
        """Let it end. What came is kept, and the next pull goes on with it."""
        if self._running is not None:
            self._is_stopped = True
            self._running.terminate()

    def close(self) -> None:
        """Stop, and see it end."""
        if (running := self._running) is not None:
            self.stop()
            try:
                running.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()

    def news(self) -> list[News]:
        """What has happened since it was asked last."""
        found = []
        while True:
            try:
                found.append(self._news.get_nowait())
            except queue.Empty:
                break
        if any(each.state != "running" for each in found):
            self._running = None
        self.last = found[-1] if found else self.last
        return found

    def _read(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """[pull] Up to the end of the process."""
        assert process.stdout is not None
        ending, fraction = _Line(), 0.0
        with process.stdout as lines:
            for text in lines:
                try:
                    line = msgspec.json.decode(text, type=_Line)
                except UNREADABLE:
                    continue
                if line.packs is not None or line.error is not None:
                    ending = line
                elif (shown := _running(name, line, fraction)) is not None:
                    fraction = shown.fraction
                    self._news.put(shown)
        self._news.put(self._ending(name, ending, process.wait()))

    def _ending(self, name: str, line: _Line, code: int) -> News:
        if line.packs is not None and code == 0:
            return News(name, "done", f"{name} is here.", 1.0)
        if self._is_stopped or code == INTERRUPTED:
            return News(name, "stopped", f"{name} is not whole; what came is kept.")
        if line.error is None:
            error: PunchinError = DaemonError(
                f"{name} was not fetched.", f"Run `punchin packs pull {name}` to see why."
            )
        else:
            error = from_info(line.error)
        return News(name, "failed", str(error), error=error)


def _running(name: str, line: _Line, before: float) -> News | None:
    """What a line says; how far it is never runs back behind `before`."""
    if (progress := line.progress) is not None:
        fraction = progress.done / progress.total if progress.total else 0.0
        amount = amount_of(progress.done, progress.total)
        text = f"{progress.file}, {amount}"
        return News(name, "running", text, min(1.0, max(before, fraction)), amount=amount)
    return News(name, "running", line.waiting or line.note, before) if line.waiting or line.note else None


def amount_of(done: int, total: int) -> str:
    """Bytes that are here, of all.

    >>> amount_of(3_140_000_000, 14_000_000_000), amount_of(1_000_000, 4_000_000)
    ('3.1 of 14 GB', '1 of 4 MB')
    """
    if total < 1e9:
        return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
    return f"{_gigabytes(done)} of {_gigabytes(total)} GB"


def size_of(count: int) -> str:
    """Bytes as "7.7 GB".

    >>> size_of(7_700_000_000), size_of(216_000_000)
    ('7.7 GB', '216 MB')
    """
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{_gigabytes(count)} GB"


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}" if count < 9.95e9 else f"{count / 1e9:.0f}"
