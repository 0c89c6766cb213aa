"""An order to takes on disk: submit, follow, lay, write, report. Knows no command line and no files but its own.

What it reports, and what `punchin inpaint --json` prints, is :class:`Report`.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from punchin_wire import VERSION
from punchin_wire.errors import BadMessage, BadSetting, JobCancelled, PunchinError
from punchin_wire.frames import Audio, Packet
from punchin_wire.messages import Accepted, AudioChunk, Control, Done, Position, Progress, Submit, Take

from . import recipe, splice, wavfile
from .bwf import Tags
from .client import Client
from .order import Order, recipe_of
from .splice import LaidTake, SeamReport

TIMINGS = ("queue", "load", "encode", "prefill", "decode", "codec")


class Display(Protocol):
    """Someone who watches a job. Everything told is measured, nothing is guessed."""

    def waiting(self, position: int) -> None: ...
    def working(self, progress: Progress) -> None: ...
    def preview(self, take: int, start: int, audio: Audio, rate: int) -> None: ...


class TakeReport(msgspec.Struct, frozen=True):
    """One take: its file (absolute), its seed, the weight of each control it follows, and how it sits in the song."""

    path: str
    seed: int
    controls: dict[Control, float]
    seam: tuple[SeamReport, ...]


class RegionReport(msgspec.Struct, frozen=True):
    """Samples `[start, end)` of the song, and the same in seconds."""

    start: int
    end: int
    start_seconds: float
    end_seconds: float


class Report(msgspec.Struct, frozen=True):
    """A finished job. `timings` in seconds: queue, load, encode, prefill, decode and codec as the daemon measured
    them, splice (laying and writing all takes) and total (submission to the last file) as we did.
    `notes` are sentences for the musician."""

    job: str
    song: str
    rate: int
    region: RegionReport
    pack: str
    takes: tuple[TakeReport, ...]
    timings: dict[str, float]
    models: dict[str, str]
    notes: tuple[str, ...] = ()


def new_job() -> str:
    return uuid.uuid4().hex[:12]


def produce(order: Order, client: Client, out: Path, display: Display, job: str, keep: bool = False) -> Report:
    """Have the order's takes made and write them to folder `out`. Nothing is written unless all takes are there.

    Ctrl-C cancels the job at the daemon and is a JobCancelled whose cause is the KeyboardInterrupt. Raises what the
    job fails of, and BadSetting when `out` cannot be written.
    """
    _check_folder(out)
    began = time.monotonic()
    takes, done = _follow(order, client, display, job, keep)
    laying = time.monotonic()
    created = datetime.now().isoformat(timespec="seconds")
    written = tuple(_write(order, out, job, index, takes[index], done.models, created) for index in sorted(takes))
    ended = time.monotonic()
    with contextlib.suppress(PunchinError):  # then the daemon forgets the job by itself, later
        client.release(job)
    stages = {name: done.timings.get(name, 0.0) for name in TIMINGS}
    rate = order.song.rate
    return Report(
        job=job,
        song=str(order.song.path.absolute()),
        rate=rate,
        region=RegionReport(*order.region, order.region.start / rate, order.region.end / rate),
        pack=order.request.pack,
        takes=written,
        timings={**stages, "splice": ended - laying, "total": ended - began},
        models=done.models,
        notes=(*order.notes, *_changes(order.models, done.models)),
    )


def _follow(
    order: Order, client: Client, display: Display, job: str, keep: bool
) -> tuple[dict[int, tuple[Take, Audio]], Done]:
    """The job's takes and its end."""
    takes: dict[int, tuple[Take, Audio]] = {}
    try:
        for packet in client.run(Submit(job, order.request, keep), order.audio):
            done = _hear(packet, display, takes)
            if done is not None:
                return _complete(takes, order), done
    except KeyboardInterrupt as interrupt:
        try:
            client.cancel(job)
        except PunchinError as error:
            lost = f"Job {job} could not be cancelled: {error}"
            raise JobCancelled(lost, "Look at `punchin status`.") from interrupt
        raise JobCancelled(f"Job {job} was cancelled.") from interrupt
    raise BadMessage("The daemon ended a job without saying how.")


