"""Where the parts of a pack come from: the hub, Google Drive, an address. Turns a catalog entry into the very files to
fetch, each with its place on this disk. Asks the hub what it has; fetches no weights.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import quote

import msgspec
from msgspec import Meta
from punchin_wire.errors import BadSetting, PackCorrupt, SourceRefused, Unsupported

from . import hub, licences
from .catalog import DRIVE, HUB, Entry, File, Part
from .fetch import get_json
from .importing import MUSICGEN_LUFS
from .layouts import chosen, layout_of
from .names import leaves
from .part import Kind, Wanted, Watcher
from .registry import Origin, Pinned

DRIVE_ADDRESS = "https://drive.usercontent.google.com/download"
REPO = re.compile(r"hub:(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?", re.ASCII)
T5 = "google-t5/t5-base"
"""The text encoder that MusicGen was trained with."""
MOST = 2**36
"""Bytes of one file, where nothing nearer is known: no published model is larger."""


class Lfs(msgspec.Struct, frozen=True):
    """Of a large file."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None


class Sibling(msgspec.Struct, frozen=True, rename={"name": "rfilename", "blob": "blobId"}):
    """A file of a model: its path there, its bytes, and what git calls its content."""

    name: str
    size: Annotated[int, Meta(ge=0, le=MOST)] | None = None
    blob: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")] | None = None
    lfs: Lfs | None = None


class Card(msgspec.Struct, frozen=True):
    """What the authors say. Others write it by hand: several licences are a list."""

    license: Annotated[str, Meta(max_length=200)] | list[Annotated[str, Meta(max_length=200)]] | None = None


class Config(msgspec.Struct, frozen=True):
    model_type: str | None = None


class Model(msgspec.Struct, frozen=True, rename={"commit": "sha", "files": "siblings", "card": "cardData"}):
    """What the hub says of a model at a commit; the much that it says beside that is not looked at."""

    commit: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")]
    files: list[Sibling]
    card: Card | None = None
    config: Config | None = None


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of a plan. `source` is as in :class:`.registry.Origin`; `place` is its path inside the pack, None where it
    lies in the Hugging Face cache as the blob `blob`."""

    source: str
    path: str
    licence: str
    pinned: Pinned
    place: str | None = None
    size: int | None = None
    at_most: int = MOST
    sha256: str | None = None
    blob: str | None = None

    @property
    def repo(self) -> str:
        """Of the hub: `OWNER/NAME`."""
        return self.source.removeprefix(HUB).partition("@")[0]

    @property
    def commit(self) -> str:
        return self.source.partition("@")[2]

    @property
    def most(self) -> int:
        """Bytes: as many as it has, or may have."""
        return self.size if self.size is not None else self.at_most

    @property
    def name(self) -> str:
        """What a musician calls it."""
        return f"{self.repo}/{self.path}" if self.source.startswith(HUB) else self.path

    def target(self, folder: Path) -> Path:
        """Where it is fetched to, for a pack in `folder`."""
        if self.place is not None:
            return folder / self.place
        assert self.blob is not None
        return hub.blob(self.repo, self.blob)

    def found(self, folder: Path) -> Path | None:
        """Where it lies already, in its size; its content is not looked at."""
        places = [self.target(folder)]
        if self.place is None:
            places.append(hub.cached_file(self.repo, self.commit, self.path))
        fits = (p for p in places if p.is_file() and self.size in (None, p.stat().st_size))
        return next(fits, None)

    def wanted(self) -> Wanted:
        """It as a download. The hub's token goes with it to the hub."""
        git = self.blob if self.blob and len(self.blob) == 40 else None
        headers = authorization() if self.source.startswith(HUB) else {}
        where = page(self.source)
        return Wanted(
            self.name, self._url(), where, headers, self.size, self.at_most, self.sha256, git, kind_of(self.source)
        )

    def _url(self) -> str:
        if self.source.startswith(HUB):
            return f"{endpoint()}/{self.repo}/resolve/{self.commit}/{quote(self.path)}"
        if self.source.startswith(DRIVE):
            return f"{drive()}?id={quote(self.source.removeprefix(DRIVE))}&export=download&confirm=t"
        return self.source

    def origin(self, size: int, sha256: str) -> Origin:
        """What the manifest says of it once it is here."""
        return Origin(
            source=self.source,
            path=self.path if self.place is None else self.place,
            size=size,
            sha256=sha256,
            pinned=self.pinned,
            licence=self.licence,
            blob=self.blob,
        )


