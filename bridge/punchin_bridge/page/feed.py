"""What changes, sent part by part to every tab that shows the page: the last value of each, so that a slow one misses
some and keeps up. `[page]` throughout."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
from aiohttp import web

from . import guard

MAX_LISTENERS = 16


class Feed:
    """The parts as they are, and who listens."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self._listeners: dict[web.WebSocketResponse, tuple[set[str], asyncio.Event]] = {}

    @property
    def has_listeners(self) -> bool:
        """[any]"""
        return bool(self._listeners)

    def put(self, name: str, value: object, is_news: bool = False) -> None:
        """Tell all listeners a part, where it has changed or is news in any case."""
        data = msgspec.json.encode(value)
        if self.parts.get(name) == data and not is_news:
            return
        self.parts[name] = data
        for waiting, woken in self._listeners.values():
            waiting.add(name)
            woken.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket that says what changes. Nothing is to be said by the browser."""
        link = web.WebSocketResponse(protocols=(guard.PROTOCOL,), heartbeat=20.0, max_msg_size=1024)
        link.headers.update(guard.HEADERS)
        await link.prepare(request)
        if len(self._listeners) >= MAX_LISTENERS:
            await link.close(code=1013)
            return link
        waiting, woken = set(self.parts), asyncio.Event()
        woken.set()
        self._listeners[link] = waiting, woken
        sending = asyncio.ensure_future(self._send(link, waiting, woken))
        try:
            async for _ in link:
                await link.close(code=1008)  # whoever talks here is not our page
        finally:
            self._listeners.pop(link, None)
            sending.cancel()
        return link

    async def _send(self, link: web.WebSocketResponse, waiting: set[str], woken: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await woken.wait()
                woken.clear()
                while waiting:
                    name = waiting.pop()
                    await link.send_str(f'{{"part":"{name}","value":{self.parts[name].decode()}}}')

    async def close(self) -> None:
        for listener in list(self._listeners):
            await listener.close()
