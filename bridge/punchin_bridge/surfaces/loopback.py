"""Who may ask an HTTP port of this machine: what is on it, by the names that it is meant to be asked by; and how such a
port is served.

A page of anybody's can have a browser ask any port here. Its origin gives it away, and where its own name was pointed
at this machine (DNS rebinding), the name that was asked for. Both are compared whole: `127.evil.example` begins well.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any

from punchin_wire.osc.udp import LOOPBACK

NAMES = (LOOPBACK, "localhost", "[::1]")
MOST_CONNECTIONS = 64
ACCEPTED_AT_ONCE = 16


def hosts(port: int, *more: str) -> frozenset[str]:
    """What `Host` may be at this port; `more` are names that we have given ourselves."""
    return frozenset(f"{name}:{port}" for name in (*NAMES, *more))


def is_asked_by_name(headers: Mapping[str, str], known: frozenset[str]) -> bool:
    """Whether the request was meant for us, not for a name that somebody has pointed here."""
    return headers.get("Host", "").lower() in known


@contextlib.asynccontextmanager
async def serving(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an aiohttp application on a socket. Who comes when about `MOST_CONNECTIONS` are there is hung up on: each
    holds a file open, and without files to open the bridge could not hear its hosts."""
    from aiohttp import web  # here: what a bridge that nobody asks need not load

    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    handlers: Any = runner.server

    def connected() -> asyncio.Protocol:
        full = len(handlers.connections) >= MOST_CONNECTIONS
        answer: asyncio.Protocol = _HungUp() if full else handlers()
        return answer

    server = await asyncio.get_running_loop().create_server(connected, sock=listener, backlog=ACCEPTED_AT_ONCE)
    try:
        yield
    finally:
        server.close()
        await runner.cleanup()


class _HungUp(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
