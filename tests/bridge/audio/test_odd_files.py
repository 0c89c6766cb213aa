"""Files as other programs leave them: read as they are meant, or refused in a sentence; what is wrong is said."""

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.script import ROOT
from punchin_bridge.audio import foreign, formats, wavfile
from punchin_bridge.audio.bwf import Tags
from punchin_bridge.audio.wavfile import Song
from punchin_wire.errors import BadAudio, BadSetting

RATE = 48_000
TAGS = Tags("abcd-1", "song", "here", 1, "2026-01-31T18:20:05")
FMT = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
AUDIO = np.random.default_rng(1).integers(-9000, 9000, (RATE, 2), "<i2")
MONO_24 = np.random.default_rng(2).integers(0, 256, 3 * 4801, "u1").tobytes()


def chunk(name: bytes, load: bytes, size: int | None = None, pad: bool = True) -> bytes:
    return name + struct.pack("<I", len(load) if size is None else size) + load + b"\0" * (pad and len(load) % 2)


def bext(reference: int) -> bytes:
    load = bytearray(602)
    struct.pack_into("<QH", load, 338, reference, 1)
    return bytes(load)


def riff(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def song_of(path: Path, content: bytes) -> Song:
    path.write_bytes(content)
    return wavfile.probe(path)


def is_kept(song: Song, folder: Path, audio: np.ndarray = AUDIO) -> bytes:
    """Checks that a take in the song leaves all else bit-identical; returns the whole file."""
    take = np.full((song.channels, 100), 0.25)
    wavfile.write_full(folder / "out.wav", song, [(700, take)], TAGS, b"{}")
    assert wavfile.outside_delta(song, folder / "out.wav", [(700, 800)]) == 0.0
    assert wavfile.outside_delta(song, folder / "out.wav", []) > 0.0
    assert song.samples == len(audio)
    back = wavfile.read(wavfile.probe(folder / "out.wav")).T
    assert np.array_equal(back[:700], audio[:700] / 2**15)
    assert np.array_equal(back[800:], audio[800:] / 2**15)
    return (folder / "out.wav").read_bytes()


def test_bw64_is_read_and_written_like_rf64(tmp_path: Path) -> None:
    data = AUDIO.tobytes()
    sizes = struct.pack("<QQQI", len(data) + 100, len(data), RATE, 0)
    adm = chunk(b"chna", bytes(range(40))) + chunk(b"axml", b"<ebuCoreMain/>")
    body = chunk(b"ds64", sizes) + chunk(b"fmt ", FMT) + chunk(b"data", data, 0xFFFFFFFF) + adm
    written = is_kept(song_of(tmp_path / "adm.wav", b"BW64\xff\xff\xff\xffWAVE" + body), tmp_path)
    assert written[:4] == b"BW64"
    assert adm in written
    total, size, frames = struct.unpack("<QQQ", written[20:44])
    assert (total, size, frames) == (len(written) - 8, len(data), RATE)
    # libsndfile reads the same bytes under the name that it knows
    (tmp_path / "rf64.wav").write_bytes(b"RF64" + written[4:])
    assert np.array_equal(soundfile.read(tmp_path / "rf64.wav", dtype="int16")[0][800:], AUDIO[800:])


@pytest.mark.parametrize("pad", [True, False])
def test_chunks_behind_an_odd_one_are_found_without_its_pad_byte(tmp_path: Path, pad: bool) -> None:
    layout = struct.pack("<HHIIHH", 1, 1, RATE, 3 * RATE, 3, 24)
    cue = chunk(b"LIST", b"adtl" + bytes(7), pad=pad) + chunk(b"cue ", bytes(4))
    content = riff(chunk(b"fmt ", layout), chunk(b"data", MONO_24, pad=pad), chunk(b"bext", bext(172_800_000)), cue)
    song = song_of(tmp_path / "mono.wav", content)
    assert (song.samples, song.time_reference, song.notes) == (4801, 172_800_000, ())
    wavfile.write_full(tmp_path / "out.wav", song, [(700, np.zeros((1, 10)))], TAGS, b"{}")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(700, 710)]) == 0.0
    assert chunk(b"cue ", bytes(4)) in (tmp_path / "out.wav").read_bytes()
    assert wavfile.probe(tmp_path / "out.wav").time_reference == 172_800_000


