"""One take to its file: lay it, find it a name, write it. Knows no task, no daemon and no command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from punchin_wire import VERSION, disk

from ..audio import wavfile
from ..audio.bwf import Tags
from ..audio.types import Samples
from ..splice import lay
from ..splice.lay import Excerpt, LaidTake
from ..splice.seam import SeamReport
from . import heard, recipe
from .order import ModelTake, Order, Output

MIX = "_mix.wav"


@dataclass(frozen=True)
class TakeWriter:
    """`take` of `order` on its way to `out`."""

    order: Order
    take: ModelTake
    out: Output

    def lay(self, audio: Samples) -> tuple[LaidTake, ...]:
        """`audio` `[samples]`, the model's or what was made of it, laid into the order's holes: at its level where
        the region is written alone, below full scale in a whole song of integers. Raises BadMessage and BadAudio."""
        order, song, around, header = self.order, self.order.song, self.order.around, self.take.header
        sound = wavfile.read(song, around.start, around.end)
        excerpt = Excerpt(sound, song.rate, not song.encoding.floating, order.song_edges)
        holes = [(hole.start - around.start, hole.end - around.start) for hole in order.holes]
        made = lay.Take(audio, header.audio.sample_rate, header.start, order.source.start - around.start)
        parts = lay.lay(excerpt, holes, made, order.splice)
        if order.full or order.splice.level != "song" or not any(part.report.reduction_db for part in parts):
            return parts
        return lay.lay(excerpt._replace(integer=False), holes, made, order.splice)  # its own file can hold floats

    def write(self, path: Path, parts: list[Samples], full: bool) -> float | None:
        """Write what goes into the holes: the song with it, or it alone. Returns the largest difference outside."""
        order, song, take = self.order, self.order.song, self.take
        tags = Tags(
            reference=f"{take.job}-{take.index + 1}",
            project=order.name,
            scene=order.scene,
            take=order.first + take.index,
            created=take.created,
            history=f"Punchin {VERSION} {order.request.pack} seed {take.header.seed}",
            tempo=order.tempo,
        )
        payload = recipe.encode(order.recipe(take.index, take.header.seed, take.models, VERSION, take.created))
        self.out.files.append(path)
        if not full:
            wavfile.write_region(path, song, order.region.start, self._region(parts), tags, payload)
            return None
        patches = [(hole.start, part) for hole, part in zip(order.holes, parts, strict=True)]
        wavfile.write_full(path, song, patches, tags, payload)
        return wavfile.outside_delta(song, path, order.holes)

    def _region(self, parts: list[Samples]) -> Samples:
        """What the region plays, `[channels, samples]`: what goes into its holes, and the song between them."""
        order, region = self.order, self.order.region
        if order.holes == (region,):
            return parts[0]
        sound: Samples = wavfile.read(order.song, region.start, region.end).astype(np.float64)
        for hole, part in zip(order.holes, parts, strict=True):
            sound[:, hole.start - region.start : hole.end - region.start] = part
        return sound

    def write_laid(self) -> tuple[Path, tuple[SeamReport, ...]]:
        """The model's own audio, laid and written; its file, and how it sits in each hole."""
        laid, path = self.lay(self.take.audio), self.free_path()
        delta = self.write(path, [part.audio for part in laid], self.order.full)
        return path, tuple(msgspec.structs.replace(part.report, outside_delta=delta) for part in laid)

    def free_path(self) -> Path:
        """A file in the folder that is not there yet, nor any that would lie beside it: `_2`, `_3`, … is added to its
        name where one is."""
        name = self.order.name.encode()[:80].decode(errors="ignore")  # systems count bytes
        stem = f"{name}_{self.order.scene}_take{self.order.first + self.take.index}_seed{self.take.header.seed}"
        return self.out.folder / f"{disk.free_stem(self.out.folder, stem, '.wav', MIX, *heard.BESIDE)}.wav"


def mix_path(part: Path) -> Path:
    """Where the mix of a part lies."""
    return part.with_name(part.stem + MIX)
