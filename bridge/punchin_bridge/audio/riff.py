"""RIFF WAVE as a list of chunks: find them in a file, write them to one. Knows nothing of what the chunks mean.

A WAV file is `RIFF`, a 32-bit size, `WAVE`, then chunks: four bytes of name, 32-bit size, payload, and a zero byte
where the size is odd (IBM/Microsoft 1991). Above 4 GiB it is `RF64` (EBU Tech 3306; `BW64` of ITU-R BS.2088 is the
same for us): both 32-bit sizes are 0xFFFFFFFF and the true ones stand in a first chunk `ds64`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from typing import BinaryIO, NamedTuple

from punchin_wire.errors import BadAudio

LARGEST = 0xFFFFFFFF
STREAMED = 0x7FFF0000
"""From here on a size says that nobody knew it: a program wrote to a pipe."""
MOST_CHUNKS = 4096
FORMS = (b"RIFF", b"RF64", b"BW64")
KNOWN = (b"data", b"fmt ", b"bext", b"LIST", b"iXML", b"fact", b"cue ", b"smpl", b"acid", b"inst", b"axml", b"chna",
         b"JUNK", b"junk", b"PEAK", b"_PMX", b"id3 ", b"ID3 ", b"levl", b"PAD ", b"FLLR", b"pnch")  # fmt: skip
"""Chunks that are believed where two places would do."""


class Chunk(NamedTuple):
    """Where the payload of a chunk lies: bytes `[offset, offset + size)` of the file."""

    id: bytes
    offset: int
    size: int


class Wave(NamedTuple):
    """A WAV file of one of the :data:`FORMS`. `notes` say what of it is left out, or was not as it should be."""

    form: bytes
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]

    def first(self, chunk_id: bytes) -> Chunk | None:
        """The first such chunk that is not empty."""
        return next((chunk for chunk in self.chunks if chunk.id == chunk_id and chunk.size), None)


class Piece(NamedTuple):
    """A chunk to be written: `blocks` yield exactly `size` bytes."""

    id: bytes
    size: int
    blocks: Iterable[bytes | memoryview]


def whole(chunk_id: bytes, payload: bytes) -> Piece:
    """A piece that is in memory."""
    return Piece(chunk_id, len(payload), (payload,))


def scan(file: BinaryIO) -> Wave:
    """What an open WAV file holds. Raises `BadAudio` where it is none.

    Files are read as far as they go: a chunk that claims more than the file has ends with the file, `data` of size 0
    with nothing readable behind it is that of a recording whose header was never finished, and a chunk of odd size is
    followed by the next one at once where its pad byte was forgotten.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] not in FORMS or head[8:] != b"WAVE":
        raise BadAudio("The file is not a WAV file.")
    found: list[Chunk] = []
    notes: list[str] = []
    data_size, offset = None, 12
    while offset + 8 <= length and len(found) < MOST_CHUNKS:
        name, size = _header(file, offset)
        if not _is_name(name):
            notes += _left_out(file, offset, length)
            break
        offset += 8
        if name == b"ds64" and head[:4] != b"RIFF" and size >= 16:
            true_sizes = file.read(16)
            data_size = struct.unpack("<8xQ", true_sizes)[0] if len(true_sizes) == 16 else None
        if name == b"data" and size == LARGEST and data_size is not None:
            size = data_size
        if name == b"data" and size == 0 and offset < length and not _is_chunk(file, offset, length):
            size = length - offset
            notes.append("its header was never finished, and all that was recorded is taken")
        if name == b"data" and length - offset < size < STREAMED:
            notes.append("it ends before its header says, as files do that were cut off")
        size = min(size, length - offset)
        found.append(Chunk(name, offset, size))
        offset = _next(file, offset + size, length) if size % 2 else offset + size
    if sum(chunk.id == b"data" and chunk.size > 0 for chunk in found) > 1:
        notes.append("it holds more than one block of audio, of which the first is taken")
    return Wave(head[:4], tuple(found), tuple(notes))


