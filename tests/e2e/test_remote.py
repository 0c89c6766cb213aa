"""Another computer's daemon, used by its name: in a shell, by hosts, over lines that break; and its packs."""

from __future__ import annotations

import itertools
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes import sources as fakes
from fakes.bridge import bridge
from fakes.command import Punchin
from fakes.harness import daemon, song, until
from fakes.host import FakeHost
from fakes.proxy import Proxy
from fakes.songs import write_song
from fakes.studio import Studio, studio
from fakes.surfaces import message
from punchin_bridge import remotes
from punchin_bridge.packs import listing, plans
from punchin_bridge.packs.pulls import Pulls
from punchin_bridge.settings import Settings
from punchin_server.conditioning.render import default_soundfont
from punchin_wire.errors import BadSetting, NotAccepted
from punchin_wire.frames import describe
from punchin_wire.messages import Accepted, Cancelled, Done, Event, Hole, InpaintRequest, Submit, Take, TakeSpec
from punchin_wire.osc.packets import parse
from punchin_wire.params import InpaintParams
from punchin_wire.remote import keys

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A box that serves, and a room that knows it by the name `box`."""
    with studio(tmp_path_factory.mktemp("studio"), "--bind", "0.0.0.0") as found:
        yield at_room(found)


def at_room(found: Studio) -> Studio:
    found.computer("room", allowed=True)
    found.at("room")
    remotes.add("box", found.endpoint.address.removeprefix("tcp://"), found.endpoint.key)
    return found


@pytest.fixture
def room(shared: Studio) -> Iterator[Path]:
    """The room's home, with its own daemon in use."""
    home = shared.at("room")
    remotes.use("local")
    yield home
    shared.at("room")
    remotes.use("local")


@pytest.fixture
def punchin(capsys: pytest.CaptureFixture[str]) -> Punchin:
    return Punchin(capsys)


def sound(report: dict[str, object]) -> np.ndarray:
    takes = report["takes"]
    assert isinstance(takes, list)
    return np.asarray(soundfile.read(takes[0]["path"])[0])


# ---- by hand -------------------------------------------------------------------------------------------------


def test_two_computers_come_to_know_each_other_by_the_documented_words(
    shared: Studio, punchin: Punchin, tmp_path: Path
) -> None:
    shared.pairs["new"] = keys.KeyPair("", "")
    shared.at("new")
    punchin.fails(5, "daemon_unreachable", "status")
    assert "no key yet" in (punchin("keys", "list"), punchin.stdout)[1]
    key = punchin.json("keys", "new")["key"]
    punchin.fails(2, "bad_setting", "keys", "new")
    box = shared.running.record
    assert punchin.json("remote", "add", "box", f"127.0.0.1:{box.port}", box.key) == {"added": "box"}
    assert "does not know this computer's key" in punchin.fails(5, "key_refused", "status", "--remote", "box")
    shared.at("box")
    assert punchin.json("keys", "allow", "new", key) == {"allowed": "new"}
    assert punchin.json("keys", "allow", "newest", key) == {"allowed": "newest", "before": "new"}
    assert (punchin("keys", "allow", "new", key), punchin.stdout) == (
        0,
        "new may use this computer's daemon. Its name was newest until now.\n",
    )
    assert "new" in {row["name"] for row in punchin.json("keys", "list")["allowed"]}
    (keys.allowed_folder() / key).chmod(0o640)
    assert "can be read by other users" in (punchin("keys", "list"), punchin.stdout)[1]
    (keys.allowed_folder() / key).chmod(0o600)
    shared.at("new")
    assert punchin.json("status", "--remote", "box")["version"]
    assert ", of box, up " in (punchin("status", "--remote", "box"), punchin.stdout)[1]
    assert punchin.json("remote", "use", "box") == {"used": "box"}
    assert punchin.json("remote", "list")["used"] == "box"
    assert punchin.json("inpaint", write_song(tmp_path), "--start", 1, "--end", 2, "--out", tmp_path)["takes"]
    assert punchin.json("status")["jobs"] == []  # fetched, and released
    shared.at("box")
    assert punchin.json("keys", "revoke", "new") == {"revoked": key}
    shared.at("new")
    punchin.fails(5, "key_refused", "status")
    assert punchin.json("remote", "remove", "box") == {"removed": "box"}
    punchin.fails(2, "bad_setting", "status", "--remote", "box")


