"""An order: a request, the audio that travels with it, and what is needed to lay and repeat its takes.

Orders are made in :mod:`.order_inpaint` and :mod:`.order_transfer`, from a song and what the musician asked for or from
the recipe inside an earlier take. This is what both share; it knows no daemon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from punchin_wire.errors import BadRecipe, TooLarge
from punchin_wire.frames import MAX_AUDIO, Audio
from punchin_wire.messages import InpaintRequest, Request

from ..audio import bwf, stems
from ..audio.wavfile import Song
from ..music.region import Region
from ..music.tempo_map import TempoMap
from ..splice.lay import SpliceSettings
from . import location, recipe
from .presets import Task
from .recipe import AudioInput, Recipe


class Stem(NamedTuple):
    """An audio file on a time line: its first sample sounds at sample `origin`, counted at the file's own rate."""

    song: Song
    origin: int = 0


class Place(NamedTuple):
    """Samples `region` of a song whose first sample sounds at sample `origin` of the time line on which tempos, chords
    and notes lie. `grid` is that line's clock, `scene` names the region in file names."""

    song: Song
    region: Region
    scene: str
    grid: TempoMap | None = None
    origin: int = 0

    @property
    def on_line(self) -> Region:
        """The region in samples of the time line."""
        return self.region.shifted(self.origin)

    @property
    def tempo(self) -> bwf.Tempo | None:
        """The region's tempo for other programs, where it has one."""
        return location.steady_tempo(self.grid, self.on_line, self.song.rate)


@dataclass(frozen=True)
class Order:
    """A request for `region` of `song`, and `audio[i]` `[channels, samples]` from `inputs[i]` for each of its frames.

    `around` is the excerpt in which takes are laid; it, `region` and `holes` are samples of the song. `scene` names
    the region in file names, and `title` the song, where it is not called as its file. `task` is what a transfer was
    asked for. `models` are those of the take that is repeated, else empty.
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

    @property
    def name(self) -> str:
        """What the song is called in the names of takes and in what they say about themselves."""
        return self.title or self.song.path.stem

    @property
    def heard(self) -> Region:
        """The part of the song that the model hears; its time line begins with it."""
        return Region(self.inputs[0].start, self.inputs[0].end)

    @property
    def holes(self) -> tuple[Region, ...]:
        """What takes fill."""
        if isinstance(self.request, InpaintRequest):
            return tuple(Region(hole.start, hole.end).shifted(self.heard.start) for hole in self.request.holes)
        return (self.region,)

    @property
    def is_alone(self) -> bool:
        """Whether takes are new parts beside the song, which replace nothing of it."""
        return self.task is not None and self.task.name == "accompaniment"


def recipe_of(order: Order, take: int, models: dict[str, str], version: str, created: str) -> Recipe:
    """The recipe of take `take` (0-based) of an order."""
    request = msgspec.structs.replace(order.request, takes=(order.request.takes[take],), preview=False)
    return Recipe(
        version, created, order.inputs[0], (order.region.start, order.region.end), request, order.inputs, order.splice,
        models, order.tempo, order.full, order.task,
    )  # fmt: skip


def read_input(song: Song, span: Region) -> tuple[Audio, AudioInput]:
    """The samples of `span` as they travel, and what a recipe says of them.

    Raises TooLarge before anything is read; FileMissing, BadAudio.
    """
    if 4 * song.channels * span.samples > MAX_AUDIO:
        raise TooLarge(f"{span.samples / song.rate:.0f} s of {song.channels} channels at {song.rate} Hz are too much.")
    audio = stems.read(song, span)
    path = str(song.path.resolve())
    return audio, AudioInput(path, span.start, span.end, song.rate, song.channels, recipe.sha256(audio))


# ---- what a recipe says --------------------------------------------------------------------------------------


class Unchanged(NamedTuple):
    """A recipe whose inputs are as they were: `made` says where they lie now, and `audio` is what they hold."""

    made: Recipe
    song: Song
    audio: tuple[Audio, ...]


def reread(take: Path, engine: Literal["inpaint", "transfer"], song_path: Path | None = None) -> Unchanged:
    """The recipe in `take`, made by that engine, and its audio; `song_path` says where its song lies now.

    Raises BadRecipe where there is none, or where a file it was made from has changed; FileMissing, BadAudio.
    """
    made = recipe.read(take)
    its_own = "inpaint" if isinstance(made.request, InpaintRequest) else "transfer"
    if its_own != engine:
        said = "a punch-in, not a transfer" if its_own == "inpaint" else "a transfer, not a punch-in"
        raise BadRecipe(f"{take.name} is {said}.", f"Write `punchin {its_own} --again {take.name}`.")
    refs = [made.request.source]
    if isinstance(made.request, InpaintRequest) and made.request.drums is not None:
        refs.append(made.request.drums)
    if len(made.inputs) != len(refs):
        raise BadRecipe(f"The recipe in {take.name} does not say where all of its audio came from.")
    paths = [song_path or Path(made.song.path), *(Path(item.path) for item in made.inputs[1:])]
    found = [_unchanged(path, said) for path, said in zip(paths, made.inputs, strict=True)]
    inputs = tuple(msgspec.structs.replace(said, path=str(path)) for path, said in zip(paths, made.inputs, strict=True))
    return Unchanged(msgspec.structs.replace(made, inputs=inputs), found[0][0], tuple(audio for _, audio in found))


def _unchanged(path: Path, said: AudioInput) -> tuple[Song, Audio]:
    """The audio that the recipe speaks of. Raises BadRecipe where it is not the same any more."""
    song = stems.probe(path)
    audio = stems.read(song, Region(said.start, said.end))
    if (song.rate, song.channels) != (said.rate, said.channels) or recipe.sha256(audio) != said.sha256:
        raise BadRecipe(
            f"{path.name} has changed since the take was made (from {said.start / said.rate:.3f} "
            f"to {said.end / said.rate:.3f} s).",
            "Restore that file, or make a new take of the song as it is now.",
        )
    return song, audio
