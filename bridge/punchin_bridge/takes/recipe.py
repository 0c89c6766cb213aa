"""The recipe of a take: everything needed to make it again, kept inside its WAV file. Knows nothing of daemons."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from punchin_wire.errors import BadAudio, BadRecipe, PunchinError
from punchin_wire.messages import InpaintRequest, TransferRequest

from ..audio import wavfile
from ..audio.bwf import Tempo
from ..splice.lay import SpliceSettings
from .presets import Task

FORMAT = 1


class AudioInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Samples `[start, end)` of a file that went into the request, silence where it has none, and their hash
    (:func:`sha256`)."""

    path: str
    start: int
    end: Annotated[int, Meta(ge=0)]
    rate: Annotated[int, Meta(gt=0)]
    channels: Annotated[int, Meta(gt=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one take was made.

    `request` is what the daemon was asked, with this one take in `takes`; its symbolic inputs (chords, beats, piano,
    text) are inside it, and the audio of frame `i` is `inputs[i]`. `region` are the samples of the song that were
    asked for and `holes` those that the take filled (of the excerpt, as in the request). `models` is the daemon's own
    statement (pack, version, sha256 of each file, device, precision); the same take needs the same. `task` is what a
    transfer was asked for.
    """

    punchin: str
    created: str
    song: AudioInput
    region: tuple[int, int]
    request: InpaintRequest | TransferRequest
    inputs: tuple[AudioInput, ...]
    splice: SpliceSettings
    models: dict[str, str]
    tempo: Tempo | None = None
    full: bool = False
    task: Task | None = None
    format: Annotated[int, Meta(ge=1)] = FORMAT


def sha256(audio: npt.ArrayLike) -> str:
    """The hash of samples as they travel: little-endian float32 `[channels, samples]`."""
    return hashlib.sha256(np.ascontiguousarray(audio, "<f4").data.cast("B")).hexdigest()


def encode(recipe: Recipe) -> bytes:
    """The payload of the `pnch` chunk."""
    return msgspec.json.encode(recipe)


def decode(payload: bytes) -> Recipe:
    """The recipe of a `pnch` payload. Raises `BadRecipe`."""
    try:
        version = msgspec.json.decode(payload, type=_Version).format
        if version > FORMAT:
            raise BadRecipe("The take was written by a newer Punchin.", "Update Punchin to repeat this take.")
        return msgspec.json.decode(payload, type=Recipe)
    except BadRecipe:
        raise
    except (msgspec.MsgspecError, PunchinError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecipe(f"The recipe in the take is damaged: {error}") from None


def read(path: Path) -> Recipe:
    """The recipe inside a take. Raises `FileMissing`, or `BadRecipe` where there is none or it is damaged."""
    try:
        payload = wavfile.read_chunk(path, wavfile.RECIPE)
    except BadAudio as error:
        raise BadRecipe(f"{path.name} is no take: {error}") from None
    if payload is None:
        raise BadRecipe(f"{path.name} carries no recipe.")
    return decode(payload)


class _Version(msgspec.Struct):
    format: int = 0


__all__ = ["FORMAT", "AudioInput", "Recipe", "decode", "encode", "read", "sha256"]
