"""Audio that libsndfile does not read, decoded by ffmpeg where it is installed. Knows no songs.

A file is decoded once, to 32-bit float in a file of our own that is gone when nobody needs it any more. Where this
program was killed it stays, until the next one that decodes, or serves hosts, tidies up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path

import psutil
from punchin_wire import disk, paths
from punchin_wire.errors import BadAudio, BadSetting

from . import sound
from .formats import CONVERT, Format
from .sound import View

MOST_BYTES = 4 * 2**30
"""Of one decoded file: more than an hour of stereo at 96 kHz."""
SECONDS = 600.0
"""How long ffmpeg may take."""


class _Decoded:
    """A file that lasts as long as this, or the process, which its name says."""

    def __init__(self) -> None:
        folder = _folder()
        disk.make_folder(folder, disk.OWN_FOLDER, 0o700)
        descriptor, name = tempfile.mkstemp(".wav", f"{os.getpid()}-", folder)
        os.close(descriptor)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)


_lock = threading.Lock()
_known: weakref.WeakValueDictionary[tuple[str, int, int], _Decoded] = weakref.WeakValueDictionary()
"""What is decoded already, by path, size and time of the last change."""


def decode(path: Path, found: Format) -> View:
    """The samples of a file. Raises BadAudio where they cannot be had, BadSetting where the disk is full."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise BadAudio(f"{path.name} is {found.name}, which needs ffmpeg.", f"Install ffmpeg, or: {CONVERT}")
    status = path.stat()
    key = str(path.absolute()), status.st_size, status.st_mtime_ns
    with _lock:
        decoded = _known.get(key)
        if decoded is None:
            tidy()
            decoded = _Decoded()
            _run(program, path.absolute(), found, decoded.path)
            _known[key] = decoded
    return sound.whole(decoded.path, path.name, decoded)


def tidy() -> None:
    """Take away what programs left that were killed."""
    with contextlib.suppress(OSError):  # there is no such folder
        for path in list(_folder().iterdir()):
            owner = path.name.partition("-")[0]
            if owner.isdecimal() and not psutil.pid_exists(int(owner)):
                with contextlib.suppress(OSError):
                    path.unlink()


def _folder() -> Path:
    return paths.cache_folder() / "decoded"


def _run(program: str, path: Path, found: Format, out: Path) -> None:
    command = [
        program, "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file",
        "-f", found.demuxer,  # no other is let at the file, for some read what a file names
        "-i", f"file:{path}", "-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-fs", str(MOST_BYTES),
        "-rf64", "auto", "-f", "wav", f"file:{out}",
    ]  # fmt: skip
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise BadAudio(f"ffmpeg did not decode {path.name} within {SECONDS:.0f} s.", CONVERT) from None
    if b"No space left" in ended.stderr:
        raise BadSetting(f"{path.name} cannot be decoded: the disk of {out.parent} is full.", "Make room on the disk.")
    if ended.returncode != 0 or out.stat().st_size == 0:
        raise BadAudio(f"{path.name} is {found.name}, and ffmpeg finds no sound in it.", CONVERT)
    if out.stat().st_size >= MOST_BYTES - 2**20:
        raise BadAudio(f"{path.name} is too long to be decoded at once.", CONVERT)


__all__ = ["decode", "tidy"]
