"""What the OSC front says: every event fits the table and a packet, whatever text it carries; surfaces are bounded."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from punchin_server.daemon.osc_front import MAX_SURFACES, OscFront, describe
from punchin_wire.errors import DaemonError, ErrorInfo, PunchinError
from punchin_wire.messages import (
    AudioChunk,
    AudioRef,
    Cancelled,
    Done,
    EventBody,
    Failed,
    Position,
    Progress,
    Take,
)
from punchin_wire.osc.packets import build
from punchin_wire.osc.table import MAX_PACKET

SOUND = AudioRef(0, 32_000, 1, 10)
WORST = ErrorInfo("internal", "two\nlines\x00 and\ttabs " + "ü" * 5000, "do\nthis " + "x" * 5000)


@pytest.fixture
def front() -> Iterator[OscFront]:
    with closing(OscFront("127.0.0.1", 0)) as front:
        yield front


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (Position(3), ["/punchin/job/state"]),
        (Progress("decode", 1, 2**31 - 1), ["/punchin/job/progress"]),
        (Take(0, 2**53, 0, SOUND), ["/punchin/job/take"]),
        (AudioChunk(0, 0, SOUND), []),
        (Done({}, {}), ["/punchin/job/state"]),
        (Cancelled(), ["/punchin/job/state"]),
        (Failed(WORST), ["/punchin/job/state", "/punchin/job/error"]),
    ],
)
def test_every_event_can_be_said(body: EventBody, paths: list[str]) -> None:
    said = describe("a-job", body)
    assert [path for path, _ in said] == paths
    for path, args in said:
        assert args[0] == "a-job"
        assert len(build(path, args, "from", "daemon")) <= MAX_PACKET


def test_what_does_not_fit_a_packet_is_not_built() -> None:
    with pytest.raises(PunchinError):
        build("/punchin/job/result", ("a-job", 0, 1, "/" + "long/" * 400), "from", "daemon")


def test_what_cannot_be_sent_is_dropped(front: OscFront) -> None:
    front.send(("127.0.0.1", 9), "/punchin/job/result", "a-job", 0, 1, "/" + "long/" * 400)
    front.send(("127.0.0.1", 9), "/punchin/pong", "\udcff")  # no UTF-8
    front.send(("127.0.0.1", 9), "/punchin/no-address", 1)


def test_surfaces_are_bounded_and_make_room_when_they_expire(front: OscFront) -> None:
    for port in range(MAX_SURFACES):
        front.subscribe(("127.0.0.1", port + 1), 10.0, now=0.0)
    front.subscribe(("127.0.0.1", 1), 20.0, now=0.0)  # again is not more
    with pytest.raises(DaemonError):
        front.subscribe(("127.0.0.1", 9999), 10.0, now=0.0)
    front.expire(now=11.0)
    front.subscribe(("127.0.0.1", 9999), 10.0, now=11.0)


def test_a_taken_port_is_named() -> None:
    with closing(OscFront("127.0.0.1", 0)) as first, pytest.raises(DaemonError, match=str(first.port)):
        OscFront("127.0.0.1", first.port)