def test_an_odd_chunk_before_the_samples_without_its_pad_byte(tmp_path: Path) -> None:
    content = riff(chunk(b"LIST", b"INFO" + bytes(7), pad=False), chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes()))
    is_kept(song_of(tmp_path / "song.wav", content), tmp_path)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_recording_whose_header_was_never_finished(tmp_path: Path, size: int) -> None:
    song = song_of(tmp_path / "song.wav", riff(chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes(), size)))
    is_kept(song, tmp_path)
    assert any("never finished" in note for note in song.notes) == (size == 0)


def test_a_file_that_was_cut_off_is_taken_as_far_as_it_goes_and_that_is_said(tmp_path: Path) -> None:
    content = riff(chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes(), 8 * len(AUDIO)))
    song = song_of(tmp_path / "song.wav", content)
    is_kept(song, tmp_path)
    assert "ends before its header says" in song.notes[0]


def test_of_two_blocks_of_samples_the_first_is_taken_and_that_is_said(tmp_path: Path) -> None:
    content = riff(chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes()), chunk(b"data", AUDIO[:50].tobytes()))
    song = song_of(tmp_path / "song.wav", content)
    is_kept(song, tmp_path)
    assert "more than one block" in song.notes[0]


def test_what_is_no_chunk_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    content = riff(chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes()))
    assert "24 bytes at its end" in song_of(tmp_path / "tail.wav", content + b"\1\2\3\4" * 6).notes[0]
    assert song_of(tmp_path / "zeros.wav", content + bytes(24)).notes == ()


@pytest.mark.parametrize("reference", [2**64 - 1, 2**63 + 1])
def test_a_time_stamp_beyond_any_time_line_is_not_used(tmp_path: Path, reference: int) -> None:
    content = riff(chunk(b"bext", bext(reference)), chunk(b"fmt ", FMT), chunk(b"data", AUDIO.tobytes()))
    song = song_of(tmp_path / "song.wav", content)
    assert song.time_reference == 0
    assert "time stamp" in song.notes[0]
    wavfile.write_region(tmp_path / "take.wav", song, 96, np.zeros((2, 10)), TAGS, b"{}")
    assert wavfile.probe(tmp_path / "take.wav").time_reference == 96


