"""One take to its files: lay it, write it, say how it sits. Knows no daemon and no command line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
import soxr
from punchin_wire import VERSION
from punchin_wire.messages import TransferRequest

from ..audio import chroma, wavfile
from ..audio.bwf import Tags
from ..audio.types import Samples
from ..daemon.follow import Sent
from ..splice import separate
from ..splice.lay import LaidTake, SeamReport, lay
from . import recipe
from .order import Order, recipe_of
from .report import MixReport, PartReport, TakeReport, TransferTake

SEPARATED = "what the clip's magnitudes do not explain in the model's take, by a soft mask in frames of 128 ms"


@dataclass(frozen=True)
class Delivery:
    """Take `index` (0-based) of an order, as the daemon `sent` it, on its way to folder `out`."""

    order: Order
    out: Path
    job: str
    index: int
    sent: Sent
    models: dict[str, str]
    created: str

    @property
    def seed(self) -> int:
        return self.order.request.takes[self.index].seed

    @property
    def model_rate(self) -> int:
        return self.sent.take.audio.sample_rate

    @cached_property
    def take(self) -> Samples:
        """The model's own audio `[samples]`, at its rate."""
        mono: Samples = np.mean(self.sent.audio, axis=0, dtype=np.float64)
        return mono

    def lay(self, take: Samples) -> tuple[LaidTake, ...]:
        """`take` `[samples]` at the model's rate, laid into the order's holes."""
        order, song, around = self.order, self.order.song, self.order.around
        return lay(
            wavfile.read(song, around.start, around.end),
            [(hole.start - around.start, hole.end - around.start) for hole in order.holes],
            take,
            self.sent.take.start,
            self.model_rate,
            song.rate,
            order.splice,
            integer=not song.encoding.floating,
            song_edges=(around.start == 0 or order.is_alone, around.end == song.samples or order.is_alone),
            origin=order.heard.start - around.start,
        )

    def write(self, path: Path, parts: list[Samples], full: bool) -> float | None:
        """Write what goes into the holes: the song with it, or it alone. Returns the largest difference outside."""
        order, song = self.order, self.order.song
        tags = Tags(
            reference=f"{self.job}-{self.index + 1}",
            project=order.name,
            scene=order.scene,
            take=self.index + 1,
            created=self.created,
            history=f"Punchin {VERSION} {order.request.pack} seed {self.seed}",
            tempo=order.tempo,
        )
        payload = recipe.encode(recipe_of(order, self.index, self.models, VERSION, self.created))
        if not full:
            [part] = parts
            wavfile.write_region(path, song, order.region.start, part, tags, payload)
            return None
        patches = [(hole.start, part) for hole, part in zip(order.holes, parts, strict=True)]
        wavfile.write_full(path, song, patches, tags, payload)
        return wavfile.outside_delta(song, path, order.holes)

    def free_path(self) -> Path:
        """A file in the folder that is not there yet, nor its mix: `_2`, `_3`, … is added to its name where one is."""
        name = self.order.name.encode()[:80].decode(errors="ignore")  # systems count bytes
        stem, number = f"{name}_{self.order.scene}_take{self.index + 1}_seed{self.seed}", 1
        while True:
            path = self.out / f"{stem}{f'_{number}' if number > 1 else ''}.wav"
            if not (path.exists() or mix_path(path).exists()):
                return path
            number += 1


def mix_path(part: Path) -> Path:
    """Where the mix of a part lies."""
    return part.with_name(f"{part.stem}_mix.wav")


def deliver(delivery: Delivery) -> TakeReport:
    """Write a take's files and report on them. Raises BadSetting when one cannot be written, BadMessage or BadAudio
    when the take cannot be laid."""
    order = delivery.order
    if not isinstance(order.request, TransferRequest):
        path, seam = _deliver_laid(delivery)
        return TakeReport(str(path.absolute()), delivery.seed, dict(order.request.takes[delivery.index].controls), seam)
    if order.is_alone:
        return _deliver_part(delivery)
    path, seam = _deliver_laid(delivery)
    written = wavfile.probe(path)
    span = order.region if order.full else order.region.shifted(-order.region.start)
    fidelity = chroma.fidelity(order.audio[0], wavfile.read(written, span.start, span.end), written.rate)
    return TransferTake(
        str(path.absolute()), delivery.seed, {}, seam, fidelity=fidelity, scores=delivery.sent.take.scores
    )


def _deliver_laid(delivery: Delivery) -> tuple[Path, tuple[SeamReport, ...]]:
    laid, path = delivery.lay(delivery.take), delivery.free_path()
    delta = delivery.write(path, [part.audio for part in laid], delivery.order.full)
    return path, tuple(msgspec.structs.replace(part.report, outside_delta=delta) for part in laid)


def _deliver_part(delivery: Delivery) -> TransferTake:
    """An accompaniment: its new part alone and, where that was asked for, its mix with the clip."""
    order, rate, take = delivery.order, delivery.model_rate, delivery.take
    clip = soxr.resample(np.mean(order.audio[0], axis=0, dtype=np.float64), order.song.rate, rate, quality="VHQ")
    clip = np.pad(clip[: len(take)], (0, max(0, len(take) - len(clip))))
    part = separate.part(take, clip, rate)
    [laid] = delivery.lay(part.audio)
    path = delivery.free_path()
    delivery.write(path, [laid.audio], full=False)
    return TransferTake(
        str(path.absolute()),
        delivery.seed,
        {},
        (laid.report,),
        fidelity=chroma.fidelity(clip[None], take[None], rate),
        scores=delivery.sent.take.scores,
        part=PartReport(SEPARATED, part.clip_db, part.part_db, part.explained),
        mix=_deliver_mix(delivery, laid.audio, mix_path(path)) if order.task and order.task.mix else None,
    )


def _deliver_mix(delivery: Delivery, part: Samples, path: Path) -> MixReport:
    order, song = delivery.order, delivery.order.song
    clip = wavfile.read(song, order.region.start, order.region.end)
    mixed = separate.mix(clip, part, song.rate, integer=not song.encoding.floating)
    delta = delivery.write(path, [mixed.audio], order.full)
    return MixReport(str(path.absolute()), mixed.ducked_db, mixed.ducked, delta)
