"""The routes of what is heard: regions, levels, audio, notes, and takes that still grow. Knows no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from aiohttp import web
from punchin_wire.errors import BadSetting, FileMissing

from ..hosts.previews import Previews
from ..music.region import Region
from . import groups, growing, listening, told
from .answers import number
from .groups import Group, TakeCard
from .listening import Levels
from .songs import Songs


class Hearing:
    """[page] `do` calls something that reads files on a thread beside this one; `known` are the groups that are
    shown."""

    def __init__(
        self, do: Callable[..., Any], known: Callable[[], Sequence[Group]], songs: Songs, previews: Previews
    ) -> None:
        self._do, self._known, self._songs, self._previews = do, known, songs, previews
        self._levels = Levels()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/group/{group}", self._group),
            web.get("/api/levels/{group}", self._matching),
            web.get("/api/audio/{group}/{heard}", self._audio),
            web.get("/api/chroma/{group}/{heard}", self._chroma),
            web.get("/api/preview/{job}/{take}", self._preview),
        ]

    async def _group(self, request: web.Request) -> web.Response:
        """What is heard of a region: which samples, and which takes."""
        return web.json_response(await self._do(told.window, self._find_group(request)))

    async def _matching(self, request: web.Request) -> web.Response:
        """How loud the song and each take are, and the gains that make them equally loud."""
        return web.json_response(await self._do(told.matched, self._find_group(request), self._levels))

    async def _audio(self, request: web.Request) -> web.Response:
        """One of them as raw float32 `[channels, samples]`, little-endian."""
        audio = await self._do(listening.audio, *self._find_heard(request))
        answer = _raw(audio)
        answer.headers["X-Channels"] = str(len(audio))
        return answer

    async def _chroma(self, request: web.Request) -> web.Response:
        """The notes that are heard in one of them, `[frames, 12]` as float32."""
        return _raw(await self._do(listening.notes, *self._find_heard(request)))

    async def _preview(self, request: web.Request) -> web.Response:
        """What has come of a take from sample `from` of its region on, mono at the project's rate, as raw float32.
        `round` says of which try. Nothing where no more has come, or that try is gone: the job's card says so."""
        job, take = request.match_info["job"], request.match_info["take"]
        first, wanted = number(request, "from"), number(request, "round")
        found = next((each for each in self._previews.of(job) if str(each.take) == take), None)
        is_there = found is not None and found.round == wanted
        return _raw(await self._do(growing.heard, found, first) if is_there else np.zeros(0))

    def _find_heard(self, request: web.Request) -> tuple[Group, TakeCard | None]:
        """A group and one of its takes; None for the song. Raises FileMissing."""
        group, name = self._find_group(request), request.match_info["heard"]
        take = next((take for take in group.takes if take.id == name), None)
        if take is None and name != listening.SONG:
            raise FileMissing("That take is not there any more.", "Look into its folder.")
        return group, take

    def _find_group(self, request: web.Request) -> Group:
        """A group by its id; of a region without takes, the song alone. Raises FileMissing and BadSetting."""
        name = request.match_info["group"]
        group = next((group for group in self._known() if group.id == name), None)
        if group is not None:
            return group
        if "song" not in request.query:
            raise FileMissing("Those takes are not there any more.", "Punch in anew.")
        song = self._songs.find(request.query["song"])
        start, end = number(request, "start"), number(request, "end")
        if not 0 <= start < end <= song.song.samples:
            raise BadSetting("The region lies outside the song.")
        return groups.of_region(song, Region(start, end))


def _raw(audio: Any) -> web.Response:
    return web.Response(body=audio.astype("<f4").tobytes(), content_type="application/octet-stream")