def of_origin(origin: Origin, is_cached: bool) -> Item:
    """A file of a pack that was pulled before, pinned to what came then. `is_cached`: it lies in the hub's cache."""
    inside = origin.path
    if origin.source.startswith(HUB) and not is_cached:  # `--into`: a folder of the model's name before its path
        inside = origin.path.partition("/")[2]
    return Item(
        source=origin.source,
        path=inside,
        licence=origin.licence,
        pinned=origin.pinned,
        place=None if is_cached else origin.path,
        size=origin.size,
        sha256=origin.sha256,
        blob=origin.blob,
    )


def kind_of(source: str) -> Kind:
    """Who gives what comes from `source`."""
    if source.startswith(HUB):
        return "hub"
    return "drive" if source.startswith(DRIVE) else "address"


def page(source: str) -> str:
    """Where a browser shows what comes from `source`."""
    if source.startswith(HUB):
        return f"{endpoint()}/{source.removeprefix(HUB).partition('@')[0]}"
    if source.startswith(DRIVE):
        return f"https://drive.google.com/file/d/{source.removeprefix(DRIVE)}/view"
    return source


def endpoint() -> str:
    """The hub's address: HF_ENDPOINT, or the hub itself."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT).rstrip("/")


def drive() -> str:
    """Where Google Drive gives files; PUNCHIN_DRIVE names a mirror."""
    return os.environ.get("PUNCHIN_DRIVE", DRIVE_ADDRESS)


def authorization() -> dict[str, str]:
    """The hub's token of this user (HF_TOKEN, or of `hf auth login`), as a header for the hub alone."""
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def resolve(entry: Entry, into: bool, watcher: Watcher) -> list[Item]:
    """Every file of `entry`, those of the hub at the commit that their revision is now. With `into` all of them lie in
    the pack. Raises SourceUnreachable, SourceRefused, PackCorrupt (the hub has another file than the catalog pins)."""
    items: list[Item] = []
    for part in entry.parts:
        if part.source.startswith(HUB):
            items += _of_hub(part, into, watcher)
        else:
            items += [_of_file(part, file) for file in part.files]
    return items


def _of_file(part: Part, file: File) -> Item:
    pinned: Pinned = "project" if file.sha256 else "first-use"
    bound = file.size or file.at_most
    assert bound
    return Item(
        source=part.source,
        path=file.path,
        place=file.path,
        licence=part.licence,
        pinned=pinned,
        size=file.size,
        at_most=bound,
        sha256=file.sha256,
    )


# ---- the hub -------------------------------------------------------------------------------------------------


def _of_hub(part: Part, into: bool, watcher: Watcher) -> Iterator[Item]:
    repo, ref = split(part.source)
    info = model(repo, ref, watcher)
    commit, files = info.commit, _files(info)
    pins = {file.path: file for file in part.files}
    names = chosen(list(files), part.layout, repo) if part.layout else list(pins)
    for name in names:
        if name not in files:
            raise SourceRefused(f"The hub's {repo} has no {name} any more.", "Update Punchin: its catalog is older.")
        size, sha256, blob = files[name]
        pin = pins.get(name)
        if pin and pin.sha256 and sha256 != pin.sha256:
            raise PackCorrupt(
                f"The hub's {repo}/{name} is not the file that Punchin knows (sha256 {(sha256 or blob)[:12]}…, not "
                f"{pin.sha256[:12]}…). Nothing was fetched.",
                f"Update Punchin, or take the hub's word for it: `punchin packs pull hub:{repo}`.",
            )
        yield Item(
            source=f"{HUB}{repo}@{commit}",
            path=name,
            place=f"{repo.rpartition('/')[2]}/{name}" if into else None,
            licence=part.licence,
            pinned="project" if pin and pin.sha256 else "hub",
            size=size,
            sha256=sha256,
            blob=blob,
        )


