"""The script's own OSC codec: the same bytes as python-osc, and no packet that can do more than be refused."""

import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from Punchin.osc import OscError, decode, encode
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
VALUES = st.lists(TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False), max_size=8)


@given(TEXT, VALUES)
def test_what_is_encoded_is_decoded_by_us_and_by_python_osc(path: str, values: list[str | int | float]) -> None:
    packet = encode("/" + path, *values)
    assert len(packet) % 4 == 0
    assert decode(packet) == [("/" + path, tuple(values))]
    message = OscMessage(packet)
    assert message.address == "/" + path
    assert message.params == values


def test_what_python_osc_sends_is_read_in_bundles_too() -> None:
    builder = OscMessageBuilder(address="/a")
    for value, tag in ((1, "i"), (2**40, "h"), (0.5, "f"), (0.1, "d"), ("süß", "s"), (True, "T"), (False, "F")):
        builder.add_arg(value, tag)
    message = builder.build()
    expected = ("/a", (1, 2**40, 0.5, 0.1, "süß", True, False))
    assert decode(message.dgram) == [expected]
    inner = OscBundleBuilder(IMMEDIATELY)
    inner.add_content(message)
    outer = OscBundleBuilder(IMMEDIATELY)
    outer.add_content(message)
    outer.add_content(inner.build())
    assert decode(outer.build().dgram) == [expected, expected]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"a\0\0\0",
        b"/a",
        b"/a\0\0i\0\0\0",
        b"/a\0\0,i\0\0\0\0",
        b"/a\0\0,s\0\0abc",
        b"/a\0\0,s\0\0\xff\0\0\0",
        b"/a\0\0,b\0\0\0\0\0\0",
        b"/a\0\0,\0\0\0\0\0\0\0",
        b"#bundle\0" + b"\0" * 8 + struct.pack(">i", -4),
        b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 400) + b"/a\0\0",
        b"#bundle\0" + b"\0" * 8 + b"\0\0",
    ],
    ids=range(12),
)
def test_what_is_no_osc_is_refused(packet: bytes) -> None:
    with pytest.raises(OscError):
        decode(packet)


def test_bundles_in_bundles_end_somewhere() -> None:
    packet = b"/a\0\0,\0\0\0"
    for _ in range(100):
        packet = b"#bundle\0" + b"\0" * 8 + struct.pack(">i", len(packet)) + packet
    with pytest.raises(OscError):
        decode(packet)


@pytest.mark.slow
def test_no_mutation_of_a_packet_raises_anything_but_an_osc_error() -> None:
    rng = random.Random(5)
    message = encode("/punchin/host/state", '{"type":"state"}', 1, 2**40, math.pi)
    bundle = b"#bundle\0" + b"\0" * 8 + struct.pack(">i", len(message)) + message
    refused = 0
    for _ in range(60_000):
        packet = bytearray(rng.choice((message, bundle)))
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(packet))
            kind = rng.randrange(3)
            if kind == 0:
                packet[at] = rng.randrange(256)
            elif kind == 1:
                del packet[at:]
                packet += b"\0"
            else:
                packet[at:at] = rng.randbytes(rng.randint(1, 8))
        try:
            decode(bytes(packet))
        except OscError:
            refused += 1
    assert 20_000 < refused < 60_000  # most are broken, and some are not
