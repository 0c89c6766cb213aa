"""Model packs: what is installed, where each file lies, whether it is still what its manifest says. Knows no torch.

A pack is a folder with a `manifest.json` (:class:`Manifest`) beside checkpoints in their published formats. Packs are
looked for, and the first of a name wins, in

1. the folders that `PUNCHIN_PACKS` names (separated like PATH): each a pack itself or a folder of packs,
2. the user's packs folder; there a file `NAME.folder` with a path in it stands for a pack that lies elsewhere,
3. the packs that came with Punchin.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Literal

import msgspec
from msgspec import Meta
from punchin_wire.disk import OWN_FOLDER, replacing
from punchin_wire.errors import PackCorrupt, PackError, PackMissing, Unsupported
from punchin_wire.params import (
    CONTROL_GUIDANCE,
    HOLD,
    STEPS,
    TEMPERATURE,
    TEXT_GUIDANCE,
    TOP_K,
    ChordRhythm,
    Control,
    Solver,
)
from punchin_wire.paths import packs_folder
from punchin_wire.structs import UNREADABLE

from ..conditioning import Style
from . import catalog, licences
from .hub import cached_file, cached_folder, commit_of
from .names import MANIFEST, NAME, leaves

POINTER = ".folder"
HUB = "hub:"
EMBEDDED = Path(__file__).parent

NEEDS_OTHER = "Choose another pack with --pack; see `punchin packs list`."

PackName = Annotated[str, Meta(pattern=NAME)]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Reference = Annotated[str, Meta(min_length=1, max_length=500)]
"""A path inside the pack, with `/`; or `hub:OWNER/NAME[@REVISION]`, a model in the Hugging Face cache."""


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The frozen models: MusicGen's language model and EnCodec, each a file or a folder."""

    lm: Reference
    codec: Reference


class SamplingDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How tokens are sampled where the request leaves it open. `guidance` is `cfg` in the file."""

    temperature: Annotated[float, TEMPERATURE.meta] = TEMPERATURE.default
    top_k: Annotated[int, TOP_K.meta] = TOP_K.default
    guidance: Annotated[float, TEXT_GUIDANCE.meta] = msgspec.field(name="cfg", default=TEXT_GUIDANCE.default)
    control_guidance: Annotated[float, CONTROL_GUIDANCE.meta] = CONTROL_GUIDANCE.default


class TransferParts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The transfer half: an AudioLDM2 as diffusers saves it, AudioMAE and AP-Adapter (without both, only SDEdit works),
    and how noise is taken away where the request does not say. `refine` iterations of Griffin-Lim follow the vocoder, a
    small one telling partials less well than its mel, and `inverter` reads the mel for them. `guided` is the share
    of guidance beyond 1 that is taken, so that the paper's settings suit a pack that would overshoot at them; `hold` is
    how firmly it holds a clip where the request leaves that open."""

    base: Reference
    audiomae: Reference | None = None
    adapter: Reference | None = None
    inverter: Reference | None = None
    scheduler: Solver = "dpm++"
    steps: Annotated[int, STEPS.meta] = 20
    refine: Annotated[int, Meta(ge=0, le=100)] = 0
    guided: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    hold: Annotated[float, HOLD.meta] = HOLD.default

    def __post_init__(self) -> None:
        if (self.audiomae is None) != (self.adapter is None):
            raise ValueError("an adapter needs AudioMAE, and AudioMAE is for nothing else")

    def references(self) -> tuple[str, ...]:
        return tuple(ref for ref in (self.base, self.audiomae, self.adapter, self.inverter) if ref)


class PackFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the pack: its path inside it, bytes, and sha256 in hex."""

    path: Reference
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


Pinned = Literal["project", "hub", "first-use"]
"""Who says what a pulled file's sha256 must be: Punchin's catalog, the hub at a commit, or whoever came first."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a file of a pulled pack came from: `source` is `hub:OWNER/NAME@COMMIT`, `drive:ID` or an address, `path`
    where it lies in the pack, or in that model of the hub's cache; `blob` is what the cache calls its content."""

    source: Text
    path: Reference
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    pinned: Pinned
    licence: Text
    blob: Annotated[str, Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")] | None = None


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A licence that was accepted before a pull: its name, when, and the sha256 of the terms that were shown."""

    licence: Text
    when: Text
    terms: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`manifest.json`. A pack fills holes (`base` and what goes with it), or transfers, or both; or it holds but a
    soundfont or a `listener` (hears notes in audio), which serve others.

    `window_frames` is the length of half a window: what the adapters were trained for; `chord_rhythm` (`strikes` in the
    file) the rule by which chords fell on beats for the chord adapter, `conditions` how notes became sound for it and
    the piano's; `loudness` that of the songs that the models which fill holes learned from, in LUFS (None: not known,
    songs are heard as loud as they are). A pack that was pulled says the `origins` of its files and what was
    `accepted`.
    """

    name: PackName
    version: Text
    licence: Text
    source: Text
    created: Text
    base: Base | None = None
    adapters: dict[Control, Reference] = {}
    text: Reference | None = None
    soundfont: Reference | None = None
    window_frames: Annotated[int, Meta(ge=1, le=100_000)] = 750
    sampling: SamplingDefaults = SamplingDefaults()
    chord_rhythm: ChordRhythm = msgspec.field(name="strikes", default="clean")
    conditions: Style = "plain"
    loudness: Annotated[float, Meta(ge=-60, le=0)] | None = None
    transfer: TransferParts | None = None
    listener: Reference | None = None
    files: tuple[PackFile, ...] = ()
    origins: tuple[Origin, ...] = ()
    accepted: tuple[Acceptance, ...] = ()

    def __post_init__(self) -> None:
        listed = {file.path for file in self.files}
        if not (self.engines or self.soundfont or self.listener):
            raise ValueError("it has neither `base` nor `transfer`")
        if len(listed) < len(self.files):
            raise ValueError("a file is listed twice")
        for path in sorted(listed | set(self.references())):
            if not path.startswith(HUB) and leaves(path):
                raise ValueError(f"{path[:80]!r} leaves the folder of the pack")
        for origin in self.origins:
            if leaves(origin.path):
                raise ValueError(f"{origin.path[:80]!r} leaves the folder of the pack")
        for path in self.references():
            if not path.startswith(HUB) and not any(_within(file, path) for file in listed):
                raise ValueError(f"{path[:80]!r} is used, but no file of it is listed")

    @property
    def engines(self) -> tuple[str, ...]:
        """What the pack can do."""
        halves = {"inpaint": self.base, "transfer": self.transfer}
        return tuple(name for name, half in halves.items() if half is not None)

    def references(self) -> tuple[str, ...]:
        """Every file, folder or model of the hub that the engines load."""
        transfer = self.transfer.references() if self.transfer else ()
        return (*self.inpaint_references(), *transfer, *((self.listener,) if self.listener else ()))

    def cached(self) -> tuple[Origin, ...]:
        """The files that lie in the Hugging Face cache, shared with every other program."""
        used = set(self.references())
        return tuple(origin for origin in self.origins if origin.source in used)

    @property
    def bytes(self) -> int:
        """Of all files, those in the Hugging Face cache too."""
        return sum(file.size for file in self.files) + sum(origin.size for origin in self.cached())

    def inpaint_references(self) -> tuple[str, ...]:
        base = (self.base.lm, self.base.codec) if self.base else ()
        perhaps = (self.text, self.soundfont)
        return (*base, *self.adapters.values(), *(ref for ref in perhaps if ref))


def _within(file: str, reference: str) -> bool:
    return PurePosixPath(file).is_relative_to(PurePosixPath(reference))


@dataclass(frozen=True)
class Pack:
    """An installed pack. Paths are resolved when asked for: a hub model may be absent (PackMissing)."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def base(self) -> Base:
        """What fills holes. Raises Unsupported where the pack does not."""
        if self.manifest.base is None:
            raise Unsupported(f"The pack {self.name!r} fills no holes.", NEEDS_OTHER)
        return self.manifest.base

    @property
    def transfer(self) -> TransferParts:
        """What transfers. Raises Unsupported where the pack does not."""
        if self.manifest.transfer is None:
            raise Unsupported(f"The pack {self.name!r} transfers nothing.", NEEDS_OTHER)
        return self.manifest.transfer

    @property
    def lm(self) -> Path:
        return self.resolve(self.base.lm)

    @property
    def codec(self) -> Path:
        return self.resolve(self.base.codec)

    @property
    def text(self) -> Path | None:
        """The folder of the T5 encoder and its tokenizer; None: this pack cannot follow text."""
        return self.resolve(self.manifest.text) if self.manifest.text else None

    @property
    def soundfont(self) -> Path | None:
        """The .sf2 that conditions are rendered with; None: the default one."""
        return self.resolve(self.manifest.soundfont) if self.manifest.soundfont else None

    def adapter(self, control: Control) -> Path | None:
        """The adapter file that makes the base follow `control`, if the pack has one."""
        reference = self.manifest.adapters.get(control)
        return self.resolve(reference) if reference else None

    @property
    def licence(self) -> str:
        """The licence with what it asks, in a line."""
        return licences.in_words(self.manifest.licence)

    @property
    def mend(self) -> str | None:
        """The next step where a file is missing or differs; None: the error's own."""
        if not self.manifest.origins:
            return None
        word = self.manifest.source if self.manifest.source.startswith(HUB) else self.name
        return f"Run `punchin packs pull {word}`: it fetches only what is missing or differs."

    def hashes(self, references: Sequence[str]) -> dict[str, str]:
        """sha256 of each file that `references` comprise by its path, and the commit of each `hub:` reference."""
        hub = {ref: commit_of(self.resolve(ref)) for ref in references if ref.startswith(HUB)}
        files = (file for file in self.manifest.files if any(_within(file.path, ref) for ref in references))
        return {file.path: file.sha256 for file in files} | hub

    def resolve(self, reference: str) -> Path:
        """Where a file, folder or model of the hub lies. Raises PackMissing."""
        if reference.startswith(HUB):
            repo, _, revision = reference.removeprefix(HUB).partition("@")
            return cached_folder(repo, revision or None)
        return self.folder.joinpath(*PurePosixPath(reference).parts)


@dataclass(frozen=True)
class Broken:
    """A folder that should be a pack but is none, and why."""

    name: str
    folder: Path
    error: PackError


def installed(env: Mapping[str, str] = os.environ) -> list[Pack | Broken]:
    """Every pack that can be found, in the order of the search; of two with one name only the first."""
    found: dict[str, Pack | Broken] = {}
    for name, folder in _folders(env):
        entry: Pack | Broken
        try:
            entry = read_pack(folder)
        except PackError as error:
            entry = Broken(name, folder, error)
        found.setdefault(entry.name, entry)
    return list(found.values())


def fingerprints(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """One checksum for each pack that can be used: that of the checksums and commits of all it loads."""
    prints = {}
    for pack in installed(env):
        if isinstance(pack, Pack):
            with suppress(PackError):  # a model of the hub is not here
                hashes = sorted(pack.hashes(pack.manifest.references()).items())
                prints[pack.name] = hashlib.sha256(repr(hashes).encode()).hexdigest()
    return prints


def _folders(env: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Candidates as (name by which to speak of it, folder)."""
    for given in filter(None, env.get("PUNCHIN_PACKS", "").split(os.pathsep)):
        folder = Path(given).expanduser()
        if (folder / MANIFEST).is_file():
            yield folder.name, folder
        else:
            yield from _inside(folder)
    yield from _inside(packs_folder())
    yield from _inside(EMBEDDED)


def _inside(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == POINTER and path.is_file():
            yield path.stem, Path(path.read_text("utf-8", errors="replace").strip())
        elif (path / MANIFEST).is_file():
            yield path.name, path


def find(name: str, env: Mapping[str, str] = os.environ) -> Pack:
    """The pack called `name`, its files there in the size the manifest says. Raises PackMissing, PackCorrupt."""
    packs = installed(env)
    for pack in packs:
        if pack.name == name:
            if isinstance(pack, Broken):
                raise pack.error
            check(pack)
            return pack
    others = ", ".join(p.name for p in packs if isinstance(p, Pack)) or "none"
    raise PackMissing(f"There is no pack called {name[:80]!r}. Installed: {others}.", catalog.pull_of(name))


def read_pack(folder: Path) -> Pack:
    """The pack in `folder`, its manifest validated, its files not yet looked at. Raises PackMissing, PackCorrupt."""
    try:
        text = (folder / MANIFEST).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no system has a file of this name
        raise PackMissing(f"There is no {MANIFEST} in {folder}.") from error
    try:
        return Pack(folder, msgspec.json.decode(text, type=Manifest))
    except UNREADABLE as error:
        raise PackCorrupt(f"The manifest in {folder} is wrong: {error}") from error


def verify(pack: Pack) -> None:
    """Every file read and compared with the manifest, every hub model found. Raises PackCorrupt, PackMissing."""
    check(pack)
    for path, shown, _, expected in _contents(pack):
        if sha256(path) != expected:
            raise PackCorrupt(f"The file {shown} of the pack {pack.name} differs from its manifest.", pack.mend)
    for reference in pack.manifest.references():
        pack.resolve(reference)


def check(pack: Pack) -> None:
    """Every file there, in the size that the manifest says. Raises PackCorrupt."""
    for path, shown, expected, _ in _contents(pack):
        if not path.is_file():
            raise PackCorrupt(f"The file {shown} of the pack {pack.name} is missing.", pack.mend)
        if (size := path.stat().st_size) != expected:
            raise PackCorrupt(f"The file {shown} of the pack {pack.name} has {size} bytes, not {expected}.", pack.mend)


def _contents(pack: Pack) -> Iterator[tuple[Path, str, int, str]]:
    """Every file of the pack as where it lies, how to speak of it, its size and its sha256."""
    for file in pack.manifest.files:
        yield pack.folder / file.path, file.path, file.size, file.sha256
    for origin in pack.manifest.cached():
        repo, _, commit = origin.source.removeprefix(HUB).partition("@")
        yield cached_file(repo, commit, origin.path), f"{repo}/{origin.path}", origin.size, origin.sha256


def sha256(path: Path) -> str:
    """The sha256 of a file in hex, read in pieces."""
    with path.open("rb") as file:
        return sha256_of(file)


def sha256_of(stream: IO[bytes]) -> str:
    """The sha256 of what is left in `stream`, in hex."""
    digest = hashlib.sha256()
    while data := stream.read(2**20):
        digest.update(data)
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest` into `folder`, all of it or nothing. Raises BadSetting."""
    with replacing(folder / MANIFEST, durable=True, next_step="Give yourself the right to write there.") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def point_to(folder: Path, name: str) -> None:
    """Make a pack in `folder` known as `name`, wherever it lies. Raises BadSetting."""
    packs = packs_folder()
    if folder.parent != packs:
        packs.mkdir(parents=True, exist_ok=True)
        with replacing(packs / f"{name}{POINTER}", durable=True, next_step=OWN_FOLDER) as file:
            file.write(f"{folder}\n".encode())
