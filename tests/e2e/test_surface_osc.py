"""Control surfaces of others, liblo's `oscsend` and `oscdump`, and node-osc, drive a real bridge and see what it
does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fakes.bridge import RunningBridge, bridge
from fakes.harness import daemon, until
from fakes.host import FakeHost
from punchin_server.packs import registry
from punchin_wire.osc.packets import parse
from punchin_wire.params import InpaintParams
from punchin_wire.paths import BridgeRecord
from pythonosc.osc_message_builder import OscMessageBuilder

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("oscsend"), reason="liblo-tools is not installed"),
]
CAN = ("inpaint", "mark_in", "mark_out", "select")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    home = tmp_path_factory.mktemp("home")
    with daemon(home), bridge(home) as found:
        yield found


@pytest.fixture
def record(running: RunningBridge) -> BridgeRecord:
    return msgspec.json.decode((running.home / "runtime" / "bridge.json").read_bytes(), type=BridgeRecord)


@pytest.fixture
def port(record: BridgeRecord) -> int:
    return record.surface_port


@pytest.fixture
def host(running: RunningBridge) -> Iterator[FakeHost]:
    found = FakeHost(running.spool, can=CAN)
    found.hello()
    yield found
    found.bye()


class Dump:
    """`oscdump`: a display. It only hears, so a socket that had its port before it has said that it listens."""

    def __init__(self, bridge_port: int, said: Path) -> None:
        builder = OscMessageBuilder("/punchin/listen")
        builder.add_arg(60.0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as before:
            before.bind(("127.0.0.1", 0))
            before.sendto(builder.build().dgram, ("127.0.0.1", bridge_port))
            before.settimeout(5)
            before.recv(4096)
            port = before.getsockname()[1]
        self._said = said
        with said.open("wb") as out:
            self._process = subprocess.Popen(["oscdump", "-L", str(port)], stdout=out)
        until(lambda: self._heard(port))

    def _heard(self, port: int) -> bool:
        oscsend(port, "/there")
        return "/there" in self._said.read_text()

    def hear(self, words: str, seconds: float = 20.0) -> str:
        """The first line that holds `words`."""
        return until(lambda: next((line for line in self._said.read_text().splitlines() if words in line), ""), seconds)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def dump(port: int, tmp_path: Path) -> Iterator[Dump]:
    found = Dump(port, tmp_path / "oscdump.txt")
    yield found
    found.close()


def oscsend(port: int, path: str, types: str = "", *args: object) -> None:
    subprocess.run(["oscsend", "127.0.0.1", str(port), path, types, *map(str, args)], check=True, timeout=10)


def test_from_a_fader_and_a_button_to_takes_on_the_time_line(host: FakeHost, port: int, dump: Dump) -> None:
    oscsend(port, "/punchin/control/takes", "i", 2)
    dump.hear("/punchin/control/takes i 2")
    oscsend(port, "/punchin/fader/temperature", "f", 1.0)
    dump.hear("/punchin/control/temperature f 2.0")
    oscsend(port, "/punchin/region/select", "ffs", 2.0, 4.0, "seconds")
    oscsend(port, "/punchin/action/inpaint", "f", 1.0)
    oscsend(port, "/punchin/action/inpaint", "f", 0.0)
    until(lambda: host.obey() and host.asked[-1].action == "inpaint")
    job = dump.hear('"ready"').split('"')[1]
    view = host.place(job)
    assert len(view.takes) == 2
    assert (view.region.start, view.region.end) == (2 * host.rate, 4 * host.rate)
    dump.hear('"placed"')
    assert [ask.action for ask in host.asked] == ["select", "inpaint"]
    params = host.asked[-1].params
    assert isinstance(params, InpaintParams)
    assert (params.takes, params.sampling.temperature) == (2, 2.0)


def test_one_foot_marks_a_region_and_fills_it(host: FakeHost, port: int) -> None:
    for seconds in (5.0, 7.0, 9.0):
        host.playing = seconds
        oscsend(port, "/punchin/action/punch")
        until(host.obey)
    assert [ask.action for ask in host.asked] == ["mark_in", "mark_out", "inpaint"]
    assert all(isinstance(ask.pressed, float) for ask in host.asked)
    job = until(lambda: next((view for view in host.views() if view.phase != "placed"), None))
    assert (job.region.start, job.region.end) == (5 * host.rate, 7 * host.rate)
    host.place(job.job)


def test_oscquery_shows_what_a_surface_has_set(record: BridgeRecord) -> None:
    def ask(path: str) -> dict[str, object]:
        with urllib.request.urlopen(f"http://127.0.0.1:{record.query_port}{path}", timeout=20) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    assert ask("/?HOST_INFO")["OSC_PORT"] == record.surface_port
    for value in (0.25, 0.75):
        oscsend(record.surface_port, "/punchin/control/alpha", "f", value)
        until(lambda value=value: ask("/punchin/control/alpha?VALUE") == {"VALUE": [value]})  # type: ignore[misc]


def test_the_packs_that_are_installed_are_listed(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.settimeout(30)
        surface.sendto(OscMessageBuilder("/punchin/pack/list").build().dgram, ("127.0.0.1", port))
        listener, tiny = (
            registry.read_pack(registry.EMBEDDED / name).manifest.version for name in ("listener", "tiny")
        )
        assert [parse(surface.recv(4096)) for _ in range(2)] == [
            [("/punchin/pack/here", [0, 2, "listener", listener, "", "ok"])],
            [("/punchin/pack/here", [1, 2, "tiny", tiny, "inpaint, transfer", "ok"])],
        ]


def test_what_a_host_cannot_do_is_said_and_the_next_thing_works(host: FakeHost, port: int, dump: Dump) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.settimeout(5)
        surface.sendto(OscMessageBuilder("/punchin/action/commit").build().dgram, ("127.0.0.1", port))
        assert b"cannot commit" in surface.recv(4096)
    assert host.asked == []
    oscsend(port, "/punchin/control/alpha", "f", 0.25)
    dump.hear("/punchin/control/alpha f 0.25")


class NodeSurface:
    """A program that speaks OSC with node-osc."""

    def __init__(self, bridge_port: int, said: Path) -> None:
        script = Path(__file__).parents[1] / "support" / "peers" / "node_surface.cjs"
        self._said = said
        with said.open("wb") as out:
            self._process = subprocess.Popen(
                ["node", str(script), str(bridge_port)], stdin=subprocess.PIPE, stdout=out, env=node_environment()
            )

    def send(self, path: str, *args: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([path, *args]).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, *message: object, seconds: float = 20.0) -> None:
        """Wait until this has come."""
        until(lambda: list(message) in self._heard(), seconds)

    def _heard(self) -> list[object]:
        whole, _, _ = self._said.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def node_environment() -> dict[str, str]:
    """Where node finds what npm has installed for all."""
    root = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    return os.environ | {"NODE_PATH": root}


def has_node_osc() -> bool:
    if not shutil.which("node") or not shutil.which("npm"):
        return False
    looking = ["node", "-e", "require('node-osc')"]
    return subprocess.run(looking, capture_output=True, timeout=60, env=node_environment()).returncode == 0


@pytest.fixture
def node(port: int, tmp_path: Path) -> Iterator[NodeSurface]:
    if not has_node_osc():
        pytest.skip("node-osc is not installed: npm install --global node-osc")
    found = NodeSurface(port, tmp_path / "node.txt")
    yield found
    found.close()


def test_node_osc_drives_and_hears_beside_liblo(host: FakeHost, port: int, node: NodeSurface, dump: Dump) -> None:
    node.hear("/punchin/now/foot", "up")
    node.send("/punchin/control/text", "süß and slow")
    node.hear("/punchin/control/text", "süß and slow")
    dump.hear('/punchin/control/text s "')
    oscsend(port, "/punchin/fader/chord", "f", 0.5)
    node.hear("/punchin/control/chord", 1)
    node.send("/punchin/region/select", {"type": "f", "value": 1}, {"type": "f", "value": 2}, "seconds")
    node.send("/punchin/action/inpaint", {"type": "f", "value": 1})
    until(lambda: host.obey() and host.asked[-1].action == "inpaint")
    params = host.asked[-1].params
    assert isinstance(params, InpaintParams)
    assert params.text == "süß and slow"
    view = until(lambda: next((view for view in host.views() if view.phase == "ready"), None))
    node.hear("/punchin/job/take", view.job, 0, view.takes[0].seed, view.takes[0].name)
    host.place(view.job)
    node.send("/punchin/control/takes", "many")
    until(lambda: '"/punchin/error","bad_setting"' in node._said.read_text())
