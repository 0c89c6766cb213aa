"""The page's port against whoever is not its page: each attack is refused, and says nothing of what is there."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import select
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from fakes.harness import until
from fakes.page import Browser, RunningPage, page
from punchin_bridge.page import guard
from punchin_bridge.page.keys import MAX_TICKETS, TICKET_SECONDS, Keys
from punchin_bridge.page.uploads import MOST_AT_ONCE
from punchin_bridge.surfaces import loopback


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPage]:
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUNCHIN_HOME", str(folder))
        with page(folder) as found:
            yield found


@pytest.fixture
def browser(running: RunningPage) -> Browser:
    found = Browser(running.edge.port, running.edge.keys.key)
    found.enter()
    return found


def test_our_own_page_is_answered(browser: Browser) -> None:
    own = f"http://127.0.0.1:{browser.port}"
    answer = browser.ask("GET", "/api/session", None, {"Origin": own, "Sec-Fetch-Site": "same-origin"})
    assert answer.status == 200
    assert "parameters" in answer.json
    assert browser.ask("GET", "/", None, {"Authorization": None, "Host": f"localhost:{browser.port}"}).status == 200


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Host", "evil.example", 421),
        ("Host", "127.0.0.1.evil.example:{port}", 421),
        ("Host", "127.0.0.1:1", 421),
        ("Host", "127.0.0.1", 421),
        ("Host", None, 400),
        ("Origin", "http://evil.example", 403),
        ("Origin", "http://127.0.0.1:1", 403),
        ("Origin", "http://127.0.0.1:{port}.evil.example", 403),
        ("Origin", "null", 403),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Authorization", None, 401),
        ("Authorization", "Bearer wrong", 401),
        ("Authorization", "Basic {token}", 401),
    ],
)
def test_others_are_refused(browser: Browser, name: str, value: str | None, status: int) -> None:
    said = None if value is None else value.format(port=browser.port, token=browser.token)
    for path in ("/api/session", "/api/events"):
        answer = browser.ask("GET", path, None, {name: said})
        assert answer.status == (401 if path == "/api/events" and name == "Authorization" else status)
        assert b"parameters" not in answer.body


@pytest.mark.parametrize("path", ["/api/session", "/api/open", "/api/enter"])
def test_a_token_of_any_bytes_is_refused(browser: Browser, path: str) -> None:
    answer = browser.ask("GET" if path == "/api/session" else "POST", path, None, {"Authorization": "Bearer \xff\xfe"})
    assert (answer.status, answer.code) == (401, "refused")


def test_what_comes_broken_is_said(browser: Browser) -> None:
    answer = browser.ask("POST", "/api/act", b"no gzip", {"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (400, "bad_setting")


def test_a_path_that_no_disk_can_have_is_said(browser: Browser) -> None:
    answer = browser.ticket(Path("/" + "x" * 5000))
    assert (answer.status, answer.code) == (400, "bad_setting")


def test_who_connects_too_often_is_hung_up_on(browser: Browser) -> None:
    """And takes no more files from the bridge than that."""
    most = loopback.MOST_CONNECTIONS + loopback.ACCEPTED_AT_ONCE
    links = [socket.create_connection(("127.0.0.1", browser.port), 10) for _ in range(2 * most)]
    try:
        until(lambda: len(select.select(links, [], [], 0)[0]) >= most)
    finally:
        for link in links:
            link.close()

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):  # hung up on, as long as the others are not gone
            return browser.ask("GET", "/").status == 200
        return False

    until(answers)


def test_a_page_of_another_host_gets_no_file_either(browser: Browser) -> None:
    assert browser.ask("GET", "/", None, {"Host": "evil.example"}).status == 421
    assert browser.ask("GET", "/index.html", None, {"Sec-Fetch-Site": "cross-site"}).status == 403


def test_a_ticket_opens_once_and_only_the_key_makes_one(browser: Browser) -> None:
    ticket = browser.ticket().json["ticket"]
    shown = {"Authorization": f"Bearer {ticket}"}
    assert browser.ask("GET", "/api/session", None, shown).status == 401
    assert browser.ask("POST", "/api/enter", b"", shown).status == 200
    assert browser.ask("POST", "/api/enter", b"", shown).status == 401
    for key in (browser.token, ticket, "", "x" * 43):
        assert browser.ask("POST", "/api/open", b"{}", {"Authorization": f"Bearer {key}"}).status == 401


def test_tickets_grow_old_and_few() -> None:
    keys = Keys()
    first = keys.ticket(keys.key, 0.0)
    assert first is not None
    assert keys.enter(first, TICKET_SECONDS + 1) is None
    tickets = [keys.ticket(keys.key, 0.0) for _ in range(MAX_TICKETS + 1)]
    assert keys.enter(str(tickets[0]), 1.0) is None
    token = keys.enter(str(tickets[1]), 1.0)
    assert token is not None
    assert keys.is_token(token)
    assert not keys.is_token("")
    assert not keys.is_token("é")


@pytest.mark.skipif(sys.platform == "win32", reason="rights of a file are said otherwise there")
def test_only_this_user_reads_the_key(running: RunningPage, tmp_path: Path) -> None:
    file = running.edge._key_file
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert file.read_text() == running.edge.keys.key
    with page(tmp_path) as other:
        assert other.edge._key_file.exists()
        other.browser.enter()
        assert (
            other.browser.ask("GET", "/api/session", None, {"Authorization": f"Bearer {running.browser.token}"}).status
            == 401
        )
    assert not other.edge._key_file.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/../keys.py",
        "/..%2fkeys.py",
        "/%2e%2e/keys.py",
        "//etc/passwd",
        "/etc/passwd",
        "/app/../../keys.py",
        "/keys.py",
    ],
)
def test_only_the_pages_own_files_are_given(browser: Browser, path: str) -> None:
    answer = browser.ask("GET", path)
    assert answer.status == 404
    assert b"class Keys" not in answer.body
    assert b"root:" not in answer.body


def test_every_answer_forbids_what_the_page_does_not_need(browser: Browser) -> None:
    for path in ("/", "/api/session", "/api/song/000000000000", "/nothing"):
        headers = browser.ask("GET", path).headers
        for name, value in guard.HEADERS.items():
            assert headers[name] == value
    assert "unsafe" not in guard.HEADERS["Content-Security-Policy"]


def test_too_much_is_refused(browser: Browser, tmp_path: Path) -> None:
    assert browser.ask("POST", "/api/act", b"[" * (5 * 2**20)).status == 413
    assert browser.post("/api/upload", {"name": "a.wav", "size": 2**39, "kind": "song"}).code == "too_large"
    small = tmp_path / "a.wav"
    small.write_bytes(b"x" * 100)
    begun = browser.post("/api/upload", {"name": "a.wav", "size": 10, "kind": "song"}).json["upload"]
    assert browser.ask("PUT", f"/api/upload/{begun}?at=0", b"x" * 11).code == "too_large"
    assert browser.ask("PUT", f"/api/upload/{begun}?at=5", b"x").code == "bad_setting"
    assert browser.post(f"/api/upload/{begun}").code == "bad_setting"
    assert browser.post(f"/api/upload/{begun}").code == "bad_setting"
    coming = [
        browser.post("/api/upload", {"name": "a.wav", "size": 10, "kind": "song"}) for _ in range(MOST_AT_ONCE + 1)
    ]
    assert coming[-1].code == "queue_full"
    for each in coming[:-1]:
        browser.post(f"/api/upload/{each.json['upload']}")


@pytest.mark.parametrize("name", ["../../evil.wav", "..\\..\\evil.wav", "/etc/evil.wav", "..", "con\x00.wav", "a/../b"])
def test_a_name_names_only_a_file_of_ours(browser: Browser, running: RunningPage, tmp_path: Path, name: str) -> None:
    text = tmp_path / "song.wav"
    text.write_bytes(b"PK\x03\x04 no audio")
    answer = browser.upload("song", text, name=name)
    assert (answer.status, answer.code) == (400, "bad_audio")
    assert not list(running.edge._spool.parent.rglob("*evil*"))


def test_a_song_that_cannot_be_read_is_called_as_it_was_dropped(browser: Browser, tmp_path: Path) -> None:
    text = tmp_path / "My mix.wav"
    text.write_bytes(b"PK\x03\x04 no audio")
    assert browser.upload("song", text).json["error"]["message"].startswith("My mix.wav is ")


@pytest.mark.parametrize(
    "said",
    [{"do": "evil"}, {"do": "stop"}, {"do": "stop", "job": "../../x"}, {"do": "save", "take": "/etc/passwd"},
     {"do": "show", "take": "000000000000"}, {"do": "turn", "name": "alpha", "value": "loud"}, [], 7,
     {"do": "stop", "job": "a1b2c3d4", "path": "/"}],
)  # fmt: skip
def test_what_cannot_be_done_is_said(browser: Browser, said: object) -> None:
    answer = browser.post("/api/act", said)
    assert answer.status in (400, 404)
    assert answer.json["error"]["next_step"]
    for data in (b"no json", b'{"do": "turn", "name": "\xff"}', b'{"x": ' + b"[" * 100_000):
        assert browser.ask("POST", "/api/act", data).code == "bad_setting"


def test_whoever_talks_over_the_websocket_is_closed(browser: Browser) -> None:
    async def run() -> None:
        address = f"http://127.0.0.1:{browser.port}/api/events"
        async with aiohttp.ClientSession() as session:
            for protocols in ([], ["punchin"], ["punchin", "wrong"], [browser.token, "punchin"]):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(address, protocols=protocols)
                assert refused.value.status == 401
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(
                    address, protocols=["punchin", browser.token], headers={"Origin": "http://evil"}
                )
            link = await session.ws_connect(address, protocols=["punchin", browser.token])
            assert link.protocol == "punchin"
            first = json.loads(await link.receive_str(timeout=10))
            assert first.keys() == {"part", "value"}
            await link.send_str("flood")
            while (await link.receive(timeout=10)).type == aiohttp.WSMsgType.TEXT:
                pass
            assert link.close_code == 1008
            many = [await session.ws_connect(address, protocols=["punchin", browser.token]) for _ in range(20)]
            for link in many[16:]:
                while not link.closed:
                    await link.receive(timeout=10)
                assert link.close_code == 1013
            for link in many:
                await link.close()

    asyncio.run(run())
