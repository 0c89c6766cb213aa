"""The recipe of a take: everything needed to make it again, kept inside its WAV file. Knows no orders and no daemons.

Audio is read here as it goes into a request (:func:`read_input`), and again as a recipe says it was (:func:`reread`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from punchin_wire.errors import BadAudio, BadRecipe, PunchinError, TooLarge
from punchin_wire.frames import MAX_AUDIO, Audio
from punchin_wire.messages import InpaintRequest, TransferRequest
from punchin_wire.structs import UNREADABLE, in_words

from ..audio import stems, wavfile
from ..audio.bwf import Tempo
from ..audio.wavfile import Song
from ..music.region import Region
from ..splice.lay import SpliceSettings
from .presets import Task

Engine = Literal["inpaint", "transfer"]

FORMAT = 1
COPY = "Use a copy of the take that no other program has saved again."


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
    transfer was asked for. `scene` and `title` named region and song in the take's file name, and `number`
    the take; older takes have none of them.
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
    scene: str = ""
    title: str = ""
    number: Annotated[int, Meta(ge=1)] = 1
    format: Annotated[int, Meta(ge=1)] = FORMAT

    @property
    def engine(self) -> Engine:
        return "inpaint" if isinstance(self.request, InpaintRequest) else "transfer"


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
    except msgspec.ValidationError as error:
        raise BadRecipe(f"The recipe in the take is damaged: {in_words(error)}.", COPY) from None
    except PunchinError as error:
        raise BadRecipe(f"The recipe in the take is damaged: {error}", COPY) from None
    except UNREADABLE:
        raise BadRecipe("The recipe in the take is damaged: it is not JSON.", COPY) from None


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


# ---- the audio of a request, now and later -------------------------------------------------------------------


def read_input(song: Song, span: Region) -> tuple[Audio, AudioInput]:
    """The samples of `span` as they travel, `[channels, samples]`, and what a recipe keeps of them.

    Raises TooLarge before anything is read; FileMissing, BadAudio.
    """
    if 4 * song.channels * span.samples > MAX_AUDIO:
        raise TooLarge(f"{span.samples / song.rate:.0f} s of {song.channels} channels at {song.rate} Hz are too much.")
    audio = stems.read(song, span)
    path = str(song.path.resolve())
    return audio, AudioInput(path, span.start, span.end, song.rate, song.channels, sha256(audio))


class Unchanged(NamedTuple):
    """A recipe whose inputs are as they were: `made` says where they lie now, and `audio` is what they hold."""

    made: Recipe
    song: Song
    audio: tuple[Audio, ...]


def reread(take: Path, engine: Engine, song_path: Path | None = None) -> Unchanged:
    """The recipe in `take`, made by that engine, and its audio; `song_path` is where its song lies now.

    Raises BadRecipe where there is none, or where a file it was made from has changed; FileMissing, BadAudio.
    """
    made = read(take)
    if made.engine != engine:
        kind = "a punch-in, not a transfer" if made.engine == "inpaint" else "a transfer, not a punch-in"
        raise BadRecipe(f"{take.name} is {kind}.", f"Write `punchin {made.engine} --again {take.name}`.")
    with_drums = isinstance(made.request, InpaintRequest) and made.request.drums is not None
    if len(made.inputs) != 1 + with_drums:
        raise BadRecipe(f"The recipe in {take.name} does not say where all of its audio came from.", COPY)
    paths = [song_path or Path(made.song.path), *(Path(item.path) for item in made.inputs[1:])]
    found = [_unchanged(path, item) for path, item in zip(paths, made.inputs, strict=True)]
    inputs = tuple(msgspec.structs.replace(item, path=str(path)) for path, item in zip(paths, made.inputs, strict=True))
    return Unchanged(msgspec.structs.replace(made, inputs=inputs), found[0][0], tuple(audio for _, audio in found))


def _unchanged(path: Path, before: AudioInput) -> tuple[Song, Audio]:
    """The audio that went in before. Raises BadRecipe where it is not the same any more."""
    song = stems.probe(path)
    audio = stems.read(song, Region(before.start, before.end))
    if (song.rate, song.channels) != (before.rate, before.channels) or sha256(audio) != before.sha256:
        raise BadRecipe(
            f"{path.name} has changed since the take was made (from {before.start / before.rate:.3f} "
            f"to {before.end / before.rate:.3f} s).",
            "Restore that file, or make a new take of the song as it is now.",
        )
    return song, audio


__all__ = [
    "FORMAT",
    "AudioInput",
    "Engine",
    "Recipe",
    "Unchanged",
    "decode",
    "encode",
    "read",
    "read_input",
    "reread",
    "sha256",
]
