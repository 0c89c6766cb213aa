"""Any header is a message or refused in words, soon and in little memory, however it is nested, numbered or cut."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json
from punchin_wire import frames, messages
from punchin_wire.errors import ErrorInfo, PunchinError
from punchin_wire.messages import ChordSegment, Hole, InpaintRequest, Note, Submit, TakeSpec, TransferRequest

pytestmark = pytest.mark.slow

SECONDS, MEMORY = 5.0, 64 * 2**20
SOUND = np.zeros((2, 1000), np.float32)
SOURCE = frames.describe(SOUND, 1000)
WHOLE = [
    Submit(
        "job-0001",
        InpaintRequest(
            source=SOURCE,
            holes=(Hole(10, 20),),
            takes=(TakeSpec(7, {"chord": 1.0, "piano": 0.5}),),
            chords=(ChordSegment(0.0, 1.0, "A:min7"),),
            piano=(Note(0.0, 0.5, 60, 80, 0, False),),
        ),
    ),
    Submit("job-0002", TransferRequest(SOURCE, "violin", (TakeSpec(7),))),
    messages.Cancel("job-0001"),
    messages.Attach("job-0001", 3),
]
HEADERS = [json.decode(frames.pack(message, [SOUND])[1]) for message in WHOLE]

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([1e308, -0.0, 2**63, 2**64, -1, "", "\0", "é" * 100, [], {}, [[]], {"type": "submit"}]),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=5),
)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """The header of a real message in which some values became others, or went, or others came."""

    def changed(value: object) -> object:
        if draw(st.integers(0, 9)) == 0:
            return draw(ODD)
        if isinstance(value, dict):
            kept = {key: changed(each) for key, each in value.items() if draw(st.integers(0, 19))}
            return kept | ({draw(st.text(max_size=5)): draw(ODD)} if draw(st.integers(0, 9)) == 0 else {})
        if isinstance(value, list):
            return [changed(each) for each in value] * draw(st.sampled_from([1, 1, 1, 0, 2, 300]))
        return value

    return json.encode(changed(draw(st.sampled_from(HEADERS))))


def use(header: bytes) -> ErrorInfo | None:
    """Why the header is refused; a message that is taken survives the trip."""
    try:
        message = frames.unpack([frames.MAGIC, header, SOUND.tobytes()], frames.FromClient).message
    except PunchinError as error:
        return error.info()
    audio = [SOUND] if messages.audio_refs(message) else []
    assert frames.unpack(frames.pack(message, audio), frames.FromClient).message == message
    return None


def try_out(header: bytes) -> None:
    began = time.monotonic()
    tracemalloc.start()
    try:
        refused = use(header)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < SECONDS
    assert peak < MEMORY
    if refused is not None:
        assert refused.message
        assert "Expected `" not in refused.message
        assert refused.next_step


@given(headers())
@settings(max_examples=300, deadline=None)
def test_any_values_in_a_header(header: bytes) -> None:
    try_out(header)


@given(st.sampled_from(HEADERS), st.data())
@settings(max_examples=200, deadline=None)
def test_any_bytes_in_a_header(whole: object, data: st.DataObject) -> None:
    raw = bytearray(json.encode(whole))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[at] = data.draw(st.integers(0, 255))
    try_out(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@pytest.mark.parametrize("header", [b"[" * 10**6, b'{"a":' * 10**5, b'"' + b"\\u0000" * 10**5 + b'"', b"1" * 10**6])
def test_large_nonsense(header: bytes) -> None:
    try_out(header)
