"""Audio in less room: the same to the bit when it is opened, and nothing that is not audio harms who opens it."""

from __future__ import annotations

import io
import random
import tracemalloc
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from punchin_wire.errors import BadAudio, BadMessage, PunchinError, TooLarge
from punchin_wire.frames import Audio, describe, pack, unpack, unpack_sealed
from punchin_wire.messages import AudioRef, Event, Submit, Take, TakeSpec, TransferRequest
from punchin_wire.remote import lossless

RATE = 48_000


def music(bits: int = 0, channels: int = 2, seconds: float = 1.0) -> Audio:
    """Some chords with noise, as samples of a file with so many bits; 0: of floats."""
    time = np.arange(round(RATE * seconds)) / RATE
    chance = np.random.default_rng(bits)
    audio = np.stack([sum(np.sin(2 * np.pi * f * time + c) / 9 for f in (110, 277.2, 329.6)) for c in range(channels)])
    audio += chance.standard_normal(audio.shape) / 300
    return (np.round(audio * 2.0 ** (bits - 1)) / 2.0 ** (bits - 1) if bits else audio).astype("<f4") + np.float32(0)


def same(a: Audio, b: Audio) -> bool:
    return a.shape == b.shape and np.array_equal(a.view(np.uint32), b.view(np.uint32))


@pytest.mark.parametrize(("bits", "room", "form"), [(16, 0.4, b"fLaC"), (24, 0.66, b"fLaC"), (0, 0.86, b"planes")])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_it_comes_back_to_the_bit_in_less_room(bits: int, room: float, form: bytes, channels: int) -> None:
    audio = music(bits, channels)
    frame = lossless.shrunk(audio)
    assert frame is not None
    assert frame.startswith(form)
    assert len(frame) < room * audio.nbytes
    assert lossless.is_shrunk(frame)
    assert same(lossless.grown(frame, *audio.shape), audio)


def odd() -> Iterator[tuple[str, Audio]]:
    whole = music(24)
    yield "more channels than FLAC has", music(24, 9, 0.1)
    for name, sample in {"-0": -0.0, "1": 1.0, "2": 2.0, "tiny": 2.0**-24, "denormal": 1e-40, "huge": 3e38}.items():
        changed = whole.copy()
        changed[1, -7] = sample
        yield name, changed
    yield "-1, which is whole", np.full((2, 5000), -1, "<f4")
    yield "silence", np.zeros((2, RATE), "<f4")
    yield "one sample", music(24)[:, :1].copy()
    yield "24 bits behind 16", np.concatenate([music(16), music(24)], axis=1)


@pytest.mark.parametrize("audio", [audio for _, audio in odd()], ids=[name for name, _ in odd()])
def test_odd_samples_keep_every_bit(audio: Audio) -> None:
    frame = lossless.shrunk(audio)
    assert frame is None or same(lossless.grown(frame, *audio.shape), audio)


@given(st.lists(st.floats(width=32), min_size=1, max_size=300), st.sampled_from([1, 2, 3]))
def test_any_floats_keep_every_bit(values: list[float], channels: int) -> None:
    audio = np.resize(np.array(values, "<f4"), (channels, len(values)))
    for make in (lossless._flac, lossless._planes):
        if frame := make(audio):
            assert same(lossless.grown(frame, *audio.shape), audio)


def test_noise_of_all_bits_is_sent_as_it_is() -> None:
    audio = np.random.default_rng(1).integers(0, 2**32, (2, 5000), np.uint32).view("<f4")
    assert lossless.shrunk(audio) is None


# ---- as frames of messages -----------------------------------------------------------------------------------


def submit(audio: Audio, ref: AudioRef | None = None) -> Submit:
    return Submit("job-1", TransferRequest(ref or describe(audio, RATE), "violin", (TakeSpec(0),)), shrink=True)


@pytest.mark.parametrize("bits", [0, 16, 24])
def test_whoever_opens_a_message_finds_the_samples(bits: int) -> None:
    audio = music(bits)
    frames = pack(submit(audio), [audio], shrink=True)
    assert len(frames[2]) < audio.nbytes
    found = unpack(frames, Submit).audio[0]
    assert same(found, audio)
    assert not found.flags.writeable


