"""OSC surfaces against a running daemon: submit by path, follow, cancel, subscribe; and what is no OSC."""

import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from fakes.harness import EXECUTORS, RunningDaemon, daemon, new_pair, until
from fakes.studio import studio
from punchin_bridge import remotes
from punchin_bridge.hosts import osc_link
from punchin_bridge.takes import recipe
from punchin_server.daemon import osc_commands, osc_front
from punchin_wire.messages import Cancelled, Done
from punchin_wire.osc.table import MAX_PACKET, TABLE, check
from punchin_wire.remote import keys
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

pytestmark = pytest.mark.e2e


class Surface:
    """A UDP socket that speaks OSC; every packet it gets must be in the table and small enough."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port = port

    def send(self, path: str, *args: object) -> None:
        builder = OscMessageBuilder(address=path)
        for arg in args:
            builder.add_arg(arg)
        self.raw(builder.build().dgram)

    def raw(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.port))

    def close(self) -> None:
        self.socket.close()

    def hear(self) -> tuple[str, tuple[object, ...]]:
        data = self.socket.recv(65536)
        assert len(data) <= MAX_PACKET
        message = OscMessage(data)
        return message.address, check(message.address, message.params, "from")

    def ask(self, path: str, *args: object) -> tuple[str, tuple[object, ...]]:
        self.send(path, *args)
        return self.hear()

    def follow(self, job: str, last: str) -> list[tuple[str, tuple[object, ...]]]:
        """Everything about a job up to the address `last`."""
        heard = []
        while not (heard and heard[-1][0] == last):
            heard.append(self.hear())
            assert heard[-1][1][0] == job
        return heard


@pytest.fixture(scope="module", params=EXECUTORS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), *request.param) as running:
        running.worker()
        yield running


@pytest.fixture
def surface(shared: RunningDaemon) -> Iterator[Surface]:
    with closing(Surface(shared.record.osc_port)) as surface:
        yield surface


@pytest.fixture
def second(shared: RunningDaemon) -> Iterator[Surface]:
    with closing(Surface(shared.record.osc_port)) as surface:
        yield surface


@pytest.fixture
def song(tmp_path: Path) -> str:
    path = tmp_path / "süß song.wav"
    path.touch()
    return str(path)


def test_ping_and_status(shared: RunningDaemon, surface: Surface) -> None:
    assert surface.ask("/punchin/ping") == ("/punchin/pong", ("0.1.0",))
    address, args = surface.ask("/punchin/status/get")
    assert address == "/punchin/status"
    assert args[2:] == ("", 0)
    seats = shared.client().status().seats
    heard = [surface.hear() for _ in seats]
    assert heard == [("/punchin/seat", (n, seat.state, seat.device, "")) for n, seat in enumerate(seats, 1)]


def test_status_says_which_seat_is_busy_with_which_job(shared: RunningDaemon, surface: Surface) -> None:
    client = shared.client()
    busy = client.occupy()
    address, args = surface.ask("/punchin/status/get")
    assert (address, args[1:]) == ("/punchin/status", ("busy", busy[0], 0))
    heard = [surface.hear() for _ in busy]
    assert {(args[1], args[3]) for _, args in heard} == {("busy", job) for job in busy}
    client.stop(*busy)


def test_a_job_by_file_path_from_submit_to_result(surface: Surface, song: str, tmp_path: Path) -> None:
    options = ("takes", 2, "text", "steps=5")
    accepted = surface.ask("/punchin/job/submit", "by-path", song, 1.0, 2.5, str(tmp_path), *options)
    assert accepted == ("/punchin/job/accepted", ("by-path",))
    heard = surface.follow("by-path", "/punchin/job/result")
    heard.append(surface.hear())
    assert ("/punchin/job/state", ("by-path", "done", 0)) in heard
    assert [address for address, _ in heard].count("/punchin/job/take") == 2
    assert heard[-2:] == [
        ("/punchin/job/result", ("by-path", 0, 0, str(tmp_path / "take0.wav"))),
        ("/punchin/job/result", ("by-path", 1, 1, str(tmp_path / "take1.wav"))),
    ]


def test_a_missing_song_is_the_error_that_the_bridge_reports(surface: Surface, tmp_path: Path) -> None:
    surface.ask("/punchin/job/submit", "no-song", "/nowhere/song.wav", 0.0, 1.0, str(tmp_path))
    address, args = surface.hear()
    assert (address, args[:2]) == ("/punchin/job/error", ("no-song", "file_missing"))


def test_a_child_that_crashes_is_an_internal_error(surface: Surface, song: str, tmp_path: Path) -> None:
    surface.ask("/punchin/job/submit", "crashing", song, 0.0, 1.0, str(tmp_path), "text", "crash")
    address, args = surface.hear()
    assert (address, args[:2]) == ("/punchin/job/error", ("crashing", "internal"))


def test_a_failed_job_is_told_with_its_reason(surface: Surface, song: str, tmp_path: Path) -> None:
    surface.ask("/punchin/job/submit", "failing", song, 0.0, 1.0, str(tmp_path), "text", "fail")
    heard = surface.follow("failing", "/punchin/job/error")
    assert heard[-2] == ("/punchin/job/state", ("failing", "failed", 0))
    assert heard[-1][1][1] == "adapter_mismatch"


def test_cancel_by_job_id(shared: RunningDaemon, surface: Surface, song: str, tmp_path: Path) -> None:
    surface.ask("/punchin/job/submit", "to-stop", song, 0.0, 1.0, str(tmp_path), "text", "steps=900 step=0.02")
    client = shared.client()
    until(lambda: client.state("to-stop") == "running")
    surface.send("/punchin/job/cancel", "to-stop")
    while (said := surface.hear())[0] != "/punchin/job/state":
        pass
    assert said[1][1] == "cancelling"
    assert surface.follow("to-stop", "/punchin/job/state")[-1][1][1] == "cancelled"


def test_cancel_before_the_child_has_submitted_ends_the_child(
    shared: RunningDaemon, surface: Surface, song: str, tmp_path: Path
) -> None:
    before = set(psutil.Process(shared.process.pid).children())  # workers

    def children() -> set[psutil.Process]:
        return set(psutil.Process(shared.process.pid).children()) - before

    surface.ask("/punchin/job/submit", "hanging", song, 0.0, 1.0, str(tmp_path), "text", "hang")
    assert len(children()) == 1
    assert surface.ask("/punchin/job/cancel", "hanging") == ("/punchin/job/state", ("hanging", "cancelled", 0))
    until(lambda: not children())


def test_what_cannot_be_submitted_is_refused_with_the_job(surface: Surface, song: str, tmp_path: Path) -> None:
    address, args = surface.ask("/punchin/job/submit", "relative", "song.wav", 0.0, 1.0, str(tmp_path))
    assert (address, args[:2]) == ("/punchin/job/error", ("relative", "bad_setting"))
    address, args = surface.ask("/punchin/job/cancel", "no-such-job")
    assert (address, args[:2]) == ("/punchin/job/error", ("no-such-job", "unknown_job"))
    surface.ask("/punchin/job/submit", "same", song, 0.0, 1.0, str(tmp_path), "text", "hang")
    address, args = surface.ask("/punchin/job/submit", "same", song, 0.0, 1.0, str(tmp_path))
    assert (address, args[:2]) == ("/punchin/job/error", ("same", "bad_setting"))
    surface.ask("/punchin/job/cancel", "same")


def test_children_are_bounded(surface: Surface, song: str, tmp_path: Path) -> None:
    for number in range(4):
        surface.ask("/punchin/job/submit", f"many{number}", song, 0.0, 1.0, str(tmp_path), "text", "hang")
    address, args = surface.ask("/punchin/job/submit", "many4", song, 0.0, 1.0, str(tmp_path))
    assert (address, args[:2]) == ("/punchin/job/error", ("many4", "queue_full"))
    for number in range(4):
        surface.ask("/punchin/job/cancel", f"many{number}")


def test_several_surfaces_see_the_same_until_they_unsubscribe_or_expire(
    shared: RunningDaemon, surface: Surface, second: Surface
) -> None:
    assert surface.ask("/punchin/events/subscribe", 60.0) == ("/punchin/events/subscribed", (60.0,))
    assert second.ask("/punchin/events/subscribe", 1)[1] == (1.0,)
    client = shared.client()
    client.accepted("seen")
    assert isinstance(client.ending("seen"), Done)

    def story(listener: Surface) -> list[tuple[str, tuple[object, ...]]]:
        return listener.follow("seen", "/punchin/job/state")

    assert story(surface) == story(second)
    time.sleep(1.1)
    client.accepted("unseen")
    client.ending("unseen")
    assert surface.follow("unseen", "/punchin/job/state")
    surface.send("/punchin/events/unsubscribe")
    client.accepted("unheard")
    client.ending("unheard")
    for listener in (surface, second):
        assert listener.ask("/punchin/ping")[0] == "/punchin/pong"  # nothing else was waiting


def test_progress_comes_at_most_twenty_times_a_second(shared: RunningDaemon, surface: Surface) -> None:
    surface.ask("/punchin/events/subscribe", 60.0)
    client = shared.client()
    client.accepted("paced", "steps=400 step=0.002", takes=2)
    heard = surface.follow("paced", "/punchin/job/state")
    decode = [args[2] for address, args in heard if address == "/punchin/job/progress" and args[1] == "decode"]
    seconds = client.ending("paced").timings["decode"]
    assert decode[0] == 1
    assert decode[-1] == 800
    assert len(decode) <= seconds * 20 + 3
    surface.send("/punchin/events/unsubscribe")


def test_a_bundle_is_each_of_its_messages(surface: Surface) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for _ in range(2):
        bundle.add_content(OscMessageBuilder(address="/punchin/ping").build())
    surface.raw(bundle.build().dgram)
    assert surface.hear() == surface.hear() == ("/punchin/pong", ("0.1.0",))


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"/",
        b"/punchin/ping",
        b"/punchin/nothing\x00\x00\x00\x00,\x00\x00\x00",
        b"/punchin/job/cancel\x00,i\x00\x00\x00\x00\x00\x01",
        b"/punchin/job/cancel\x00,s\x00\x00../../x\x00",
        b"#bundle\x00\x00\x00\x00\x00\x00\x00\x00\x01\x7f\xff\xff\xff",
        b"/" + b"x" * 1600,
        b"\xff" * 60,
    ],
    ids=range(9),
)
def test_each_bad_packet_gets_one_error(surface: Surface, data: bytes) -> None:
    surface.raw(data)
    assert surface.hear()[0] in ("/punchin/error", "/punchin/job/error")
    assert surface.ask("/punchin/ping")[0] == "/punchin/pong"


def test_an_answer_is_not_answered(surface: Surface) -> None:
    """Else two daemons that hear of each other would talk for ever."""
    surface.send("/punchin/error", "code", "message", "next")
    assert surface.ask("/punchin/ping")[0] == "/punchin/pong"


def test_ten_thousand_mutated_packets_are_survived(shared: RunningDaemon, surface: Surface, second: Surface) -> None:
    chance = random.Random(3)
    good = OscMessageBuilder(address="/punchin/job/cancel")
    good.add_arg("some-job")
    template = good.build().dgram
    before = psutil.Process(shared.process.pid).memory_info().rss
    for number in range(10_000):
        data = bytearray(template if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 200)))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        surface.raw(bytes(data))
        if number % 50 == 0:  # wait for it: a packet that the system dropped proves nothing
            second.ask("/punchin/ping")
    assert second.ask("/punchin/ping")[0] == "/punchin/pong"
    grown = psutil.Process(shared.process.pid).memory_info().rss - before
    assert grown < 30e6


def test_shutdown_ends_the_children_of_surfaces(song: str, tmp_path: Path) -> None:
    with daemon(tmp_path / "home") as running:
        with closing(Surface(running.record.osc_port)) as surface:
            surface.ask("/punchin/job/submit", "orphan", song, 0.0, 1.0, str(tmp_path), "text", "hang")
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert running.stop() == 0
        assert psutil.wait_procs(family, 2)[1] == []


def test_the_real_bridge_does_the_job_of_a_surface(tmp_path: Path) -> None:
    """Song and takes as files: the same splice, names and recipe as from the command line."""
    song = tmp_path / "song.wav"
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (6 * 48_000, 2))
    soundfile.write(song, noise, 48_000, subtype="PCM_24")
    with (
        daemon(tmp_path / "home", env={"REAL_PUNCHIN": "1"}) as running,
        closing(Surface(running.record.osc_port)) as surface,
    ):
        surface.socket.settimeout(60)
        surface.ask("/punchin/job/submit", "for-real", str(song), 2.0, 3.0, str(tmp_path / "out"), "seed", 5)
        heard = surface.follow("for-real", "/punchin/job/result")
        take = Path(str(heard[-1][1][3]))
        assert take.parent == tmp_path / "out"
        assert "seed5" in take.name
        assert soundfile.info(take).frames == 48_000
        surface.ask("/punchin/job/submit", "too-late", str(song), 7.0, 8.0, str(tmp_path / "out"))
        assert surface.follow("too-late", "/punchin/job/error")[-1][1][1] == "bad_region"
        asked = ("for-violin", str(song), 1.0, 3.0, "violin", str(tmp_path / "out"))
        surface.ask("/punchin/job/transfer", *asked, "from", "piano", "pooling", "2,4", "alpha", 0.25, "seed", 3)
        heard = surface.follow("for-violin", "/punchin/job/result")
        assert ("/punchin/job/state", ("for-violin", "done", 0)) in heard
        assert "denoise" in {args[1] for address, args in heard if address == "/punchin/job/progress"}
        take = Path(str(heard[-1][1][3]))
        assert "violin" in take.name
        assert soundfile.info(take).frames == 2 * 48_000
        request = recipe.read(take).request
        assert (request.pooling, request.alpha) == ((2, 4), 0.25)
        surface.ask("/punchin/job/transfer", "no-clip", str(tmp_path / "none.wav"), *asked[2:])
        assert surface.follow("no-clip", "/punchin/job/error")[-1][1][1] == "file_missing"


def test_a_surface_of_a_daemon_with_keys_is_served_by_that_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its user has takes made elsewhere; and OSC is heard on loopback alone, wherever the daemon is."""
    home, song = tmp_path / "home", tmp_path / "song.wav"
    soundfile.write(song, np.random.default_rng(0).uniform(-0.3, 0.3, (6 * 48_000, 2)), 48_000, subtype="PCM_24")
    monkeypatch.setenv("PUNCHIN_HOME", str(home))
    keys.keep_own(new_pair())
    remotes.add("elsewhere", "127.0.0.1:1", new_pair().public)
    remotes.use("elsewhere")
    flags = ("--bind", "0.0.0.0", "--keys")
    with (
        daemon(home, *flags, env={"REAL_PUNCHIN": "1"}) as running,
        closing(Surface(running.record.osc_port)) as surface,
    ):
        surface.socket.settimeout(60)
        surface.ask("/punchin/job/submit", "for-keys", str(song), 2.0, 3.0, str(tmp_path / "out"), "seed", 5)
        heard = surface.follow("for-keys", "/punchin/job/result")
        assert ("/punchin/job/state", ("for-keys", "done", 0)) in heard
        bound = {each.laddr.ip for each in psutil.Process(running.process.pid).net_connections("udp4")}
        assert bound == {"127.0.0.1"}


