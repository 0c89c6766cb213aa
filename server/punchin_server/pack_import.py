"""Makes packs of files that others published: finds what a folder holds and writes its manifest. Knows no torch.

What it looks for, in the folder itself and one level below:

- the language model: `state_dict.bin` (audiocraft) or a Hugging Face folder of MusicGen;
- the codec: `compression_state_dict.bin`, a Hugging Face folder of EnCodec, or the MusicGen folder, which contains it;
- AIRGen's adapters: `.pth`, `.pt`, `.bin` or `.safetensors` files with `chord`, `drum` or `piano` in their name;
- the text encoder: a Hugging Face folder of T5.

With `base`, language model and codec are those of a MusicGen in the Hugging Face cache instead.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from punchin_wire.errors import BadSetting, FileMissing, PackMissing
from punchin_wire.places import packs_folder

from .hub import cached_folder
from .registry import HUB, NAME, POINTER, Base, Control, Manifest, Pack, PackFile, sha256, write_manifest

LICENCE = "CC-BY-NC-4.0"
"""Of the published MusicGen weights, and so of whatever is built on them."""

TEXT_ENCODERS = ("google-t5/t5-base", "t5-base")
"""Where the Hugging Face cache may hold the encoder that MusicGen was trained with: its new name and its old."""

CONTROLS: dict[Control, str] = {"chord": "chord", "drums": "drum", "piano": "piano"}
_ADAPTER_FILES = {".pth", ".pt", ".bin", ".safetensors"}


def add(folder: Path, name: str, *, base: str | None = None, licence: str = LICENCE) -> Pack:
    """Write the manifest of `folder` and make the pack known as `name`. The files stay where they are.

    Raises BadSetting (name), FileMissing (what the folder lacks), PackMissing (`base` is not in the cache).
    """
    if not re.fullmatch(NAME, name):
        raise BadSetting(
            f"{name[:80]!r} cannot be the name of a pack.", "Use small letters, digits, dots, dashes: `musicgen-large`."
        )
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise FileMissing(f"{folder} is not a folder.")
    pack = Pack(folder, describe(folder, name, base=base, licence=licence))
    write_manifest(folder, pack.manifest)
    packs = packs_folder()
    if folder.parent != packs:
        packs.mkdir(parents=True, exist_ok=True)
        draft = packs / f".{name}.{os.getpid()}"
        draft.write_text(f"{folder}\n", "utf-8")
        os.replace(draft, packs / f"{name}{POINTER}")
    return pack


def describe(folder: Path, name: str, *, base: str | None = None, licence: str = LICENCE) -> Manifest:
    """The manifest of what lies in `folder`; every file of it is read once for its sha256."""
    kinds = dict(_kinds(folder))
    adapters = dict(_adapters(folder))
    if base:
        cached_folder(base)
        lm = codec = HUB + base
    else:
        lm = kinds.get("lm") or kinds.get("musicgen") or ""
        codec = kinds.get("codec") or kinds.get("encodec") or kinds.get("musicgen") or ""
    missing = [what for what, path in (("language model", lm), ("codec", codec)) if not path]
    if missing:
        raise FileMissing(
            f"{folder} holds no {' and no '.join(missing)} of MusicGen.",
            "Put state_dict.bin and compression_state_dict.bin there, or name a downloaded model: --base facebook/…",
        )
    text = kinds.get("t5") or _cached_text_encoder()
    used = [path for path in (lm, codec, text, *adapters.values()) if path and not path.startswith(HUB)]
    return Manifest(
        name=name,
        version="1",
        engine="inpaint",
        licence=licence,
        source=base or folder.name,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        base=Base(lm=lm, codec=codec),
        adapters=adapters,
        text=text,
        strikes="compat",  # as the published chord adapter was trained
        files=tuple(_listed(folder, path) for path in sorted(_files(folder, used))),
    )


def _kinds(folder: Path) -> Iterator[tuple[str, str]]:
    """What models there are, as (kind, path inside `folder`); the folder itself last, so that it wins."""
    for place in [*sorted(p for p in folder.iterdir() if p.is_dir()), folder]:
        inside = place.relative_to(folder).as_posix()
        for kind, file in (("lm", "state_dict.bin"), ("codec", "compression_state_dict.bin")):
            if (place / file).is_file():
                yield kind, (place / file).relative_to(folder).as_posix()
        try:
            kind = str(json.loads((place / "config.json").read_text("utf-8"))["model_type"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if kind in ("musicgen", "encodec", "t5"):
            yield kind, inside


def _adapters(folder: Path) -> Iterator[tuple[Control, str]]:
    for control, word in CONTROLS.items():
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")], key=lambda p: (-len(p.parts), p)):
            if path.suffix in _ADAPTER_FILES and word in path.stem.lower() and path.is_file():
                yield control, path.relative_to(folder).as_posix()


def _cached_text_encoder() -> str | None:
    for repo in TEXT_ENCODERS:
        try:
            cached_folder(repo)
        except PackMissing:
            continue
        return HUB + repo
    return None


def _files(folder: Path, used: list[str]) -> set[str]:
    """Every file that `used` (files and folders inside `folder`) comprise. Of a folder only its own level."""
    paths = [p for u in used for p in ([folder / u] if (folder / u).is_file() else (folder / u).iterdir())]
    return {p.relative_to(folder).as_posix() for p in paths if p.is_file() and p.name != "manifest.json"}


def _listed(folder: Path, path: str) -> PackFile:
    return PackFile(path, (folder / path).stat().st_size, sha256(folder / path))
