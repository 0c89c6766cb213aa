"""Makes packs of files that others published: finds what a folder holds and writes its manifest. Knows no torch.

What it looks for, in the folder itself and one level below:

- the language model: `state_dict.bin` (audiocraft) or a Hugging Face folder of MusicGen;
- the codec: `compression_state_dict.bin`, a Hugging Face folder of EnCodec, or the MusicGen folder, which contains it;
- AIRGen's adapters: `.pth`, `.pt`, `.bin` or `.safetensors` files with `chord`, `drum` or `piano` in their name;
- the text encoder: a Hugging Face folder of T5, or the MusicGen folder, which contains it;
- for transfer: a diffusers folder of AudioLDM2, AudioMAE's `pretrained.pth` (or a file with `audiomae` in its name),
and the AP-Adapter's `pytorch_model.bin` or `model.safetensors` (or a file with `adapter` in its name).

With `base`, language model, codec and text encoder are those of a MusicGen in the Hugging Face cache instead; with
`transfer_base`, AudioLDM2 is. Whatever is listed is opened before it is added (:mod:`.loadable`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from punchin_wire.errors import BadSetting, FileMissing, PackMissing
from punchin_wire.params import Control

from . import soundfonts
from .hub import cached_folder
from .loadable import check_loadable
from .names import NAME
from .registry import HUB, Base, Manifest, Pack, PackFile, TransferParts, point_to, sha256, write_manifest

LICENCE, TRANSFER_LICENCE = "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"
"""Of the published MusicGen and AudioLDM2 weights, and so of whatever is built on them."""

TEXT_ENCODERS = ("google-t5/t5-base", "t5-base")
"""Where the Hugging Face cache may hold the encoder that MusicGen was trained with: its new name and its old."""

AUDIOLDM2 = "AudioLDM2Pipeline"
"""What `model_index.json` calls an AudioLDM2."""

CONTROLS: dict[Control, str] = {"chord": "chord", "drums": "drum", "piano": "piano"}
MUSICGEN_LUFS = -14.0
"""A stand-in. How loud the music was that MusicGen and AIRGen learned from is not published, and nothing in their code
brings it to a loudness; what they play is brought to this one, by audiocraft's own `audio_write` and by AIRGen's. It is
also near what released music has."""
_ADAPTER_FILES = {".pth", ".pt", ".bin", ".safetensors"}


def add(
    folder: Path,
    name: str,
    *,
    base: str | None = None,
    transfer_base: str | None = None,
    soundfont: Path | None = None,
    licence: str | None = None,
) -> Pack:
    """Write the manifest of `folder` and make the pack known as `name`. The files stay where they are; a `soundfont`
    that lies elsewhere is copied there.

    Raises BadSetting (name), FileMissing (what the folder lacks), PackMissing (a base is not in the cache), or whatever
    :func:`.loadable.check_loadable` does: nothing is added that cannot be loaded.
    """
    if not re.fullmatch(NAME, name):
        raise BadSetting(
            f"{name[:80]!r} cannot be the name of a pack.", "Use small letters, digits, dots, dashes: `musicgen-large`."
        )
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise FileMissing(f"{folder} is not a folder.")
    plays = soundfonts.bring(soundfont, folder) if soundfont else None
    manifest = describe(folder, name, base=base, transfer_base=transfer_base, soundfont=plays, licence=licence)
    pack = Pack(folder, manifest)
    check_loadable(pack)
    write_manifest(folder, pack.manifest)
    point_to(folder, name)
    return pack


def describe(
    folder: Path,
    name: str,
    *,
    base: str | None = None,
    transfer_base: str | None = None,
    soundfont: str | None = None,
    licence: str | None = None,
) -> Manifest:
    """The manifest of what lies in `folder`; every file of it is read once for its sha256."""
    kinds = dict(_kinds(folder))
    transfer = _transfer(folder, transfer_base, kinds.get("audioldm2"))
    lm = codec = own_text = None
    if base:
        cached = cached_folder(base)
        lm = codec = HUB + base
        own_text = HUB + base if _reads_text(cached) else None
    else:
        lm = kinds.get("lm") or kinds.get("musicgen")
        codec = kinds.get("codec") or kinds.get("encodec") or kinds.get("musicgen")
        own_text = lm if lm == kinds.get("musicgen") and _reads_text(folder / str(lm)) else None
    missing = [what for what, path in (("language model", lm), ("codec", codec)) if not path]
    if len(missing) == 1 or (missing and transfer is None):
        raise FileMissing(
            f"{folder} holds no {' and no '.join(missing)} of MusicGen{'' if transfer else ', and no AudioLDM2'}.",
            "Put state_dict.bin and compression_state_dict.bin there, or an AudioLDM2 folder of diffusers, or name a "
            "downloaded model: --base facebook/… or --transfer-base cvssp/….",
        )
    fills = Base(lm=lm, codec=codec) if lm and codec else None
    if soundfont and not fills:
        raise BadSetting("What only transfers plays no chords or piano.", "Leave --soundfont out.")
    adapters = dict(_adapters(folder)) if fills else {}
    text = (kinds.get("t5") or own_text or _cached_text_encoder()) if fills else None
    plays = (soundfont or soundfonts.find(folder)) if fills else None
    references = [lm, codec, text, plays, *adapters.values(), *(transfer.references() if transfer else ())]
    used = [path for path in references if path and not path.startswith(HUB)]
    return Manifest(
        name=name,
        version="1",
        licence=licence or (TRANSFER_LICENCE if transfer else LICENCE),
        source=base or transfer_base or folder.name,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        base=fills,
        adapters=adapters,
        text=text,
        soundfont=plays,
        chord_rhythm="compat",  # as the published chord adapter was trained
        conditions="published",
        loudness=MUSICGEN_LUFS if fills else None,
        transfer=transfer,
        files=tuple(_listed(folder, path) for path in sorted(_files(folder, used))),
    )


def _transfer(folder: Path, base: str | None, inside: str | None) -> TransferParts | None:
    """The transfer half, its AudioLDM2 from the hub's cache (`base`) or `inside` the folder, if there is one."""
    if base:
        cached_folder(base)
    elif inside is None:
        return None
    beside = [
        path
        for path in sorted([*folder.glob("*"), *folder.glob("*/*")], key=lambda p: (len(p.parts), p))
        if path.is_file()
        and path.suffix in _ADAPTER_FILES
        and not any(word in path.stem.lower() for word in CONTROLS.values())
        and not (inside and path.parent != folder and path.is_relative_to(folder / inside))  # a part of AudioLDM2
    ]
    audiomae = next((p for p in beside if p.name == "pretrained.pth" or "audiomae" in p.stem.lower()), None)
    adapter = next((p for p in beside if _may_be_ap_adapter(p)), None)
    for path, lacks in ((audiomae, "AudioMAE (pretrained.pth)"), (adapter, "AP-Adapter (pytorch_model.bin)")):
        if path is None and (audiomae or adapter):
            raise FileMissing(f"{folder} holds no {lacks}.", "Put it beside the AudioLDM2 folder.")
    found = [path.relative_to(folder).as_posix() if path else None for path in (audiomae, adapter)]
    return TransferParts(
        base=HUB + base if base else inside or "", audiomae=found[0], adapter=found[1], scheduler="ddim", steps=50
    )


