"""Songs keep every bit outside a take; takes say where they belong. Parsed here by an independent reader."""

import math
import shutil
import struct
import subprocess
import tracemalloc
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from punchin_bridge.audio import riff, wavfile
from punchin_bridge.audio.bwf import Tags, Tempo
from punchin_wire.errors import BadAudio, BadRegion, BadSetting, FileMissing

TAGS = Tags(
    reference="a1b2c3d4-1",
    project="Rain & <Sun>",
    scene="bars 5-8",
    take=1,
    created="2025-01-31T18:20:05",
    tempo=Tempo(120.0, 3, 4),
)
SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
TYPES = {"PCM_U8": "u1", "PCM_16": "<i2", "PCM_32": "<i4", "FLOAT": "<u4", "DOUBLE": "<u8"}


def parse(data: bytes) -> dict[bytes, bytes]:
    """Chunks of a RIFF or RF64 file of ours, strictly: sizes must add up to the file."""
    assert data[8:12] == b"WAVE"
    true_size, data_size = struct.unpack("<I", data[4:8])[0], None
    found, at = {}, 12
    while at < len(data):
        name, size = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        if name == b"ds64":
            true_size, data_size = struct.unpack("<QQ", data[at + 8 : at + 24])
        size = data_size if size == 0xFFFFFFFF else size
        assert name not in found
        found[name] = data[at + 8 : at + 8 + size]
        assert len(found[name]) == size
        at += 8 + size + size % 2
    assert at == len(data) == true_size + 8
    return found


def frames_of(data: bytes, subtype: str, channels: int) -> np.ndarray:
    """The raw sample bytes as integers `[samples, channels]`, so that equality is equality of bits."""
    if subtype == "PCM_24":
        return np.frombuffer(data, "u1").reshape(-1, channels, 3).astype("i4") @ np.array([1, 256, 65536])
    return np.frombuffer(data, TYPES[subtype]).reshape(-1, channels)


def make_song(path: Path, subtype: str = "PCM_16", channels: int = 2, samples: int = 3000, rate: int = 44100) -> Path:
    """A song of random samples that use every bit of their type."""
    random = np.random.default_rng(samples)
    if subtype in ("FLOAT", "DOUBLE"):
        soundfile.write(path, random.uniform(-1.5, 1.5, (samples, channels)), rate, subtype=subtype)
    else:
        audio = random.integers(-(2**31), 2**31, (samples, channels), dtype="int32")
        soundfile.write(path, audio, rate, subtype=subtype)
    return path


def patch(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (channels, samples))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", SUBTYPES)
def test_outside_a_take_every_bit_is_the_songs(tmp_path: Path, subtype: str, channels: int) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav", subtype, channels))
    audio, other = patch(channels, 500), patch(channels, 7, 1)
    wavfile.write_full(tmp_path / "out.wav", song, [(2993, other), (1001, audio)], TAGS, b"{}")

    before = frames_of(parse((tmp_path / "song.wav").read_bytes())[b"data"], subtype, channels)
    after = frames_of(parse((tmp_path / "out.wav").read_bytes())[b"data"], subtype, channels)
    assert np.array_equal(before[:1001], after[:1001])
    assert np.array_equal(before[1501:2993], after[1501:2993])
    holes = [(1001, 1501), (2993, 3000)]
    assert wavfile.outside_delta(song, tmp_path / "out.wav", holes) == 0.0
    assert wavfile.outside_delta(song, tmp_path / "out.wav", holes[1:]) > 0.0
    # And inside lies the take, to the precision of the encoding (16 bits and fewer: one step of dither).
    step = {"PCM_U8": 2**-6, "PCM_16": 2**-14, "PCM_24": 2**-23, "PCM_32": 2**-31, "FLOAT": 2**-24, "DOUBLE": 0}
    heard = wavfile.read(wavfile.probe(tmp_path / "out.wav"), 1001, 1501)
    assert np.max(np.abs(heard - audio)) <= step[subtype]
    assert soundfile.info(tmp_path / "out.wav").subtype == subtype


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("song.flac", "PCM_24"), ("song.flac", "PCM_16"), ("song.flac", "PCM_S8"), ("song.aiff", "PCM_24"),
     ("song.aiff", "PCM_S8"), ("song.aiff", "FLOAT"), ("song.ogg", "VORBIS"), ("song.w64", "PCM_32"),
     ("song.wav", "ULAW"), ("song.wav", "MS_ADPCM"), ("song.mp3", "MPEG_LAYER_III")],
)  # fmt: skip
def test_other_formats_keep_their_samples_as_decoded(tmp_path: Path, name: str, subtype: str) -> None:
    random = np.random.default_rng(3)
    soundfile.write(tmp_path / name, random.uniform(-0.9, 0.9, (30_000, 2)), 44_100, subtype=subtype)
    song = wavfile.probe(tmp_path / name)
    assert song.data is None
    wavfile.write_full(tmp_path / "out.wav", song, [(200, patch(2, 100))], TAGS, b"{}")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(200, 300)]) == 0.0
    decoded, _ = soundfile.read(tmp_path / name, always_2d=True)
    written, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert np.array_equal(decoded[300:], written[300:])


