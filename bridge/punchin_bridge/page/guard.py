"""Who may ask the page's server, and what a browser may do with its answers. Knows no routes.

A request must be meant for us by name, come from our own page or from no page, and show a token: in `Authorization`, or
where a browser can send none, for a WebSocket, as its second subprotocol. The files of the page itself hold nothing and
are given to all who pass the first two.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..surfaces import loopback

PROTOCOL = "punchin"
"""The WebSocket's first subprotocol; the second one is the token."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}
"""What comes with every answer: nothing runs but our own files, and nobody else may embed or read them."""


def refusal(headers: Mapping[str, str], port: int) -> tuple[int, str] | None:
    """Why a request is not for us or not from our page, as a status and a sentence; None where it is both."""
    ours = loopback.hosts(port)
    if not loopback.is_asked_by_name(headers, ours):
        return 421, "That is not the name of this machine."
    origin = headers.get("Origin")
    if origin is not None and origin.lower() not in {f"http://{host}" for host in ours}:
        return 403, "Only Punchin's own page may ask."
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return 403, "Only Punchin's own page may ask."
    return None


def token(headers: Mapping[str, str], is_socket: bool) -> str:
    """The token that was shown; empty where none was."""
    if is_socket:
        first, _, second = headers.get("Sec-WebSocket-Protocol", "").partition(",")
        return second.strip() if first.strip() == PROTOCOL else ""
    kind, _, shown = headers.get("Authorization", "").partition(" ")
    return shown if kind == "Bearer" else ""
