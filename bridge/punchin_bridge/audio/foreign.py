"""Audio formats that libsndfile does not read, decoded by ffmpeg where it is installed. Knows no songs.

A file is decoded once, to 32-bit float in a temporary file that is gone when nobody needs it any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path
from typing import NamedTuple

from punchin_wire.errors import BadAudio, BadSetting

from . import sound
from .sound import View

MOST_BYTES = 4 * 2**30
"""Of one decoded file: more than an hour of stereo at 96 kHz."""
SECONDS = 600.0
"""How long ffmpeg may take."""


class Format(NamedTuple):
    """What a format is called, and by ffmpeg: no other demuxer is let at the file, for some read what a file names."""

    name: str
    demuxer: str


_MP4 = Format("MP4 (AAC or ALAC)", "mov")
_AAC = Format("AAC", "aac")
_BEGINNINGS = {
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": Format("WMA", "asf"),
    b"wvpk": Format("WavPack", "wv"),
    b"MAC ": Format("Monkey's Audio", "ape"),
    b"TTA1": Format("True Audio", "tta"),
    b"\x1a\x45\xdf\xa3": Format("Matroska or WebM", "matroska"),
    b"ADIF": _AAC,
}


class _Decoded:
    """A temporary file that lasts as long as this, or the process."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(".wav", "punchin-")
        os.close(descriptor)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)


_lock = threading.Lock()
_known: weakref.WeakValueDictionary[tuple[str, int, int], _Decoded] = weakref.WeakValueDictionary()
"""What is decoded already, by path, size and time of the last change."""


def recognise(head: bytes) -> Format | None:
    """The format of a file that begins with these (at least 16) bytes, if it is one of these."""
    if head[4:8] == b"ftyp":
        return _MP4
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:  # an ADTS frame; MPEG audio has a layer
        return _AAC
    return next((found for beginning, found in _BEGINNINGS.items() if head.startswith(beginning)), None)


def decode(path: Path, found: Format) -> View:
    """The samples of a file. Raises BadAudio where they cannot be had, BadSetting where the disk is full."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise BadAudio(f"{path.name} is {found.name}, which needs ffmpeg.", f"Install ffmpeg, or: {sound.CONVERT}")
    status = path.stat()
    key = str(path.absolute()), status.st_size, status.st_mtime_ns
    with _lock:
        decoded = _known.get(key)
        if decoded is None:
            decoded = _Decoded()
            _run(program, path.absolute(), found, decoded.path)
            _known[key] = decoded
    return sound.whole(decoded.path, path.name, decoded)


def _run(program: str, path: Path, found: Format, out: Path) -> None:
    command = [
        program, "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file", "-f", found.demuxer,
        "-i", f"file:{path}", "-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-fs", str(MOST_BYTES),
        "-rf64", "auto", "-f", "wav", str(out),
    ]  # fmt: skip
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise BadAudio(f"ffmpeg did not decode {path.name} within {SECONDS:.0f} s.", sound.CONVERT) from None
    if b"No space left" in ended.stderr:
        raise BadSetting(f"{path.name} cannot be decoded: the disk of {out.parent} is full.", "Make room on the disk.")
    if ended.returncode != 0 or out.stat().st_size == 0:
        raise BadAudio(f"{path.name} is {found.name}, and ffmpeg finds no sound in it.", sound.CONVERT)
    if out.stat().st_size >= MOST_BYTES - 2**20:
        raise BadAudio(f"{path.name} is too long to be decoded at once.", sound.CONVERT)


__all__ = ["Format", "decode", "recognise"]
