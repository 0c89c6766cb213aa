"""A pack as one file, for computers without network: `export` writes it, `import` verifies it and makes the same pack.

A tar, uncompressed (weights do not compress): `punchin-pack.json` (:class:`Bundle`), `LICENCES.txt` for people, then
`blobs/<sha256>`, each content once. Too large for a medium? `split -b 4G airgen.tar`, and `cat` the pieces.

What others made is not trusted: the file may hold regular members of these names and sizes and nothing else, a blob is
renamed to its place only when its hash is right, and places come from the manifest, which leaves no folder.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, NamedTuple

import msgspec
from msgspec import Meta
from punchin_wire.disk import OWN_FOLDER, make_folder, replacing
from punchin_wire.errors import BadSetting, FileMissing, PackCorrupt, PackError
from punchin_wire.paths import packs_folder
from punchin_wire.structs import UNREADABLE

from . import hub, import_note, licences, registry, removal
from .import_note import Begun
from .loadable import UNCHECKED, check_loadable
from .names import MANIFEST
from .part import Wanted, copy, locked
from .plan import check_disks, lock_of
from .pull import View
from .registry import HUB, Manifest, Origin, Pack
from .removal import Removal

HEAD, TEXTS, BLOBS = "punchin-pack.json", "LICENCES.txt", "blobs/"
MOST_HEAD = 2**24
MOST_MEMBERS = 10_000
"""Of one pack: AudioLDM2, the most scattered, has forty."""
AGAIN = "Have it exported again, and copy it whole."


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first member: which form this is, and the pack's manifest, which lists every blob."""

    format: Annotated[int, Meta(ge=1, le=1)]
    manifest: Manifest