def test_a_region_says_where_it_belongs(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav", rate=48_000, samples=200_000))
    wavfile.write_region(tmp_path / "take.wav", song, 96_000, patch(2, 72_000), TAGS, b'{"a":1}')

    found = parse((tmp_path / "take.wav").read_bytes())
    assert list(found) == [b"bext", b"fmt ", b"data", b"iXML", b"acid", b"pnch"]
    bext = found[b"bext"]
    assert bext[256:288].rstrip(b"\0") == b"Punchin"
    assert bext[288:320].rstrip(b"\0") == b"a1b2c3d4-1"
    assert bext[320:338] == b"2025-01-3118:20:05"
    assert struct.unpack("<Q", bext[338:346]) == (96_000,)
    assert struct.unpack("<H", bext[346:348]) == (1,)
    assert bext[602:] == b"A=PCM,F=48000,W=24,M=stereo,T=\r\n"
    assert struct.unpack("<IHHfIHHf", found[b"acid"]) == (0, 60, 0x8000, 0.0, 3, 4, 3, 120.0)
    xml = ElementTree.fromstring(found[b"iXML"])
    assert xml.findtext("PROJECT") == "Rain & <Sun>"
    assert xml.findtext("SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO") == "96000"
    assert "120 BPM, 3/4" in (xml.findtext("NOTE") or "")
    assert wavfile.read_chunk(tmp_path / "take.wav", wavfile.RECIPE) == b'{"a":1}'
    assert soundfile.info(tmp_path / "take.wav").frames == 72_000


@pytest.mark.parametrize(
    ("source", "take"),
    [("PCM_U8", "PCM_24"), ("PCM_16", "PCM_24"), ("PCM_24", "PCM_24"), ("PCM_32", "PCM_32"), ("FLOAT", "FLOAT"),
     ("DOUBLE", "DOUBLE")],
)  # fmt: skip
def test_a_region_is_at_least_as_fine_as_its_song(tmp_path: Path, source: str, take: str) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav", source))
    wavfile.write_region(tmp_path / "take.wav", song, 10, patch(2, 99), TAGS, b"")
    info = soundfile.info(tmp_path / "take.wav")
    assert (info.subtype, info.frames, info.channels, info.samplerate) == (take, 99, 2, 44_100)


@pytest.mark.parametrize(
    ("source", "take"), [("PCM_16", "FLOAT"), ("PCM_24", "FLOAT"), ("PCM_32", "FLOAT"), ("DOUBLE", "DOUBLE")]
)
def test_a_region_above_full_scale_is_not_clipped(tmp_path: Path, source: str, take: str) -> None:
    song, path = wavfile.probe(make_song(tmp_path / "song.wav", source)), tmp_path / "take.wav"
    loud = patch(2, 99) * 9
    assert np.max(np.abs(loud)) > 1.0
    wavfile.write_region(path, song, 10, loud, TAGS, b"")
    assert soundfile.info(path).subtype == take
    assert np.allclose(soundfile.read(path)[0].T, loud, rtol=1e-6)


def test_a_region_of_no_whole_beats_is_a_one_shot(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    wavfile.write_region(tmp_path / "take.wav", song, 0, patch(2, 1234), TAGS, b"")
    acid = parse((tmp_path / "take.wav").read_bytes())[b"acid"]
    assert struct.unpack("<I8xI", acid[:16]) == (1, 0)


def with_chunks(path: Path, before: bytes, after: bytes) -> None:
    """Insert raw chunks before and after the samples of a plain file."""
    data = path.read_bytes()
    at = data.index(b"data")
    body = data[12:at] + before + data[at:] + after
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)


def test_a_song_keeps_its_own_chunks(tmp_path: Path) -> None:
    """Cue points, loops and markers stay; `bext` keeps its time and gains a line; what became untrue goes."""
    make_song(tmp_path / "song.wav")
    bext = bytearray(602)
    struct.pack_into("<QH", bext, 338, 5_000_000_000, 2)
    bext += b"A=PCM,F=44100,W=16,M=stereo,T=Tape\r\n" + bytes(9)  # some programs leave room
    cue, odd = b"\x01\x00\x00\x00" + bytes(24), b"odd"
    before = b"bext" + struct.pack("<I", len(bext)) + bytes(bext) + b"\0" * (len(bext) % 2)
    before += b"JUNK" + struct.pack("<I", 4) + bytes(4)
    after = b"cue " + struct.pack("<I", 28) + cue + b"xtra" + struct.pack("<I", 3) + odd + b"\0"
    with_chunks(tmp_path / "song.wav", before, after + b"pnch" + struct.pack("<I", 2) + b"{}")

    song = wavfile.probe(tmp_path / "song.wav")
    assert song.time_reference == 5_000_000_000
    wavfile.write_full(tmp_path / "out.wav", song, [(0, patch(2, 10))], TAGS, b'{"new":1}')
    found = parse((tmp_path / "out.wav").read_bytes())
    assert list(found) == [b"fmt ", b"bext", b"data", b"cue ", b"xtra", b"iXML", b"acid", b"pnch"]
    assert found[b"cue "] == cue
    assert found[b"xtra"] == odd
    assert found[b"pnch"] == b'{"new":1}'
    assert struct.unpack("<Q", found[b"bext"][338:346]) == (5_000_000_000,)
    assert found[b"bext"][412:422] == b"\xff\x7f" * 5
    assert found[b"bext"][602:].split(b"\r\n")[:2] == [
        b"A=PCM,F=44100,W=16,M=stereo,T=Tape",
        b"A=PCM,F=44100,W=16,M=stereo,T=",
    ]

    wavfile.write_region(tmp_path / "take.wav", song, 100, patch(2, 10), TAGS, b"")
    assert struct.unpack("<Q", parse((tmp_path / "take.wav").read_bytes())[b"bext"][338:346]) == (5_000_000_100,)


def test_six_channels_keep_their_speakers(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, np.zeros((100, 6)), 48_000, subtype="PCM_24", format="WAVEX")
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(b"fmt ") + 8 + 20, 0x3F)  # 5.1
    path.write_bytes(raw)
    song = wavfile.probe(path)
    wavfile.write_region(tmp_path / "take.wav", song, 0, patch(6, 50), TAGS, b"")
    wavfile.write_full(tmp_path / "out.wav", song, [(0, patch(6, 50))], TAGS, b"")
    for name in ("take.wav", "out.wav"):
        layout = parse((tmp_path / name).read_bytes())[b"fmt "]
        assert struct.unpack_from("<20xI", layout) == (0x3F,)
        assert soundfile.info(tmp_path / name).channels == 6


