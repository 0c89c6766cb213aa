"""`punchin packs pull`: from a name to a pack that makes takes. Plan, licences, disk, files, a look inside, manifest.

The order is what makes it safe to stop anywhere: what shall be fetched is written down first (`NAME.pull` in the packs
folder: the hub's commits, what was accepted), so that the next process goes on with the same files; a file is in its
place only when its content is right; and the manifest, without which a folder is no pack, comes last. Knows no torch:
whether the files are models is seen by a child process.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from punchin_wire.disk import OWN_FOLDER, make_folder, replacing
from punchin_wire.errors import PackCorrupt, PackError

from . import hub, registry, terms
from .catalog import HUB
from .fetch import fetch
from .loadable import check_loadable
from .part import Watcher, locked, sha256_if_right
from .plan import Plan, begun, check_room, elsewhere, file_of, keep, leftovers, lock_of, name_of, settle
from .registry import Manifest, Origin, Pack, PackFile
from .sources import Item


class View(Protocol):
    """Shows a pull to a person or a program; a watcher of what belongs to no file, too."""

    def planned(self, plan: Plan) -> None: ...

    def file(self, name: str, before: int, total: int) -> Watcher: ...

    def note(self, text: str) -> None: ...

    @property
    def watcher(self) -> Watcher: ...


Ask = Callable[[Plan, Sequence[str]], bool]
"""Whether a person accepts these licences; a script is asked nothing."""


def pull(
    word: str, view: View, *, accept: Sequence[str] = (), into: Path | None = None, ask: Ask | None = None
) -> Pack:
    """Bring the pack `word` (a name of the catalog, or `hub:OWNER/NAME[@REV]`) and return it, ready to make takes.

    Raises NotAccepted, BadSetting, NotWritten, SourceUnreachable, SourceRefused, PackError.
    """
    name = name_of(word)
    with locked(lock_of(name), view.watcher, name):
        plan = settle(word, into, view.watcher)
        view.planned(plan)
        check_room(plan)
        plan = terms.accepted(plan, accept, ask)
        _begin(plan)
        return _bring(plan, view)


def _begin(plan: Plan) -> None:
    """Write the plan down, and take away what an earlier one left that this one has no use for."""
    if (earlier := begun(plan.name)) is not None and earlier.items != plan.items:
        used = set(leftovers(plan))
        for file in leftovers(earlier):
            if file not in used:
                file.unlink(missing_ok=True)
    keep(plan)


# ---- the files -----------------------------------------------------------------------------------------------


def _bring(plan: Plan, view: View) -> Pack:
    folder = Path(plan.folder)
    make_folder(folder, OWN_FOLDER)
    origins: list[Origin] = []
    sizes = [item.most for item in plan.items]
    for number, item in enumerate(plan.items):
        sha256 = _one(item, folder, view.file(item.name, sum(sizes[:number]), sum(sizes)))
        found = item.found(folder)
        assert found is not None
        sizes[number] = found.stat().st_size
        origins.append(item.origin(sizes[number], sha256))
    if plan.is_installed:
        pack = registry.read_pack(folder)
        if plan.accepted != pack.manifest.accepted:  # the terms have changed since
            pack = Pack(folder, msgspec.structs.replace(pack.manifest, accepted=plan.accepted))
            registry.write_manifest(folder, pack.manifest)
        file_of(plan.name).unlink(missing_ok=True)
        return pack
    manifest = _manifest(plan, origins)
    if manifest.cached():
        hub.remember_cache()
    pack = Pack(folder, manifest)
    view.note("Looking into the files …")
    _look_into(pack, plan)
    registry.write_manifest(folder, manifest)
    registry.point_to(folder, plan.name)
    _name_commits(plan)
    file_of(plan.name).unlink(missing_ok=True)
    return pack


def _one(item: Item, folder: Path, watcher: Watcher) -> str:
    """Bring one file, from wherever its content lies already or else from its source; returns its sha256."""
    if item.place is not None:
        return _fetched(item, folder, watcher)
    assert item.blob is not None
    linked = hub.cached_file(item.repo, item.commit, item.path)
    # What is there and right needs no lock: the cache may be a studio's, which is only read.
    if linked.is_file() and (sha256 := sha256_if_right(item.wanted(), linked, watcher)) is not None:
        return sha256
    with locked(hub.lock_file(item.repo, item.blob), watcher, item.name):
        if linked.is_file() and not item.target(folder).is_file():  # no links here: the library moved it
            found = sha256_if_right(item.wanted(), linked, watcher)  # another program may have mended it
            if found is not None:
                return found
            linked.unlink()
        sha256 = _fetched(item, folder, watcher)
        hub.link(item.repo, item.commit, item.path, item.blob)
        return sha256


def _fetched(item: Item, folder: Path, watcher: Watcher) -> str:
    target = item.target(folder)
    if not target.is_file() and (source := elsewhere(item)) is not None:
        make_folder(target.parent, hub.if_refused(target))
        _share(source, target)
    return fetch(item.wanted(), target, watcher)


def _share(source: Path, target: Path) -> None:
    """One copy under two names, or, on another disk, two copies. Raises BadSetting."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        with source.open("rb") as file, replacing(target, durable=True, next_step=hub.if_refused(target)) as copy:
            shutil.copyfileobj(file, copy, 2**20)


def _look_into(pack: Pack, plan: Plan) -> None:
    """Have it opened. A file that nobody knew the hash of is not kept where that fails: the next pull must not take it
    for the right one. Raises as :func:`.loadable.check_loadable` does."""
    try:
        check_loadable(pack)
    except PackError:
        for item in plan.items:
            if item.pinned == "first-use":
                item.target(pack.folder).unlink(missing_ok=True)
        raise


# ---- the pack ------------------------------------------------------------------------------------------------


def _manifest(plan: Plan, origins: Sequence[Origin]) -> Manifest:
    """What was planned, with what came."""
    places = {item.source.partition("@")[0]: _reference(item) for item in plan.items if item.source.startswith(HUB)}
    inside = [o for o, item in zip(origins, plan.items, strict=True) if item.place is not None]
    described = _replaced(plan.entry.manifest, places) | {
        "name": plan.name,
        "version": "1",
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "files": [PackFile(origin.path, origin.size, origin.sha256) for origin in inside],
        "origins": list(origins),
        "accepted": list(plan.accepted),
    }
    try:
        return msgspec.convert(described, Manifest)
    except msgspec.ValidationError as error:
        raise PackCorrupt(f"The catalog's {plan.name} describes no pack: {error}", "Update Punchin.") from error


def _reference(item: Item) -> str:
    return item.source if item.place is None else item.place.partition("/")[0]


def _replaced(value: Any, places: dict[str, str]) -> Any:
    """`value` with each `hub:OWNER/NAME` made the commit, or the folder, that it came as."""
    if isinstance(value, dict):
        return {key: _replaced(inner, places) if key != "source" else inner for key, inner in value.items()}
    return places.get(value, value) if isinstance(value, str) else value


def _name_commits(plan: Plan) -> None:
    """Other programs find what came as `main`, or as the revision that was asked for, without network."""
    commits = {item.repo: item.commit for item in plan.items if item.place is None}
    for part in plan.entry.parts:
        repo, _, ref = part.source.removeprefix(HUB).partition("@")
        if part.source.startswith(HUB) and repo in commits and not hub.COMMIT.fullmatch(ref):
            hub.name_commit(repo, ref or "main", commits[repo])