def _may_be_ap_adapter(path: Path) -> bool:
    """Whether it is called so. transformers gives its models' weights the published name, too, beside their config."""
    whole_model = path.with_name("config.json").exists()
    saved = path.name in ("pytorch_model.bin", "model.safetensors")  # by accelerate, an older or a newer one
    return "adapter" in path.stem.lower() or (saved and not whole_model)


def _kinds(folder: Path) -> Iterator[tuple[str, str]]:
    """What models there are, as (kind, path inside `folder`); the folder itself last, so that it wins.

    The parts of an AudioLDM2 are no models of their own: its T5 is not MusicGen's.
    """
    own = _described(folder / "model_index.json")
    parts = own if own.get("_class_name") == AUDIOLDM2 else {}
    for place in [*sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in parts), folder]:
        inside = place.relative_to(folder).as_posix()
        for kind, file in (("lm", "state_dict.bin"), ("codec", "compression_state_dict.bin")):
            if (place / file).is_file():
                yield kind, (place / file).relative_to(folder).as_posix()
        if _described(place / "model_index.json").get("_class_name") == AUDIOLDM2:
            yield "audioldm2", inside
        model_type = _described(place / "config.json").get("model_type")
        if model_type in ("musicgen", "encodec", "t5"):
            yield str(model_type), inside
        elif model_type == "musicgen_melody":  # its loader says why it is refused
            yield "musicgen", inside


def _reads_text(folder: Path) -> bool:
    """Whether `folder` is a Hugging Face MusicGen with the T5 inside it, weights and tokenizer."""
    if _described(folder / "config.json").get("model_type") != "musicgen":
        return False
    tokenizer = any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model"))
    return tokenizer and any(next(folder.glob(name), None) for name in ("model*.safetensors", "pytorch_model*.bin"))


def _described(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


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
    """Every file that `used` (files and folders inside `folder`) comprise; of a diffusers folder those of its parts
    too."""
    paths = [p for u in used for p in ([folder / u] if (folder / u).is_file() else (folder / u).glob("*"))]
    paths += [p for u in used if (folder / u / "model_index.json").is_file() for p in (folder / u).glob("*/*")]
    return {p.relative_to(folder).as_posix() for p in paths if p.is_file() and p.name != "manifest.json"}


def _listed(folder: Path, path: str) -> PackFile:
    return PackFile(path, (folder / path).stat().st_size, sha256(folder / path))