def test_large_files_become_rf64(tmp_path: Path) -> None:
    """The same layout with 64-bit sizes, here above 1000 bytes instead of 4 GiB; libsndfile reads it."""
    audio = np.arange(2000, dtype="<i2")
    layout = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    pieces = [riff.whole(b"fmt ", layout), riff.whole(b"data", audio.tobytes()), riff.whole(b"odd ", b"abc")]
    with (tmp_path / "big.wav").open("wb") as file:
        riff.write(file, pieces, 2000, largest=1000)
    assert (tmp_path / "big.wav").read_bytes()[:4] == b"RF64"
    assert parse((tmp_path / "big.wav").read_bytes())[b"odd "] == b"abc"
    song = wavfile.probe(tmp_path / "big.wav")
    assert song.samples == 2000
    assert song.data is not None
    assert np.array_equal(soundfile.read(tmp_path / "big.wav", dtype="int16")[0], audio)
    wavfile.write_full(tmp_path / "out.wav", song, [(5, patch(1, 5))], TAGS, b"")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(5, 10)]) == 0.0


@pytest.mark.slow
def test_a_long_song_passes_in_small_pieces(tmp_path: Path) -> None:
    """Writing 100 s of stereo takes a few MB, whatever its length."""
    song = wavfile.probe(make_song(tmp_path / "song.wav", "PCM_24", samples=4_410_000))
    audio = patch(2, 44_100)
    tracemalloc.start()
    wavfile.write_full(tmp_path / "out.wav", song, [(441_000, audio)], TAGS, b"")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(441_000, 485_100)]) == 0.0


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        wavfile.probe(tmp_path / "none.wav")
    with pytest.raises(FileMissing):
        wavfile.probe(tmp_path)
    (tmp_path / "text.wav").write_text("not audio at all, just some words")
    with pytest.raises(BadAudio):
        wavfile.probe(tmp_path / "text.wav")
    (tmp_path / "void.wav").write_bytes(b"")
    with pytest.raises(BadAudio):
        wavfile.probe(tmp_path / "void.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), 44_100)
    with pytest.raises(BadAudio, match="no samples"):
        wavfile.probe(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.0]), 44_100, subtype="FLOAT")
    with pytest.raises(BadAudio, match="not numbers"):
        wavfile.read(wavfile.probe(tmp_path / "nan.wav"))
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    for start, end in [(-1, 5), (5, 5), (0, 3001), (4000, 5000)]:
        with pytest.raises(BadRegion):
            wavfile.read(song, start, end)


