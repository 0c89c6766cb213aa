"""Songs from disk, takes to disk. Knows the file formats and nothing of how a take was made or laid.

Reading goes through libsndfile (WAV, AIFF, FLAC, …; :mod:`.sound`) or ffmpeg (:mod:`.foreign`). Writing is our own,
because a song with a take in it must keep every other sample, and every chunk of its file, as they are: a WAV song's
bytes are copied and only the bytes of the hole are replaced. Everything is written beside its target and moved there
in one step.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from punchin_wire import disk
from punchin_wire.disk import ANOTHER_FOLDER, replacing
from punchin_wire.errors import BadAudio, BadRegion, BadSetting, FileMissing

from . import bwf, foreign, formats, riff, sound
from .bwf import Tags
from .riff import Chunk, Piece, Wave
from .sound import BLOCK, Header, View
from .types import Samples, Span

RECIPE = b"pnch"
"""The chunk that holds the recipe of a take: JSON, UTF-8."""


class Encoding(msgspec.Struct, frozen=True):
    """How one sample is written."""

    bits: int
    floating: bool = False

    @property
    def size(self) -> int:
        return self.bits // 8


_PCM = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ALAC_16": 16, "ALAC_20": 24, "ALAC_24": 24}
_IN_WAV = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_STALE = (b"ds64", b"JUNK", b"junk", b"PAD ", b"FLLR", b"PEAK", b"levl", b"fact", b"MD5 ", b"md5 ", RECIPE)
"""Chunks of a song that are padding, or describe samples that are no longer so."""


class Song(msgspec.Struct, frozen=True):
    """An audio file. `encoding` holds every sample of it exactly (compressed files: as decoded, float32).

    `data` is where a WAV file's samples lie, and `format` its `fmt ` chunk; both `None` where samples must be decoded.
    `time_reference` is its own place on the time line (`bext`), in samples. `form` is what kind of WAV it is, and
    `notes` are sentences for the musician on what was wrong with the file.
    """

    path: Path
    rate: int
    channels: int
    samples: int
    encoding: Encoding
    time_reference: int = 0
    data: Chunk | None = None
    format: bytes | None = None
    form: bytes = b"RIFF"
    view: View | None = None
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> View:
        """What libsndfile is shown of the file."""
        return self.view or sound.whole(self.path)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate


def probe(path: Path) -> Song:
    """The file at `path`. Raises `FileMissing`, `BadSetting` for a name that is no text, or `BadAudio` where it holds
    no readable audio."""
    if not path.is_file():
        raise FileMissing(f"{path} is a folder." if path.is_dir() else f"There is no file {path}.")
    disk.check_name(path)
    view = sound.whole(path)
    try:
        with path.open("rb") as file:
            foreign_format = formats.recognise(file.read(16))
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror or error}.") from None
    if foreign_format is None:
        return _probed(path, view)
    song = _probed(path, foreign.decode(path, foreign_format))
    note = f"{path.name} is {foreign_format.name}: ffmpeg decoded it, and what is written is 32-bit float."
    return msgspec.structs.replace(song, data=None, format=None, form=b"RIFF", notes=(note, *song.notes))


def _probed(path: Path, view: View) -> Song:
    """The song that `view` shows."""
    wave, layout, fact = _wave(view)
    view, said = _readable(view, wave, layout, fact)
    frames = said.frames
    if said.subtype.startswith("MPEG"):
        data = wave and wave.first(b"data")
        if data is not None:  # the same frames as in an MP3 file, whose length nobody believes either
            view = msgspec.structs.replace(view, head=b"", offset=data.offset, size=data.size)
            said = sound.header(view)
        view, frames = sound.counted(view, said)
    if frames <= 0:
        raise BadAudio(f"{path.name} holds no samples.")
    encoding = (
        Encoding(_PCM[said.subtype]) if said.subtype in _PCM else Encoding(64 if said.subtype == "DOUBLE" else 32, True)
    )
    song = Song(path, said.rate, said.channels, frames, encoding, view=view)
    return song if wave is None else _with_chunks(song, wave, layout, said.subtype)


def _wave(view: View) -> tuple[Wave | None, bytes, bytes]:
    """The chunks of a file that is a WAV file, and the payloads of its `fmt ` and `fact`."""
    try:
        with view.path.open("rb") as file:
            wave = riff.scan(file)
            layout, fact = (
                riff.payload(file, chunk, 4096) if (chunk := wave.first(name)) else b"" for name in (b"fmt ", b"fact")
            )
            return wave, layout, fact
    except BadAudio:
        return None, b"", b""


def _readable(view: View, wave: Wave | None, layout: bytes, fact: bytes) -> tuple[View, Header]:
    """The view that libsndfile reads: the whole file, or `fmt ` and `data` of a WAV file alone where it finds less in
    the whole. Raises BadAudio where there is none."""
    data = wave and wave.first(b"data")
    align = struct.unpack_from("<12xH", layout)[0] if len(layout) >= 16 else 0
    frames = data.size // align if data and align else 0
    try:
        said = sound.header(view)
        if not (frames and said.subtype in _IN_WAV and said.frames != frames):
            return view, said
    except BadAudio:
        if data is None or not layout:
            raise
    assert data is not None
    head = riff.mended(layout, fact, data.size, frames)
    view = msgspec.structs.replace(view, head=head, offset=data.offset, size=data.size)
    return view, sound.header(view)


def _with_chunks(song: Song, wave: Wave, layout: bytes, subtype: str) -> Song:
    """The song with what the chunks of its file say."""
    notes = [f"About {song.path.name}: {note}." for note in wave.notes]
    own_bext, data = wave.first(b"bext"), wave.first(b"data")
    reference = 0
    if own_bext is not None:
        with song.source.path.open("rb") as file:
            reference = bwf.time_reference(riff.payload(file, own_bext, bwf.BEXT_FIXED))
    if reference > bwf.LATEST:
        notes.append(f"About {song.path.name}: its time stamp is beyond any time line and is not used.")
        reference = 0
    align = struct.unpack_from("<12xH", layout)[0] if len(layout) >= 16 else 0
    song = msgspec.structs.replace(song, time_reference=reference, form=wave.form, notes=tuple(notes))
    if data is None or subtype not in _IN_WAV or align != song.channels * song.encoding.size:
        return song
    return msgspec.structs.replace(song, data=data, format=layout[:64]) if data.size // align == song.samples else song


def read(song: Song, start: int = 0, end: int | None = None) -> Samples:
    """Samples `[start, end)` as float64 `[channels, samples]`, full scale 1.

    Raises `BadRegion` outside the file, `BadAudio` for samples that are not numbers or cannot be decoded.
    """
    end = song.samples if end is None else end
    if not 0 <= start < end <= song.samples:
        raise BadRegion(f"Samples {start} to {end} are empty or outside {song.path.name}, which has {song.samples}.")
    with sound.opened(song.source) as file:
        file.seek(start)
        audio: Samples = file.read(end - start, dtype="float64", always_2d=True).T
    if audio.shape[1] != end - start:
        raise BadAudio(f"{song.path.name} ends after {start + audio.shape[1]} samples, not {song.samples}.")
    if not np.isfinite(audio).all():
        raise BadAudio(f"{song.path.name} holds samples that are not numbers (NaN or infinity).")
    return np.ascontiguousarray(audio)


def write_region(path: Path, song: Song, start: int, audio: Samples, tags: Tags, recipe: bytes) -> None:
    """Write a take alone: `audio` `[channels, samples]` that belongs at sample `start` of the song.

    24-bit, or as the song is where that is finer (32-bit, float), or float where it exceeds full scale. `bext` holds
    the place on the song's time line, or its start where the place is before it: `bext` cannot say that.
    """
    encoding = song.encoding if song.encoding.bits > 24 else Encoding(24)
    if np.max(np.abs(audio), initial=0.0) > 1.0:
        encoding = Encoding(max(32, encoding.bits), True)
    channels, samples = audio.shape
    here = max(0, song.time_reference + start)
    history = bwf.coding_history(song.rate, encoding.bits, channels, encoding.floating, tags.history)
    pieces = [
        riff.whole(b"bext", bwf.bext(tags, here, history)),
        *_format(song, encoding, samples),
        Piece(b"data", samples * channels * encoding.size, _encoded(audio, encoding)),
        *_about(tags, song.rate, encoding.bits, here, samples / song.rate),
        riff.whole(RECIPE, recipe),
    ]
    _write(path, song, pieces, samples)


def write_full(path: Path, song: Song, patches: Sequence[tuple[int, Samples]], tags: Tags, recipe: bytes) -> None:
    """Write the whole song with each `(start, audio [channels, samples])` in place, in the song's own encoding.

    Every other sample is the song's, bit for bit. A WAV song also keeps its other chunks (cue points, loops, iXML,
    …); what describes samples that changed is left out, and its `bext` gains a line of coding history.
    """
    history = bwf.coding_history(song.rate, song.encoding.bits, song.channels, song.encoding.floating, tags.history)
    data = Piece(b"data", song.samples * song.channels * song.encoding.size, _patched(song, _sorted(song, patches)))
    if song.data is None:
        here = song.time_reference
        pieces = [
            riff.whole(b"bext", bwf.bext(tags, here, history)),
            *_format(song, song.encoding, song.samples),
            data,
            *_about(tags, song.rate, song.encoding.bits, here, song.seconds),
        ]
    else:
        pieces = _kept(song, data, tags, history)
    form = b"RIFF" if song.data is None else song.form
    _write(path, song, [*pieces, riff.whole(RECIPE, recipe)], song.samples, form)


def _sorted(song: Song, patches: Sequence[tuple[int, Samples]]) -> list[tuple[int, Samples]]:
    """The patches in order. Raises `BadRegion` where they overlap, leave the song, or have other channels."""
    at = 0
    ordered = sorted(patches, key=lambda patch: patch[0])
    for start, audio in ordered:
        if start < at or start + audio.shape[1] > song.samples or len(audio) != song.channels:
            raise BadRegion(f"A take of shape {audio.shape} does not fit at sample {start} of {song.path.name}.")
        at = start + audio.shape[1]
    return ordered


def outside_delta(song: Song, written: Path, holes: Sequence[Span]) -> float:
    """The largest difference between the song and the file `written`, outside the holes; 0.0 is "bit for bit".

    Both are read back from disk by libsndfile, as integers where the song holds integers; full scale is 1.
    Infinite where rate, channels or length differ.
    """
    dtype = f"float{song.encoding.bits}" if song.encoding.floating else "int32"
    bits = np.dtype(f"i{song.encoding.bits // 8}") if song.encoding.floating else np.dtype("i4")
    scale = 1.0 if song.encoding.floating else 2.0**-31
    with sound.opened(song.source) as a, sound.opened(probe(written).source) as b:
        if (a.samplerate, a.channels, song.samples) != (b.samplerate, b.channels, b.frames):
            return math.inf
        largest, at = 0.0, 0
        while at < song.samples:
            one, other = (file.read(min(BLOCK, song.samples - at), dtype=dtype, always_2d=True) for file in (a, b))
            if one.shape != other.shape or not len(one):
                return math.inf
            outside = np.ones(len(one), bool)
            for start, end in holes:
                outside[max(0, start - at) : max(0, end - at)] = False
            differ = (one.view(bits) != other.view(bits)).any(axis=1) & outside
            if differ.any():
                gap = np.abs(one[differ].astype(np.float64) - other[differ].astype(np.float64)) * scale
                # Two bit patterns of one value (0.0 and -0.0) are still a difference: the smallest there is.
                largest = max(largest, float(np.nan_to_num(gap.max(), nan=math.inf)), 5e-324)
            at += len(one)
    return largest


def read_chunk(path: Path, chunk_id: bytes) -> bytes | None:
    """The payload of the first such chunk of a WAV file, or `None`. Raises `FileMissing`; `BadAudio` for no WAV."""
    if not path.is_file():
        raise FileMissing(f"There is no file {path}.")
    with path.open("rb") as file:
        return next((riff.payload(file, chunk) for chunk in riff.chunks(file) if chunk.id == chunk_id), None)


# ---- the pieces of a file ------------------------------------------------------------------------------------


def _format(song: Song, encoding: Encoding, samples: int) -> list[Piece]:
    """`fmt ` (extensible above two channels, with the song's speaker positions), and `fact` for floats."""
    tag, align = 3 if encoding.floating else 1, song.channels * encoding.size
    basic = struct.pack("<HIIHH", song.channels, song.rate, song.rate * align, align, encoding.bits)
    if song.channels > 2:
        own = song.format or b""
        is_extensible = len(own) >= 40 and own[:2] == b"\xfe\xff"
        speakers = struct.unpack_from("<20xI", own)[0] if is_extensible else 0
        guid = struct.pack("<H", tag) + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
        layout = b"\xfe\xff" + basic + struct.pack("<HHI", 22, encoding.bits, speakers) + guid
    else:
        layout = struct.pack("<H", tag) + basic + (struct.pack("<H", 0) if encoding.floating else b"")
    pieces = [riff.whole(b"fmt ", layout)]
    if encoding.floating:
        pieces.append(riff.whole(b"fact", struct.pack("<I", min(samples, riff.LARGEST))))
    return pieces


def _about(tags: Tags, rate: int, bits: int, here: int, seconds: float) -> list[Piece]:
    pieces = [riff.whole(b"iXML", bwf.ixml(tags, rate, bits, here))]
    if tags.tempo:
        pieces.append(riff.whole(b"acid", bwf.acid(tags.tempo, seconds)))
    return pieces


def _kept(song: Song, data: Piece, tags: Tags, history: str) -> list[Piece]:
    """The chunks of the song's own file in their order, with new samples; what it lacks is added at the end."""
    pieces: list[Piece] = []
    with song.path.open("rb") as file:
        for chunk in riff.chunks(file):
            if song.data and chunk.offset == song.data.offset:
                pieces.append(data)
            elif chunk.id == b"bext":
                pieces.append(riff.whole(b"bext", bwf.edited_bext(riff.payload(file, chunk), history)))
            elif chunk.id == b"fact" and song.encoding.floating:
                pieces.append(riff.whole(b"fact", riff.payload(file, chunk)))
            elif chunk.id not in (*_STALE, b"data"):
                pieces.append(Piece(chunk.id, chunk.size, _copied(song.path, chunk.offset, chunk.offset + chunk.size)))
    present = {piece.id for piece in pieces}
    if b"bext" not in present:
        pieces.insert(0, riff.whole(b"bext", bwf.bext(tags, song.time_reference, history)))
    about = _about(tags, song.rate, song.encoding.bits, song.time_reference, song.seconds)
    return pieces + [piece for piece in about if piece.id not in present]


def _patched(song: Song, patches: Sequence[tuple[int, Samples]]) -> Iterator[bytes]:
    """The bytes of all samples, one span after the other."""
    at = 0
    for start, audio in patches:
        yield from _original(song, at, start)
        yield from _encoded(audio, song.encoding)
        at = start + audio.shape[1]
    yield from _original(song, at, song.samples)


def _original(song: Song, start: int, end: int) -> Iterator[bytes]:
    frame = song.channels * song.encoding.size
    if song.data is not None:
        yield from _copied(song.path, song.data.offset + start * frame, song.data.offset + end * frame)
        return
    dtype = f"float{song.encoding.bits}" if song.encoding.floating else "int32"
    with sound.opened(song.source) as file:
        file.seek(start)
        while start < end:
            block = file.read(min(BLOCK, end - start), dtype=dtype, always_2d=True)  # [frames, C]
            if not len(block):
                raise BadAudio(f"{song.path.name} ends after {start} samples, not {song.samples}.")
            yield (
                block.tobytes()
                if song.encoding.floating
                else _integers(block >> (32 - song.encoding.bits), song.encoding)
            )
            start += len(block)


def _copied(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end:
            block = file.read(min(4 * BLOCK, end - start))
            if not block:
                raise BadAudio(
                    f"{path.name} became shorter while it was read.", "Wait until it is written, and ask again."
                )
            yield block
            start += len(block)


def _encoded(audio: Samples, encoding: Encoding) -> Iterator[bytes]:
    """Interleaved bytes of `audio` `[channels, samples]`. 16 bits and fewer get triangular dither of one step, from a
    fixed seed; exact silence stays silent."""
    random = np.random.RandomState(0)
    for start in range(0, audio.shape[1], BLOCK):
        block = audio[:, start : start + BLOCK].T  # [frames, C]
        if encoding.floating:
            yield block.astype(f"<f{encoding.size}").tobytes()
            continue
        scaled = block * 2.0 ** (encoding.bits - 1)
        if encoding.bits <= 16:
            noise = random.uniform(size=block.shape) - random.uniform(size=block.shape)
            scaled = np.where(block == 0.0, 0.0, scaled + noise)
        top = 2.0 ** (encoding.bits - 1)
        yield _integers(np.clip(np.rint(scaled), -top, top - 1).astype(np.int32), encoding)


def _integers(values: npt.NDArray[np.int32], encoding: Encoding) -> bytes:
    if encoding.bits == 8:
        return (values + 128).astype("u1").tobytes()
    if encoding.bits == 24:
        return np.ascontiguousarray(values.astype("<i4")[..., None].view("u1")[..., :3]).tobytes()
    return values.astype(f"<i{encoding.size}").tobytes()


# ---- the disk ------------------------------------------------------------------------------------------------


def _write(path: Path, song: Song, pieces: Sequence[Piece], frames: int, form: bytes = b"RIFF") -> None:
    if path.exists() and path.samefile(song.path):
        raise BadSetting(f"The take would replace the song {song.path.name} itself.", ANOTHER_FOLDER)
    with replacing(path, durable=True, next_step=ANOTHER_FOLDER) as file:
        riff.write(file, pieces, frames, form=form)


__all__ = ["RECIPE", "Encoding", "Song", "outside_delta", "probe", "read", "read_chunk", "write_full", "write_region"]
