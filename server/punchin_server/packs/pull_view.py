"""How far a pull is: a bar on a terminal, lines elsewhere, JSON for programs. Never runs back."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

import msgspec
import rich.progress
from rich.console import Console
from rich.text import Text

from .catalog import HUB, size
from .part import Unwatched, Watcher
from .plan import Plan
from .plan_text import as_json, in_words

SETTLED_SECONDS = 5.0
"""Before that, a rate says nothing of the time that is left."""
REPORT_SECONDS = 0.5


class Count:
    """How far a pull is: bytes of all files, those that are done and the one that is coming. Only grows."""

    def __init__(self) -> None:
        self.total = self._before = self._now = 0
        self.name = ""

    def begin(self, name: str, before: int, total: int) -> None:
        """The file `name` comes next, `before` bytes of `total` were before it."""
        self.name, self.total, self._before, self._now = name, total, before, 0

    def reach(self, count: int) -> None:
        """`count` bytes of the file are here."""
        self._now = max(self._now, count)

    @property
    def done(self) -> int:
        return self._before + self._now


class Plain(Unwatched):
    """For logs: a line for each file, and one for each wait."""

    def __init__(self) -> None:
        self.count = Count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def watcher(self) -> Watcher:
        return self

    def planned(self, plan: Plan) -> None:
        print(in_words(plan), file=sys.stderr)

    def file(self, name: str, before: int, total: int) -> Watcher:
        self.count.begin(name, before, total)
        print(f"{self.count.name} ({size(self.count.done)} of {size(self.count.total)} are here)", file=sys.stderr)
        return self

    def received(self, count: int) -> None:
        self.count.reach(count)

    def checking(self, count: int) -> None:
        self.count.reach(count)

    def waiting(self, why: str) -> None:
        print(f"Waiting: {why}.", file=sys.stderr)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


class Lines(Plain):
    """For programs: an object a line, twice a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    def planned(self, plan: Plan) -> None:
        self._print(plan=as_json(plan))

    def file(self, name: str, before: int, total: int) -> Watcher:
        self.count.begin(name, before, total)
        self._report(always=True)
        return self

    def received(self, count: int) -> None:
        super().received(count)
        self._report()

    def checking(self, count: int) -> None:
        super().checking(count)
        self._report()

    def waiting(self, why: str) -> None:
        self._print(waiting=why)

    def note(self, text: str) -> None:
        self._print(note=text)

    def _report(self, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._last >= REPORT_SECONDS:
            self._last = now
            self._print(progress={"file": self.count.name, "done": self.count.done, "total": self.count.total})

    def _print(self, **fields: object) -> None:
        print(msgspec.json.encode(fields).decode(), flush=True)


class Bars(Plain):
    """For a terminal: one bar for all files, named after the one that comes."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.DownloadColumn(),
            rich.progress.TransferSpeedColumn(),
            _TimeLeft(),
            console=self._console,
        )
        self._task = self._bars.add_task("", start=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def file(self, name: str, before: int, total: int) -> Watcher:
        self._bars.start()
        self.count.begin(name, before, total)
        self._bars.start_task(self._task)
        self._update(self.count.name)
        return self

    def received(self, count: int) -> None:
        super().received(count)
        self._update(self.count.name)

    def checking(self, count: int) -> None:
        super().checking(count)
        self._update(f"checking {self.count.name}")

    def waiting(self, why: str) -> None:
        self._console.print(f"Waiting: {why}.", highlight=False)

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _update(self, text: str) -> None:
        shown = text.removeprefix(HUB)[-48:]
        self._bars.update(self._task, description=shown, completed=self.count.done, total=self.count.total)


class _TimeLeft(rich.progress.TimeRemainingColumn):
    def render(self, task: rich.progress.Task) -> Text:
        return super().render(task) if (task.elapsed or 0) >= SETTLED_SECONDS else Text("")


def view(is_json: bool) -> Plain:
    """The one that suits where the output goes."""
    if is_json:
        return Lines()
    return Bars() if is_terminal(sys.stderr) else Plain()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at the other end; None is a stream that was closed before the start."""
    return stream is not None and stream.isatty()
