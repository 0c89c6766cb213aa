"""What tasks differ in: what their takes fill, how those are laid and written, and what is reported of them.

An inpainted take goes into the holes of its request; a transferred one replaces its region; an accompaniment is a new
part beside the clip, which replaces nothing. Reads and writes audio; knows no daemon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import msgspec
import numpy as np
import soxr
from punchin_wire.messages import Heard, InpaintRequest, TransferRequest
from punchin_wire.params import DENOISING, Solver

from ..audio import chroma, wavfile
from ..audio.types import Samples
from ..audio.wavfile import Song
from ..music.region import Region
from ..splice import separate
from ..splice.lay import SpliceSettings
from ..splice.seam import SONG_SECONDS
from . import heard
from .order import ModelTake, Order, Output
from .presets import Task
from .report import MixReport, PartReport, Report, TakeReport, TransferSettings, TransferTake
from .write import TakeWriter, mix_path

SEPARATED = "what the clip's magnitudes do not explain in the model's take, by a soft mask in frames of 128 ms"


@dataclass(frozen=True)
class InpaintOrder(Order):
    """An order to fill the holes of its request anew."""

    request: InpaintRequest
    heard: Heard | None = None
    """What was read by ear for it, in seconds of the request's source."""
    STAGES: ClassVar[tuple[str, ...]] = ("queue", "load", "encode", "prefill", "decode", "codec")

    @property
    def holes(self) -> tuple[Region, ...]:
        return tuple(Region(hole.start, hole.end).shifted(self.source.start) for hole in self.request.holes)

    def write(self, take: ModelTake, out: Output) -> TakeReport:
        path, seam = TakeWriter(self, take, out).write_laid()
        if self.heard is not None:
            begins = (self.source.start + self.origin) / self.song.rate
            out.files.extend(heard.beside(path))
            heard.write(heard.later(self.heard, begins), path, self.tempo.bpm if self.tempo else None)
        controls = dict(self.request.takes[take.index].controls)
        return TakeReport(str(path.absolute()), take.header.seed, controls, seam)

    def with_heard(self, heard: Heard) -> InpaintOrder:
        request = self.request.with_heard(heard)
        brought = 1 if request.drums is None else 2  # a stem that was only heard is in no recipe
        return replace(self, request=request, audio=self.audio[:brought], inputs=self.inputs[:brought], heard=heard)

    def completed(self, report: Report) -> Report:
        if self.heard is None:
            return report
        rate = self.song.rate
        found = heard.report(
            heard.later(self.heard, self.source.start / rate), self.region.start / rate, self.region.end / rate
        )
        return msgspec.structs.replace(report, heard=found, notes=(*report.notes, *heard.notes(found)))


@dataclass(frozen=True)
class TransferOrder(Order):
    """An order for takes that replace their region."""

    request: TransferRequest
    task: Task = field(kw_only=True)
    STAGES: ClassVar[tuple[str, ...]] = ("queue", "load", "encode", "denoise", "codec")
    REACH_SECONDS: ClassVar[float] = SONG_SECONDS

    @property
    def holes(self) -> tuple[Region, ...]:
        return (self.region,)

    def write(self, take: ModelTake, out: Output) -> TakeReport:
        path, seam = TakeWriter(self, take, out).write_laid()
        written = wavfile.probe(path)
        span = self.region if self.full else self.region.shifted(-self.region.start)
        fidelity = chroma.fidelity(self.audio[0], wavfile.read(written, span.start, span.end), written.rate)
        return TransferTake(
            str(path.absolute()), take.header.seed, {}, seam, fidelity=fidelity, scores=take.header.scores
        )

    def completed(self, report: Report) -> Report:
        notes = (*report.notes, *self._missing_scores(report.takes))
        return msgspec.structs.replace(report, settings=self._settings(report.models), notes=notes)

    def _settings(self, models: Mapping[str, str]) -> TransferSettings:
        request = self.request
        mine: dict[str, Any] = {
            name: getattr(request, name) for name, flag in DENOISING.items() if flag.is_of(request.method)
        }
        solver = next((each for each in get_args(Solver) if each == models.get("scheduler")), None)
        hold = float(models["hold"]) if "hold" in models else None
        pack = {"scheduler": solver, "steps": int(models.get("steps", 0)) or None, "hold": hold}
        chosen = {name: value for name, value in pack.items() if name in mine and mine[name] is None}
        return TransferSettings(
            task=self.task.name,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            highband=self.splice.highband,
            width=self.splice.width,
            **mine | chosen,
        )

    def _missing_scores(self, takes: Sequence[TakeReport]) -> tuple[str, ...]:
        if not self.request.score or all(isinstance(take, TransferTake) and "clap" in take.scores for take in takes):
            return ()
        pack = self.request.pack
        return (f"How near takes are to the prompt is not known: pack {pack} has no model that hears it.",)

    @classmethod
    def surroundings(cls, region: Region, clip: Song) -> Region:
        """What the joins of such takes are measured against."""
        reach = round(cls.REACH_SECONDS * clip.rate)
        return Region(max(0, region.start - reach), min(clip.samples, region.end + reach))

    @staticmethod
    def settled(splice: SpliceSettings) -> SpliceSettings:
        """How such takes are laid where `splice` is asked for."""
        return splice


@dataclass(frozen=True)
class AccompanimentOrder(TransferOrder):
    """An order for new parts beside the clip: alone they replace nothing and have no joins."""

    REACH_SECONDS: ClassVar[float] = 0.0

    @property
    def song_edges(self) -> tuple[bool, bool]:
        return True, True

    def write(self, take: ModelTake, out: Output) -> TakeReport:
        """The new part alone and, where that was asked for, its mix with the clip."""
        rate, writer = take.header.audio.sample_rate, TakeWriter(self, take, out)
        clip = soxr.resample(np.mean(self.audio[0], axis=0, dtype=np.float64), self.song.rate, rate, quality="VHQ")
        clip = np.pad(clip[: len(take.audio)], (0, max(0, len(take.audio) - len(clip))))
        part = separate.part(take.audio, clip, rate)
        [laid] = writer.lay(part.audio)
        path = writer.free_path()
        writer.write(path, [laid.audio], full=False)
        return TransferTake(
            str(path.absolute()),
            take.header.seed,
            {},
            (laid.report,),
            fidelity=chroma.fidelity(clip[None], take.audio[None], rate),
            scores=take.header.scores,
            part=PartReport(SEPARATED, part.clip_db, part.part_db, part.explained),
            mix=self._write_mix(writer, laid.audio, mix_path(path)) if self.task.mix else None,
        )

    def _write_mix(self, writer: TakeWriter, part: Samples, path: Path) -> MixReport:
        clip = wavfile.read(self.song, self.region.start, self.region.end)
        mixed = separate.mix(clip, part, self.song.rate, integer=not self.song.encoding.floating)
        delta = writer.write(path, [mixed.audio], self.full)
        return MixReport(str(path.absolute()), mixed.ducked_db, mixed.ducked, delta)

    @staticmethod
    def settled(splice: SpliceSettings) -> SpliceSettings:
        """As loud as the part is beside the clip in the model's take."""
        return msgspec.structs.replace(splice, level="own")
