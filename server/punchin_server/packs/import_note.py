"""What an import that has not ended is making, kept as `NAME.import` in the packs folder: the next goes on with it, and
`packs remove` takes it away. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.paths import packs_folder
from punchin_wire.structs import UNREADABLE

from . import hub
from .part import note_of, part_of
from .registry import HUB, Manifest

IMPORT = ".import"


class Begun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pack that is being imported; `new` are those of its own files, as the manifest says them, that were not there
    before."""

    manifest: Manifest
    new: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Of the pack that is being made."""
        return packs_folder() / self.manifest.name

    def leftovers(self) -> Iterator[Path]:
        """What it may have left: files of the pack's own, and parts of those of the Hugging Face cache."""
        for path in self.new:
            target = self.folder / path
            yield from (part_of(target), note_of(target), target)
        for origin in self.manifest.cached():
            repo = origin.source.removeprefix(HUB).partition("@")[0]
            yield part_of(hub.blob(repo, str(origin.blob)))


def file_of(name: str) -> Path:
    """Where it is noted that the pack `name` is being imported."""
    return packs_folder() / f"{name}{IMPORT}"


def begun(name: str) -> Begun | None:
    """The import of the pack `name` that did not end."""
    try:
        return msgspec.json.decode(file_of(name).read_bytes(), type=Begun)
    except (OSError, *UNREADABLE):
        return None


def begin(manifest: Manifest) -> Begun:
    """Note that this pack is being made, and take away what another one of its name left. Raises BadSetting."""
    earlier = begun(manifest.name)
    is_same = earlier is not None and earlier.manifest == manifest
    if earlier is not None and not is_same:
        for left in earlier.leftovers():
            left.unlink(missing_ok=True)
    before = earlier.new if earlier is not None and is_same else ()
    folder = packs_folder() / manifest.name
    absent = (file.path for file in manifest.files if not (folder / file.path).is_file())
    now = Begun(manifest, tuple(dict.fromkeys((*before, *absent))))
    with replacing(file_of(manifest.name), durable=True, next_step=OWN_FOLDER) as file:
        file.write(msgspec.json.encode(now))
    return now
