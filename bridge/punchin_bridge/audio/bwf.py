"""What a WAV file says about itself to other programs: `bext`, `iXML` and `acid` chunks. Pure bytes, no files.

`bext`: EBU Tech 3285 v2. `iXML`: iXML 2.0 (Gallery UK). `acid`: 24 bytes as Sonic Foundry's ACID writes them (there
is no public standard; the layout is the one that libsndfile reads).
"""

from __future__ import annotations

import struct
from xml.sax.saxutils import escape

import msgspec

ORIGINATOR = "Punchin"
BEXT_FIXED = 602
NOT_MEASURED = 0x7FFF
TIME_AT = 338
VERSION_AT = 346
LOUDNESS_AT = 412
LATEST = 2**63
"""The last time reference to which a song's length can still be added."""

ONE_SHOT = 0x01


class Tempo(msgspec.Struct, frozen=True):
    """A constant tempo in beats (quarter notes) per minute and a time signature."""

    bpm: float
    numerator: int = 4
    denominator: int = 4


class Tags(msgspec.Struct, frozen=True):
    """What the files of one take say about it. `created` is ISO 8601, `2025-01-31T18:20:05`.

    `reference` names this take and no other (at most 32 characters reach `bext`), `project` the song, `scene` the
    region, for example `bars 5-8`. `tempo` only where it is known and constant.
    """

    reference: str
    project: str
    scene: str
    take: int
    created: str
    description: str = ""
    history: str = ""
    tempo: Tempo | None = None


def bext(tags: Tags, time_reference: int, coding_history: str) -> bytes:
    """A version 1 `bext` payload. `time_reference` counts samples from midnight, which is the song's start."""
    date, _, time = tags.created.partition("T")
    fixed = struct.pack(
        "<256s32s32s10s8sQH64s190s",
        _ascii(tags.description or f"{tags.project} {tags.scene} take {tags.take}"),
        _ascii(ORIGINATOR),
        _ascii(tags.reference),
        _ascii(date),
        _ascii(time),
        time_reference,
        1,
        b"",
        b"",
    )
    return fixed + _ascii(coding_history)


def edited_bext(original: bytes, coding_history: str) -> bytes:
    """The `bext` of a song after an edit: its own, one line longer, its loudness values (version 2) unset."""
    fixed = bytearray(original[:BEXT_FIXED].ljust(BEXT_FIXED, b"\0"))
    if struct.unpack_from("<H", fixed, VERSION_AT)[0] >= 2:
        struct.pack_into("<5H", fixed, LOUDNESS_AT, *[NOT_MEASURED] * 5)
    before = original[BEXT_FIXED:].rstrip(b"\0")
    if before and not before.endswith(b"\r\n"):
        before += b"\r\n"
    return bytes(fixed) + before + _ascii(coding_history)


def time_reference(bext_payload: bytes) -> int:
    """The first sample's count since midnight, 0 where the payload is too short to say."""
    if len(bext_payload) < TIME_AT + 8:
        return 0
    count: int = struct.unpack_from("<Q", bext_payload, TIME_AT)[0]
    return count


def coding_history(rate: int, bits: int, channels: int, floating: bool, text: str) -> str:
    """One line of coding history (EBU R98): `A=PCM,F=48000,W=24,M=stereo,T=…`."""
    mode = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    plain = text.replace(",", ";").replace("\r", " ").replace("\n", " ")
    return f"A={'FLOAT' if floating else 'PCM'},F={rate},W={bits},M={mode},T={plain}\r\n"


def ixml(tags: Tags, rate: int, bits: int, time_reference: int) -> bytes:
    """An iXML payload: project, scene, take, place on the time line, and the tempo as a note."""
    notes = [tags.description]
    if tags.tempo:
        notes.append(f"{tags.tempo.bpm:g} BPM, {tags.tempo.numerator}/{tags.tempo.denominator}")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<BWFXML>",
        "<IXML_VERSION>2.0</IXML_VERSION>",
        f"<PROJECT>{_xml(tags.project)}</PROJECT>",
        f"<SCENE>{_xml(tags.scene)}</SCENE>",
        f"<TAKE>{tags.take}</TAKE>",
        f"<NOTE>{_xml('; '.join(filter(None, notes)))}</NOTE>",
        f"<FILE_UID>{_xml(tags.reference)}</FILE_UID>",
        "<SPEED>",
        f"<FILE_SAMPLE_RATE>{rate}</FILE_SAMPLE_RATE>",
        f"<AUDIO_BIT_DEPTH>{bits}</AUDIO_BIT_DEPTH>",
        f"<TIMESTAMP_SAMPLE_RATE>{rate}</TIMESTAMP_SAMPLE_RATE>",
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>{time_reference >> 32}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>",
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>{time_reference & 0xFFFFFFFF}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>",
        "</SPEED>",
        "</BWFXML>",
    ]
    return "\n".join(lines).encode()


def acid(tempo: Tempo, seconds: float) -> bytes:
    """An `acid` payload for a region of this length.

    A whole number of beats is a loop of so many beats. Anything else is a one-shot, so that no host derives a wrong
    tempo from beats and length and stretches it.
    """
    beats = seconds * tempo.bpm / 60
    loops = round(beats) >= 1 and abs(beats - round(beats)) * 60 / tempo.bpm < 0.001
    return struct.pack(
        "<IHHfIHHf",
        0 if loops else ONE_SHOT,
        60,  # root note; flag 0x02, "it is set", is not
        0x8000,
        0.0,
        round(beats) if loops else 0,
        tempo.denominator,
        tempo.numerator,
        tempo.bpm,
    )


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")


def _xml(text: str) -> str:
    return escape("".join(c if c.isprintable() else " " for c in text))


__all__ = ["Tags", "Tempo", "acid", "bext", "coding_history", "edited_bext", "ixml", "time_reference"]
