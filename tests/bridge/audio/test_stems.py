"""An excerpt is exactly what the file holds there; whatever is wrong with the file is one clear error."""

import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from punchin_bridge.audio.stems import probe, read
from punchin_bridge.music.region import Region
from punchin_wire.errors import BadAudio, FileMissing


def write(path: Path, audio: np.ndarray, rate: int = 44100, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, audio.T, rate, subtype=subtype)
    return path


def noise(channels: int, samples: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (channels, samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("subtype", "step"), [("FLOAT", 0), ("DOUBLE", 0), ("PCM_24", 2**-23), ("PCM_16", 2**-15), ("PCM_U8", 2**-7)]
)
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (192000, 6)])
def test_any_format_is_read(tmp_path: Path, subtype: str, step: float, rate: int, channels: int) -> None:
    audio = noise(channels, 4000)
    info = probe(write(tmp_path / "a.wav", audio, rate, subtype))
    assert (info.rate, info.channels, info.samples) == (rate, channels, 4000)
    assert info.seconds == 4000 / rate
    found = read(info, Region(0, 4000))
    assert found.dtype == np.float32
    assert np.abs(found - audio).max() <= step


def test_an_excerpt_is_its_samples_and_silence_beyond_the_file(tmp_path: Path) -> None:
    audio = noise(2, 1000)
    info = probe(write(tmp_path / "a.wav", audio))
    assert np.array_equal(read(info, Region(300, 420)), audio[:, 300:420])
    assert np.array_equal(read(info, Region(-5, 1010)), np.pad(audio, ((0, 0), (5, 10))))
    assert np.array_equal(read(info, Region(2000, 2010)), np.zeros((2, 10)))


@pytest.mark.skipif(sys.platform == "win32", reason="the file would not be sparse")
def test_a_seven_hour_clip_costs_its_excerpt(tmp_path: Path) -> None:
    """7 h of 48 kHz stereo 16-bit, 4.8 GB as a sparse file: seconds of it are read, not the file."""
    samples = 7 * 3600 * 48000
    data = 4 * samples
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, 2, 48000, 192000, 4, 16,
                       b"data", 0xFFFFFFFF)  # fmt: skip
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, data + 72, data, samples, 0)
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(b"RF64" + head[4:12] + ds64 + head[12:])
        start = file.tell()
        file.seek(start + 4 * (samples - 48000))
        file.write(np.full(2 * 48000, 2**14, "<i2").tobytes())
    tracemalloc.start()
    info = probe(path)
    assert info.seconds == 7 * 3600
    assert np.array_equal(read(info, Region(samples - 60 * 48000, samples))[:, -48001:-47999], [[0, 0.5], [0, 0.5]])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 2**20


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(tmp_path: Path, value: float) -> None:
    audio = noise(2, 100)
    audio[1, 50] = value
    info = probe(write(tmp_path / "a.wav", audio))
    with pytest.raises(BadAudio, match="not numbers"):
        read(info, Region(0, 100))
    assert np.isfinite(read(info, Region(51, 100))).all()


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "no.wav", tmp_path):
        with pytest.raises(FileMissing):
            probe(path)


@pytest.mark.parametrize("name", ["a.wav", "a.raw", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\xff\xff\xff\x7fWAVEfmt ", bytes(range(256)) * 40, b"hello\n"])
def test_what_is_no_audio_is_bad_audio(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadAudio):
        probe(path)


def test_an_empty_wav_is_bad_audio(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="holds no samples"):
        probe(write(tmp_path / "a.wav", noise(2, 0)))


def test_a_truncated_wav_never_reads_as_sound_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(2, 1000))
    path.write_bytes(path.read_bytes()[:-4000])
    try:
        info = probe(path)
        found = read(info, Region(0, info.samples))
    except BadAudio:
        return
    assert info.samples == 500
    assert np.array_equal(found, noise(2, 1000)[:, :500])