def test_a_take_made_there_is_the_take_made_here(room: Path, punchin: Punchin, tmp_path: Path) -> None:
    song = write_song(tmp_path)
    words = ("inpaint", song, "--start", 2, "--end", 4, "--seed", 5, "--out")
    there = punchin.json(*words, tmp_path / "there", "--remote", "box")
    with daemon(room):
        here = punchin.json(*words, tmp_path / "here")
    assert np.array_equal(sound(there), sound(here))
    assert np.abs(sound(here)).max() > 0


@pytest.mark.usefixtures("room")
def test_who_looks_after_the_box_stops_a_job_by_the_name_that_status_shows(shared: Studio, punchin: Punchin) -> None:
    """Whole, however long: a name that is cut off names nothing."""
    name = "n" * 64
    verse = shared.bare("room")
    verse.accepted(name, "steps=2000 step=0.02")
    shared.at("box")
    assert punchin("status") == 0
    assert f"-{name} of room " in punchin.stdout
    shown = next(word for word in punchin.stdout.split() if word.endswith(f"-{name}"))
    owner = next(row for row in punchin.json("keys", "list")["allowed"] if row["name"] == "room")
    assert shown == owner["jobs"] + name
    assert punchin("cancel", shown) == 0
    assert isinstance(verse.ending(name), Cancelled)


def test_a_remote_that_does_not_answer_is_named(punchin: Punchin) -> None:
    remotes.add("gone", "127.0.0.1:1", "ab" * 32)
    try:
        assert "No daemon answers at gone (127.0.0.1:1)" in punchin.fails(
            5, "remote_unreachable", "status", "--remote", "gone"
        )
    finally:
        remotes.remove("gone")


# ---- lines that break ----------------------------------------------------------------------------------------


@pytest.fixture
def line(shared: Studio, room: Path) -> Iterator[Proxy]:  # noqa: ARG001
    """The way to the box, as the remote `far`."""
    with Proxy(shared.running.record.port) as proxy:
        remotes.add("far", f"127.0.0.1:{proxy.port}", shared.endpoint.key)
        yield proxy
        shared.at("room")
        remotes.remove("far")


def test_a_job_goes_on_over_a_line_that_breaks(shared: Studio, line: Proxy, punchin: Punchin, tmp_path: Path) -> None:
    watcher = shared.bare("room")
    shared.at("room")

    def cut() -> None:
        until(lambda: watcher.state("rough-line") == "running", 60)
        assert line.cut() > 0

    thread = threading.Thread(target=cut)
    thread.start()
    report = punchin.json(
        "inpaint", write_song(tmp_path), "--start", 1, "--end", 2, "--job", "rough-line", "--out", tmp_path,
        "--text", "steps=60 step=0.05", "--takes", 2, "--remote", "far",
    )  # fmt: skip
    thread.join()
    assert len(report["takes"]) == 2


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("cuts", [5, pytest.param(30, marks=[pytest.mark.endurance, pytest.mark.timeout(3600)])])
def test_however_often_a_line_breaks_no_take_is_lost_or_comes_twice(shared: Studio, cuts: int) -> None:
    """At random moments of several jobs, and through CURVE each time."""
    chance, sound, cut = random.Random(17), song(1.0), 0
    request = InpaintRequest(
        describe(sound, 32_000), (Hole(0, 8000),), tuple(map(TakeSpec, range(3))), text="steps=20 step=0.02"
    )
    with Proxy(shared.running.record.port) as line:
        endpoint = shared.endpoint._replace(address=f"tcp://127.0.0.1:{line.port}", remote="rough")
        with shared.client("room", endpoint) as client:
            for number in itertools.count():
                heard: list[Event] = []
                for packet in client.run(Submit(f"cut{cuts}-{number}", request, keep=True, shrink=True), [sound]):
                    if isinstance(packet.message, Event):
                        heard.append(packet.message)
                    if cut < cuts and chance.random() < 0.1:
                        cut += line.cut()
                assert [event.seq for event in heard] == sorted({event.seq for event in heard})
                assert [event.body.take for event in heard if isinstance(event.body, Take)] == [0, 1, 2]
                assert isinstance(heard[-1].body, Done)
                if cut >= cuts:
                    return