class _Sips(io.RawIOBase):
    """A file for :mod:`tarfile`, whose headers may ask for as many bytes as they like: no more than a head has."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_HEAD:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._source.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(position, whence)

    def tell(self) -> int:
        return self._source.tell()


class Content(NamedTuple):
    """One file of a pack: where it lies or shall lie, how to speak of it, and what it must be. With an `origin` it is
    one of the Hugging Face cache."""

    path: Path
    name: str
    size: int
    sha256: str
    origin: Origin | None = None


# ---- out -----------------------------------------------------------------------------------------------------


def export(name: str, file: Path, view: View) -> int:
    """Write the pack `name` into `file`, every byte verified on the way; returns its size.

    Raises PackMissing, PackCorrupt, BadSetting (the file exists, the disk is full, a base that was not pulled).
    """
    pack = registry.find(name)
    if file.exists():
        raise BadSetting(f"{file} exists.", "Name another file, or take it away.")
    contents = {content.sha256: content for content in _contents(pack)}
    total = sum(content.size for content in contents.values())
    make_folder(file.absolute().parent, OWN_FOLDER)
    with (
        replacing(file, durable=True, next_step="Choose another disk.") as out,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, HEAD, msgspec.json.encode(Bundle(1, pack.manifest)))
        _add(tar, TEXTS, _texts(pack).encode())
        before = 0
        for content in contents.values():
            watcher = view.file(content.name, before, total)
            member = tarfile.TarInfo(BLOBS + content.sha256)
            member.size, member.mode = content.size, 0o644
            with content.path.open("rb") as source:
                tar.addfile(member, source)
            watcher.received(content.size)
            before += content.size
    _verify(file, view)
    return file.stat().st_size


def _contents(pack: Pack) -> Iterator[Content]:
    manifest = pack.manifest
    for file in manifest.files:
        yield Content(pack.folder / file.path, file.path, file.size, file.sha256)
    carried = manifest.cached()
    for reference in manifest.references():
        if reference.startswith(HUB) and reference not in {origin.source for origin in carried}:
            raise BadSetting(
                f"{pack.name} uses {reference.removeprefix(HUB)}, which was not pulled and so cannot go along.",
                f"Pull that first (`punchin packs pull {reference.partition('@')[0]}`) and export the pack it makes.",
            )
    for origin in carried:
        repo, _, commit = origin.source.removeprefix(HUB).partition("@")
        path = hub.cached_file(repo, commit, origin.path)
        yield Content(path, f"{repo}/{origin.path}", origin.size, origin.sha256, origin)


def _texts(pack: Pack) -> str:
    sources = dict.fromkeys((origin.licence, origin.source) for origin in pack.manifest.origins)
    lines = [f"{pack.name} {pack.manifest.version}: {pack.licence}", ""]
    lines += [f"{source}\n  {licences.in_words(licence)}" for licence, source in sources]
    lines += [f"Accepted: {a.licence}, {a.when}" for a in pack.manifest.accepted]
    return "\n".join(lines) + "\n"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


def _verify(file: Path, view: View) -> None:
    """Read it again: a file that lies is worse than none. Raises PackCorrupt; the file is then gone."""
    try:
        with file.open("rb") as source, tarfile.open(fileobj=source, mode="r:") as tar:
            for member in tar:
                expected, blob = member.name.removeprefix(BLOBS), tar.extractfile(member)
                if expected != member.name and blob is not None and registry.sha256_of(blob) != expected:
                    raise PackCorrupt(f"A file of the pack differs from its manifest; {file} was not kept.")
    except PackCorrupt:
        file.unlink()
        raise
    view.note("Every file was read again and is right.")


# ---- in ------------------------------------------------------------------------------------------------------


def import_pack(file: Path, view: View) -> Pack:
    """Make the pack that `file` holds; what an interrupted import left is used, and what a refused one wrote is taken
    away. Opens no sockets.

    Raises FileMissing, PackCorrupt (it is none, cut off, or holds what it may not), BadSetting, NotWritten.
    """
    if not file.is_file():
        raise FileMissing(f"{file} is not there.")
    with file.open("rb") as source:
        manifest, starts = _inventory(source, file.name)
        with locked(lock_of(manifest.name), view.watcher, manifest.name):
            return _import(manifest, starts, source, file.name, view)


def _import(manifest: Manifest, starts: dict[str, int], source: BinaryIO, whence: str, view: View) -> Pack:
    there = next((pack for pack in registry.installed() if pack.name == manifest.name), None)
    if isinstance(there, Pack) and there.manifest != manifest:
        raise BadSetting(
            f"There is another pack called {manifest.name} in {there.folder}.",
            f"Take it away first: `punchin packs remove {manifest.name}`.",
        )
    folder = there.folder if isinstance(there, Pack) else packs_folder() / manifest.name
    contents = list(_places(manifest, folder))
    check_disks(manifest.name, ((each.path, each.size) for each in contents if not each.path.is_file()))
    make_folder(folder, OWN_FOLDER)
    if isinstance(there, Pack):
        _make(Pack(folder, manifest), contents, starts, source, whence, view)
    else:
        begun = import_note.begin(manifest)
        shared = [path for each in contents for path in _shared(each) if not path.exists()]
        try:
            _make(Pack(folder, manifest), contents, starts, source, whence, view)
        except (PackError, FileMissing):
            _undo(begun, shared)
            raise
    import_note.file_of(manifest.name).unlink(missing_ok=True)
    return Pack(folder, manifest)


def _make(
    pack: Pack, contents: list[Content], starts: dict[str, int], source: BinaryIO, whence: str, view: View
) -> None:
    """Bring every file to its place, look into them, and only then write the manifest."""
    total, before = sum(content.size for content in contents), 0
    for content in contents:
        watcher = view.file(content.name, before, total)
        git = content.origin.blob if content.origin and content.origin.blob and len(content.origin.blob) == 40 else None
        wanted = Wanted(content.name, whence, whence, size=content.size, sha256=content.sha256, git_sha1=git)
        copy(wanted, source, starts[content.sha256], content.path, watcher)
        if content.origin is not None and content.origin.blob is not None:
            repo, _, commit = content.origin.source.removeprefix(HUB).partition("@")
            hub.link(repo, commit, content.origin.path, content.origin.blob)
        before += content.size
    if pack.manifest.cached():
        hub.remember_cache()
    view.note("Looking into the files …")
    check_loadable(pack)
    registry.write_manifest(pack.folder, pack.manifest)


def _shared(content: Content) -> Iterator[Path]:
    """What an import writes of this file into the Hugging Face cache, the link first."""
    if content.origin is not None:
        repo, _, commit = content.origin.source.removeprefix(HUB).partition("@")
        yield hub.repo_folder(repo) / "snapshots" / commit / content.origin.path
        yield content.path


def _undo(begun: Begun, shared: list[Path]) -> None:
    """Take away what a refused import wrote, into the cache too: others take what lies there for the model that it is
    called. Raises NotWritten."""
    name = begun.manifest.name
    own = (import_note.file_of(name), *begun.leftovers())
    removal.remove(Removal(name, begun.folder, own, 0, ()))
    for file in shared:
        file.unlink(missing_ok=True)
        hub.drop_empty(file.parent)


def _places(manifest: Manifest, folder: Path) -> Iterator[Content]:
    """Every file, with the place that it will get: inside the pack, or as a blob of the hub's cache."""
    for file in manifest.files:
        yield Content(folder / file.path, file.path, file.size, file.sha256)
    for origin in manifest.cached():
        repo = origin.source.removeprefix(HUB).partition("@")[0]
        yield Content(hub.blob(repo, str(origin.blob)), f"{repo}/{origin.path}", origin.size, origin.sha256, origin)


