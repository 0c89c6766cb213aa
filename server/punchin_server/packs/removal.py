"""Takes a pack away: the files that its manifest lists, what an unfinished pull or import left, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from punchin_wire.errors import BadSetting, NotWritten, PackMissing
from punchin_wire.paths import packs_folder

from . import import_note
from . import plan as plans
from .hub import if_refused
from .loadable import UNCHECKED
from .names import MANIFEST
from .registry import EMBEDDED, HUB, POINTER, Broken, Manifest, installed


@dataclass(frozen=True)
class Removal:
    """What goes with the pack `name`; `kept` are models that stay in the Hugging Face cache, where others use them."""

    name: str
    folder: Path
    files: tuple[Path, ...]
    bytes: int
    kept: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({len(self.files)} files in {self.folder})"


def what(name: str) -> Removal:
    """What :func:`remove` would take away. Raises PackMissing, BadSetting for the pack that is built in."""
    pack = next((pack for pack in installed() if pack.name == name), None)
    if pack is not None and pack.folder.is_relative_to(EMBEDDED):
        raise BadSetting(f"{name} came with Punchin and stays.", "Remove a pack of your own.")
    pulled, imported = plans.begun(name), import_note.begun(name)
    if pack is None and pulled is None and imported is None:
        raise PackMissing(f"There is no pack called {name[:80]!r}.")
    folder = pack.folder if pack else Path(pulled.folder) if pulled else packs_folder() / name
    files = [packs_folder() / f"{name}{POINTER}", plans.file_of(name), import_note.file_of(name), folder / UNCHECKED]
    kept: tuple[str, ...] = ()
    if pulled is not None:
        files += plans.leftovers(pulled)
    if imported is not None:
        files += imported.leftovers()
    if isinstance(pack, Broken):
        files.append(folder / MANIFEST)
    elif pack is not None and _is_ours(folder, pack.manifest):
        files += [folder / MANIFEST, *(folder / file.path for file in pack.manifest.files)]
        kept = tuple(dict.fromkeys(o.source.removeprefix(HUB).partition("@")[0] for o in pack.manifest.cached()))
    there = tuple(file for file in dict.fromkeys(files) if file.is_file())
    return Removal(name, folder, there, sum(file.stat().st_size for file in there), kept)


def _is_ours(folder: Path, manifest: Manifest) -> bool:
    """Whether the files were brought by Punchin, or lie among its packs: those of `packs add` are the musician's."""
    return bool(manifest.origins) or folder.parent == packs_folder()


def remove(gone: Removal) -> None:
    """Take it away, the manifest first: half a pack is none. Raises NotWritten."""
    try:
        for file in sorted(gone.files, key=lambda path: path.name != MANIFEST):
            file.unlink(missing_ok=True)
        for folder in sorted({folder for file in gone.files for folder in file.parents}, reverse=True):
            if folder != gone.folder and folder.is_relative_to(gone.folder):
                _drop_if_empty(folder)
        if gone.folder != packs_folder():
            _drop_if_empty(gone.folder)
    except OSError as error:
        raise NotWritten(
            f"{error.filename} cannot be taken away: {error.strerror}.", if_refused(Path(error.filename))
        ) from None


def _drop_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
