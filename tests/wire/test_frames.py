"""What must hold on the wire: every message survives the trip, and nothing hostile gets past `unpack`."""

import contextlib
import doctest
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_wire import errors, frames, messages, throttle
from punchin_wire.messages import Event, Hole, InpaintRequest, Submit, Take, TakeSpec
from punchin_wire.osc import packets


def submit(audio: frames.Audio, takes: tuple[TakeSpec, ...] = (TakeSpec(7),)) -> Submit:
    source = frames.describe(audio, 48_000)
    return Submit(job="job-0001", request=InpaintRequest(source=source, holes=(Hole(10, 20),), takes=takes))


@pytest.fixture
def audio() -> frames.Audio:
    return np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)


@pytest.mark.parametrize("module", [frames, messages, packets, throttle])
def test_examples_in_docstrings_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed


def test_round_trip_is_exact_and_does_not_copy(audio: frames.Audio) -> None:
    sent = frames.pack(submit(audio), [audio])
    assert np.shares_memory(np.frombuffer(sent[2], np.float32), audio)
    got = frames.unpack(sent, frames.FromClient)
    assert got.message == submit(audio)
    assert np.array_equal(got.of(got.message.request.source), audio)
    assert np.shares_memory(got.audio[0], audio)


def test_events_carry_audio(audio: frames.Audio) -> None:
    mono = audio[:1]
    take = Event(job="job-0001", seq=3, body=Take(take=0, seed=7, start=640, audio=frames.describe(mono, 32_000)))
    got = frames.unpack(frames.pack(take, [mono]), frames.FromDaemon)
    assert got.message == take
    assert np.array_equal(got.audio[0], mono)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(audio: frames.Audio, value: float) -> None:
    audio[1, 500] = value
    audio[0, 3] = -value
    with pytest.raises(errors.BadAudio):
        frames.unpack(frames.pack(submit(audio), [audio]))


def test_other_versions_and_other_senders_are_told_apart(audio: frames.Audio) -> None:
    sent = frames.pack(submit(audio), [audio])
    with pytest.raises(errors.VersionMismatch):
        frames.unpack([b"punchin/999", *sent[1:]])
    with pytest.raises(errors.BadMessage):
        frames.unpack([b"GET / HTTP/1.1", *sent[1:]])


def test_audio_must_be_what_the_header_says(audio: frames.Audio) -> None:
    sent = frames.pack(submit(audio), [audio])
    for wrong in (sent[:2], [*sent, b""], [*sent[:2], sent[2][:-4]]):
        with pytest.raises(errors.BadMessage):
            frames.unpack(wrong)


@pytest.mark.parametrize("hole", [(5, 5), (20, 10), (0, 1001), (1000, 1001)])
def test_holes_outside_the_audio_are_refused(audio: frames.Audio, hole: tuple[int, int]) -> None:
    edges = msgspec.json.encode({"start": hole[0], "end": hole[1]})
    header = msgspec.json.encode(submit(audio)).replace(b'{"start":10,"end":20}', edges)
    with pytest.raises(errors.BadRegion):
        frames.unpack([frames.MAGIC, header, audio.data.cast("B")])


def test_a_control_without_its_material_is_refused(audio: frames.Audio) -> None:
    with pytest.raises(errors.BadSetting, match="drums"):
        submit(audio, takes=(TakeSpec(1, {"drums": 1.0}),))


SOURCE = messages.AudioRef(frame=0, sample_rate=4000, channels=1, samples=16_000)


def ask(**given: object) -> None:
    """A request over a source of 4 s, as it comes over the wire from whoever sends it."""
    request = {"engine": "inpaint", "source": SOURCE, "holes": [Hole(0, 10)], "takes": [TakeSpec(0)], **given}
    header = msgspec.json.encode({"type": "submit", "job": "job-0001", "request": request})
    frames.unpack([frames.MAGIC, header, bytes(64_000)])


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"piano": [{"start": 0, "end": 10_000, "pitch": 60}]}, "A note from 0 to 10000 s"),
        ({"piano": [{"start": -2, "end": 1, "pitch": 60}]}, "A note from -2 to 1 s"),
        ({"piano": [{"start": 2, "end": 1, "pitch": 60}]}, "A note from 2 to 1 s"),
        ({"chords": [{"start": 0, "end": 1e300, "label": "C:maj"}]}, r"A chord from 0 to 1e\+300 s"),
        ({"beats": [0, 1e9]}, r"A beat from 1e\+09 to 1e\+09 s"),
    ],
)
def test_times_outside_the_audio_are_refused(given: dict[str, object], what: str) -> None:
    with pytest.raises(errors.BadSetting, match=f"{what} lies outside the audio, which is 4.000 s long."):
        ask(**given)


def test_times_may_reach_beyond_the_audio_by_a_second() -> None:
    ask(
        piano=[{"start": -0.5, "end": 5, "pitch": 60}], chords=[{"start": 0, "end": 4.02, "label": "N"}], beats=[0, 4.5]
    )


def test_chords_and_beats_follow_each_other() -> None:
    """What comes of 8,192 chords that all last over 8,192 beats would fill the memory."""
    with pytest.raises(errors.BadSetting, match="chord starts before"):
        ask(chords=[{"start": 0, "end": 4, "label": "C:maj"}, {"start": 1, "end": 4, "label": "C:maj"}])
    with pytest.raises(errors.BadSetting, match="beat comes before"):
        ask(beats=[1, 0.5])


def test_a_seven_hour_clip_is_refused_by_its_header() -> None:
    clip = messages.AudioRef(frame=0, sample_rate=48_000, channels=2, samples=7 * 3600 * 48_000)
    with pytest.raises(errors.BadRegion, match="25200 s"):
        InpaintRequest(source=clip, holes=(Hole(0, 1),), takes=(TakeSpec(0),))


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_random_frames_never_crash(hostile: list[bytes]) -> None:
    for prefix in ([], [frames.MAGIC]):
        with pytest.raises(errors.PunchinError):
            frames.unpack([*prefix, *hostile])


def test_mutated_messages_never_crash(audio: frames.Audio) -> None:
    rng = random.Random(1)
    sent = [bytes(f) for f in frames.pack(submit(audio), [audio])]
    survived = 0
    for _ in range(2000):
        mutated = [bytearray(f) for f in sent]
        for _ in range(rng.randint(1, 4)):
            frame = mutated[rng.choice([0, 1, 1, 1, 2])]
            frame[rng.randrange(len(frame))] = rng.randrange(256)
        with contextlib.suppress(errors.PunchinError):  # anything else is a crash
            frames.unpack([bytes(f) for f in mutated], frames.FromClient)
            survived += 1
    assert survived < 1000
