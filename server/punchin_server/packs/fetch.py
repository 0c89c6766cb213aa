"""One file from the network to the disk, whole and verified or not at all. Knows no models and no packs.

What another process left is hashed and asked for the rest of (`Range`), whatever server and network do meanwhile; see
:mod:`.part`. huggingface_hub does neither: it starts again from nothing in another process, and checks no content.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPResponse
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.error import HTTPError, URLError

import msgspec
from punchin_wire.disk import make_folder
from punchin_wire.errors import SourceRefused, SourceUnreachable
from punchin_wire.structs import UNREADABLE

from . import web
from .hub import if_refused
from .part import CHUNK, Part, Unwatched, Wanted, Watcher, refuse_disk, sha256_if_right

TRIES = 5
"""How often in a row a server may give nothing before it is given up."""
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Answers that mean: later."""
PAGES = {
    b"quota": "too many people have fetched it; it is given again within a day",
    b"too many users": "too many people have fetched it; it is given again within a day",
    b"virus": "it is too large to be scanned for viruses, and must be asked for in a browser",
    b"servicelogin": "it is not shared with everyone any more",
    b"need access": "it is not shared with everyone any more",
}
"""What Google Drive's pages say, by a word that stands in them."""
MOST_PAGE = 2**17
MOST_TEXT = 2**26
"""Bytes of JSON."""

Form = TypeVar("Form")


class Later(Exception):
    """Nothing came, or next to nothing: `dripped` bytes. `pause` is how long the server wants us to wait."""

    def __init__(self, why: str, pause: float | None = None, dripped: int = 0) -> None:
        super().__init__(why)
        self.pause, self.dripped = pause, dripped


def fetch(wanted: Wanted, to: Path, watcher: Watcher | None = None) -> str:
    """Bring `wanted` to `to`, and return its sha256. A file that is there in that content is not fetched. The caller
    holds a lock of it.

    Raises SourceUnreachable, SourceRefused, PackCorrupt (another content), NotWritten, BadSetting.
    """
    watcher = watcher or Unwatched()
    make_folder(to.parent, if_refused(to))
    if to.is_file():
        if (found := sha256_if_right(wanted, to, watcher)) is not None:
            return found
        to.unlink()
    try:
        with Part(wanted, to, watcher) as part:
            _fill(part)
            if part.is_resumed and not part.is_right:
                watcher.waiting(f"what an earlier pull left of {wanted.name} is damaged; fetching it anew")
                part.restart()
                _fill(part)
            return part.finish()
    except OSError as error:
        refuse_disk(to, error)


def get_json(url: str, headers: Mapping[str, str], form: type[Form], watcher: Watcher | None = None) -> Form:
    """What is at `url`, JSON of this `form` and of at most some megabytes. Raises SourceUnreachable; HTTPError for a
    refusal."""
    tries = 0
    while True:
        try:
            with _answer(url, headers) as answer:
                return _decoded(_text(answer), form)
        except Later as error:
            tries += 1
            if tries >= TRIES:
                _give_up(url, error)
            _pause(url, error, tries, watcher or Unwatched())


def _decoded(text: bytes, form: type[Form]) -> Form:
    try:
        return msgspec.json.decode(text, type=form)
    except UNREADABLE:
        raise Later("it answers something other than expected") from None


# ---- the network ---------------------------------------------------------------------------------------------


def _fill(part: Part) -> None:
    """Ask until all is there. Raises as :func:`fetch` does."""
    tries = 0
    while not part.is_whole:
        before = part.length
        try:
            _receive(part)
        except HTTPError as error:
            raise _refusal(part, error) from None
        except Later as error:
            tries = 0 if part.length - before > error.dripped else tries + 1
            if tries >= TRIES:
                _give_up(part.wanted.url, error)
            _pause(part.wanted.url, error, tries, part.watcher)


def _receive(part: Part) -> None:
    """One connection's worth of the file. Raises Later where it ends early, HTTPError for a refusal."""
    wanted = part.wanted
    asked = dict(wanted.headers)
    if part.length:
        asked["Range"] = f"bytes={part.length}-"
        if part.version and not wanted.is_pinned:
            asked["If-Range"] = part.version
    try:
        answer = _answer(wanted.url, asked)
    except HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and part.length:
            part.restart()
            raise Later("it has no more of this file than is here") from None
        raise
    with answer:
        _agree(part, answer)
        for data in _pieces(answer):
            if not part.length and _is_page(data):
                raise _page(part, data)
            part.append(data)
    if part.total is not None and part.length < part.total:
        raise Later("the connection was cut")
    part.is_ended = True


def _agree(part: Part, answer: HTTPResponse) -> None:
    """Make the part fit what the server sends: its rest, or all of it. Raises SourceRefused for another file."""
    wanted = part.wanted
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")  # Drive gives no ETag
    if answer.headers.get_content_type() == web.PAGE:
        raise _page(part, _read(answer, MOST_PAGE))
    start, total = _extent(answer)
    has_changed = bool(not wanted.is_pinned and part.version and version and version != part.version)
    if start != part.length or has_changed:
        if start:
            part.restart()
            raise Later("it has another version of this file by now")
        part.restart()
    if total is not None:
        most = wanted.size if wanted.size is not None else wanted.at_most
        if (wanted.size is not None and total != wanted.size) or (most is not None and total > most):
            raise SourceRefused(
                f"{wanted.name}: {wanted.whence} offers {total} bytes, not {'' if wanted.size else 'at most '}"
                f"{most}: it is another file.",
                _by_hand(part),
            )
    part.begin(total if total is not None else wanted.size, version)


