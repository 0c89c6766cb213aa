"""Shows a job's progress in a terminal: only what the daemon measured, and estimates only from that."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import rich.progress
from punchin_wire.messages import Progress
from rich.console import Console

from ..daemon.follow import Silent
from ..daemon.stages import STAGES, count


class Bars(Silent):
    """One line a stage, with the time it has left at the speed it has had. A context manager."""

    def __init__(self, console: Console) -> None:
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.TextColumn("{task.fields[count]}"),
            rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            transient=True,
        )
        self._queue: rich.progress.TaskID | None = None
        self._stages: dict[str, rich.progress.TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def waiting(self, position: int) -> None:
        if self._queue is not None:
            self._bars.remove_task(self._queue)
            self._queue = None
        if position:
            jobs = "1 job" if position == 1 else f"{position} jobs"
            self._queue = self._bars.add_task(f"Waiting behind {jobs}", total=None, count="")

    def working(self, progress: Progress) -> None:
        self.waiting(0)
        if progress.stage not in self._stages:
            words = STAGES[progress.stage].doing.capitalize()
            self._stages[progress.stage] = self._bars.add_task(words, total=progress.total, count="")
        task = self._stages[progress.stage]
        self._bars.update(task, completed=progress.step, total=progress.total, count=count(progress))
