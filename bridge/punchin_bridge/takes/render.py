"""An order to takes on disk: have it made, write its files, report. Knows no command line."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
from punchin_wire import disk
from punchin_wire.errors import PunchinError
from punchin_wire.messages import Submit

from ..daemon.client import Client
from ..daemon.follow import Display, follow
from . import loudness
from .order import ModelTake, Order
from .report import RegionReport, Report


def new_job() -> str:
    return uuid.uuid4().hex[:12]


def produce(order: Order, client: Client, out: Path, display: Display, job: str, keep: bool = False) -> Report:
    """Have the order's takes made and write them to folder `out`. Nothing is written unless all takes are there.

    Ctrl-C cancels the job at the daemon and is a JobCancelled whose cause is the KeyboardInterrupt. Raises what the
    job fails of, and BadSetting when `out` cannot be written.
    """
    disk.make_folder(out, disk.ANOTHER_FOLDER)
    began = time.monotonic()
    received, done = follow(Submit(job, order.request, keep), order.audio, client, display)
    laying = time.monotonic()
    created = datetime.now().isoformat(timespec="seconds")
    made = (
        ModelTake(index, take, np.mean(audio, axis=0, dtype=np.float64), job, done.models, created)
        for index, (take, audio) in enumerate(received)
    )
    takes = tuple(order.write(take, out) for take in made)
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
        notes=(*order.song.notes, *order.notes, *_changes(order.models, done.models), *loudness.notes(takes)),
    )
    return order.completed(report)


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What of the models differs from those of the take that is repeated."""
    differing = sorted(name for name in before if now.get(name) != before[name])
    if not differing:
        return ()
    return (f"The take may differ: it was first made with other models ({', '.join(differing)}).",)
