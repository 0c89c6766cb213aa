"""OSCQuery: surfaces ask over HTTP what there is, and listen over a WebSocket; found by `_oscjson._tcp`.

aiohttp serves on a thread of its own, on this machine only. The bridge's loop leaves a picture for it at every step;
nothing goes the other way, for what surfaces set comes to the OSC port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from punchin_wire.errors import PunchinError
from punchin_wire.osc.packets import build
from punchin_wire.osc.table import PROGRESS_HZ, TABLE
from punchin_wire.osc.udp import LOOPBACK
from punchin_wire.throttle import Throttle

from .. import loopback
from ..console import Console
from ..edge import HasFileno
from . import picture, tree
from .picture import Picture

SERVICE = "_oscjson._tcp.local."
NAME = "punchin.local"
"""What the service calls this machine; who found us by it asks for it."""
MAX_LISTENERS = 32
MAX_PATHS = 256
HERE = (None, "localhost", LOOPBACK)
"""Where a page may come from that asks: this machine, or a file on it."""

log = logging.getLogger(__name__)


class OscQuery:
    """An :class:`..edge.Edge`. `port` is where HTTP is served; whoever asks before the thread is up waits for it."""

    def __init__(self, console: Console, osc_port: int, announce: bool = True) -> None:
        self._console, self._osc_port, self._announce = console, osc_port, announce
        self._shown: Picture = picture.picture(console.view(0.0))
        self._throttle = Throttle(PROGRESS_HZ)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._listeners: dict[Any, dict[str, object]] = {}
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oscquery", daemon=True)
        self._thread.start()

    @property
    def sources(self) -> Sequence[HasFileno]:
        return ()

    def step(self, now: float) -> None:
        """Leave what is to be seen now, at most 20 times a second."""
        if not self._throttle.passes(now):
            return
        shown = picture.picture(self._console.view(now))
        if shown != self._shown:
            self._shown = shown
            if self._listeners:
                self._soon(self._send_all)

    def close(self) -> None:
        self._closed.set()
        if self._stop is not None:
            self._soon(self._stop.set)
        self._thread.join(5.0)

    def _soon(self, call: Callable[[], None]) -> None:
        """Have the thread do something, if it still runs."""
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)

    # ---- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # no aiohttp, no port: surfaces that know the addresses need none of it
            log.warning("OSCQuery is not served: %s", error)
        finally:
            self._socket.close()

    async def _serve(self) -> None:
        from aiohttp import web  # here: what a bridge whose surfaces know their addresses need not load

        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        async with loopback.serving(app, self._socket):
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            log.info("OSCQuery on port %d", self.port)
            announced = await self._announced() if self._announce else None
            try:
                if not self._closed.is_set():  # else it was while we came up, and nobody will say it again
                    await self._stop.wait()
            finally:
                if announced is not None:
                    await announced.async_close()
                for listener in list(self._listeners):
                    await listener.close()

    async def _announced(self) -> Any:
        """Say on the loopback interface that we are here. None where that cannot be."""
        try:
            from zeroconf import IPVersion
            from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

            found = AsyncZeroconf(interfaces=[LOOPBACK], ip_version=IPVersion.V4Only)
            info = AsyncServiceInfo(
                SERVICE,
                f"Punchin {self.port}.{SERVICE}",
                port=self.port,
                addresses=[socket.inet_aton(LOOPBACK)],
                server=f"{NAME}.",
            )
            await found.async_register_service(info)
        except Exception as error:  # no multicast on this machine, or no zeroconf
            log.info("OSCQuery is not announced: %s", error)
            return None
        return found

    async def _get(self, request: Any) -> Any:
        from aiohttp import web

        if not loopback.is_asked_by_name(request.headers, loopback.hosts(self.port, NAME)):
            return web.json_response({"error": "That is not the name of this machine."}, status=421)
        if urlsplit(request.headers.get("Origin", "")).hostname not in HERE:  # any page may open a WebSocket to here
            return web.json_response({"error": "Only pages of this machine may ask."}, status=403)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._listen(request)
        query = request.query_string.upper()
        if query == "HOST_INFO":
            return web.json_response(tree.host_info(self._osc_port))
        node = tree.at(tree.tree(TABLE, self._shown), "/" + request.match_info["path"])
        if node is None:
            return web.json_response({"error": "There is no such address."}, status=404)
        if not query:
            return web.json_response(node)
        if query not in tree.ATTRIBUTES:
            return web.json_response({"error": f"There is no attribute {query[:40]}."}, status=400)
        return web.json_response({query: node[query]}) if query in node else web.Response(status=204)

    async def _listen(self, request: Any) -> Any:
        """One surface's WebSocket: LISTEN and IGNORE as JSON come in, OSC packets go out."""
        from aiohttp import WSMsgType, web

        link = web.WebSocketResponse(heartbeat=20.0, max_msg_size=4096)
        await link.prepare(request)
        if len(self._listeners) >= MAX_LISTENERS:
            await link.close(code=1013)
            return link
        wanted: dict[str, object] = {}
        self._listeners[link] = wanted
        try:
            async for message in link:
                if message.type == WSMsgType.TEXT and _command(message.data, wanted):
                    await self._send_changes(link, wanted)
        finally:
            self._listeners.pop(link, None)
        return link

    def _send_all(self) -> None:
        for link, wanted in self._listeners.items():
            task = asyncio.ensure_future(self._send_changes(link, wanted))
            task.add_done_callback(lambda done: done.exception())  # it has closed: `_listen` ends, too

    async def _send_changes(self, link: Any, wanted: dict[str, object]) -> None:
        """Send what has changed at the addresses that are listened to; what was never sent counts as changed."""
        for path, before in list(wanted.items()):
            message = self._shown.get((path,))
            if message is not None and message != before and path in wanted:
                wanted[path] = message
                await link.send_bytes(build(*message, "from", "surfaces"))


def _command(text: str, wanted: dict[str, object]) -> bool:
    """Do LISTEN or IGNORE. Whether there may be something to send."""
    try:
        message = json.loads(text)
        command, path = message["COMMAND"], message["DATA"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    if command == "IGNORE":
        wanted.pop(str(path), None)
        return False
    if command != "LISTEN" or not isinstance(path, str) or len(wanted) >= MAX_PATHS:
        return False
    try:
        known = tree.is_listenable(path)
    except PunchinError:
        known = False
    if known:
        wanted.setdefault(path, None)
    return known
