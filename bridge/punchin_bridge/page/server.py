"""HTTP for the browser, on a thread of its own: the page's files, its state, audio, and what it asks for.

`[page]` is this thread's asyncio loop. What reads or writes files runs on threads beside it (`[page job]`), a few at a
time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import web
from punchin_wire import VERSION, disk, paths
from punchin_wire.errors import BadSetting, FileMissing, InternalError, PunchinError
from punchin_wire.params import MAX_TAKES, TABLE
from punchin_wire.structs import UNREADABLE, in_words

from .. import remotes, settings
from ..hosts.previews import Previews
from ..hosts.protocol import PackName
from ..packs import listing, plans
from ..surfaces import loopback
from . import groups, guard, told
from .acts import Act
from .answers import failed, number, refused
from .doing import Doer, Loop
from .feed import Feed
from .groups import Group, Library
from .hearing import Hearing
from .keys import Keys
from .notebook import Notebook
from .peaks import Shapes
from .picture import Picture
from .songs import PageSong, Songs
from .uploads import PIECE_BYTES, Announced, Uploads

AT_ONCE = 4
"""Requests that read or write files at once; the next ones wait."""
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
T = TypeVar("T")

log = logging.getLogger(__name__)


class PageServer:
    """`loop` is the bridge's, `previews` what has come of takes that grow, `folder` where uploads come in. Serves on
    `listener` from :meth:`start` on."""

    def __init__(self, loop: Loop, keys: Keys, listener: socket.socket, previews: Previews, folder: Path) -> None:
        self._keys, self._socket = keys, listener
        self._port: int = listener.getsockname()[1]
        self.songs = Songs()
        self._uploads = Uploads(folder, self.songs)
        self._notebook = Notebook(paths.data_folder() / "page" / "notes.json")
        self._library, self._shapes, self._feed = Library(self._notebook), Shapes(), Feed()
        self._hearing = Hearing(self._job, lambda: self._groups, self.songs, previews)
        self._doer = Doer(loop, self.songs, self._notebook, lambda: self._groups)
        self._files = _files()
        self._picture = Picture()
        self._groups: tuple[Group, ...] = ()
        self._opened = time.monotonic()
        self._asyncio: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    @property
    def is_watched(self) -> bool:
        """[any] Whether somebody listens, or has just asked for the page."""
        return self.is_shown or time.monotonic() - self._opened < 30.0

    @property
    def is_shown(self) -> bool:
        """[any] Whether a tab listens."""
        return self._feed.has_listeners

    def start(self) -> None:
        self._thread.start()

    def show(self, shown: Picture) -> None:
        """[loop] Show this from now on."""
        with contextlib.suppress(RuntimeError):
            if self._asyncio is not None:
                self._asyncio.call_soon_threadsafe(self._take_in, shown)

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(RuntimeError):
            if self._asyncio is not None and self._stop is not None:
                self._asyncio.call_soon_threadsafe(self._stop.set)
        self._thread.join(5.0)

    # ---- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:
            log.exception("the page is not served any more")

    async def _serve(self) -> None:
        self._uploads.open()
        self._jobs = asyncio.Semaphore(AT_ONCE)
        self._regroup = asyncio.Event()
        app = web.Application(middlewares=[self._guarded], client_max_size=PIECE_BYTES)
        app.add_routes(
            [
                web.post("/api/open", self._open),
                web.post("/api/enter", self._enter),
                web.get("/api/session", self._session),
                web.get("/api/takes", self._takes),
                web.get("/api/song/{song}", self._song),
                web.get("/api/peaks/{song}", self._peaks),
                *self._hearing.routes(),
                web.get("/api/file/{take}", self._file),
                web.get("/api/remotes", self._remotes),
                web.get("/api/packs", self._packs),
                web.get("/api/packs/{pack}", self._plan),
                web.post("/api/act", self._act),
                web.post("/api/upload", self._announce),
                web.put("/api/upload/{upload}", self._piece),
                web.post("/api/upload/{upload}", self._finish),
                web.get("/api/events", self._feed.serve),
                web.get("/{file:.*}", self._static),
            ]
        )
        async with loopback.serving(app, self._socket):
            self._asyncio, self._stop = asyncio.get_running_loop(), asyncio.Event()
            grouping = asyncio.ensure_future(self._keep_grouping())
            try:
                if not self._closed.is_set():
                    await self._stop.wait()
            finally:
                grouping.cancel()
                await self._feed.close()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Any) -> web.StreamResponse:
        no = self._refusal(request)
        answer = failed(*no, "Run `punchin open` again.") if no else await _answered(request, handler)
        if not answer.prepared:
            answer.headers.update(guard.HEADERS)
        return answer

    def _refusal(self, request: web.Request) -> tuple[int, str, str] | None:
        """Why a request is not answered, as a status, a code and a sentence."""
        no = guard.refusal(request.headers, self._port)
        needs_token = request.path.startswith("/api/") and request.path not in ("/api/open", "/api/enter")
        shown = guard.token(request.headers, request.path == "/api/events")
        if no is None and needs_token and not self._keys.is_token(shown):
            no = 401, "This page is not open any more. Run `punchin open` again."
        return (no[0], "refused", no[1]) if no else None

    async def _job(self, do: Callable[..., T], *args: Any, **named: Any) -> T:
        """Do something with files on a thread beside this one."""
        async with self._jobs:
            return await asyncio.to_thread(partial(do, *args, **named))

    # ---- who comes -------------------------------------------------------------------------------------------

    async def _open(self, request: web.Request) -> web.Response:
        """`punchin open`: a ticket for who holds the key, and the song that the page shall show."""
        ticket = self._keys.ticket(guard.token(request.headers, False), time.monotonic())
        if ticket is None:
            return failed(401, "refused", "That is not the key of this page.", "Run `punchin open` again.")
        asked = msgspec.json.decode(await request.read() or b"{}", type=dict[str, str])
        self._opened = time.monotonic()
        song = ""
        if asked.get("song"):
            song = (await self._job(self.songs.open, Path(asked["song"]))).id
            self._changed()
        return web.json_response({"ticket": ticket, "song": song})

    async def _enter(self, request: web.Request) -> web.Response:
        token = self._keys.enter(guard.token(request.headers, False), time.monotonic())
        if token is None:
            return failed(401, "refused", "This address has been used.", "Run `punchin open` again.")
        self._opened = time.monotonic()
        return web.json_response({"token": token})

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["file"] or "index.html"
        if name not in self._files:
            return failed(404, "refused", "There is no such page.", "Run `punchin open` again.")
        return web.Response(body=self._files[name], content_type=KINDS[Path(name).suffix], charset="utf-8")

    # ---- what there is ---------------------------------------------------------------------------------------

    async def _session(self, _: web.Request) -> web.Response:
        """What does not change: the version and the parameters."""
        parameters = [told.parameter(each) for each in TABLE]
        return web.json_response({"version": VERSION, "parameters": parameters, "most_takes": MAX_TAKES})

    async def _takes(self, _: web.Request) -> web.Response:
        """All that can be heard, for who asks now and then: the shelf. What asks is shown what is new."""
        self._opened = time.monotonic()
        return web.Response(body=msgspec.json.encode({"groups": self._groups}), content_type="application/json")

    async def _song(self, request: web.Request) -> web.Response:
        song = self.songs.find(request.match_info["song"])
        return web.json_response(await self._job(told.described, song))

    async def _peaks(self, request: web.Request) -> web.Response:
        """Lowest, then highest sample of each of `px` pieces, float32; `X-Whole` says whether they are all exact."""
        song = self.songs.find(request.match_info["song"])
        start, end, count = (number(request, name) for name in ("from", "to", "px"))
        start, end = max(start, 0), min(end, song.song.samples)
        if start >= end:
            raise BadSetting("There is nothing between these samples.")
        shape, is_new = self._shapes.of(song.id, song.song)
        if is_new:
            filling = asyncio.ensure_future(asyncio.to_thread(shape.fill))
            filling.add_done_callback(lambda done: self._filled(song, done))
        found = await self._job(shape.pieces, start, end, count)
        answer = web.Response(body=found.tobytes(), content_type="application/octet-stream")
        answer.headers["X-Whole"] = "1" if shape.is_whole else "0"
        return answer

    def _filled(self, song: PageSong, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("%s: %s", song.name, error)
        self._feed.put("shape", {"song": song.id}, is_news=True)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = groups.find(self._groups, request.match_info["take"])
        if found is None or not Path(found[1].path).is_file():
            raise FileMissing("That take is not there any more.", "Look into its folder.")
        answer = web.FileResponse(found[1].path)
        answer.content_type = "audio/wav"
        answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found[1].file)}"
        return answer

    async def _remotes(self, _: web.Request) -> web.Response:
        """The computers that can make takes, by name, and whether each does now."""
        return web.json_response(remotes.offered(settings.load(os.environ)))

    async def _packs(self, _: web.Request) -> web.Response:
        """The model packs that are installed, and those that can be fetched."""
        here, offers = await self._job(listing.listed), await self._job(listing.offered)
        return web.json_response({"here": msgspec.to_builtins(here), "offers": msgspec.to_builtins(offers)})

    async def _plan(self, request: web.Request) -> web.Response:
        """What would be fetched for a pack of the catalog, and under which licences."""
        name = msgspec.convert(request.match_info["pack"], PackName)
        return web.json_response(msgspec.to_builtins(await self._job(plans.plan, name)))

    # ---- what is asked for -----------------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.Response:
        act = msgspec.json.decode(await request.read(), type=Act)
        done = await self._job(self._doer.do, act)
        self._changed()
        return web.json_response(done)

    async def _announce(self, request: web.Request) -> web.Response:
        announced = msgspec.json.decode(await request.read(), type=Announced)
        name = await self._job(self._uploads.begin, announced, time.monotonic())
        return web.json_response({"upload": name, "piece": PIECE_BYTES})

    async def _piece(self, request: web.Request) -> web.Response:
        at, data = number(request, "at"), await request.read()
        here = await self._job(self._uploads.piece, request.match_info["upload"], at, data, time.monotonic())
        return web.json_response({"here": here})

    async def _finish(self, request: web.Request) -> web.Response:
        song = await self._job(self._uploads.finish, request.match_info["upload"])
        self._changed()
        return web.json_response({"song": song.id})

    # ---- what changes ----------------------------------------------------------------------------------------

    def _take_in(self, shown: Picture) -> None:
        before, self._picture = self._picture, shown
        for name in ("hosts", "jobs", "knobs", "pull"):
            self._feed.put(name, getattr(shown, name))
        on_seats = [seat.job for seat in shown.seats.seats]
        self._feed.put("seats", {"line": shown.seats.line, "jobs": on_seats})
        self._feed.put("trouble", {"count": shown.troubles, "error": shown.trouble})
        if [_made(card) for card in before.jobs] != [_made(card) for card in shown.jobs]:
            self._changed()

    def _changed(self) -> None:
        """Songs or takes have."""
        self._regroup.set()

    async def _keep_grouping(self) -> None:
        while True:
            await self._regroup.wait()
            self._regroup.clear()
            try:
                opened = self.songs.all()
                self._groups = await self._job(self._library.groups, opened, self._picture.jobs)
                self._feed.put(
                    "songs", [{"id": song.id, "name": song.name, "revision": song.revision} for song in opened]
                )
                self._feed.put("groups", self._groups)
            except Exception:
                log.exception("the takes could not be listed")


# ---- helpers -------------------------------------------------------------------------------------------------


def _made(card: Any) -> tuple[object, ...]:
    """What of a job decides about groups."""
    return card.job, card.phase, card.stem, len(card.takes)


async def _answered(request: web.Request, handler: Any) -> web.StreamResponse:
    """What a route answers, or what it raises as an answer."""
    try:
        found: web.StreamResponse = await handler(request)
        return found
    except PunchinError as error:
        return refused(error)
    except web.HTTPException as error:
        return failed(error.status, "refused", error.reason, "Look at what was asked for.")
    except web.RequestPayloadError:
        return refused(BadSetting("What was asked for came broken.", "Ask again."))
    except UNREADABLE as error:
        words = in_words(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        return refused(BadSetting(f"What was asked for cannot be done: {words}."[:400]))
    except (asyncio.CancelledError, ConnectionResetError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            return refused(disk.unusable(error))
        log.exception("%s %s", request.method, request.path)  # our mistake
        return refused(InternalError(f"{type(error).__name__}: {error}"[:400]))


def _files() -> dict[str, bytes]:
    """The page's own files, by their names in addresses: what is not among them cannot be asked for."""
    found: dict[str, bytes] = {}

    def walk(folder: Any, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            elif Path(entry.name).suffix in KINDS:
                found[prefix + entry.name] = entry.read_bytes()

    walk(resources.files(__package__) / "static", "")
    return found
