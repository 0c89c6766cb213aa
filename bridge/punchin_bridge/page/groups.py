"""What is heard against each other: all takes of one region of one song or track, whichever jobs made them.

Takes of a DAW are known by its jobs. Those of a song that is open on the page are the files in its folder: each says in
its recipe which song and which samples it was made for, so that a song has a history without a list of it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from punchin_wire.errors import PunchinError
from punchin_wire.messages import InpaintRequest
from punchin_wire.parameter import Engine
from punchin_wire.params import DENOISING, Control
from punchin_wire.structs import ready

from ..hosts import naming
from ..music.region import Region
from ..takes import recipe, sweep
from ..takes.recipe import Recipe
from ..takes.write import MIX
from .notebook import Note, Notebook
from .picture import JobCard
from .songs import PROGRAM, PageSong, identity

MOST_TAKES = 1000
"""Takes of one song that are listed, the last ones."""
MOST_HEARD = 16
"""Takes of one region that can be switched between at once."""


class TakeCard(msgspec.Struct, frozen=True):
    """A take. `job` and `index` (from 0) say where it came from, while that is known; `follows` what it follows and how
    much, `to` what it was made into, and `values` those parameters of a transfer that a sweep may turn."""

    id: str
    path: str
    file: str
    seed: int
    created: str
    engine: Engine
    follows: dict[Control, float] = {}
    to: str = ""
    text: str = ""
    job: str = ""
    index: int = 0
    models: dict[str, str] = {}
    values: dict[str, str] = {}
    note: Note = Note()


class Group(msgspec.Struct, frozen=True):
    """A region, samples `[start, end)` of a project at `rate`, with its takes, oldest first. `song` is the open song
    that it belongs to, or empty; `source` the file that sounds there, whose first sample lies at `origin`."""

    id: str
    title: str
    program: str
    place: str
    start: int
    end: int
    rate: int
    song: str = ""
    source: str = ""
    origin: int = 0
    takes: tuple[TakeCard, ...] = ()
    jobs: tuple[str, ...] = ()


ready(Group)


def identify(project: str, track: str, start: int, end: int) -> str:
    return identity(f"{project}\0{track}\0{start}\0{end}")


def of_region(song: PageSong, region: Region) -> Group:
    """The group of a region of an open song, without takes."""
    place = naming.place([region], naming.Ruler(song.heard.grid, song.song.rate))
    group = identify(song.project.id, "song", region.start, region.end)
    source = str(song.song.path)
    return Group(group, song.name, PROGRAM, place, region.start, region.end, song.song.rate, song.id, source)


@dataclass
class Library:
    """[page job] The takes that files hold; each file is read once."""

    notebook: Notebook
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: dict[tuple[str, int, int], Recipe | None] = field(default_factory=dict)

    def groups(self, songs: Sequence[PageSong], cards: Sequence[JobCard]) -> tuple[Group, ...]:
        """All groups: those of jobs first, then what lies in the folders of open songs."""
        found: dict[str, Group] = {}
        for card in cards:
            for take, rows in zip(card.takes, card.reports, strict=False):
                self.notebook.write(identity(take.path), report=rows)
            self._add_job(found, card, songs)
        for song in songs:
            self._add_files(found, song)
        return tuple(found.values())

    def _add_job(self, found: dict[str, Group], card: JobCard, songs: Sequence[PageSong]) -> None:
        song = next((song for song in songs if song.host == card.host), None)
        group = identify(card.project, "song" if song else card.track, card.start, card.end)
        before = found.get(group) or Group(
            group, card.track, card.program, card.place, card.start, card.end, card.rate, song.id if song else ""
        )
        takes: tuple[TakeCard, ...] = ()
        if song is None:  # a song's are found in its folder
            takes = tuple(self._of_job(card, index) for index in range(len(card.takes)))
        found[group] = msgspec.structs.replace(
            before,
            source=card.stem or before.source,
            origin=card.origin if card.stem else before.origin,
            takes=before.takes + takes,
            jobs=(*before.jobs, card.job),
        )

    def _of_job(self, card: JobCard, index: int) -> TakeCard:
        take = card.takes[index]
        made = self._recipe(Path(take.path))
        known = self._card(Path(take.path), made) if made else None
        if known is None:
            name = identity(take.path)
            note = self.notebook.of(name)
            known = TakeCard(name, take.path, Path(take.path).name, take.seed, "", card.engine, note=note)
        return msgspec.structs.replace(known, job=card.job, index=index)

    def _add_files(self, found: dict[str, Group], song: PageSong) -> None:
        read = [(path, made) for path in _files(song.folder) if (made := self._recipe(path)) is not None]
        alone = [made for _, made in read if not made.full]
        for path, made in read:
            if Path(made.song.path) != song.song.path or made.song.rate != song.song.rate:
                continue
            if (
                made.full and msgspec.structs.replace(made, full=False) in alone
            ):  # the song saved with a take that is here
                continue
            region = Region(*made.region)
            empty = of_region(song, region)
            before = found.get(empty.id, empty)
            found[empty.id] = msgspec.structs.replace(
                before, source=empty.source, origin=0, takes=(*before.takes, self._card(path, made))
            )

    def _card(self, path: Path, made: Recipe) -> TakeCard:
        request = made.request
        spec = request.takes[0]
        name = identity(str(path))
        return TakeCard(
            name,
            str(path),
            path.name,
            spec.seed,
            made.created,
            made.engine,
            dict(spec.controls),
            made.task.to if made.task else "",
            request.text if isinstance(request, InpaintRequest) else request.prompt,
            models=made.models,
            values=_values(made),
            note=self.notebook.of(name),
        )

    def _recipe(self, path: Path) -> Recipe | None:
        """What a file says of itself; None where it is no take."""
        try:
            status = path.stat()
        except OSError:
            return None
        key = str(path), status.st_size, status.st_mtime_ns
        with self._lock:
            if key in self._read:
                return self._read[key]
        try:
            made = recipe.read(path)
        except (PunchinError, OSError):
            made = None
        with self._lock:
            if len(self._read) > 4 * MOST_TAKES:
                self._read.clear()
            self._read[key] = made
        return made


def _values(made: Recipe) -> dict[str, str]:
    request = made.request
    if isinstance(request, InpaintRequest):
        return {}
    found = {name: getattr(request, name) for name, flag in DENOISING.items() if flag.is_of(request.method)}
    return {name: sweep.text(value) for name, value in found.items() if value is not None}


def find(groups: Iterable[Group], take: str) -> tuple[Group, TakeCard] | None:
    """A take by its id, and the group that it is in."""
    return next(((group, card) for group in groups for card in group.takes if card.id == take), None)


def _files(folder: Path) -> list[Path]:
    """The takes in a folder, oldest first; mixes are heard in place of their parts, and are none of their own."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".wav" and not path.name.endswith(MIX)]
        return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))[-MOST_TAKES:]
    except OSError:
        return []
