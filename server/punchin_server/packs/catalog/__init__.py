"""The packs that `punchin packs pull` knows: one JSON file each, of what it is made, where that lies, what it forbids.

A folder named by PUNCHIN_CATALOG is read first: a studio's own packs, or newer pins. Opens no sockets; knows no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from punchin_wire.errors import PackCorrupt
from punchin_wire.structs import UNREADABLE

from ..names import MANIFEST, NAME, leaves

HUB, DRIVE = "hub:", "drive:"

Layout = Literal["audiocraft", "transformers", "diffusers"]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Meta(ge=1)]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of a part, by its path there. `at_most` bounds one whose size is not known; with `sha256` it is pinned."""

    path: Text
    size: Bytes | None = None
    at_most: Bytes | None = None
    sha256: Sha256 | None = None


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What comes from one place: `hub:OWNER/NAME[@REVISION]`, `drive:ID` or an address. Of a hub's model only `files`
    are taken; with a `layout` those that make it up, and `files` are pins. Where sources disagree about the licence,
    `licence` is the stricter, and `note` says so. `home` is the page of its authors."""

    source: Text
    licence: Text
    licence_url: Text
    home: Text | None = None
    note: str = ""
    layout: Layout | None = None
    files: tuple[File, ...] = ()

    def __post_init__(self) -> None:
        if not self.source.startswith(HUB) and not all(file.size or file.at_most for file in self.files):
            raise ValueError(f"{self.source} must say a size or a bound")
        for file in self.files:
            if leaves(file.path):
                raise ValueError(f"{file.path[:80]!r} leaves the folder of the pack")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A pack that can be pulled. `manifest` is what its manifest says beside name, dates, files and origins; `bytes` is
    about all of them, `need` the memory in GiB by precision, reckoned from their sizes."""

    name: Annotated[str, Meta(pattern=NAME)]
    title: Text
    bytes: Bytes
    parts: Annotated[tuple[Part, ...], Meta(min_length=1)]
    manifest: dict[str, Any]
    need: dict[str, float] = {}

    def __post_init__(self) -> None:
        own = [file.path.casefold() for part in self.parts if not part.source.startswith(HUB) for file in part.files]
        if len({MANIFEST, *own}) <= len(own):
            raise ValueError(f"two of its files, or one and its {MANIFEST}, would have one place")


def entries(env: Mapping[str, str] = os.environ) -> dict[str, Entry]:
    """Every pack that can be pulled, by name. Raises PackCorrupt for a file that is no entry."""
    found: dict[str, Entry] = {}
    for file in _files(env):
        try:
            entry = msgspec.json.decode(file.read_bytes(), type=Entry)
        except (OSError, *UNREADABLE) as error:
            raise PackCorrupt(f"{file} is no entry of the catalog: {error}", "Correct it, or take it away.") from error
        found.setdefault(entry.name, entry)
    return found


def _files(env: Mapping[str, str]) -> Iterator[Path]:
    own = env.get("PUNCHIN_CATALOG")
    for folder in filter(None, (Path(own).expanduser() if own else None, Path(__file__).parent)):
        yield from sorted(folder.glob("*.json"))


def pull_of(name: str) -> str | None:
    """The next step that brings the pack `name`, if it is in the catalog."""
    entry = _readable().get(name)
    return f"`punchin packs pull {name}` fetches it, {size(entry.bytes)} in all." if entry else None


def _readable() -> dict[str, Entry]:
    """For what is said of another error: none, where the catalog is damaged."""
    try:
        return entries()
    except PackCorrupt:
        return {}


def pull_with(repo: str) -> str | None:
    """The next step that brings the hub's model `repo`, if a pack of the catalog is made of it: the smallest."""
    made = [e for e in _readable().values() if any(p.source.partition("@")[0] == HUB + repo for p in e.parts)]
    return pull_of(min(made, key=lambda entry: entry.bytes).name) if made else None


def size(count: float) -> str:
    """Bytes as people read them, in the units that disks are sold by."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("bytes", "kB") or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
