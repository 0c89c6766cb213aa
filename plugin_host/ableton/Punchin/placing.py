"""Takes that come back: where they belong now, that they are laid once, and which of them plays."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

from . import guard
from .clips import Json
from .jobs import REMEMBERED, Jobs
from .outbox import Outbox
from .place import Shelf, on_sample, pick, place, stands
from .selection import Region, find_track
from .settings import Refusal, load

if TYPE_CHECKING:
    from Live.Song import Song

    from .surface import Program


class Placing:
    """Of the open set's `jobs`; what became of them is told by `outbox`. `folder` holds the settings."""

    def __init__(self, program: Program, jobs: Jobs, outbox: Outbox, folder: str) -> None:
        self._program, self._jobs, self._outbox, self._folder = program, jobs, outbox, folder
        self._placed: list[str] = []
        self._moved: dict[str, float] = {}  # held jobs, and the beat where they would be placed now
        self._shelves: dict[str, Shelf] = {}  # by job, the last one last
        self._active: dict[str, int] = {}

    def place_next(self, now: float) -> None:
        """Place the first job that is ready; one a tick."""
        for job in self._jobs.here():
            if job["phase"] == "ready" and not self._outbox.is_saying(str(job["job"]), "placed", "held", "drop"):
                reason = self._place(job, None, now)
                if reason:
                    self._program.say(f"Punchin: {reason.rstrip('.')}. Repeat, place the takes anyway, or drop them?")
                return

    def place_held(self, wanted: object, now: float) -> None:
        """Place a held job after all, at the new place if there is one. Raises Refusal."""
        job = self._jobs.newest(("held",), wanted)
        reason = self._place(job, self._moved.get(str(job["job"])), now)
        if reason:
            raise Refusal(reason)

    def _place(self, job: Json, at: float | None, now: float) -> str:
        """Lay a job's takes where they belong, or at beat `at`. Where the time line changed meanwhile, or Live refuses,
        nothing is placed, the job is held, and the reason is returned."""
        name = str(job["job"])
        try:
            more = self._lay(job, at)
        except Refusal as refusal:
            return self._hold(name, str(refusal), now)
        except Exception as problem:  # not again at each tick, with the jobs behind it waiting
            self._program.log(f"Punchin: {traceback.format_exc()}")
            return self._hold(name, f"Something went wrong in Live: {problem}", now)
        if name not in self._placed:
            self._placed = ([*self._placed, name])[-REMEMBERED:]
        self._outbox.post("placed", name, more, now)
        return ""

    def _hold(self, name: str, reason: str, now: float) -> str:
        self._outbox.post("held", name, {"reason": reason[:500]}, now)
        return reason

    def _lay(self, job: Json, at: float | None) -> Json:
        """Lay takes that do not stand yet. Returns what to tell of it. Raises Refusal."""
        began, name, song = time.perf_counter(), str(job["job"]), self._program.song()
        takes = job["takes"]
        assert isinstance(takes, (list, tuple))
        found, rate = _where(song, job)
        if name in self._placed or stands(song, found.track, list(takes)):
            return {}  # and then Live or the bridge went away
        at = on_sample(song, self._beat(job, found) if at is None else at, rate)
        shelf = place(song, found, at, list(takes), str(load(self._folder)["place"]))
        self._shelves[name], self._active[name] = shelf, 0
        for old in list(self._shelves)[:-REMEMBERED]:
            del self._shelves[old], self._active[old]
        self._program.say(f"Punchin: {shelf.message}")
        more: Json = {"seconds": time.perf_counter() - began}
        if abs(at - found.start) * 60.0 / song.tempo * rate > 1:
            more["at"] = _moved_sample(job, found, at)
        return more

    def _beat(self, job: Json, found: Region) -> float:
        """Where the takes belong. Raises Refusal where the time line changed, and remembers where they would be now."""
        verdict = guard.compare(self._program.song(), found, str(job["guard"]))
        if verdict.reason:
            self._moved[str(job["job"])] = verdict.start
            raise Refusal(verdict.reason)
        return verdict.start

    def step(self, by: int) -> None:
        """Let the next take play, or with -1 the one before. Raises Refusal."""
        job = self._standing()
        self._pick(job, (self._active[job] + by) % len(self._shelves[job].clips))

    def pick(self, take: int, job: str = "") -> None:
        """Let take `take` (0-based) of a job play, or of the last one. Raises Refusal."""
        job = self._standing(job)
        count = len(self._shelves[job].clips)
        if not 0 <= take < count:
            raise Refusal(f"There is no take {take + 1}: {count} were placed.")
        self._pick(job, take)

    def _standing(self, wanted: str = "") -> str:
        """The job that is meant, if its takes stand. Raises Refusal."""
        job = wanted or next(reversed(list(self._shelves)), "")
        if job not in self._shelves or not self._shelves[job].clips:
            which = "of this job " if wanted else ""
            raise Refusal(f"No takes {which}were placed since this set was opened.")
        return job

    def _pick(self, job: str, take: int) -> None:
        shelf = self._shelves[job]
        try:
            said = pick(self._program.song(), shelf, take)
        except RuntimeError as problem:  # what Live says of clips that were deleted or undone
            raise Refusal(f"These takes do not stand any more ({problem}).") from problem
        self._active[job] = take
        self._program.say(f"Punchin: {said}")


def _where(song: Song, job: Json) -> tuple[Region, int]:
    """The region that a job was submitted for, and its sample rate. Raises Refusal."""
    track, memory = find_track(song, str(job["track"])), guard.memory(str(job["guard"]))
    if track is None or memory is None:
        raise Refusal("the track of this job is not there any more")
    return Region(track[1], track[0], memory.start, memory.end, memory.scene), memory.rate


def _moved_sample(job: Json, found: Region, at: float) -> int:
    """The project sample of beat `at`, by the samples of the job's region."""
    span = job["region"]
    assert isinstance(span, dict)
    start, end = int(span["start"]), int(span["end"])
    return round(start + (at - found.start) * (end - start) / (found.end - found.start))
