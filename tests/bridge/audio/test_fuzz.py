"""Any chunks in any order, of any size: a file is a song whose other samples stay, or is refused, and soon."""

import struct
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from punchin_bridge.audio import stems, wavfile
from punchin_bridge.audio.bwf import Tags
from punchin_bridge.audio.riff import LARGEST
from punchin_wire.errors import PunchinError

pytestmark = pytest.mark.slow

TAGS = Tags("abcd-1", "song", "here", 1, "2026-01-31T18:20:05")
SECONDS, MEMORY = 5.0, 64 * 2**20
SOME = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FORMAT_TAGS = st.sampled_from([1, 1, 1, 3, 0xFFFE, 2, 6, 7, 0x11, 0x31, 0x50, 0x55, 0]) | st.integers(0, 0xFFFF)
SUBFORMAT = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"


PLAIN = [
    struct.pack("<HHIIHH", 3 if bits >= 32 else 1, channels, 48_000, 6000 * channels * bits, channels * bits // 8, bits)
    for channels in (1, 2, 6)
    for bits in (8, 16, 24, 32, 64)
]


@st.composite
def layouts(draw: st.DrawFn) -> bytes:
    """A `fmt ` payload: every other one as it should be, the others with any field wrong."""
    if draw(st.booleans()):
        return draw(st.sampled_from(PLAIN))
    channels, bits = draw(st.sampled_from([1, 2, 6, 0, 65535])), draw(st.sampled_from([8, 16, 24, 32, 64, 0, 12]))
    rate = draw(st.sampled_from([8000, 48_000, 0, 2**32 - 1]))
    align = draw(st.just(channels * bits // 8 & 0xFFFF) | st.integers(0, 65535))
    head = struct.pack("<HHIIHH", draw(FORMAT_TAGS), channels, rate, rate * align & 0xFFFFFFFF, align, bits)
    extended = struct.pack("<HHIH", 22, bits, 0, draw(FORMAT_TAGS)) + SUBFORMAT
    return draw(st.sampled_from([head, head + b"\0\0", head + extended, head[:10]]) | st.binary(max_size=60))


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from([b"fmt ", b"data", b"data", b"bext", b"fact", b"ds64", b"LIST", b"pnch", b"\0\1\2\3"]))
    load = draw(layouts() if name == b"fmt " else st.binary(max_size=900))
    size = draw(st.just(len(load)) | st.sampled_from([0, LARGEST, len(load) + 1]) | st.integers(0, LARGEST))
    pad = b"\0" * (len(load) % 2 and draw(st.booleans()))
    return name + struct.pack("<I", size) + load + pad


FILES = st.tuples(
    st.sampled_from([b"RIFF", b"RIFF", b"RF64", b"BW64"]),
    st.lists(chunks(), max_size=6).map(b"".join)
    | st.tuples(layouts(), chunks(), st.binary(min_size=1, max_size=900)).map(
        lambda parts: b"fmt " + struct.pack("<I", len(parts[0])) + parts[0] + parts[1] + b"data" + LAST + parts[2]
    ),
).map(lambda parts: parts[0] + struct.pack("<I", LARGEST) + b"WAVE" + parts[1])
LAST = struct.pack("<I", LARGEST)

BEGINNINGS = [b"\xff\xfb\x90\x64", b"ID3\4\0\0\0\0\0\x10", b"fLaC", b"OggS", b"FORM\0\0\0\x64AIFF", b"caff", b".snd"]
OTHERS = st.tuples(st.sampled_from(BEGINNINGS), st.binary(max_size=900)).map(b"".join)


@contextmanager
def bounded() -> Iterator[None]:
    """What happens inside is soon done, and needs little memory."""
    began = time.monotonic()
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < SECONDS
    assert peak < MEMORY


def use(path: Path) -> None:
    """Read the file, and write it with a take in its first sample."""
    song = stems.probe(path)
    last, out = min(song.samples, 500), path.with_name("out.wav")
    assert wavfile.read(song, 0, last).shape == (song.channels, last)
    wavfile.write_full(out, song, [(0, np.zeros((song.channels, 1)))], TAGS, b"{}")
    assert wavfile.outside_delta(song, out, [(0, 1)]) == 0.0


def try_out(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)
    with bounded():
        for attempt in (lambda: use(path), lambda: wavfile.read_chunk(path, b"pnch")):
            try:
                attempt()
            except PunchinError as error:
                info = error.info()
            else:
                continue
            assert info.message.endswith(".")
            assert info.next_step.endswith(".")


@given(FILES)
@SOME
def test_any_chunks(tmp_path: Path, raw: bytes) -> None:
    try_out(tmp_path / "song.wav", raw)


@given(OTHERS)
@SOME
def test_any_bytes_of_other_formats(tmp_path: Path, raw: bytes) -> None:
    try_out(tmp_path / "song.bin", raw)


@pytest.mark.parametrize("count", [5000, 200_000])
def test_very_many_chunks(tmp_path: Path, count: int) -> None:
    try_out(tmp_path / "song.wav", b"RIFF\xff\xff\xff\xffWAVE" + (b"abcd" + bytes(4)) * count)
