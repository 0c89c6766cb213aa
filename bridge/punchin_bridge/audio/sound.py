"""Bytes to samples: shows libsndfile the bytes of a file, mended where its container is not as libsndfile wants it.

libsndfile never sees a path, so that neither its length nor its letters matter, and what it says is told in our words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import soundfile
from punchin_wire.errors import BadAudio, FileMissing

from .formats import CONVERT

BLOCK = 1 << 18
"""Frames read at a time."""
_OVERSTATED = 64
"""MPEG frames of one file differ in size by less than this."""
_UNRECOGNISED = 1
"""libsndfile's SF_ERR_UNRECOGNISED_FORMAT."""


class View(msgspec.Struct, frozen=True):
    """What libsndfile is shown of the file at `path`: `head`, then bytes `[offset, offset + size)` of it, as if there
    were `claimed` bytes. `name` is what the file is called in errors; `keeper` lives as long as the file is needed."""

    path: Path
    name: str
    size: int
    head: bytes = b""
    offset: int = 0
    claimed: int = 0
    keeper: object = None


class Header(NamedTuple):
    """What libsndfile says of a file."""

    rate: int
    channels: int
    frames: int
    format: str
    subtype: str


def whole(path: Path, name: str = "", keeper: object = None) -> View:
    """A file as it is. Raises FileMissing."""
    try:
        return View(path, name or path.name, path.stat().st_size, keeper=keeper)
    except OSError as error:
        raise _unreadable(path, error) from None


@contextmanager
def opened(view: View) -> Iterator[Any]:
    """A `soundfile.SoundFile`. Raises FileMissing and BadAudio, also for what happens inside."""
    try:
        with view.path.open("rb") as file, soundfile.SoundFile(_Shown(view, file)) as sound:
            yield sound
    except (soundfile.SoundFileError, RuntimeError) as error:
        if getattr(error, "code", 0) == _UNRECOGNISED:
            raise BadAudio(f"{view.name} is in no audio format that Punchin reads.", CONVERT) from None
        raise BadAudio(f"{view.name} is damaged: its audio cannot be decoded.") from None
    except OSError as error:
        raise _unreadable(view.path, error) from None


def header(view: View) -> Header:
    """Raises FileMissing and BadAudio."""
    with opened(view) as sound:
        return Header(sound.samplerate, sound.channels, sound.frames, sound.format, sound.subtype)


def counted(view: View, said: Header) -> tuple[View, int]:
    """How many frames an MPEG file really has, and the view that reads them all: without a Xing header libsndfile
    guesses, from the first frame's bit rate and the length of the file, and reads no further than it guessed."""
    if said.format == "MP3" and not _has_mpeg_header(view):
        view = msgspec.structs.replace(view, claimed=_OVERSTATED * view.size)
    frames = 0
    with opened(view) as sound:
        while read := len(sound.read(BLOCK, dtype="float32", always_2d=True)):
            frames += read
    return view, frames


def _has_mpeg_header(view: View) -> bool:
    with view.path.open("rb") as file:
        file.seek(view.offset)
        tag = file.read(10)
        if tag[:3] == b"ID3" and len(tag) == 10:
            length = 0
            for byte in tag[6:]:
                length = length << 7 | byte & 0x7F
            file.seek(length, os.SEEK_CUR)
        else:
            file.seek(view.offset)
        first = file.read(4096)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def _unreadable(path: Path, error: OSError) -> FileMissing:
    return FileMissing(f"{path} cannot be read: {error.strerror or error}.")


class _Shown:
    """A view as the file that libsndfile reads."""

    def __init__(self, view: View, file: Any) -> None:
        self._head, self._file, self._offset, self._at = view.head, file, view.offset, 0
        self._end = len(view.head) + view.size
        self._claimed = max(self._end, view.claimed)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._claimed}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        """Up to `size` bytes. What is claimed behind the end is zeros, but nobody reads into it from before."""
        if self._at < len(self._head):
            found = self._head[self._at : self._at + size]
        elif self._at < self._end:
            self._file.seek(self._offset + self._at - len(self._head))
            found = self._file.read(min(size, self._end - self._at))
        else:
            found = bytes(max(0, min(size, self._claimed - self._at))) if self._at > self._end else b""
        self._at += len(found)
        return found


__all__ = ["BLOCK", "Header", "View", "counted", "header", "opened", "whole"]