@pytest.mark.slow
@pytest.mark.parametrize("loud_first", [True, False])
@pytest.mark.parametrize("container", ["mp3", "wav"])
def test_an_mp3_without_a_header_is_as_long_as_it_sounds(tmp_path: Path, container: str, loud_first: bool) -> None:
    """libsndfile guesses from the first frame's bit rate: too much behind a quiet one, too little behind a loud one."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    audio = np.random.default_rng(3).uniform(-0.3, 0.3, (20 * 44_100, 2))
    audio[44_100:] *= 0 if loud_first else 1
    audio[:44_100] *= 1 if loud_first else 0
    soundfile.write(tmp_path / "s.wav", audio, 44_100)
    path = tmp_path / f"song.{container}"
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "s.wav", "-c:a", "libmp3lame", "-q:a", "0"]
    command += ["-write_xing", "0"] if container == "mp3" else []
    subprocess.run([*command, path], check=True, timeout=60)
    song = wavfile.probe(path)
    assert 0 <= song.samples - len(audio) < 3 * 1152
    whole = wavfile.read(song)
    assert whole.shape[1] == song.samples
    assert np.array_equal(wavfile.read(song, song.samples - 5000), whole[:, -5000:])
    wavfile.write_full(tmp_path / "out.wav", song, [(700, np.zeros((2, 10)))], TAGS, b"{}")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(700, 710)]) == 0.0


ENCODED = {
    "song.m4a": ["-c:a", "aac"],
    "alac.m4a": ["-c:a", "alac"],
    "song.aac": ["-c:a", "aac"],
    "song.wma": ["-c:a", "wmav2"],
    "song.wv": ["-c:a", "wavpack"],
    "song.mka": ["-c:a", "flac"],
}


@pytest.mark.parametrize("name", ENCODED)
def test_other_formats_are_read_by_ffmpeg(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    soundfile.write(tmp_path / "s.wav", AUDIO, RATE)
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "cache" / "decoded"
    path = tmp_path / name
    subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "s.wav", *ENCODED[name], path], check=True, timeout=60)
    song = wavfile.probe(path)
    assert (song.rate, song.channels, song.encoding.floating, song.data) == (RATE, 2, True, None)
    assert abs(song.samples - len(AUDIO)) < 5000
    assert name in song.notes[0]
    assert "ffmpeg" in song.notes[0]
    wavfile.write_full(tmp_path / "out.wav", song, [(700, np.zeros((2, 10)))], TAGS, b"{}")
    assert wavfile.outside_delta(song, tmp_path / "out.wav", [(700, 710)]) == 0.0
    if name in ("alac.m4a", "song.wv", "song.mka"):
        assert np.array_equal(wavfile.read(song).T * 2**15, AUDIO)
    assert len(list(folder.iterdir())) == 1
    again = wavfile.probe(path)
    assert len(list(folder.iterdir())) == 1  # decoded once while anybody needs it
    del song, again
    assert list(folder.iterdir()) == []


def test_without_ffmpeg_a_sentence_says_what_it_is_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100))
    monkeypatch.setattr(foreign.shutil, "which", lambda _: None)
    with pytest.raises(BadAudio, match=r"song.m4a is MP4 \(AAC or ALAC\), which needs ffmpeg") as raised:
        wavfile.probe(path)
    assert "FLAC" in raised.value.next_step


def test_a_damaged_file_of_another_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    path = tmp_path / "song.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(100))
    with pytest.raises(BadAudio, match="finds no sound in it"):
        wavfile.probe(path)
    assert list((tmp_path / "home" / "cache" / "decoded").iterdir()) == []


def test_what_a_killed_program_decoded_is_taken_away_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    keep = "import time; from punchin_bridge.audio import foreign; kept = foreign._Decoded(); print(flush=True); "
    command = [sys.executable, "-c", f"{keep} time.sleep(60)"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        mine = foreign._Decoded()
        foreign.tidy()
        assert len(list(mine.path.parent.iterdir())) == 2
        process.kill()
    foreign.tidy()
    assert list(mine.path.parent.iterdir()) == [mine.path]


def test_every_format_that_is_read_is_documented_and_said() -> None:
    text = " ".join((ROOT / "docs" / "splice.md").read_text("utf-8").split())
    for name in (*formats.READ, *formats.DECODED):
        assert name in text
        assert name in formats.CONVERT


def test_what_is_no_audio_is_said_once_and_in_words(tmp_path: Path) -> None:
    (path := tmp_path / "song.wav").write_text("some words, and no sound at all")
    with pytest.raises(BadAudio) as raised:
        wavfile.probe(path)
    assert str(raised.value) == "song.wav is in no audio format that Punchin reads."
    assert "BW64" in raised.value.next_step
    path.write_bytes(riff(chunk(b"fmt ", b"\0" * 16), chunk(b"data", bytes(100))))
    with pytest.raises(BadAudio) as raised:
        wavfile.probe(path)
    assert str(raised.value) == "song.wav is damaged: its audio cannot be decoded."


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other limits")
def test_a_path_of_two_thousand_bytes(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["x" * 200] * 10)
    folder.mkdir(parents=True)
    soundfile.write(tmp_path / "s.wav", AUDIO, RATE)
    path = shutil.copy(tmp_path / "s.wav", folder / "song.wav")
    is_kept(wavfile.probe(path), folder)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(tmp_path / "s.wav", AUDIO, RATE)
    shutil.copy(tmp_path / "s.wav", path)
    with pytest.raises(BadSetting, match=r"caf\\xe9\.wav is not in UTF-8"):
        wavfile.probe(path)
