"""What a pull will do, settled before the first byte: which files, from where, to where, and whether there is room.

A plan is kept as `NAME.pull` in the packs folder until the pack is there: the next process goes on with the same files
of the same commits. Knows no torch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from punchin_wire.disk import OWN_FOLDER, make_folder, replacing
from punchin_wire.errors import BadSetting, NotWritten, PackError
from punchin_wire.paths import packs_folder
from punchin_wire.structs import UNREADABLE

from . import catalog, hub, registry, sources
from .catalog import HUB, Entry
from .part import Watcher, note_of, part_of
from .registry import Acceptance, Manifest, Pack
from .sources import Item

PULL = ".pull"
SPARE = 1.05
"""Of the missing bytes must be free: a full disk slows down everything else."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What will be fetched, and where to: settled before the first byte, and kept until the pack is there."""

    entry: Entry
    folder: str
    items: tuple[Item, ...]
    is_into: bool = False
    is_installed: bool = False
    accepted: tuple[Acceptance, ...] = ()

    @property
    def name(self) -> str:
        return self.entry.name

    def missing(self) -> list[Item]:
        """Those files that are not here yet."""
        return [item for item in self.items if item.found(Path(self.folder)) is None]

    def to_fetch(self) -> int:
        """Bytes, at most; what an earlier pull left of them does not count."""
        return sum(self.left_of(item) for item in self.missing())

    def left_of(self, item: Item) -> int:
        """Bytes of a missing file that will come over the network, at most."""
        if elsewhere(item) is not None:
            return 0
        part = part_of(item.target(Path(self.folder)))
        return max(0, item.most - (part.stat().st_size if part.is_file() else 0))

    def to_write(self, item: Item) -> int:
        """Bytes of a missing file that its disk needs: what is fetched, or copied from another disk."""
        source = elsewhere(item)
        if source is None:
            return self.left_of(item)
        is_linked = disk_of(source.resolve()) == disk_of(item.target(Path(self.folder)))
        return 0 if is_linked else item.most


def name_of(word: str) -> str:
    """What the pack `word` will be called. Raises BadSetting for a word that the catalog does not have."""
    if word.startswith(HUB):
        return sources.pack_name(sources.split(word)[0])
    if word not in (known := catalog.entries()):
        raise BadSetting(
            f"The catalog has no pack called {word[:80]!r}.", f"It has {', '.join(known)}; or name hub:OWNER/NAME."
        )
    return word


def settle(word: str, into: Path | None, watcher: Watcher) -> Plan:
    """The plan for `word`: what an installed pack was made of, what an earlier pull began, or what the sources have
    now. Changes nothing. Raises SourceUnreachable, SourceRefused, PackCorrupt, BadSetting."""
    name = name_of(word)
    if (plan := _of_installed(name, word)) is not None:
        return plan
    folder = into.expanduser().resolve() if into else packs_folder() / name
    earlier = begun(name)
    if earlier is not None and _goes_on(earlier, word, into, folder):
        return earlier
    _check_free(folder, name)
    entry = sources.entry_of_hub(word, watcher) if word.startswith(HUB) else catalog.entries()[word]
    items = tuple(sources.resolve(entry, into is not None, watcher))
    return Plan(entry=entry, folder=str(folder), items=items, is_into=into is not None)


def _check_free(folder: Path, name: str) -> None:
    """Raises BadSetting where `folder` is another pack's."""
    try:
        there = registry.read_pack(folder)
    except PackError:
        return  # none, or one so damaged that it is made anew
    if there.name != name:
        raise BadSetting(f"{folder} is the folder of the pack {there.name}.", "Name another folder with --into.")


def _of_installed(name: str, word: str) -> Plan | None:
    """The very files of a pack that was pulled before: to bring back what is missing."""
    packs = (p for p in registry.installed() if p.name == name)
    pack = next((p for p in packs if isinstance(p, Pack)), None)
    if pack is None:
        return None
    manifest = pack.manifest
    if not manifest.origins or (word.startswith(HUB) and manifest.source != word):
        raise BadSetting(
            f"There is a pack called {name} already, in {pack.folder}, which comes from elsewhere.",
            f"Take it away (`punchin packs remove {name}`), or use it.",
        )
    cached = set(manifest.cached())
    entry = catalog.entries().get(word) or Entry(
        name=name, title=manifest.source, bytes=max(1, manifest.bytes), parts=_parts(manifest), manifest={}
    )
    return Plan(
        entry=entry,
        folder=str(pack.folder),
        items=tuple(sources.of_origin(origin, origin in cached) for origin in manifest.origins),
        is_into=not cached,
        is_installed=True,
        accepted=manifest.accepted,
    )


