"""An order: a request, the audio that travels with it, and what is needed to lay and repeat its takes.

Orders are made in :mod:`.inpaint` and :mod:`.transfer`, from a song and what the musician asked for or from the recipe
inside an earlier take. This is what both share; what they differ in are the methods of their own classes. Knows no
daemon.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import msgspec
from punchin_wire.frames import Audio
from punchin_wire.messages import Heard, Request, Take

from ..audio import bwf
from ..audio.types import Samples
from ..audio.wavfile import Song
from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..splice.lay import SpliceSettings
from . import location
from .presets import Task
from .recipe import AudioInput, Recipe
from .report import Report, TakeReport


class Stem(NamedTuple):
    """An audio file on a time line: its first sample sounds at sample `origin`, counted at the file's own rate."""

    song: Song
    origin: int = 0


class Place(NamedTuple):
    """Samples `region` of a song whose first sample sounds at sample `origin` of the time line on which tempos, chords
    and notes lie. `grid` is that line's clock, `scene` names the region in file names, `notes` say what is special
    about it. `parts` of the region, from the left, are what is made anew; all of it where there are none."""

    song: Song
    region: Region
    scene: str
    grid: TempoMap | None = None
    origin: int = 0
    notes: tuple[str, ...] = ()
    parts: tuple[Region, ...] = ()

    @property
    def on_line(self) -> Region:
        """The region in samples of the time line."""
        return self.region.shifted(self.origin)

    @property
    def holes_on_line(self) -> tuple[Region, ...]:
        """What is made anew, in samples of the time line."""
        return tuple(part.shifted(self.origin) for part in self.parts or (self.region,))

    @property
    def tempo(self) -> bwf.Tempo | None:
        """The region's tempo for other programs, where it has one."""
        return location.steady_tempo(self.grid, self.on_line, self.song.rate)


@dataclass(frozen=True)
class ModelTake:
    """Take `index` (from 0) of job `job` as the model made it: `audio` `[samples]` under the daemon's `header`.
    `models` is the daemon's statement of what made it, `created` the local time."""

    index: int
    header: Take
    audio: Samples
    job: str
    models: dict[str, str]
    created: str


@dataclass(frozen=True)
class Output:
    """The folder that the takes of a job go to, and the files that it got from them."""

    folder: Path
    files: list[Path] = field(default_factory=list)

    def remove(self) -> None:
        """Take the files away again, as far as that can be done."""
        for path in self.files:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Order(ABC):
    """A request for `region` of `song`, and `audio[i]` `[channels, samples]` from `inputs[i]` for each of its frames.

    `around` is the excerpt in which takes are laid; it, `region` and `holes` are samples of the song. In file names
    `scene` stands for the region, `title` for the song, where it is not called as its file, and `first` for the first
    take. `task` is what a transfer was asked for. The song begins at sample `origin` of the time line on which chords
    lie. `models` are those of the take that is repeated, else empty.
    """

    song: Song
    region: Region
    around: Region
    request: Request
    audio: tuple[Audio, ...]
    inputs: tuple[AudioInput, ...]
    scene: str
    tempo: bwf.Tempo | None = None
    full: bool = False
    splice: SpliceSettings = field(default_factory=SpliceSettings)
    models: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    task: Task | None = None
    title: str = ""
    first: int = 1
    origin: int = 0

    STAGES: ClassVar[tuple[str, ...]]
    """What the daemon times, in order."""

    @property
    def name(self) -> str:
        """What the song is called in the names of takes and in what they say about themselves."""
        return self.title or self.song.path.stem

    @property
    def source(self) -> Region:
        """The part of the song that the request carries; the model's time line begins with it."""
        return Region(self.inputs[0].start, self.inputs[0].end)

    @property
    def song_edges(self) -> tuple[bool, bool]:
        """Whether `around` begins and ends where nothing is beside it, so that a hole there has no join."""
        return self.around.start == 0, self.around.end == self.song.samples

    def recipe(self, take: int, seed: int, models: dict[str, str], version: str, created: str) -> Recipe:
        """The recipe of take `take` (from 0), which `seed` gave: that seed alone is to give it again."""
        spec = msgspec.structs.replace(self.request.takes[take], seed=seed)
        request = msgspec.structs.replace(self.request, takes=(spec,), preview=False, retries=0)
        return Recipe(
            version, created, self.inputs[0], (self.region.start, self.region.end), request, self.inputs, self.splice,
            models, self.tempo, self.full, self.task, self.scene, self.title,
            self.first + take,
        )  # fmt: skip

    # ---- what tasks differ in --------------------------------------------------------------------------------

    @property
    @abstractmethod
    def holes(self) -> tuple[Region, ...]:
        """What takes fill."""

    @abstractmethod
    def write(self, take: ModelTake, out: Output) -> TakeReport:
        """Write a take's files to `out`, and report on them. Raises BadSetting when one cannot be written,
        BadMessage or BadAudio when the take cannot be laid."""

    def with_heard(self, _heard: Heard) -> Order:
        """The order as if what was read by ear for it had been brought."""
        return self

    def completed(self, report: Report) -> Report:
        """The report of the whole job with what only this task has to say."""
        return report
