"""Which audio formats are read: by libsndfile, and by ffmpeg where it is installed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Format(NamedTuple):
    """A format that ffmpeg decodes: what it is called, and by ffmpeg."""

    name: str
    demuxer: str


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


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
READ = "WAV", "RF64", "BW64", "W64", "AIFF", "CAF", "AU", "FLAC", "Ogg", "Opus", "MP3"
DECODED = tuple(dict.fromkeys(found.name for found in (_MP4, _AAC, *_BEGINNINGS.values())))
CONVERT = f"Export it as WAV. Punchin reads {_listed(READ)}; with ffmpeg installed also {_listed(DECODED)}."


def recognise(head: bytes) -> Format | None:
    """The format of a file that begins with these (at least 16) bytes, if it is one that ffmpeg decodes."""
    if head[4:8] == b"ftyp":
        return _MP4
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0:  # an ADTS frame; MPEG audio has a layer
        return _AAC
    return next((found for beginning, found in _BEGINNINGS.items() if head.startswith(beginning)), None)


__all__ = ["CONVERT", "DECODED", "READ", "Format", "recognise"]