@pytest.mark.usefixtures("room")
def test_an_excerpt_that_travels_for_long_is_not_taken_for_a_dead_line(shared: Studio) -> None:
    """A megabyte at 600 kB/s, by a client that else waits for half a second."""
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 130_000)).astype(np.float32)
    request = InpaintRequest(describe(sound, 32_000), (Hole(0, 8000),), (TakeSpec(0),))
    with Proxy(shared.running.record.port, rate=600_000) as slow:
        endpoint = shared.endpoint._replace(address=f"tcp://127.0.0.1:{slow.port}", remote="slow")
        with shared.client("room", endpoint, Settings(silence_seconds=0.5, give_up_seconds=1.0)) as client:
            heard = [packet.message for packet in client.run(Submit("by-a-slow-line", request), [sound])]
    assert isinstance(heard[-1].body, Done)
    assert [type(message) for message in heard].count(Accepted) == 1


@pytest.mark.usefixtures("room")
def test_a_job_is_fetched_by_its_name_when_the_line_was_gone_for_long(
    shared: Studio, punchin: Punchin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon keeps what a remote's client asked for, and the error says how it is fetched."""
    watcher = shared.bare("room")
    shared.at("room")
    monkeypatch.setenv("PUNCHIN_BRIDGE_REFUSED_SECONDS", "1")
    song = write_song(tmp_path)
    words = ("inpaint", song, "--start", 1, "--end", 2, "--seed", 9, "--text", "steps=40 step=0.05")
    words = (*words, "--out", tmp_path, "--job", "lost-line")
    proxy = Proxy(shared.running.record.port)
    remotes.add("bad", f"127.0.0.1:{proxy.port}", shared.endpoint.key)

    def end() -> None:
        until(lambda: watcher.state("lost-line") == "running", 60)
        proxy.__exit__()

    thread = threading.Thread(target=end)
    thread.start()
    try:
        assert punchin(*words, "--remote", "bad") == 5
        thread.join()
        assert "with --job lost-line --seed 9 the same command fetches them" in punchin.stderr
        until(lambda: watcher.state("lost-line") == "done", 60)
        assert punchin.json(*words, "--remote", "box")["takes"]
    finally:
        remotes.remove("bad")


# ---- hosts ---------------------------------------------------------------------------------------------------


def test_a_host_has_its_takes_made_there_and_each_job_stays_where_it_is(shared: Studio, room: Path) -> None:
    """The choice holds for what is asked for after it; a bridge that runs need not be told."""
    watcher = shared.bare("room")
    shared.at("room")
    (room / "runtime" / "daemon.json").unlink(missing_ok=True)
    with bridge(room) as running:
        host = FakeHost(running.spool)
        host.hello()
        remotes.use("box")
        job = host.submit()
        host.place(job)
        host.wait(job, "placed")
        assert f"job {job} is placed" in running.log
        assert not (room / "runtime" / "daemon.json").exists()  # none was started here
        long = host.submit(params=InpaintParams(takes=1, text="steps=6000 step=0.02"))
        until(lambda: watcher.state(long) == "running", 60)
        remotes.use("local")
        until(lambda: seats(room) == [[1, 1, "busy", "auto", long]], 60)  # surfaces see where it is
        host.cancel(long)
        until(lambda: watcher.state(long) in ("cancelled", "unknown"), 60)
        host.bye()


def seats(home: Path) -> list[list[object]]:
    """What a control surface that asks the bridge is told of seats."""
    port = json.loads((home / "runtime" / "bridge.json").read_bytes())["surface_port"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.settimeout(60)
        for path in ("/punchin/status/get", "/punchin/ping"):
            surface.sendto(message(path), ("127.0.0.1", port))
        said: list[tuple[str, list[object]]] = []
        while not said or said[-1][0] != "/punchin/pong":
            said += parse(surface.recv(4096))
    return [args for path, args in said if path == "/punchin/seat/here"]


# ---- packs ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("room")
def test_the_packs_of_the_box_are_listed_in_the_room(punchin: Punchin) -> None:
    there = punchin.json("packs", "list", "--remote", "box")
    assert "tiny" in [row["name"] for row in there["packs"]]
    assert punchin("packs", "list", "--remote=box") == 0
    (line,) = [line for line in punchin.stdout.splitlines() if line.startswith("tiny ")]
    assert line.endswith(" ok")
    punchin.fails(2, "bad_setting", "packs", "verify", "--remote", "box")
    punchin.fails(2, "bad_setting", "packs", "pull", "../x", "--remote", "box")


@pytest.mark.usefixtures("room")
def test_nothing_is_fetched_there_unless_the_box_allows_it(punchin: Punchin) -> None:
    assert "fetches no model packs" in punchin.fails(5, "daemon", "packs", "pull", "airgen", "--remote", "box")


def test_a_pack_is_fetched_there_by_who_asks_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As hosts, the page and surfaces do, with a remote in use: list, plan, refused terms, pull."""
    with fakes.running() as sources:
        sources.plain["font.sf2"] = default_soundfont().read_bytes()
        source = f"{sources.cdn_url}/plain/font.sf2"
        terms = {"licence": "CC-BY-NC-4.0", "licence_url": "https://example.org"}
        part = {"source": source, "files": [{"path": "font.sf2", "at_most": 10**7}]} | terms
        manifest = {"licence": "CC-BY-NC-4.0", "source": "them", "soundfont": "font.sf2"}
        entry = {"name": "font", "title": "mini", "bytes": 10**6, "parts": [part], "manifest": manifest}
        (tmp_path / "catalog").mkdir()
        (tmp_path / "catalog" / "font.json").write_text(json.dumps(entry))
        with monkeypatch.context() as box:
            box.setenv("PUNCHIN_CATALOG", str(tmp_path / "catalog"))
            for name, value in sources.env().items():
                box.setenv(name, value)
            found = studio(tmp_path, "--pulls")
            running = at_room(found.__enter__())
        try:
            running.at("room")
            remotes.use("box")
            assert "font" in [offer.name for offer in listing.offered()]
            assert "font" not in [pack.name for pack in listing.listed()]
            assert plans.plan("font").to_accept == ("CC-BY-NC-4.0",)
            with pytest.raises(BadSetting, match="has no pack called"):
                plans.plan("no-such-pack")
            pulls = Pulls()
            pulls.start("font", [])
            refused = until(lambda: [news for news in pulls.news() if news.error], 60)[0].error
            assert isinstance(refused, NotAccepted)
            pulls.start("font", ["CC-BY-NC-4.0"])
            seen = []
            until(lambda: seen.extend(pulls.news()) or (seen and seen[-1].state != "running"), 120)
            assert seen[-1].state == "done"
            assert "font" in [pack.name for pack in listing.listed()]
            assert (tmp_path / "box" / "data" / "packs" / "font" / "font.sf2").exists()
            assert not (tmp_path / "room" / "data" / "packs").exists()
        finally:
            found.__exit__(None, None, None)
