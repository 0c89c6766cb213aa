"""OSCQuery as its clients use it: HTTP and a WebSocket, on a thread beside the console."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from fakes.surfaces import Stage
from punchin_bridge.surfaces import actions
from punchin_bridge.surfaces.osc.query import SERVICE, OscQuery
from punchin_wire import params
from punchin_wire.osc.packets import parse
from punchin_wire.osc.table import TABLE
from pythonoscquery.osc_query_client import OSCQueryClient
from pythonoscquery.shared.oscquery_spec import OSCQueryAttribute
from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def query(stage: Stage) -> Iterator[OscQuery]:
    made = OscQuery(stage.console, 17814, announce=False)
    yield made
    made.close()


def get(query: OscQuery, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{query.port}{path}", timeout=5) as answer:
        text = answer.read()
        return json.loads(text) if text else answer.status


def step(stage: Stage, query: OscQuery) -> None:
    stage.room.now += 0.1
    query.step(stage.room.now)


def test_the_host_says_where_osc_goes(query: OscQuery) -> None:
    info = get(query, "/?HOST_INFO")
    assert (info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"]) == ("127.0.0.1", 17814, "UDP")
    assert info["EXTENSIONS"]["LISTEN"] is True


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for name, child in node.get("CONTENTS", {}).items():
        assert child["FULL_PATH"].split("/")[-1] == name
        yield from walk(child)


def test_the_tree_holds_every_address(query: OscQuery) -> None:
    nodes = {node["FULL_PATH"]: node for node in walk(get(query, "/"))}
    for address in TABLE:
        if address.at == "surfaces" and not address.path.endswith("*"):
            access = (2 if address.direction == "to" else 1) if address.args else 0
            assert nodes[address.path]["ACCESS"] & access == access
    for parameter in params.TABLE:
        node = nodes[f"/punchin/control/{parameter.name}"]
        assert node["ACCESS"] == 3
        assert node["VALUE"] == [parameter.default]
        assert node["TYPE"] == {float: "f", int: "i", str: "s"}[parameter.type]
        assert (f"/punchin/fader/{parameter.name}" in nodes) == parameter.is_fader
    assert nodes["/punchin/control/alpha"]["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}]
    assert nodes["/punchin/control/task"]["RANGE"] == [{"VALS": ["timbre", "genre", "accompaniment"]}]
    for action in actions.TABLE:
        assert (f"/punchin/action/{action.name}" in nodes) == (not action.needs)
    assert nodes["/punchin/action/punch"]["ACCESS"] == 2
    assert nodes["/punchin/now/line"]["ACCESS"] == 1


def test_one_node_one_attribute_and_none(query: OscQuery, stage: Stage) -> None:
    stage.console.set("alpha", 0.25)
    step(stage, query)
    assert get(query, "/punchin/control/alpha?VALUE") == {"VALUE": [0.25]}
    assert get(query, "/punchin/control/alpha")["DESCRIPTION"] == params.BY_NAME["alpha"].text
    assert get(query, "/punchin/ping?VALUE") == 204
    for path, status in (("/punchin/control/loudness", 404), ("/punchin/control/alpha?COLOUR", 400)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(query, path)
        assert refused.value.code == status
        refused.value.close()


def talk(query: OscQuery, conversation: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]) -> None:
    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{query.port}/") as socket:
            await conversation(socket)

    asyncio.run(run())


def test_what_is_listened_to_comes_and_what_is_ignored_does_not(query: OscQuery, stage: Stage) -> None:
    async def conversation(socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_str("no json")
        await socket.send_json({"COMMAND": "LISTEN", "DATA": "/punchin/nothing"})
        await socket.send_str("[" * 4000)
        await socket.send_json({"COMMAND": "LISTEN", "DATA": "/punchin/control/alpha"})
        assert parse(await socket.receive_bytes(timeout=5)) == [("/punchin/control/alpha", [0.5])]
        stage.console.set("guidance", 3.0)
        stage.console.set("alpha", 0.75)
        step(stage, query)
        assert parse(await socket.receive_bytes(timeout=5)) == [("/punchin/control/alpha", [0.75])]
        await socket.send_json({"COMMAND": "IGNORE", "DATA": "/punchin/control/alpha"})
        await socket.send_json({"COMMAND": "LISTEN", "DATA": "/punchin/now/foot"})
        assert parse(await socket.receive_bytes(timeout=5)) == [("/punchin/now/foot", ["up"])]
        stage.console.set("alpha", 0.25)
        stage.act("punch")
        step(stage, query)
        assert parse(await socket.receive_bytes(timeout=5)) == [("/punchin/now/foot", ["in"])]

    talk(query, conversation)


@pytest.mark.parametrize(
    ("origin", "status"), [("https://example.com", 403), ("http://localhost:8080", 200), ("null", 200)]
)
def test_pages_from_elsewhere_are_not_answered(query: OscQuery, origin: str, status: int) -> None:
    """A page in the musician's browser may open a WebSocket to any port of this machine."""

    async def run() -> int:
        address = f"http://127.0.0.1:{query.port}/"
        async with aiohttp.ClientSession(headers={"Origin": origin}) as session, session.get(address) as answer:
            if status == 200:
                async with session.ws_connect(address):
                    return answer.status
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(address)
            return answer.status

    assert asyncio.run(run()) == status


def test_the_thread_ends_with_the_bridge(stage: Stage) -> None:
    query = OscQuery(stage.console, 17814, announce=False)
    assert query._thread.is_alive()
    query.close()
    assert not query._thread.is_alive()


@pytest.mark.slow
def test_others_find_it_and_walk_it(stage: Stage) -> None:
    """python-oscquery's client, by what zeroconf says of us."""
    query = OscQuery(stage.console, 17814)
    found: dict[int, ServiceInfo] = {}
    zeroconf = Zeroconf(interfaces=["127.0.0.1"])

    def change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        info = zeroconf.get_service_info(service_type, name) if state_change is ServiceStateChange.Added else None
        if info is not None and info.port is not None:
            found[info.port] = info

    browser = ServiceBrowser(zeroconf, SERVICE, handlers=[change])
    deadline = time.monotonic() + 20
    while query.port not in found and time.monotonic() < deadline:
        time.sleep(0.05)
    browser.cancel()
    zeroconf.close()
    client = OSCQueryClient(found[query.port])
    host = client.get_host_info()
    assert host is not None
    assert (host.osc_ip, host.osc_port, host.osc_transport) == ("127.0.0.1", 17814, "UDP")
    node = client.query_node("/punchin/control/takes")
    assert node is not None
    assert node.attributes[OSCQueryAttribute.VALUE] == [1]
    assert client.query_node("/punchin/control/loudness") is None
    root = client.query_node("/")
    assert root is not None
    assert root.find_subnode("/punchin/action/punch") is not None
    query.close()


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example:{port}", "127.0.0.1:1", "127.0.0.1"])
def test_a_name_that_was_pointed_here_is_not_ours(query: OscQuery, name: str) -> None:
    """DNS rebinding: the page's own name leads here, and its browser takes us for it."""
    address = f"http://127.0.0.1:{query.port}/?HOST_INFO"
    asked = urllib.request.Request(address, headers={"Host": name.format(port=query.port)})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=5)
    assert refused.value.code == 421
    refused.value.close()
    for ours in ("localhost", "127.0.0.1", "punchin.local"):
        asked = urllib.request.Request(address, headers={"Host": f"{ours}:{query.port}"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert answer.status == 200
