"""The clips of a training folder and what is said of them. Knows files and words; opens no audio.

Captions lie beside the clips, in `NAME.txt` for `NAME.wav`, one a line; or in one listing of the folder:

- `metadata.jsonl`, a JSON object a line: `{"file_name": "a.wav", "text": "a slow cello"}`;
- `captions.json`, one object for all: `{"a.wav": "a slow cello", "b.wav": {"labels": ["Violin, fiddle", "Music"]}}`.

`text` may be several captions, of which one is drawn each time. `labels`, as AudioSet has them, become a caption by
one of :data:`TEMPLATES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from punchin_wire.errors import BadSetting, FileMissing
from punchin_wire.structs import UNREADABLE

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf", ".au")
"""Of what soundfile reads."""
METADATA, CAPTIONS = "metadata.jsonl", "captions.json"
TEMPLATES = (
    "a recording of {}",
    "the recording of {}",
    "my recording of {}",
    "our recording of {}",
    "a cropped recording of {}",
    "the cropped recording of {}",
    "a rendition of {}",
    "the rendition of {}",
    "one rendition of {}",
    "a sound of {}",
    "the sound of {}",
    "the voice of {}",
    "a synthesized {}",
    "the synthesized {}",
    "a synthesized sound of {}",
)
"""Of labels joined by commas: fifteen, as in the paper, in our own words."""
T = TypeVar("T")
HOW = f"Write captions into NAME.txt beside NAME.wav, one a line, or list files with `text` or `labels` in {METADATA}."


@dataclass(frozen=True)
class Clip:
    """An audio file; texts that describe it, and its labels, joined by commas."""

    path: Path
    texts: tuple[str, ...] = ()
    labels: str = ""

    @property
    def captions(self) -> tuple[str, ...]:
        """All that may be said of it."""
        return (*self.texts, *(template.format(self.labels) for template in TEMPLATES if self.labels))

    def choose_caption(self, random: np.random.Generator) -> str:
        """One of the captions."""
        captions = self.captions
        return captions[int(random.integers(len(captions)))]


class Entry(msgspec.Struct, frozen=True):
    """What a listing says of a file; fields of other names are for other programs."""

    text: str | tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def of(self, path: Path) -> Clip:
        """The file and what is said of it."""
        texts = (self.text,) if isinstance(self.text, str) else self.text
        return Clip(path, _worded(texts), ", ".join(_worded(self.labels)))


class Listed(Entry, frozen=True, kw_only=True):
    """A line of :data:`METADATA`."""

    file_name: str


def find_clips(folder: Path) -> list[Clip]:
    """Every clip of `folder`, subfolders included, in the order of its listing or of names.

    Raises FileMissing for a folder without clips, BadSetting for a listing that cannot be read or a clip without a
    caption.
    """
    if not folder.is_dir():
        raise FileMissing(f"{folder} is not a folder.", "Name a folder of audio files with captions.")
    if (listing := folder / METADATA).is_file():
        entries = _decode(listing, msgspec.json.Decoder(Listed).decode_lines)
        clips = [entry.of(folder / entry.file_name) for entry in entries]
    elif (listing := folder / CAPTIONS).is_file():
        table = _decode(listing, msgspec.json.Decoder(dict[str, str | Entry]).decode)
        named = {name: Entry(entry) if isinstance(entry, str) else entry for name, entry in table.items()}
        clips = [entry.of(folder / name) for name, entry in named.items()]
    else:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        clips = [Clip(path, _beside(path)) for path in files]
    if not clips:
        raise FileMissing(f"{folder} holds no audio files.", f"Put clips there ({', '.join(SUFFIXES)}). {HOW}")
    if silent := [clip.path.name for clip in clips if not clip.captions]:
        more = f" and {len(silent) - 3} more" if len(silent) > 3 else ""
        raise BadSetting(f"Nothing is said of {', '.join(silent[:3])}{more} in {folder}.", HOW)
    return clips


def _beside(path: Path) -> tuple[str, ...]:
    text = path.with_suffix(".txt")
    return _worded(text.read_text("utf-8", errors="replace").splitlines()) if text.is_file() else ()


def _worded(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, lines)))


def _decode(path: Path, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(path.read_bytes())
    except UNREADABLE as error:
        raise BadSetting(f"{path.name} cannot be read: {error}.", HOW) from error