def _hear(packet: Packet, display: Display, takes: dict[int, tuple[Take, Audio]]) -> Done | None:
    if isinstance(packet.message, Accepted):
        display.waiting(packet.message.position)
        return None
    match packet.message.body:
        case Position(position):
            display.waiting(position)
        case Progress() as progress:
            display.working(progress)
        case AudioChunk(take, start, ref):
            display.preview(take, start, packet.of(ref), ref.sample_rate)
        case Take(take) as body:
            takes[take] = body, packet.of(body.audio)
        case Done() as done:
            return done
    return None


def _complete(takes: dict[int, tuple[Take, Audio]], order: Order) -> dict[int, tuple[Take, Audio]]:
    wanted = [spec.seed for spec in order.request.takes]
    if [takes[index][0].seed for index in sorted(takes)] != wanted:
        raise BadMessage(f"The daemon sent takes {sorted(takes)} of the {len(wanted)} that were asked for.")
    return takes


# ---- files ---------------------------------------------------------------------------------------------------


def _check_folder(out: Path) -> None:
    """Before any work is done for it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{out} cannot be made: {error.strerror}.", "Choose another --out folder.") from None
    if not os.access(out, os.W_OK):
        raise BadSetting(f"{out} may not be written.", "Choose another --out folder.")


def _write(
    order: Order, out: Path, job: str, index: int, sent: tuple[Take, Audio], models: dict[str, str], created: str
) -> TakeReport:
    take, audio = sent
    laid = _lay(order, take, audio)
    spec = order.request.takes[index]
    path = free_path(out, f"{order.song.path.stem[:80]}_{order.scene}_take{index + 1}_seed{spec.seed}")
    tags = Tags(
        reference=f"{job}-{index + 1}",
        project=order.song.path.stem,
        scene=order.scene,
        take=index + 1,
        created=created,
        history=f"Punchin {VERSION} {order.request.pack} seed {spec.seed}",
        tempo=order.tempo,
    )
    payload = recipe.encode(recipe_of(order, index, models, VERSION, created))
    holes = [(order.around.start + start, order.around.start + end) for (start, end), *_ in laid]
    if order.full:
        patches = [(hole[0], part.audio) for hole, part in zip(holes, laid, strict=True)]
        wavfile.write_full(path, order.song, patches, tags, payload)
        delta: float | None = wavfile.outside_delta(order.song, path, holes)
    else:
        [(_, region, _)] = laid
        wavfile.write_region(path, order.song, order.region.start, region, tags, payload)
        delta = None
    seam = tuple(msgspec.structs.replace(part.report, outside_delta=delta) for part in laid)
    return TakeReport(str(path.absolute()), spec.seed, dict(spec.controls), seam)


def _lay(order: Order, take: Take, audio: Audio) -> tuple[LaidTake, ...]:
    song, around = order.song, order.around
    return splice.lay(
        wavfile.read(song, around.start, around.end),
        [(hole.start, hole.end) for hole in order.request.holes],
        np.mean(audio, axis=0, dtype=np.float64),
        take.start,
        take.audio.sample_rate,
        song.rate,
        order.splice,
        integer=not song.encoding.floating,
        song_edges=(around.start == 0, around.end == song.samples),
    )


def free_path(folder: Path, stem: str) -> Path:
    """`folder/stem.wav`, or with `_2`, `_3`, … where there is such a file already."""
    number = 1
    while (path := folder / f"{stem}{f'_{number}' if number > 1 else ''}.wav").exists():
        number += 1
    return path


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What of the models differs from those of the take that is repeated."""
    differing = sorted(name for name in before if now.get(name) != before[name])
    if not differing:
        return ()
    return (f"The take may differ: it was first made with other models ({', '.join(differing)}).",)