def chunks(file: BinaryIO) -> tuple[Chunk, ...]:
    """The chunks of an open WAV file, in order. Raises `BadAudio` where it is none."""
    return scan(file).chunks


def _header(file: BinaryIO, offset: int) -> tuple[bytes, int]:
    """The name and size of the chunk at `offset`, of which eight bytes are there."""
    file.seek(offset)
    name, size = struct.unpack("<4sI", file.read(8))
    return name, size


def _is_name(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name)


def _is_chunk(file: BinaryIO, offset: int, length: int) -> bool:
    """Whether a chunk begins there that ends within the file."""
    if offset + 8 > length:
        return False
    name, size = _header(file, offset)
    return _is_name(name) and (size <= length - offset - 8 or (name == b"data" and size == LARGEST))


def _next(file: BinaryIO, end: int, length: int) -> int:
    """Where the chunk begins that follows one of odd size: behind a pad byte, or at once where that was forgotten."""
    places = [place for place in (end + 1, end) if _is_chunk(file, place, length)]
    known = [place for place in places if _header(file, place)[0] in KNOWN]
    return next(iter(known + places), end + 1)


def _left_out(file: BinaryIO, offset: int, length: int) -> list[str]:
    """Says that something at the end of the file is no chunk, unless it is only zeros."""
    file.seek(offset)
    is_empty = not file.read(4096).strip(b"\0")
    return [] if is_empty else [f"{length - offset} bytes at its end are no part of a WAV file and are left out"]


def payload(file: BinaryIO, chunk: Chunk, most: int = 64 * 2**20) -> bytes:
    """At most `most` bytes of a chunk."""
    file.seek(chunk.offset)
    return file.read(min(chunk.size, most))


def write(file: BinaryIO, pieces: Sequence[Piece], frames: int, largest: int = LARGEST, form: bytes = b"RIFF") -> None:
    """A WAV file of these pieces at the start of an empty `file`: of this form, or RF64 where a RIFF would exceed
    `largest` bytes. `frames` is the count of samples in each channel of the `data` piece."""
    total = 4 + sum(8 + piece.size + piece.size % 2 for piece in pieces)
    data_size = next(piece.size for piece in pieces if piece.id == b"data")
    is_large = total > largest or form == b"BW64"
    file.write(_opening(form, total, data_size, frames) if is_large else struct.pack("<4sI4s", b"RIFF", total, b"WAVE"))
    for piece in pieces:
        size = LARGEST if piece.id == b"data" and is_large else piece.size
        file.write(struct.pack("<4sI", piece.id, size))
        written = sum(file.write(block) for block in piece.blocks)
        assert written == piece.size, f"chunk {piece.id!r} has {written} bytes instead of {piece.size}"
        file.write(b"\0" * (piece.size % 2))


def _opening(form: bytes, total: int, data_size: int, frames: int) -> bytes:
    """How a file with 64-bit sizes begins, for `total` bytes behind its `ds64` and the eight bytes before them."""
    head = struct.pack("<4sI4s", form if form == b"BW64" else b"RF64", LARGEST, b"WAVE")
    return head + struct.pack("<4sIQQQI", b"ds64", 28, total + 36, data_size, frames, 0)


def mended(layout: bytes, fact: bytes, data_size: int, frames: int) -> bytes:
    """What stands before `data_size` bytes of samples in the plainest WAV file that holds them."""
    before = b"".join(
        struct.pack("<4sI", name, len(load)) + load + b"\0" * (len(load) % 2)
        for name, load in ((b"fmt ", layout), (b"fact", fact))
        if load
    )
    total = 4 + len(before) + 8 + data_size
    if total <= LARGEST:
        return struct.pack("<4sI4s", b"RIFF", total, b"WAVE") + before + struct.pack("<4sI", b"data", data_size)
    return _opening(b"RF64", total, data_size, frames) + before + struct.pack("<4sI", b"data", LARGEST)


__all__ = ["LARGEST", "Chunk", "Piece", "Wave", "chunks", "mended", "payload", "scan", "whole", "write"]
