"""An order to takes on disk: have it made, write its files, report. Knows no command line."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
from punchin_wire import disk
from punchin_wire.errors import BadSetting, JobLost, NotWritten, PunchinError
from punchin_wire.messages import Submit

from ..daemon.client import Client
from ..daemon.follow import Display, Followed, follow
from . import loudness
from .order import ModelTake, Order, Output
from .report import RegionReport, Report, TakeReport


def new_job() -> str:
    return uuid.uuid4().hex[:12]


def produce(order: Order, client: Client, out: Path, display: Display, job: str, keep: bool = False) -> Report:
    """Have the order's takes made and write them to folder `out`: all of them, or none.

    Ctrl-C cancels the job at the daemon and is a JobCancelled whose cause is the KeyboardInterrupt. Raises what the
    job fails of, BadSetting when `out` cannot be written, and NotWritten when that comes out at the takes; then the
    daemon keeps them, and the same job fetches them.
    """
    disk.make_folder(out, disk.ANOTHER_FOLDER)
    began = time.monotonic()
    received, done, heard = _made(Submit(job, order.request, keep, shrink=bool(client.remote)), order, client, display)
    order = order if heard is None else order.with_heard(heard)
    laying = time.monotonic()
    created = datetime.now().isoformat(timespec="seconds")
    made = (
        ModelTake(index, take, np.mean(audio, axis=0, dtype=np.float64), job, done.models, created)
        for index, (take, audio) in enumerate(received)
    )
    takes = _written(order, made, out, job)
    ended = time.monotonic()
    with contextlib.suppress(PunchinError):  # then the daemon forgets the job by itself, later
        client.release(job)
    stages = {name: done.timings.get(name, 0.0) for name in order.STAGES}
    rate = order.song.rate
    report = Report(
        job=job,
        song=str(order.song.path.absolute()),
        rate=rate,
        region=RegionReport(*order.region, order.region.start / rate, order.region.end / rate),
        pack=order.request.pack,
        takes=takes,
        timings={**stages, "splice": ended - laying, "total": ended - began},
        models=done.models,
        notes=(
            *order.song.notes,
            *order.notes,
            *_changes(order.models, done.models),
            *_retried(order, takes),
            *loudness.notes(takes),
        ),
    )
    return order.completed(report)


def _made(submit: Submit, order: Order, client: Client, display: Display) -> Followed:
    """The takes as the daemon sent them. A job that an earlier daemon had when it died is made again."""
    try:
        return follow(submit, order.audio, client, display)
    except JobLost as lost:
        try:
            client.release(submit.job)  # else we would be told the same again
        except PunchinError:  # this daemon ends, too
            raise lost from None
    return follow(submit, order.audio, client, display)


def _written(order: Order, made: Iterable[ModelTake], out: Path, job: str) -> tuple[TakeReport, ...]:
    """The reports of all takes, whose files are in the folder; where one fails, none is left there."""
    output = Output(out)
    try:
        return tuple(order.write(take, output) for take in made)
    except BadSetting as error:
        output.remove()
        raise NotWritten(f"The takes of job {job} are made, but {error}") from None
    except BaseException:
        output.remove()
        raise


def _retried(order: Order, takes: Iterable[TakeReport]) -> Iterator[str]:
    """A sentence for each take that its own seed did not give."""
    for number, (asked, take) in enumerate(zip(order.request.takes, takes, strict=True), start=1):
        if take.seed != asked.seed:
            yield f"Take {number} came out mostly silent with seed {asked.seed}, so it was made with seed {take.seed}."


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What of the models differs from those of the take that is repeated."""
    differing = sorted(name for name in before if now.get(name) != before[name])
    if not differing:
        return ()
    return (f"The take may differ: it was first made with other models ({', '.join(differing)}).",)