def split(word: str) -> tuple[str, str | None]:
    """`hub:OWNER/NAME@REV` as (`OWNER/NAME`, `REV`). Raises BadSetting."""
    found = REPO.fullmatch(word)
    if not found or ".." in word:
        raise BadSetting(
            f"{word[:80]!r} names no model of the hub.", "Write hub:OWNER/NAME or hub:OWNER/NAME@REVISION."
        )
    return found[1], found[2]


def model(repo: str, ref: str | None, watcher: Watcher) -> Model:
    """What the hub says of `repo`. Raises SourceUnreachable, SourceRefused."""
    url = f"{endpoint()}/api/models/{repo}/revision/{quote(ref or 'main', safe='')}?blobs=true"
    try:
        return get_json(url, authorization(), Model, watcher)
    except HTTPError as error:
        raise _refused(repo, ref, error) from None


def _files(info: Model) -> dict[str, tuple[int, str | None, str]]:
    """Of each file its size, its sha256 if the hub knows it, and the name of its blob."""
    found = {}
    for file in info.files:
        sha256 = file.lfs.sha256 if file.lfs else None
        blob = sha256 or file.blob
        if blob and file.size is not None and not leaves(file.name):
            found[file.name] = (file.size, sha256, blob)
    return found


def _refused(repo: str, ref: str | None, error: HTTPError) -> SourceRefused:
    """Gated, gone, or never there: the hub says which in a header."""
    code, page = error.headers.get("X-Error-Code", ""), f"{endpoint()}/{repo}"
    if code == "GatedRepo" or error.code == 403:
        return SourceRefused(
            f"{repo} is given to those who agreed to its terms, and this computer's token has not.",
            f"Open {page}, agree there, and set HF_TOKEN to a token of yours (or `hf auth login`).",
        )
    if code == "RevisionNotFound":
        return SourceRefused(f"{repo} has no revision {ref!r}.", f"Look at {page} for those it has.")
    return SourceRefused(
        f"The hub has no model {repo}, or shows it to its owner only.",
        f"Look at {page}; a private model needs HF_TOKEN.",
    )


def pack_name(repo: str) -> str:
    """What a pack made of the hub's `repo` is called."""
    return re.sub(r"[^a-z0-9._-]", "-", repo.rpartition("/")[2].lower()).lstrip("._-")[:64] or "model"


def entry_of_hub(word: str, watcher: Watcher) -> Entry:
    """What `hub:OWNER/NAME[@REV]` is as an entry: a MusicGen or an AudioLDM2. Raises SourceRefused, Unsupported."""
    repo, ref = split(word)
    info = model(repo, ref, watcher)
    files = _files(info)
    layout = layout_of(files, repo)
    licence = licences.by_tag(info.card.license if info.card else None)
    parts = [
        Part(
            source=f"{HUB}{repo}@{info.commit}",
            licence=licence,
            licence_url=f"{endpoint()}/{repo}",
            layout=layout,
        )
    ]
    manifest: dict[str, Any] = {"licence": licence, "source": word}
    if layout == "diffusers":
        manifest["transfer"] = {"base": HUB + repo, "scheduler": "ddim", "steps": 50}
    else:
        kind = info.config.model_type if info.config else None
        if kind not in (None, "musicgen"):
            raise Unsupported(f"{repo} is a model of the kind {kind!r}, no pack.", "Name a MusicGen or an AudioLDM2.")
        manifest |= {"base": {"lm": HUB + repo, "codec": HUB + repo}, "loudness": MUSICGEN_LUFS}
        manifest |= {"strikes": "compat", "conditions": "published"}
        manifest["text"] = HUB + repo if layout == "transformers" else HUB + T5
        if layout == "audiocraft":  # whose files name their text encoder only
            parts.append(
                Part(source=HUB + T5, licence="Apache-2.0", licence_url=f"{endpoint()}/{T5}", layout="transformers")
            )
    return Entry(
        name=pack_name(repo),
        title=f"{repo} from the hub",
        bytes=max(1, sum(files[name][0] for name in chosen(list(files), layout, repo))),
        parts=tuple(parts),
        manifest=manifest,
    )