def test_the_box_follows_and_stops_the_jobs_of_other_computers_by_their_whole_names(tmp_path: Path) -> None:
    name = "n" * 64
    with studio(tmp_path) as found:
        pair = found.computer("room", allowed=True)
        with closing(Surface(found.running.record.osc_port)) as surface:
            surface.ask("/punchin/events/subscribe", 600.0)
            room = found.bare("room")
            room.accepted(name, "steps=6000 step=0.02")
            whole = keys.scope(pair.public) + name
            assert surface.hear()[1][0] == whole
            until(lambda: room.state(name) == "running", 60.0)
            surface.send("/punchin/job/cancel", whole)
            while (said := surface.hear()) != ("/punchin/job/state", (whole, "cancelled", 0)):
                assert said[0] in ("/punchin/job/progress", "/punchin/job/state"), said
            assert isinstance(room.ending(name), Cancelled)


def test_every_address_is_spoken_or_understood() -> None:
    """The table holds no address that its program does not know."""
    fronts = {"daemon": (osc_commands, osc_front), "bridge": (osc_link,)}
    sources = {at: "".join(Path(str(front.__file__)).read_text() for front in found) for at, found in fronts.items()}
    for address in TABLE:
        if address.at in sources:  # surfaces' have a test of their own
            assert f'"{address.path}"' in sources[address.at]