def test_whoever_passes_it_on_opens_nothing_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = music(24)
    frames = pack(Event("job-1", 0, Take(0, 1, 0, describe(audio, RATE))), [audio], shrink=True)
    with monkeypatch.context() as patch:
        patch.setattr("punchin_wire.frames.grown", None)  # whoever called it would fail
        sealed = unpack_sealed(frames, Event)
        again = pack(sealed.message, sealed.frames)
    assert bytes(again[2]) == bytes(frames[2])
    assert same(sealed.opened().audio[0], audio)


def test_what_is_no_number_is_found_where_it_is_opened() -> None:
    audio = music()
    audio[0, 100] = np.nan
    frames = pack(submit(audio), [audio], shrink=True)
    assert lossless.is_shrunk(frames[2])
    with pytest.raises(BadAudio, match="not numbers"):
        unpack(frames, Submit)
    with pytest.raises(BadAudio, match="not numbers"):
        unpack_sealed(frames, Submit).opened()
    with pytest.raises(BadAudio, match="not numbers"):
        unpack_sealed(pack(submit(audio), [audio]), Submit)  # in full it is found at once


# ---- what is meant to harm -----------------------------------------------------------------------------------


def flac(samples: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((samples, channels), "i4"), RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


BOMBS = {
    "FLAC of another length": flac(10**6),
    "FLAC of other channels": flac(1000, 2),
    "FLAC cut short": flac(1000)[:-10],
    "FLAC of nothing": b"fLaC",
    "Ogg by another name": b"fLaC" + b"OggS" + bytes(100),
    "deflated zeros without end": lossless.PLANES + bytes(3000) + zlib.compress(bytes(10**8)),
    "deflated zeros, too few": lossless.PLANES + bytes(3000) + zlib.compress(bytes(999)),
    "deflated bytes without an end": lossless.PLANES + bytes(3000) + zlib.compress(bytes(1000))[:-1],
    "something behind it": lossless.PLANES + bytes(3000) + zlib.compress(bytes(1000)) + b"x",
    "planes that are short": lossless.PLANES + bytes(100),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_takes_no_more_room_than_what_it_claims_to_be(bomb: bytes) -> None:
    lossless.grown(flac(1000), 1, 1000)  # whose library is loaded
    tracemalloc.start()
    try:
        with pytest.raises(BadAudio, match="cannot be opened"):
            lossless.grown(bomb, 1, 1000)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_a_file_that_goes_on_behind_its_claim_is_read_up_to_there() -> None:
    long = flac(10**6)
    assert lossless.grown(long[:18] + flac(1000)[18:26] + long[26:], 1, 1000).shape == (1, 1000)


def test_a_message_that_claims_too_much_is_refused_before_anything_is_opened() -> None:
    claims = AudioRef(0, 768_000, 16, 768_000 * 60)  # 3 GB
    frame = lossless.PLANES + bytes(100)
    for read in (unpack, unpack_sealed):
        with pytest.raises(TooLarge):
            read([*pack(submit(music(), claims)), frame], Submit)


def test_a_frame_of_neither_form_is_refused_and_so_is_one_longer_than_its_samples() -> None:
    audio = music(24)
    frame = lossless.shrunk(audio)
    assert frame is not None
    few = describe(audio[:, :100], RATE)
    for ref, wrong in [(describe(audio, RATE), b"RIFF" + frame), (few, frame)]:
        with pytest.raises(BadMessage, match="An audio frame has"):
            unpack_sealed([*pack(submit(audio, ref)), wrong], Submit)


def test_bytes_that_were_changed_on_the_way_never_crash_who_opens_them() -> None:
    chance = random.Random(17)
    for audio in (music(16, seconds=0.1), music(24, seconds=0.1), music(seconds=0.1)):
        frame = lossless.shrunk(audio)
        assert frame is not None
        for _ in range(100):
            changed = bytearray(frame)
            for _ in range(chance.randrange(1, 20)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            try:
                found = lossless.grown(bytes(changed[: chance.randrange(len(changed)) or None]), *audio.shape)
            except PunchinError:
                continue
            assert found.shape == audio.shape
