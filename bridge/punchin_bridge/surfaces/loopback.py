"""Who may ask an HTTP port of this machine: what is on it, by the names that it is meant to be asked by.

A page of anybody's can have a browser ask any port here. Its origin gives it away, and where its own name was pointed
at this machine (DNS rebinding), the name that was asked for. Both are compared whole: `127.evil.example` begins well.
"""

from __future__ import annotations

from collections.abc import Mapping

from punchin_wire.osc.udp import LOOPBACK

NAMES = (LOOPBACK, "localhost", "[::1]")


def hosts(port: int, *more: str) -> frozenset[str]:
    """What `Host` may be at this port; `more` are names that we have given ourselves."""
    return frozenset(f"{name}:{port}" for name in (*NAMES, *more))


def is_asked_by_name(headers: Mapping[str, str], known: frozenset[str]) -> bool:
    """Whether the request was meant for us, not for a name that somebody has pointed here."""
    return headers.get("Host", "").lower() in known