def _extent(answer: HTTPResponse) -> tuple[int, int | None]:
    """Where the body starts in the file, and how long the whole file is."""
    if answer.status != http.client.PARTIAL_CONTENT:
        return 0, _count(answer.headers.get("Content-Length", ""))
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = _count(span.partition("-")[0])
    return -1 if start is None else start, _count(total)


def _count(text: str) -> int | None:
    """A number of a header; None for anything else, and for what no file and no patience has."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _answer(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    try:
        return web.open_url(url, headers)
    except HTTPError as error:
        error.close()
        if error.code in BUSY:
            raise Later(f"it is busy ({error.code})", _retry_after(error)) from None
        raise
    except (URLError, http.client.HTTPException, OSError) as error:
        if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
            raise SourceUnreachable(
                f"The certificate of {web.host(url)} is not trusted here.",
                "A proxy may be reading along: name its certificate by SSL_CERT_FILE, or use another network.",
            ) from None
        raise Later(_in_words(error)) from None
    except (ValueError, OverflowError) as error:  # a host or a port that none can be, here or in a redirect
        raise SourceUnreachable(
            f"{url[:200]} is no address, or leads to none: {error}.",
            "Look at HF_ENDPOINT and PUNCHIN_DRIVE, if you set them: an address begins with https://.",
        ) from None


def _text(answer: HTTPResponse) -> bytes:
    """The body, or as much of it as is read of one."""
    text = bytearray()
    for data in _pieces(answer):
        text += data
        if len(text) >= MOST_TEXT:
            break
    return bytes(text)


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    """The body as it comes. Raises Later where that is slower than any network."""
    waited, came = 0.0, 0  # not the time in which the caller writes
    while True:
        before = time.monotonic()
        data = _read(answer, CHUNK)
        waited += time.monotonic() - before
        if not data:
            return
        came += len(data)
        yield data
        if waited >= web.STALL_SECONDS:
            if came < web.SLOWEST * waited:
                raise Later(_stalled(), dripped=came)
            waited, came = 0.0, 0


def _read(answer: HTTPResponse, count: int) -> bytes:
    try:
        return answer.read1(count)
    except (http.client.HTTPException, OSError) as error:
        raise Later(_in_words(error)) from None


def _stalled() -> str:
    return f"next to nothing came for {web.STALL_SECONDS:.0f} s"


def _in_words(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return _stalled()
    if isinstance(reason, socket.gaierror):
        return "there is no network, or none that knows this name"
    if isinstance(reason, ConnectionResetError | http.client.IncompleteRead | http.client.RemoteDisconnected):
        return "the connection was cut"
    return str(getattr(reason, "strerror", None) or reason or type(reason).__name__)


def _retry_after(error: HTTPError) -> float | None:
    return _count(error.headers.get("Retry-After", ""))


def _pause(url: str, later: Later, tries: int, watcher: Watcher) -> None:
    """Wait as long as the server asks. Raises SourceUnreachable where that is too long for one who looks on."""
    pause = later.pause if later.pause is not None else PAUSE_SECONDS * 2**tries
    if pause > LONGEST_PAUSE_SECONDS:
        raise SourceUnreachable(
            f"{web.host(url)} wants to be asked again in {pause / 60:.0f} minutes.",
            "Give the same command then: it goes on where it stopped.",
        )
    watcher.waiting(f"{later}; asking {web.host(url)} again in {pause:.0f} s")
    time.sleep(pause)


def _give_up(url: str, later: Later) -> NoReturn:
    raise SourceUnreachable(f"{web.host(url)} does not answer as it should: {later}.") from None


def _refusal(part: Part, error: HTTPError) -> SourceRefused:
    """What a refusal means, by its number; the hub says more of itself in a header."""
    why = {
        401: "it asks who you are; set HF_TOKEN, or the file is not public",
        403: "it may not be fetched by everyone; its page may ask for your consent",
        404: "it is not there any more",
        410: "it is not there any more",
    }.get(error.code, f"{error.reason} ({error.code})")
    return SourceRefused(f"{part.wanted.whence} does not give {part.wanted.name}: {why}.", _by_hand(part))


def _is_page(data: bytes) -> bool:
    return data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _page(part: Part, page: bytes) -> SourceRefused:
    """Drive answers so for several reasons, and always with 200; the hub never does of itself."""
    text, step = page.lower(), _by_hand(part)
    match part.wanted.kind:
        case "hub":
            why = "something answers in the hub's place"
            step = (
                "Log in to the network that this computer is in, and look at what HF_ENDPOINT and the proxy settings "
                f"say; then give the same command again. {step}"
            )
        case "drive":
            why = next((why for sign, why in PAGES.items() if sign in text), "it wants to be asked in a browser")
        case "address":
            why = "there is a page at that address, not the file"
    return SourceRefused(f"{part.wanted.whence} answers with a web page instead of {part.wanted.name}: {why}.", step)


def _by_hand(part: Part) -> str:
    """The way round for a person with a browser."""
    return (
        f"Open {part.wanted.page} in a browser, save the file as {part.to}, and give the same command again; or make a "
        "pack of files that you have with `punchin packs add FOLDER`."
    )