def _inventory(source: BinaryIO, name: str) -> tuple[Manifest, dict[str, int]]:
    """The manifest, and where in the file each blob starts. Nothing is written before all members are seen to be what
    they may be. Raises PackCorrupt."""
    members: dict[str, tarfile.TarInfo] = {}
    try:
        with tarfile.open(fileobj=_Sips(source), mode="r:") as tar:
            for member in tar:
                if len(members) >= MOST_MEMBERS:
                    raise _refused(name, f"more than {MOST_MEMBERS} members")
                _check_member(member, members, name)
                members[member.name] = member
            manifest = _manifest(tar, members, name)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise PackCorrupt(f"{name} is no exported pack, or is cut off: {error}.", AGAIN) from None
    _check_manifest(manifest, name)
    sizes = {file.sha256: file.size for file in manifest.files}
    sizes |= {origin.sha256: origin.size for origin in manifest.cached()}
    blobs = {m.name.removeprefix(BLOBS): m for m in members.values() if m.name.startswith(BLOBS)}
    if set(blobs) != set(sizes):
        raise _refused(name, "other files than its manifest lists")
    for sha256, member in blobs.items():
        if member.size != sizes[sha256]:
            raise _refused(name, f"{member.size} bytes where its manifest lists {sizes[sha256]}")
    length = source.seek(0, io.SEEK_END)
    if any(member.offset_data + member.size > length for member in members.values()):
        raise PackCorrupt(f"{name} is cut off.", AGAIN)
    return manifest, {sha256: member.offset_data for sha256, member in blobs.items()}


def _check_member(member: tarfile.TarInfo, before: dict[str, tarfile.TarInfo], name: str) -> None:
    shown = ascii(member.name)[:80]
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _refused(name, f"{shown}, which is no plain file")
    is_known = member.name in (HEAD, TEXTS) or re.fullmatch(r"blobs/[0-9a-f]{64}", member.name)
    if not is_known or member.name in before:
        raise _refused(name, f"{shown}, which has no place in a pack")
    if member.name in (HEAD, TEXTS) and member.size > MOST_HEAD:
        raise _refused(name, f"{shown} of {member.size} bytes")


def _manifest(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], name: str) -> Manifest:
    head = tar.extractfile(members[HEAD]) if HEAD in members else None
    if head is None:
        raise PackCorrupt(f"{name} is no exported pack: it has no {HEAD}.", "Name a file that `packs export` wrote.")
    try:
        return msgspec.json.decode(head.read(), type=Bundle).manifest
    except UNREADABLE as error:
        raise PackCorrupt(f"The manifest in {name} is wrong: {error}", AGAIN) from None


def _check_manifest(manifest: Manifest, name: str) -> None:
    """What a manifest of an own disk may say, but not one that came from elsewhere."""
    paths = [PurePosixPath(file.path.casefold()) for file in manifest.files]
    if {PurePosixPath(MANIFEST), PurePosixPath(UNCHECKED)} & set(paths) or len(set(paths)) < len(paths):
        raise _refused(name, "files that would replace one another")
    if set(paths) & {parent for path in paths for parent in path.parents}:
        raise _refused(name, "a file where a folder is")
    carried = {origin.source for origin in manifest.cached()}
    if any(ref.startswith(HUB) and ref not in carried for ref in manifest.references()):
        raise PackCorrupt(f"{name} lacks a model that its manifest uses.", AGAIN)
    for origin in manifest.cached():
        if not re.fullmatch(r"hub:\w[\w.-]*/\w[\w.-]*@[0-9a-f]{40}", origin.source, re.ASCII):
            raise _refused(name, f"a model called {ascii(origin.source)[:80]}")
        if origin.blob is None or (len(origin.blob) == 64 and origin.blob != origin.sha256):
            raise _refused(name, f"{ascii(origin.path)[:80]} under a wrong name")


def _refused(name: str, what: str) -> PackCorrupt:
    return PackCorrupt(
        f"{name} holds {what}. Nothing was imported.", "Take it from someone you trust, or pull the pack."
    )