def test_a_broken_off_recording_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = make_song(tmp_path / "song.wav", samples=3000)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - 4001])
    song = wavfile.probe(path)
    assert 1990 <= song.samples < 2000
    assert song.data is not None
    assert song.data.offset + song.data.size == len(raw) - 4001
    wavfile.write_full(tmp_path / "out.wav", song, [(5, patch(2, 5))], TAGS, b"")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(5, 10)]) == 0.0


def test_a_song_is_never_written_over(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    before = song.path.read_bytes()
    with pytest.raises(BadSetting, match="itself"):
        wavfile.write_full(song.path, song, [(0, patch(2, 10))], TAGS, b"")
    assert song.path.read_bytes() == before


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    with pytest.raises(BadSetting, match="cannot be written"):
        wavfile.write_region(tmp_path / "no folder" / "take.wav", song, 0, patch(2, 10), TAGS, b"")
    song.path.write_bytes(song.path.read_bytes()[:500])  # the song shrinks while it is copied
    with pytest.raises(BadAudio):
        wavfile.write_full(tmp_path / "out.wav", song, [(0, patch(2, 10))], TAGS, b"")
    assert [p.name for p in tmp_path.iterdir()] == ["song.wav"]


def test_takes_that_do_not_fit(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    for patches in (
        [(2995, patch(2, 10))],
        [(-1, patch(2, 10))],
        [(0, patch(2, 10)), (5, patch(2, 5))],
        [(0, patch(1, 5))],
    ):
        with pytest.raises(BadRegion):
            wavfile.write_full(tmp_path / "out.wav", song, patches, TAGS, b"")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_the_difference_is_the_largest_in_full_scale(tmp_path: Path, subtype: str) -> None:
    audio = np.zeros((5000, 2))
    soundfile.write(tmp_path / "song.wav", audio, 44_100, subtype=subtype)
    audio[10, 0], audio[4999, 1] = 0.25, -0.5
    soundfile.write(tmp_path / "other.wav", audio, 44_100, subtype=subtype)
    song, other = wavfile.probe(tmp_path / "song.wav"), tmp_path / "other.wav"
    assert wavfile.outside_delta(song, other, []) == 0.5
    assert wavfile.outside_delta(song, other, [(4999, 5000)]) == 0.25
    assert wavfile.outside_delta(song, other, [(0, 11), (4000, 5000)]) == 0.0


def test_a_sign_bit_is_a_difference_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(100), 44_100, subtype="FLOAT")
    soundfile.write(tmp_path / "other.wav", -np.zeros(100), 44_100, subtype="FLOAT")
    assert 0 < wavfile.outside_delta(wavfile.probe(tmp_path / "song.wav"), tmp_path / "other.wav", []) < 1e-300


def test_a_different_file_is_infinitely_far(tmp_path: Path) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav"))
    make_song(tmp_path / "short.wav", samples=100)
    assert wavfile.outside_delta(song, tmp_path / "short.wav", []) == math.inf


def test_quiet_sound_is_dithered_and_silence_is_not(tmp_path: Path) -> None:
    """A tone of a third of a 16-bit step survives as its mean in the dither; digital silence stays zero."""
    song = wavfile.probe(make_song(tmp_path / "song.wav", samples=60_000))
    audio = np.full((2, 50_000), 2.0**-15 / 3)
    audio[1] = 0.0
    wavfile.write_full(tmp_path / "out.wav", song, [(0, audio)], TAGS, b"")
    heard = wavfile.read(wavfile.probe(tmp_path / "out.wav"), 0, 50_000)
    assert heard[0].mean() * 2**15 == pytest.approx(1 / 3, abs=0.02)
    assert not heard[1].any()


@pytest.mark.slow
@given(
    subtype=st.sampled_from(SUBTYPES),
    channels=st.integers(1, 8),
    samples=st.integers(1, 400),
    rate=st.sampled_from([8000, 11_025, 44_100, 48_000, 96_000, 192_000]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_song_any_hole(
    tmp_path: Path, subtype: str, channels: int, samples: int, rate: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, samples - 1))
    end = data.draw(st.integers(start + 1, samples))
    song = wavfile.probe(make_song(tmp_path / "song.wav", subtype, channels, samples, rate))
    wavfile.write_full(tmp_path / "out.wav", song, [(start, patch(channels, end - start))], TAGS, b"{}")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(start, end)]) == 0.0
    wavfile.write_region(tmp_path / "take.wav", song, start, patch(channels, end - start), TAGS, b"{}")
    info = soundfile.info(tmp_path / "take.wav")
    assert (info.frames, info.channels, info.samplerate) == (end - start, channels, rate)
    parse((tmp_path / "take.wav").read_bytes())


