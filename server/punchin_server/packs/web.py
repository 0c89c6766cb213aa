"""HTTP as a pull needs it: proxies and certificates of this computer, and a token that stays with its host.

The standard library carries it: what is asked of a server is one GET, and the caller (:mod:`.fetch`) counts and hashes
every byte that comes. Knows no models.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from punchin_wire import VERSION
from punchin_wire.errors import SourceUnreachable

STALL_SECONDS = 30.0
"""Without a byte for so long, a connection is dead; and where fewer than :data:`SLOWEST` come a second, as well."""
SLOWEST = 1000
"""Bytes a second."""
PAGE = "text/html"


def open_url(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    """The answer to a GET, its body not yet read. Raises HTTPError for an answer that is none, OSError and
    HTTPException where there is no answer, SourceUnreachable where the hub's library was told to stay offline."""
    if is_offline():
        raise SourceUnreachable(
            "HF_HUB_OFFLINE is set: nothing is fetched.",
            "Unset it, or take the pack from another computer: `punchin packs export` there, `packs import` here.",
        )
    request = urllib.request.Request(url, headers={"User-Agent": f"punchin/{VERSION}", **headers})
    answer: HTTPResponse = _opener().open(request, timeout=STALL_SECONDS)
    return answer


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE is set, which holds for everything that is pulled."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def host(url: str) -> str:
    """The name of the server, for people."""
    return urlsplit(url).netloc


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to other hosts without the token, and never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if before.scheme == "https" and after.scheme != "https":
            raise HTTPError(newurl, code, "it leads to an address without encryption", headers, fp)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and (before.scheme, before.netloc) != (after.scheme, after.netloc):
            new.remove_header("Authorization")
        return new


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https only; what it is redirected to, too."""
    opener = urllib.request.OpenerDirector()
    handlers: list[Any] = [
        urllib.request.ProxyHandler(),  # http_proxy, https_proxy, no_proxy, or the system's settings
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=_certificates()),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _certificates() -> ssl.SSLContext:
    """The system's, and Mozilla's: Python from python.org brings none on macOS."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
