"""An order to takes on disk: have it made, write its files, report. Knows no command line."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import UNSET, UnsetType
from punchin_wire.errors import BadSetting, PunchinError
from punchin_wire.messages import Done, Submit, TransferRequest

from ..daemon.client import Client
from ..daemon.follow import Display, follow
from .order import Order
from .report import RegionReport, Report, TakeReport, TransferSettings, TransferTake
from .write import Delivery, deliver

INPAINT_TIMINGS = ("queue", "load", "encode", "prefill", "decode", "codec")
TRANSFER_TIMINGS = ("queue", "load", "encode", "denoise", "codec")


def new_job() -> str:
    return uuid.uuid4().hex[:12]


def produce(order: Order, client: Client, out: Path, display: Display, job: str, keep: bool = False) -> Report:
    """Have the order's takes made and write them to folder `out`. Nothing is written unless all takes are there.

    Ctrl-C cancels the job at the daemon and is a JobCancelled whose cause is the KeyboardInterrupt. Raises what the
    job fails of, and BadSetting when `out` cannot be written.
    """
    _check_folder(out)
    began = time.monotonic()
    sent, done = follow(Submit(job, order.request, keep), order.audio, client, display)
    laying = time.monotonic()
    created = datetime.now().isoformat(timespec="seconds")
    takes = tuple(
        deliver(Delivery(order, out, job, index, one, done.models, created)) for index, one in enumerate(sent)
    )
    ended = time.monotonic()
    with contextlib.suppress(PunchinError):  # then the daemon forgets the job by itself, later
        client.release(job)
    rate = order.song.rate
    return Report(
        job=job,
        song=str(order.song.path.absolute()),
        rate=rate,
        region=RegionReport(*order.region, order.region.start / rate, order.region.end / rate),
        pack=order.request.pack,
        takes=takes,
        timings={**_stages(order, done), "splice": ended - laying, "total": ended - began},
        models=done.models,
        notes=(*order.notes, *_changes(order.models, done.models), *_missing_scores(order, takes)),
        settings=_settings(order, done),
    )


def _check_folder(out: Path) -> None:
    """Make the folder for takes, before any work is done for it. Raises BadSetting."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{out} cannot be made: {error.strerror}.", "Choose another folder for takes.") from None
    if not os.access(out, os.W_OK):
        raise BadSetting(f"{out} may not be written.", "Choose another folder for takes.")


def _stages(order: Order, done: Done) -> dict[str, float]:
    names = TRANSFER_TIMINGS if isinstance(order.request, TransferRequest) else INPAINT_TIMINGS
    return {name: done.timings.get(name, 0.0) for name in names}


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What of the models differs from those of the take that is repeated."""
    differing = sorted(name for name in before if now.get(name) != before[name])
    if not differing:
        return ()
    return (f"The take may differ: it was first made with other models ({', '.join(differing)}).",)


def _missing_scores(order: Order, takes: Sequence[TakeReport]) -> tuple[str, ...]:
    if not isinstance(order.request, TransferRequest) or not order.request.score:
        return ()
    if all(isinstance(take, TransferTake) and take.scores for take in takes):
        return ()
    return (f"How near takes are to the prompt is not known: pack {order.request.pack} has no model that hears it.",)


def _settings(order: Order, done: Done) -> TransferSettings | UnsetType:
    request, task = order.request, order.task
    if not isinstance(request, TransferRequest) or task is None:
        return UNSET
    adapted = request.method == "adapter"
    return TransferSettings(
        task=task.name,
        method=request.method,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        pooling=request.pooling if adapted else None,
        alpha=request.alpha if adapted else None,
        guidance=request.guidance,
        strength=None if adapted else request.strength,
        scheduler=request.scheduler or done.models.get("scheduler"),
        steps=request.steps or int(done.models.get("steps", 0)) or None,
        air=order.splice.air,
        width=order.splice.width,
    )
