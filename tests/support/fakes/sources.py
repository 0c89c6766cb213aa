"""Where models come from, faked: a hub, its CDN on another port, a Google Drive and plain addresses, in one thread.

The hub answers as huggingface.co does (`/api/models/…/revision/…?blobs=true`, `/OWNER/NAME/resolve/COMMIT/PATH`, with a
redirect of large files to the CDN); every fault that a pull must live with can be switched on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 2**14
PAGE = b"<!DOCTYPE html><html><head><title>Google Drive - %s</title></head></html>"


@dataclass
class Faults:
    """What is wrong with the next answers that carry a file. Counts are used up."""

    cut_after: int | None = None  # bytes of an answer, then the connection dies; for `cuts` answers
    cuts: int = 0
    stall_after: int | None = None  # bytes, then silence; for `stalls` answers
    stalls: int = 0
    drip_after: int | None = None  # bytes, then one at a time; for `drips` answers
    drips: int = 0
    busy: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # status and headers, one an answer
    refuse: int = 0  # a status, for good
    no_ranges: bool = False  # 200 with everything, whatever was asked
    wrong_byte: bool = False
    short: bool = False  # a whole file that is one byte shorter, and says so
    page: bytes = b""  # HTML with this title instead of the file
    rate: float | None = None  # bytes a second


@dataclass
class Sources:
    """What the fakes hold and what they were asked. `files` by (`OWNER/NAME`, path), `drive` by id, `plain` by path."""

    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    drive: dict[str, bytes] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str | None] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)  # of drive and plain
    dates: dict[str, str] = field(default_factory=dict)  # of those that have a Last-Modified and no ETag
    gated: set[str] = field(default_factory=set)
    xet: bool = False
    faults: Faults = field(default_factory=Faults)
    asked: list[str] = field(default_factory=list)  # `METHOD path [range]`, of all hosts
    served: int = 0  # bytes of bodies that carry files
    tokens: list[tuple[str, str]] = field(default_factory=list)  # host that was sent one, and which
    hub_url: str = ""
    cdn_url: str = ""

    @property
    def drive_url(self) -> str:
        return f"{self.cdn_url}/drive"

    def env(self) -> dict[str, str]:
        """What sends `punchin` here instead of there."""
        hosts = "127.0.0.1,localhost"
        here = {"HF_ENDPOINT": self.hub_url, "PUNCHIN_DRIVE": self.drive_url, "NO_PROXY": hosts, "no_proxy": hosts}
        return here | {"HF_HUB_OFFLINE": "0"}  # as tests run, nothing is fetched from anywhere


def publish_soundfont(sources: Sources, content: bytes, catalog: Path, name: str) -> None:
    """A pack that loads no model, under a licence that must be accepted: in the catalog that the folder will be."""
    sources.plain["font.sf2"] = content
    part = {
        "source": f"{sources.cdn_url}/plain/font.sf2",
        "files": [{"path": "font.sf2", "at_most": 10**8}],
        "licence": "CC-BY-NC-4.0",
        "licence_url": "https://example.org/licence",
    }
    manifest = {"licence": "CC-BY-NC-4.0", "source": "them", "soundfont": "font.sf2"}
    entry = {"name": name, "title": "mini", "bytes": 10**6, "parts": [part], "manifest": manifest}
    catalog.mkdir(exist_ok=True)
    (catalog / f"{name}.json").write_text(json.dumps(entry))


def is_large(content: bytes) -> bool:
    """Whether the hub keeps it as LFS, by sha256 and on its CDN."""
    return len(content) >= 1024


def blob(content: bytes) -> str:
    """What the hub's cache calls this content."""
    if is_large(content):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def running() -> Iterator[Sources]:
    """The fakes on two free ports, for the time of the block."""
    sources, loop = Sources(), asyncio.new_event_loop()
    ready = threading.Event()

    async def start() -> Callable[[], Any]:
        runners = []
        for build, name in ((_hub, "hub_url"), (_cdn, "cdn_url")):
            runner = web.AppRunner(build(sources), access_log=None, handle_signals=False, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            setattr(sources, name, f"http://{'127.0.0.1' if name == 'hub_url' else 'localhost'}:{port}")
            runners.append(runner)

        async def stop() -> None:
            for runner in runners:
                await runner.cleanup()

        return stop

    def serve() -> None:
        asyncio.set_event_loop(loop)
        stop = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(stop())
        loop.close()

    thread = threading.Thread(target=serve, name="sources", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield sources
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


# ---- the hub -------------------------------------------------------------------------------------------------


def _hub(sources: Sources) -> web.Application:
    app = web.Application()

    async def info(request: web.Request) -> web.StreamResponse:
        return await _info(sources, request)

    async def resolve(request: web.Request) -> web.StreamResponse:
        return await _resolve(sources, request)

    async def unknown(request: web.Request) -> web.StreamResponse:
        return await _unknown(sources, request)

    app.router.add_get("/api/models/{owner}/{name}/revision/{ref}", info)
    app.router.add_get("/{owner}/{name}/resolve/{ref}/{path:.*}", resolve)
    app.router.add_route("*", "/{rest:.*}", unknown)
    return app


def _note(sources: Sources, request: web.Request) -> None:
    sources.asked.append(f"{request.method} {request.path_qs} {request.headers.get('Range', '')}".strip())
    if token := request.headers.get("Authorization"):
        sources.tokens.append((request.host, token))


async def _info(sources: Sources, request: web.Request) -> web.Response:
    _note(sources, request)
    repo = f"{request.match_info['owner']}/{request.match_info['name']}"
    if repo in sources.gated:
        return web.json_response({}, status=403, headers={"X-Error-Code": "GatedRepo"})
    found = {path: content for (owner, path), content in sources.files.items() if owner == repo}
    if not found:
        return web.json_response({}, status=401, headers={"X-Error-Code": "RepoNotFound"})
    siblings = []
    for path, content in found.items():
        one: dict[str, Any] = {
            "rfilename": path,
            "size": len(content),
            "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
        }
        if is_large(content):
            one["lfs"] = {"sha256": blob(content), "size": len(content), "pointerSize": 134}
        siblings.append(one)
    licence = sources.licences.get(repo, "cc-by-nc-4.0")
    return web.json_response(
        {
            "id": repo,
            "sha": sources.commits.get(repo, COMMIT),
            "siblings": siblings,
            "cardData": {"license": licence} if licence else {},
            "config": sources.configs.get(repo, {}),
        }
    )


async def _resolve(sources: Sources, request: web.Request) -> web.StreamResponse:
    _note(sources, request)
    repo, path = f"{request.match_info['owner']}/{request.match_info['name']}", request.match_info["path"]
    content = sources.files.get((repo, path))
    if content is None:
        return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
    headers = {"X-Repo-Commit": sources.commits.get(repo, COMMIT), "ETag": f'"{blob(content)}"'}
    if not is_large(content):
        return await _send(sources, request, content, headers)
    if sources.xet:
        headers["X-Xet-Hash"] = "a" * 64
        route = f"/api/models/{repo}/xet-read-token/{headers['X-Repo-Commit']}"
        headers["X-Xet-Refresh-Route"] = f"{sources.hub_url}{route}"
    location = f"{sources.cdn_url}/cdn/{repo}/{path}"
    return web.Response(status=302, headers=headers | {"Location": location, "X-Linked-Size": str(len(content))})


async def _unknown(sources: Sources, request: web.Request) -> web.Response:
    _note(sources, request)
    return web.Response(status=404)


# ---- the other hosts -----------------------------------------------------------------------------------------


def _cdn(sources: Sources) -> web.Application:
    app = web.Application()

    async def cdn(request: web.Request) -> web.StreamResponse:
        _note(sources, request)
        repo = f"{request.match_info['owner']}/{request.match_info['name']}"
        return await _send(sources, request, sources.files[repo, request.match_info["path"]], {})

    async def drive(request: web.Request) -> web.StreamResponse:
        _note(sources, request)
        return await _named(sources, request, sources.drive, request.query.get("id", ""))

    async def plain(request: web.Request) -> web.StreamResponse:
        _note(sources, request)
        return await _named(sources, request, sources.plain, request.match_info["path"])

    app.router.add_get("/cdn/{owner}/{name}/{path:.*}", cdn)
    app.router.add_get("/drive", drive)
    app.router.add_get("/plain/{path:.*}", plain)
    return app


async def _named(sources: Sources, request: web.Request, held: dict[str, bytes], name: str) -> web.StreamResponse:
    if name not in held:
        return web.Response(status=404)
    if name in sources.dates:
        return await _send(sources, request, held[name], {"Last-Modified": sources.dates[name]})
    etag = sources.etags.get(name, f'"{hashlib.sha256(held[name]).hexdigest()[:16]}"')
    return await _send(sources, request, held[name], {"ETag": etag})


async def _send(sources: Sources, request: web.Request, content: bytes, headers: dict[str, str]) -> web.StreamResponse:
    faults = sources.faults
    if faults.busy:
        status, more = faults.busy.pop(0)
        return web.Response(status=status, headers=more)
    if faults.refuse:
        return web.Response(status=faults.refuse)
    if faults.page:
        return web.Response(body=PAGE % faults.page, content_type="text/html")
    if faults.wrong_byte:
        content = content[:-1] + bytes([content[-1] ^ 1])
    if faults.short:
        content = content[:-1]
    start, status = _start(faults, request, headers), 200
    if start >= len(content) and start:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers = headers | {"Content-Length": str(len(content) - start)}
    if start:
        status, headers["Content-Range"] = 206, f"bytes {start}-{len(content) - 1}/{len(content)}"
    answer = web.StreamResponse(status=status, headers=headers)
    await answer.prepare(request)
    await _body(sources, request, answer, content[start:])
    return answer


def _start(faults: Faults, request: web.Request, headers: dict[str, str]) -> int:
    asked = request.headers.get("Range", "")
    if_range = request.headers.get("If-Range")
    if not asked or faults.no_ranges or (if_range and if_range not in headers.values()):
        return 0
    return int(asked.removeprefix("bytes=").partition("-")[0])


async def _body(sources: Sources, request: web.Request, answer: web.StreamResponse, content: bytes) -> None:
    faults, sent = sources.faults, 0
    for at in range(0, len(content), CHUNK):
        piece = content[at : at + CHUNK]
        if faults.cuts and faults.cut_after is not None and sent + len(piece) > faults.cut_after:
            faults.cuts -= 1
            if request.transport is not None:
                request.transport.abort()
            return
        if faults.stalls and faults.stall_after is not None and sent + len(piece) > faults.stall_after:
            faults.stalls -= 1
            await asyncio.sleep(60)
        if faults.drips and faults.drip_after is not None and sent + len(piece) > faults.drip_after:
            faults.drips -= 1
            await _drip(sources, answer, piece)
            return
        sources.served += len(piece)  # before: whoever has the last piece may look at once
        try:
            await answer.write(piece)
        except (ConnectionError, asyncio.CancelledError):
            sources.served -= len(piece)
            return
        sent += len(piece)
        if faults.rate:
            await asyncio.sleep(len(piece) / faults.rate)


async def _drip(sources: Sources, answer: web.StreamResponse, piece: bytes) -> None:
    """A byte now and then, until nobody listens."""
    for at in range(len(piece)):
        try:
            await answer.write(piece[at : at + 1])
        except (ConnectionError, asyncio.CancelledError):
            return
        sources.served += 1
        await asyncio.sleep(0.02)