def _parts(manifest: Manifest) -> tuple[catalog.Part, ...]:
    found = dict.fromkeys((origin.source, origin.licence) for origin in manifest.origins)
    return tuple(
        catalog.Part(source=source, licence=licence, licence_url=sources.page(source)) for source, licence in found
    )


def begun(name: str) -> Plan | None:
    """The plan that an earlier pull of `name` began and did not end."""
    try:
        return msgspec.json.decode(file_of(name).read_bytes(), type=Plan)
    except (OSError, *UNREADABLE):
        return None


def _goes_on(earlier: Plan, word: str, into: Path | None, folder: Path) -> bool:
    """Whether an earlier pull is the same one: an updated catalog, another revision or folder begin anew."""
    entry = earlier.entry
    same = entry.manifest.get("source") == word if word.startswith(HUB) else entry == catalog.entries()[word]
    return same and (into is None or Path(earlier.folder) == folder)


def file_of(name: str) -> Path:
    """Where the plan of a pack is kept while it is pulled."""
    return packs_folder() / f"{name}{PULL}"


def lock_of(name: str) -> Path:
    """Who holds this changes the pack `name`."""
    return packs_folder() / ".locks" / f"{name}.lock"


def keep(plan: Plan) -> None:
    """Write the plan down, so that another process goes on with it. Raises BadSetting."""
    make_folder(packs_folder(), OWN_FOLDER)
    with replacing(file_of(plan.name), durable=True, next_step=OWN_FOLDER) as file:
        file.write(msgspec.json.encode(plan))


def leftovers(plan: Plan) -> Iterator[Path]:
    """What a pull may have left: parts of files, and whole ones where they are the pack's own."""
    folder = Path(plan.folder)
    for item in plan.items:
        target = item.target(folder)
        yield from (part_of(target), note_of(target))
        if item.place is not None:
            yield target


def check_room(plan: Plan) -> None:
    """Before the first byte: what is missing must fit. Raises NotWritten."""
    folder = Path(plan.folder)
    check_disks(plan.name, ((item.target(folder), plan.to_write(item)) for item in plan.missing()))


def check_disks(name: str, files: Iterable[tuple[Path, int]]) -> None:
    """Whether `files`, each with the bytes that are still to be written, fit the disks that they go to, which may be
    several. Raises NotWritten."""
    wanted: dict[int, tuple[Path, int]] = {}
    for path, missing in files:
        place = existing(path)
        disk = disk_of(place)
        wanted[disk] = (place, wanted.get(disk, (place, 0))[1] + missing)
    for place, missing in wanted.values():
        free = shutil.disk_usage(place).free
        if missing * SPARE > free:
            raise NotWritten(
                f"{name} needs {catalog.size(missing * SPARE)} on the disk of {place}; {catalog.size(free)} are free. "
                "Nothing was written.",
                "Make room, or choose another disk (`packs pull` has --into FOLDER).",
            )


def existing(path: Path) -> Path:
    """The folder nearest to `path` that is there: its disk is the one that `path` will be on."""
    while not path.exists():
        path = path.parent
    return path


def disk_of(path: Path) -> int:
    """The disk that `path` is on, or will be."""
    return existing(path).stat().st_dev


def elsewhere(item: Item) -> Path | None:
    """A file of the same sha256 on this computer: in another pack, or in the cache under another model."""
    if item.sha256 is None:
        return None
    return next((p for p in _same(item.sha256) if p.is_file() and p.stat().st_size == item.size), None)


def _same(sha256: str) -> Iterator[Path]:
    yield from hub.blobs_called(sha256)
    for pack in registry.installed():
        if isinstance(pack, Pack):
            yield from (pack.folder / file.path for file in pack.manifest.files if file.sha256 == sha256)
