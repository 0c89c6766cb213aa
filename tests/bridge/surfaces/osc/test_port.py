"""Surfaces through real sockets: what they turn, what they are shown, and whoever else writes to the port."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.room import submit
from fakes.surfaces import Stage, Surface, message, no_midi
from punchin_bridge import remotes
from punchin_bridge.hosts.protocol import CommandResult
from punchin_bridge.hosts.seats import Seat, Seats
from punchin_bridge.surfaces import actions
from punchin_bridge.surfaces.osc.port import MAX_SURFACES, SurfacePort, allowed
from punchin_wire import VERSION, params
from punchin_wire.errors import BadSetting, InternalError
from punchin_wire.messages import Progress
from punchin_wire.osc.packets import parse
from punchin_wire.osc.table import TABLE
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))


@pytest.fixture
def learned() -> list[str]:
    """What a MIDI controller was to be taught."""
    return []


@pytest.fixture
def port(stage: Stage, learned: list[str]) -> Iterator[SurfacePort]:
    made = SurfacePort(stage.console, lambda name, _now: learned.append(name), 0)
    yield made
    made.close()


@pytest.fixture
def tablet(stage: Stage, port: SurfacePort) -> Iterator[Surface]:
    made = Surface(stage, port)
    yield made
    made.socket.close()


@pytest.fixture
def phone(stage: Stage, port: SurfacePort) -> Iterator[Surface]:
    made = Surface(stage, port)
    yield made
    made.socket.close()


def test_a_fader_moves_on_every_surface(tablet: Surface, phone: Surface) -> None:
    tablet.say("/punchin/listen", 60.0)
    phone.say("/punchin/listen", 60.0)
    assert set(tablet.hear()) >= {f"/punchin/control/{name}" for name in params.BY_NAME}
    phone.hear()
    tablet.say("/punchin/fader/temperature", 1.0)
    for surface in (tablet, phone):
        assert surface.hear() == {"/punchin/control/temperature": [2.0], "/punchin/fader/temperature": [1.0]}
    phone.say("/punchin/control/text", "slow and wide")
    assert tablet.hear() == {"/punchin/control/text": ["slow and wide"]}


def test_whoever_does_not_listen_is_answered_alone(tablet: Surface, phone: Surface) -> None:
    tablet.say("/punchin/control/takes", 3)
    assert tablet.hear()["/punchin/control/takes"] == [3]
    phone.say("/punchin/get/takes")
    assert phone.hear()["/punchin/control/takes"] == [3]
    assert tablet.hear() == {}
    phone.say("/punchin/ping")
    assert list(phone.hear()) == ["/punchin/pong"]


def test_a_button_is_pressed_and_let_go(tablet: Surface, stage: Stage) -> None:
    for press in ((1.0,), (0.0,), ()):
        tablet.say("/punchin/action/inpaint", *press)
    stage.room.tell()
    assert [action for action, _ in stage.asked()] == ["inpaint", "inpaint"]
    tablet.say("/punchin/action/reset", 1)
    assert tablet.hear() == {}


def test_what_needs_details_has_an_address_of_its_own(tablet: Surface, stage: Stage) -> None:
    tablet.say("/punchin/take/pick", 2)
    tablet.say("/punchin/job/pick", "job-1", 1)
    tablet.say("/punchin/job/cancel", "job-1")
    tablet.say("/punchin/region/select", 4.0, 8.0, "quarters")
    stage.room.tell()
    asked = [(action, {k: v for k, v in told.items() if k != "pressed"}) for action, told in stage.asked()]
    assert asked == [
        ("pick", {"take": 2}),
        ("pick", {"take": 1, "job": "job-1"}),
        ("cancel", {"job": "job-1"}),
        ("select", {"start": 4.0, "end": 8.0, "unit": "quarters"}),
    ]
    tablet.say("/punchin/action/pick")
    assert tablet.hear()["/punchin/error"][0] == "bad_setting"


def test_a_job_is_seen_from_its_start_to_its_end(tablet: Surface, stage: Stage) -> None:
    tablet.say("/punchin/listen", 60)
    tablet.hear()
    stage.say(submit("job-1"))
    heard = tablet.pass_time()
    assert heard["/punchin/job/state"][:2] == ["job-1", "preparing"]
    stage.room.sessions.working("job-1", Progress("decode", 50, 100), stage.room.now)
    heard = tablet.pass_time()
    assert heard["/punchin/now/fraction"] == [0.5]
    stage.room.ready("job-1")
    heard = tablet.pass_time()
    assert heard["/punchin/job/take"] == ["job-1", 0, 7, "Punchin 1"]
    assert heard["/punchin/now/takes"] == [1]
    stage.say(submit("job-2"))
    stage.room.sessions.failed("job-2", InternalError("It broke.").info(), stage.room.now)
    assert tablet.pass_time()["/punchin/job/error"][1:3] == ["internal", "It broke."]


def test_the_seats_of_the_daemon_are_told_as_they_change(tablet: Surface, phone: Surface, stage: Stage) -> None:
    stage.say(submit("job-1"))
    tablet.say("/punchin/listen", 60)
    assert tablet.hear()["/punchin/now/seats"] == [""]
    stage.console.seats = Seats((Seat("busy", "cuda:0"), Seat("busy", "cuda:1", "job-1")), 3, "box")
    heard = tablet.pass_time()
    assert heard["/punchin/now/seats"] == ["box: 2 seats, 2 busy; 3 jobs of others."]
    assert heard["/punchin/seat/here"] == [2, 2, "busy", "cuda:1", "job-1"]
    phone.say("/punchin/status/get")
    said = [parse(data)[0] for data in phone.packets()]
    assert [args for path, args in said if path == "/punchin/seat/here"] == [
        [1, 2, "busy", "cuda:0", ""],
        [2, 2, "busy", "cuda:1", "job-1"],
    ]
    stage.console.seats = Seats()
    assert tablet.pass_time() == {"/punchin/now/seats": [""]}


def test_progress_comes_at_most_twenty_times_a_second(tablet: Surface, stage: Stage) -> None:
    tablet.say("/punchin/listen", 60)
    stage.say(submit("job-1"))
    tablet.pass_time()
    packets = 0
    for step in range(200):  # one second
        stage.room.sessions.working("job-1", Progress("decode", step, 200), stage.room.now)
        packets += "/punchin/job/progress" in tablet.pass_time(0.005)
    assert 15 <= packets <= 21
    assert tablet.pass_time()["/punchin/job/progress"][1] == pytest.approx(199 / 200)


def test_a_surface_that_listens_again_is_told_all_again(tablet: Surface) -> None:
    tablet.say("/punchin/listen", 5)
    first = tablet.hear()
    assert tablet.pass_time() == {}
    tablet.say("/punchin/listen", 5)
    assert tablet.hear() == first


def test_who_does_not_renew_is_forgotten(tablet: Surface, phone: Surface) -> None:
    tablet.say("/punchin/listen", 5)
    tablet.hear()
    tablet.pass_time(6.0)
    phone.say("/punchin/control/takes", 5)
    assert tablet.hear() == {}


def test_a_surface_may_hear_at_another_port_than_it_sends_from(tablet: Surface, phone: Surface) -> None:
    """TouchOSC does; `phone` stands for the port where it hears, which others of its packets need not name."""
    tablet.say("/punchin/listen", 60.0, phone.socket.getsockname()[1])
    assert "/punchin/control/takes" in phone.hear()
    tablet.say("/punchin/control/takes", 3)
    tablet.say("/punchin/get/top_k")
    tablet.say("/punchin/nothing")
    assert set(phone.hear()) >= {"/punchin/control/takes", "/punchin/control/top_k", "/punchin/error"}
    assert tablet.hear() == {}
    tablet.say("/punchin/listen", 0.0, phone.socket.getsockname()[1])
    tablet.say("/punchin/ping")
    assert list(tablet.hear()) == ["/punchin/pong"]
    assert phone.hear() == {}


def test_a_surface_learns_who_is_here(tablet: Surface, stage: Stage) -> None:
    stage.come("other-1")
    stage.say(submit("job-1"))
    tablet.say("/punchin/status/get")
    version, host, hosts, jobs = tablet.hear()["/punchin/status/now"]
    assert (version, host, hosts, jobs) == (VERSION, "fake-1", 2, 1)
    tablet.say("/punchin/status/get")
    said = [parse(data)[0] for data in tablet.packets()]
    assert [args for path, args in said if path == "/punchin/host/here"] == [["fake-1"], ["other-1"]]


def test_what_a_host_does_not_do_is_told_to_all_who_listen(tablet: Surface, phone: Surface, stage: Stage) -> None:
    tablet.say("/punchin/listen", 60)
    phone.say("/punchin/action/next_take")
    stage.room.tell()
    stage.say(CommandResult("fake-1", stage.asks[0].ask, "There are no takes."))
    assert tablet.pass_time()["/punchin/error"][1] == "There are no takes."
    assert "/punchin/error" not in tablet.pass_time()
    phone.say("/punchin/listen", 60)
    assert "/punchin/error" not in phone.hear()


@pytest.mark.parametrize(
    ("path", "args"),
    [
        ("/punchin/nothing", ()),
        ("/punchin/control/loudness", (1.0,)),
        ("/punchin/control/takes", ("many",)),
        ("/punchin/control/takes", ()),
        ("/punchin/control/takes/more", (1,)),
        ("/punchin/fader/text", (0.5,)),
        ("/punchin/fader/takes", (2.0,)),
        ("/punchin/get/loudness", ()),
        ("/punchin/action/explode", (1.0,)),
        ("/punchin/region/select", (1.0, 2.0, "bars")),
        ("/punchin/host/choose", ("cubase",)),
        ("/punchin/listen", (1e9,)),
        ("/punchin/host/post", ("{}",)),
    ],
)
def test_what_cannot_be_done_is_one_error_to_its_sender(tablet: Surface, path: str, args: tuple[Any, ...]) -> None:
    tablet.say(path, *args)
    heard = tablet.hear()
    assert list(heard) == ["/punchin/error"]
    assert all(heard["/punchin/error"])
    tablet.say("/punchin/ping")
    assert list(tablet.hear()) == ["/punchin/pong"]


def test_a_bundle_is_all_of_its_messages(tablet: Surface) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for path, value in (("/punchin/control/takes", 4), ("/punchin/control/top_k", 100)):
        builder = OscMessageBuilder(path)
        builder.add_arg(value)
        bundle.add_content(builder.build())  # type: ignore[arg-type]
    tablet.send(bundle.build().dgram)
    assert {"/punchin/control/takes", "/punchin/control/top_k"} <= set(tablet.hear())


def test_answers_are_not_answered(tablet: Surface) -> None:
    for path, args in (("/punchin/pong", ("1",)), ("/punchin/now/line", ("x",)), ("/punchin/error", ("a", "b", "c"))):
        tablet.say(path, *args)
    assert tablet.hear() == {}


def test_no_more_surfaces_than_there_is_room_for(stage: Stage, port: SurfacePort) -> None:
    surfaces = [Surface(stage, port) for _ in range(MAX_SURFACES + 1)]
    for surface in surfaces:
        surface.say("/punchin/listen", 60)
    assert surfaces[-1].hear()["/punchin/error"][0] == "queue_full"
    surfaces[0].say("/punchin/listen", 0)
    surfaces[-1].say("/punchin/listen", 60)
    assert "/punchin/error" not in surfaces[-1].hear()
    for surface in surfaces:
        surface.socket.close()


def test_strangers_are_not_heard(stage: Stage) -> None:
    """A port that may be reached from elsewhere hears this machine and those that were named."""
    port = SurfacePort(stage.console, no_midi, 0, allowed("192.168.1.20"))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(message("/punchin/control/takes", 5), ("127.0.0.1", port.port))
            for _ in range(100):
                port.step(0.0)
                if port.dropped:
                    break
                time.sleep(0.01)
        assert port.dropped == 1
        assert stage.console.parameters.values["takes"] == 1
    finally:
        port.close()


def test_addresses_of_surfaces_are_checked() -> None:
    assert allowed("192.168.1.20, 10.0.0.7") == {"192.168.1.20", "10.0.0.7"}
    assert allowed("") == frozenset()
    with pytest.raises(BadSetting, match=r"192\.168\.1"):
        allowed("192.168.1.0/24")


@pytest.mark.slow
def test_mutated_packets_are_refused_or_done(tablet: Surface) -> None:
    chance = random.Random(5)
    seeds = [
        message("/punchin/control/temperature", 0.7),
        message("/punchin/region/select", 1.0, 2.0, "seconds"),
        message("/punchin/job/pick", "job-1", 1),
        message("/punchin/action/inpaint", 1.0),
        message("/punchin/listen", 1.0),
    ]
    for _ in range(3000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at:]
                    data += b"\x00"
                case _:
                    data[at:at] = chance.randbytes(chance.randint(1, 8))
        tablet.send(bytes(data))
        tablet.hear()
    tablet.say("/punchin/ping")
    assert "/punchin/pong" in tablet.hear()


def said(tablet: Surface) -> list[tuple[str, list[Any]]]:
    """All that has come, in order."""
    return [(path, args) for data in tablet.packets() for path, args in parse(data)]


def test_a_tablet_chooses_which_computer_makes_takes(tablet: Surface) -> None:
    remotes.add("box", "box.local:17815", "ab" * 32)
    tablet.say("/punchin/remote/list")
    here = "/punchin/remote/here"
    assert said(tablet) == [(here, [0, 2, "local", 1]), (here, [1, 2, "box", 0])]
    tablet.say("/punchin/remote/use", "box")
    assert said(tablet) == [(here, [0, 2, "local", 0]), (here, [1, 2, "box", 1])]
    assert remotes.read().used == "box"
    tablet.say("/punchin/remote/use", "attic")
    assert tablet.hear()["/punchin/error"][0] == "bad_setting"
    tablet.say("/punchin/remote/use", "local")
    assert said(tablet)[0] == (here, [0, 2, "local", 1])


def test_every_address_of_the_table_is_understood_or_said(tablet: Surface, stage: Stage, learned: list[str]) -> None:
    """Those that are said appear in the tests above; here each that is understood gets another answer than `what?`."""
    arguments: dict[str, list[Any]] = {
        "seconds": [1.0],
        "normalized": [0.5],
        "take": [1],
        "job": ["job-1"],
        "host": [""],
        "remote": ["local"],
    }
    arguments |= {"start": [0.0], "end": [1.0], "unit": ["seconds"]}
    arguments |= {"name": ["punch"]}
    names = {"control": "takes", "fader": "takes", "get": "takes", "action": "reset"}
    for address in TABLE:
        if (address.at, address.direction) != ("surfaces", "to"):
            continue
        room = address.path.split("/")[2]
        args = [3] if room == "control" else [arguments[arg.name][0] for arg in address.args if not arg.optional]
        tablet.say(address.path.replace("*", names.get(room, "")), *args)
        assert tablet.hear().get("/punchin/error") is None, address.path
    stage.room.tell()
    assert {action for action, _ in stage.asked()} == {"pick", "cancel", "select"}
    assert learned == ["punch"]
    assert set(names) < {address.path.split("/")[2] for address in TABLE}
    assert actions.BY_NAME["reset"].host is False
