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
MOST_CHUNKS = 4096


class Chunk(NamedTuple):
    """Where the payload of a chunk lies: bytes `[offset, offset + size)` of the file."""

    id: bytes
    offset: int
    size: int


class Piece(NamedTuple):
    """A chunk to be written: `blocks` yield exactly `size` bytes."""

    id: bytes
    size: int
    blocks: Iterable[bytes | memoryview]


def whole(chunk_id: bytes, payload: bytes) -> Piece:
    """A piece that is in memory."""
    return Piece(chunk_id, len(payload), (payload,))


def chunks(file: BinaryIO) -> list[Chunk]:
    """The chunks of an open WAV file, in order. Raises `BadAudio` where it is none.

    Files of interrupted recordings are read as far as they go: a chunk that claims more than the file has ends with
    the file, and what follows the last readable chunk is ignored.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
        raise BadAudio("The file is not a WAV file.")
    found: list[Chunk] = []
    data_size, offset = None, 12
    while offset + 8 <= length and len(found) < MOST_CHUNKS:
        file.seek(offset)
        name, size = struct.unpack("<4sI", file.read(8))
        if not all(0x20 <= byte < 0x7F for byte in name):
            break
        offset += 8
        if name == b"ds64" and head[:4] != b"RIFF" and size >= 16:
            true_sizes = file.read(16)
            data_size = struct.unpack("<8xQ", true_sizes)[0] if len(true_sizes) == 16 else None
        if name == b"data" and size == LARGEST and data_size is not None:
            size = data_size
        size = min(size, length - offset)
        found.append(Chunk(name, offset, size))
        offset += size + size % 2
    return found


def payload(file: BinaryIO, chunk: Chunk, most: int = 64 * 2**20) -> bytes:
    """At most `most` bytes of a chunk."""
    file.seek(chunk.offset)
    return file.read(min(chunk.size, most))


def write(file: BinaryIO, pieces: Sequence[Piece], frames: int, largest: int = LARGEST) -> None:
    """A WAV file of these pieces at the start of an empty `file`: RIFF, or RF64 where it exceeds `largest` bytes.
    `frames` is the count of samples in each channel of the `data` piece."""
    total = 4 + sum(8 + piece.size + piece.size % 2 for piece in pieces)
    data_size = next(piece.size for piece in pieces if piece.id == b"data")
    if total <= largest:
        file.write(struct.pack("<4sI4s", b"RIFF", total, b"WAVE"))
    else:
        file.write(struct.pack("<4sI4s", b"RF64", LARGEST, b"WAVE"))
        file.write(struct.pack("<4sIQQQI", b"ds64", 28, total + 36, data_size, frames, 0))
    for piece in pieces:
        size = LARGEST if piece.id == b"data" and total > largest else piece.size
        file.write(struct.pack("<4sI", piece.id, size))
        written = sum(file.write(block) for block in piece.blocks)
        assert written == piece.size, f"chunk {piece.id!r} has {written} bytes instead of {piece.size}"
        file.write(b"\0" * (piece.size % 2))


__all__ = ["LARGEST", "Chunk", "Piece", "chunks", "payload", "whole", "write"]
