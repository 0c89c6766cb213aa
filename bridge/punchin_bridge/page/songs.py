"""Songs that are open on the page. Each is a host like a DAW's project, and says the same documents.

A song lies where it is, or where its upload was put: in a folder of its own with what its takes follow and its takes.
That folder is its project: whoever opens the song again finds all of it.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from punchin_wire import disk, paths
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import BadSetting
from punchin_wire.params import Control, InpaintParams, Params
from punchin_wire.structs import UNREADABLE

from ..audio import stems
from ..audio.wavfile import Song
from ..hosts import naming
from ..hosts.protocol import Hello, Project, Rendered, Span, Submit, Track
from .material import Heard, Material, hear

MAX_OPEN = 16
PROGRAM = "the page"
FOLLOWED = "Follows"
"""The folder beside a song's takes for what they follow."""
MATERIAL = "song.json"


def identity(text: str) -> str:
    """Twelve hexadecimal digits that stand for this text, in ids."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class PageSong:
    """`folder` is where its takes go; `heard` is what `material` says. `revision` grows with each change."""

    song: Song
    name: str
    folder: Path
    material: Material
    heard: Heard
    revision: int = 0

    @property
    def id(self) -> str:
        return identity(str(self.song.path))

    @property
    def host(self) -> str:
        return f"page-{self.id}"

    @property
    def project(self) -> Project:
        return Project(str(self.song.path), self.name)

    @property
    def hello(self) -> Hello:
        return Hello(self.host, PROGRAM, self.project)

    def submit(self, start: int, end: int, params: Params, follow: tuple[Control, ...], clicked: float) -> Submit:
        """The document for new takes of samples `[start, end)` that follow these of its materials."""
        followed = {control: said for control, said in self.heard.said.items() if control in follow}
        if isinstance(params, InpaintParams):  # a weight for what is not followed would be a mistake
            kept = {*followed, *params.by_ear}
            weights = {control: weight for control, weight in params.weights.items() if control in kept}
            params = msgspec.structs.replace(params, weights=weights)
        said: dict[str, Any] = {name: value for found in followed.values() for name, value in found.items()}
        return Submit(
            host=self.host,
            job=uuid.uuid4().hex[:12],
            project=self.project,
            timeline=self.heard.timeline(self.song.rate),
            region=Span(start, end),
            target=Track("song", self.name, Rendered(str(self.song.path), 0)),
            params=params,
            folder=str(self.folder),
            clicked=clicked,
            **said,
        )


class Songs:
    """[page job] The open songs, by id; the one that was used longest ago is closed when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[str, PageSong] = OrderedDict()

    def all(self) -> tuple[PageSong, ...]:
        with self._lock:
            return tuple(self._open.values())

    def find(self, song: str) -> PageSong:
        """Raises BadSetting."""
        with self._lock:
            if song not in self._open:
                raise BadSetting("That song is not open.", "Open it again.")
            self._open.move_to_end(song)
            return self._open[song]

    def open(self, path: Path) -> PageSong:
        """Open the song at `path`, an absolute one, with what is remembered of it. Raises FileMissing, BadAudio."""
        path = path.resolve()
        song = stems.probe(path)
        name = naming.title(path.stem) or "Song"
        folder = _folder(path, name)
        material = _remembered(folder, path)
        try:
            heard = hear(material, song)
        except Exception:  # what it followed is not there any more, or not as it was
            material = Material(str(path))
            heard = Heard()
        return self._put(PageSong(song, name, folder, material, heard))

    def change(self, song: str, **changes: Any) -> PageSong:
        """A song with other material, which is remembered. Raises what :func:`.material.hear` does; then nothing has
        changed."""
        before = self.find(song)
        material = msgspec.structs.replace(before.material, **changes)
        changed = replace(before, material=material, heard=hear(material, before.song))
        remember(changed)
        return self._put(changed)

    def _put(self, song: PageSong) -> PageSong:
        with self._lock:
            before = self._open.pop(song.id, None)
            song = replace(song, revision=before.revision + 1 if before else 1)
            self._open[song.id] = song
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return song


def remember(song: PageSong) -> None:
    """Write down in the folder of a song's takes whose it is, and what they follow. Raises BadSetting."""
    disk.make_folder(song.folder / FOLLOWED, OWN_FOLDER)
    with replacing(song.folder / FOLLOWED / MATERIAL, durable=True, next_step=OWN_FOLDER) as file:
        file.write(msgspec.json.encode(song.material))


def _folder(path: Path, name: str) -> Path:
    """Where takes of this song go: a folder that carries its name and is no other song's."""
    root = paths.takes_folder()
    if path.parent.parent == root:
        return path.parent  # it was handed to the page
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}_{number}")
        if not folder.exists() or _song_of(folder) in (str(path), None):
            return folder
        number += 1


def _song_of(folder: Path) -> str | None:
    """The song whose takes lie in a folder; None where it does not say, but no song lies there either."""
    if not folder.is_dir():
        return ""
    material = _read(folder)
    if material is not None:
        return material.song
    return "" if any(file.is_file() and not file.name.startswith(".") for file in folder.iterdir()) else None


def _remembered(folder: Path, path: Path) -> Material:
    material = _read(folder)
    return material if material is not None and material.song == str(path) else Material(str(path))


def _read(folder: Path) -> Material | None:
    try:
        return msgspec.json.decode((folder / FOLLOWED / MATERIAL).read_bytes(), type=Material)
    except (OSError, *UNREADABLE):
        return None
