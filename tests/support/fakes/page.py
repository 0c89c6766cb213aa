"""The page's server over a stage's console and sessions, and a client that holds a token."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import soundfile
from punchin_bridge.audio import wavfile
from punchin_bridge.audio.bwf import Tags
from punchin_bridge.hosts.previews import Previews
from punchin_bridge.hosts.protocol import Command, CommandResult, FromHost
from punchin_bridge.hosts.spool import Post
from punchin_bridge.packs.pulls import Pulls
from punchin_bridge.page.edge import PageEdge
from punchin_bridge.page.songs import PageSong
from punchin_bridge.serve import receive
from punchin_bridge.takes import inpaint, recipe
from punchin_bridge.takes.inpaint import Sources
from punchin_bridge.takes.location import Where
from punchin_wire.params import InpaintParams

from fakes.harness import until
from fakes.surfaces import Stage


class Answer:
    """What came back: its status, headers and body."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = answer.status, dict(answer.getheaders()), answer.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Browser:
    """Asks as our page does, with the token that it was given."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.key = key
        self.token = ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """`headers` are added to those of our page, or leave one out where they say None."""
        said = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self.token}", **(headers or {})}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in said.items():
                if value is not None:
                    link.putheader(name, value)
            if body is not None:
                link.putheader("Content-Length", str(len(body)))
            link.endheaders(body)
            return Answer(link.getresponse())
        finally:
            link.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, said: Any = None) -> Answer:
        return self.ask("POST", path, json.dumps(said).encode() if said is not None else b"")

    def act(self, do: str, **more: Any) -> Answer:
        return self.post("/api/act", {"do": do, **more})

    def part(self, name: str) -> Any:
        """A part of what the page is told."""

        async def run() -> Any:
            address = f"http://127.0.0.1:{self.port}/api/events"
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(address, protocols=["punchin", self.token]) as link,
            ):
                while (said := json.loads(await link.receive_str(timeout=20)))["part"] != name:
                    pass
                return said["value"]

        return asyncio.run(run())

    def ticket(self, song: Path | None = None) -> Answer:
        body = json.dumps({"song": str(song)} if song else {}).encode()
        return self.ask("POST", "/api/open", body, {"Authorization": f"Bearer {self.key}"})

    def enter(self, song: Path | None = None) -> str:
        """Come in, and open a song; its id."""
        opened = self.ticket(song).json
        entered = self.ask("POST", "/api/enter", b"", {"Authorization": f"Bearer {opened['ticket']}"})
        self.token = entered.json["token"]
        return str(opened["song"])

    def upload(self, kind: str, path: Path, song: str | None = None, name: str | None = None) -> Answer:
        """Hand in a file in pieces, as the page does; the last answer, or the first that refuses."""
        data = path.read_bytes()
        begun = self.post("/api/upload", {"name": name or path.name, "size": len(data), "kind": kind, "song": song})
        if begun.status != 200:
            return begun
        where = f"/api/upload/{begun.json['upload']}"
        for at in range(0, len(data), begun.json["piece"]):
            piece = self.ask("PUT", f"{where}?at={at}", data[at : at + begun.json["piece"]])
            if piece.status != 200:
                return piece
        return self.post(where)


class RunningPage:
    """An edge over a stage, whose loop a thread turns; the stage's clock goes with it."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage()
        room = self.stage.room

        def say(document: FromHost, now: float) -> None:
            receive(Post(document.host, document), self.stage.console, room.sessions, now, time.time())

        self.pulls = Pulls()
        key = folder / "runtime" / "page.key"
        self.previews = Previews()
        self.edge = PageEdge(self.stage.console, room.sessions, self.pulls, self.previews, say, folder / "spool", key)
        self.browser = Browser(self.edge.port, self.edge.keys.key)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._turn, daemon=True)

    def _turn(self) -> None:
        while not self._stopped.wait(0.01):
            self.stage.room.now += 0.01
            self.edge.step(self.stage.room.now)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(5)
        self.edge.close()

    @contextmanager
    def obeying(self, error: str) -> Iterator[list[Command]]:
        """The stage's host does meanwhile what it is asked for, or says this error; what that was."""
        asked: list[Command] = []
        done = threading.Event()

        def obey() -> None:
            while not done.wait(0.02):
                for command in list(self.stage.room.sessions.hosts["fake-1"].commands.values()):
                    asked.append(command)
                    did = CommandResult("fake-1", command.ask, error)
                    self.edge.ask(lambda _, did=did: self.stage.say(did)).result(5)  # type: ignore[misc]

        thread = threading.Thread(target=obey)
        thread.start()
        try:
            yield asked
        finally:
            done.set()
            thread.join(5)

    def songs(self) -> tuple[PageSong, ...]:
        server = self.edge._server
        assert server is not None
        return server.songs.all()

    def groups(self) -> list[dict[str, Any]]:
        """What is heard against each other, once it was listed."""
        server = self.edge._server
        assert server is not None
        until(lambda: "groups" in server._feed.parts)
        return list(json.loads(server._feed.parts["groups"]))


@contextmanager
def page(folder: Path) -> Iterator[RunningPage]:
    running = RunningPage(folder)
    running.start()
    try:
        yield running
    finally:
        running.close()


def write_song(path: Path, seconds: float = 8.0, rate: int = 44_100, channels: int = 2, level: float = 0.2) -> Path:
    """Noise that is never silent, 16-bit."""
    random = np.random.default_rng(5)
    soundfile.write(path, random.uniform(-level, level, (round(seconds * rate), channels)), rate)
    return path


def write_take(song: Path, folder: Path, start: float, end: float, seed: int, level: float = 0.2) -> Path:
    """A take of `start` to `end` seconds of a song, as the bridge writes them, with its recipe: noise of its own."""
    order = inpaint.compose(song, Where(start, end), Sources(), InpaintParams(), seed)
    random = np.random.default_rng(seed)
    audio = random.uniform(-level, level, (order.song.channels, order.region.samples))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{song.stem}_take1_seed{seed}.wav"
    created = f"2026-01-01T00:00:{seed % 60:02}"
    payload = recipe.encode(order.recipe(0, seed, {"pack": "tiny"}, "0", created))
    tags = Tags(f"job-{seed}", song.stem, order.scene, 1, created)
    wavfile.write_region(path, order.song, order.region.start, audio, tags, payload)
    return path


def at_bridge(home: Path) -> Browser:
    """Our page at a real bridge, with a token."""
    record = json.loads((home / "runtime" / "bridge.json").read_text())
    found = Browser(record["page_port"], (home / "runtime" / "page.key").read_text())
    found.enter()
    return found


class Asking(threading.Thread):
    """Asks the page for something while the test turns a host; then :attr:`answer` is there."""

    def __init__(self, browser: Browser, do: str, **more: Any) -> None:
        super().__init__(daemon=True)
        self._asked = browser, do, more
        self.answer: Answer | None = None
        self.start()

    def run(self) -> None:
        browser, do, more = self._asked
        self.answer = browser.act(do, **more)

    @property
    def is_done(self) -> bool:
        return self.answer is not None
