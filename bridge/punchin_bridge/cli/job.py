"""What commands do with an order: have it made by the daemon, and print its report. Knows no audio and no options."""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import rich.box
from punchin_wire.errors import BadSetting, JobCancelled, NotWritten, RemoteUnreachable
from punchin_wire.messages import JOB_ID
from rich.console import Console
from rich.table import Table

from .. import settings
from ..daemon import launch
from ..daemon.client import Client
from ..daemon.follow import Display, Silent
from ..splice import seam as seams
from ..takes.order import Order
from ..takes.render import new_job, produce
from ..takes.report import Report
from .preview import Preview
from .progress import Bars


def check_job(job: str | None, pattern: str = JOB_ID) -> None:
    if job is not None and not re.fullmatch(pattern, job):
        raise BadSetting("A job's name has 4 to 64 letters, digits, - and _.", "Choose one like verse-2.")


def check_alone(again: Path, *others: object) -> None:
    """Raises BadSetting where more is said than the recipe in `again` says."""
    if any(other not in (None, []) for other in others):
        raise BadSetting(
            f"--again takes everything but --out and --full from {again.name}.",
            "Leave the other options out, or leave --again.",
        )


def first_seed(given: int | None) -> int:
    """The seed asked for, else one that is drawn."""
    return secrets.randbelow(2**31) if given is None else given


def chosen(remote: str | None) -> settings.Settings:
    """The settings, for the daemon that `--remote` names. Raises BadSetting."""
    known = settings.load(os.environ)
    return known if remote is None else settings.replaced(known, remote=remote)


@contextmanager
def connected(remote: str | None = None) -> Iterator[Client]:
    """A client of the daemon that is named, or used; this user's own is started when none runs."""
    known = chosen(remote)
    with Client(launch.find_or_start(known), known) as client:
        yield client


def make(order: Order, out: Path, job: str | None, keep: bool, no_progress: bool, remote: str | None = None) -> Report:
    """Have an order made, and show how it goes. Where takes cannot be written, or the line to another computer's daemon
    does not come back, the error says how to fetch them."""
    named, job = job is not None, job or new_job()
    seed = "" if order.models else f" --seed {order.request.takes[0].seed}"  # a take made again has its own
    fetch = f"with --job {job}{seed} the same command fetches them, for a day."
    has_met = False
    try:
        with connected(remote) as client:
            has_met = True
            return perform(order, client, out, job, keep, no_progress)
    except NotWritten as error:
        raise NotWritten(str(error), f"Make room there or choose another --out: {fetch}") from None
    except JobCancelled as error:
        if named:
            error.next_step = f"Nothing was written. Ask again with another --job, or without: {job} stays cancelled."
        raise
    except RemoteUnreachable as error:
        if not has_met:
            raise
        raise RemoteUnreachable(str(error), f"Once it answers again, {fetch}") from None


def perform(order: Order, client: Client, out: Path, job: str, keep: bool, no_progress: bool) -> Report:
    """Have an order made, and show how it goes. Another computer's daemon keeps the job when the line breaks."""
    console = Console(stderr=True)
    with ExitStack() as stack:
        display: Display = Silent()
        if console.is_terminal and not no_progress:
            display = stack.enter_context(Bars(console))
        if order.request.preview:
            display = stack.enter_context(Preview(display, out, f"{order.song.path.stem[:80]}_{order.scene}"))
        return produce(order, client, out, display, job, keep or bool(client.remote))


def console() -> Console:
    """For people. File names and prompts may hold brackets, which are no markup."""
    return Console(width=None if sys.stdout.isatty() else 120, markup=False)


def show(report: Report, takes: Table) -> None:
    """The table of takes, where they are, how long they took, and how they sit."""
    screen = console()
    screen.print(takes)
    screen.print(f"In {Path(report.takes[0].path).parent}", highlight=False, soft_wrap=True)
    times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in report.timings.items())
    screen.print(times, highlight=False, soft_wrap=True)
    for number, take in enumerate(report.takes, start=1):
        for seam in take.seam:
            rows = Table(f"seam of take {number}", "", show_edge=False, box=rich.box.SIMPLE)
            for name, value in seams.table(seam):
                rows.add_row(name, value)
            screen.print(rows)
    for note in report.notes:
        screen.print(note, highlight=False)