CHUNK_NAMES = st.sampled_from([b"fmt ", b"data", b"ds64", b"bext", b"pnch"])
CHUNK_LISTS = st.lists(st.tuples(CHUNK_NAMES, st.integers(0, 2**32 - 1), st.binary(max_size=40)))
NEARLY_WAV = CHUNK_LISTS.map(
    lambda parts: b"RF64\xff\xff\xff\xffWAVE" + b"".join(name + struct.pack("<I", size) + b for name, size, b in parts)
)


@pytest.mark.slow
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"RIFF\xff\xff\0\0WAVE" + b) | NEARLY_WAV)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "any.wav"
    path.write_bytes(raw)
    for attempt in (lambda: wavfile.read_chunk(path, b"pnch"), lambda: wavfile.read(wavfile.probe(path))):
        try:
            attempt()
        except BadAudio:
            continue


@pytest.mark.slow
@given(at=st.integers(0, 200), value=st.integers(0, 255))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_byte_is_read_or_refused(tmp_path: Path, at: int, value: int) -> None:
    path = make_song(tmp_path / "song.wav", samples=64)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] = value
    path.write_bytes(raw)
    try:
        song = wavfile.probe(path)
        wavfile.read(song)
        wavfile.write_full(tmp_path / "out.wav", song, [(0, patch(song.channels, 1))], TAGS, b"")
    except BadAudio:
        return
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(0, 1)]) == 0.0


@pytest.mark.host
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_other_programs_read_our_files(tmp_path: Path, channels: int) -> None:
    song = wavfile.probe(make_song(tmp_path / "song.wav", "PCM_24", channels, 48_000, 48_000))
    wavfile.write_region(tmp_path / "take.wav", song, 24_000, patch(channels, 24_000), TAGS, b"{}")
    for tool, arguments in (
        ("sox", ["--i", "-s"]),
        ("ffprobe", ["-v", "error", "-show_entries", "stream=duration_ts:format_tags"]),
    ):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        done = subprocess.run(
            [tool, *arguments, tmp_path / "take.wav"], capture_output=True, text=True, timeout=60, check=True
        )
        assert "24000" in done.stdout
        assert not done.stderr
        if tool == "ffprobe":
            assert "time_reference=24000" in done.stdout
