"""What this script does, tick by tick: hear the bridge, place what is ready, do what is asked, say it again if unheard.

The bridge's state is level-triggered: it says what should be known now. So every step here looks at the newest state
and at what was done already, and nothing goes wrong when a packet is lost, comes twice, or either side starts anew.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from . import guard
from .clips import Json
from .link import Link
from .place import Shelf, on_sample, pick, place, stands
from .selection import Region, find_track, heard, region, select, tempo_moves
from .settings import ACTIONS, DEFAULTS, FOLDER, Refusal, load
from .submit import dump, submit

if TYPE_CHECKING:
    from Live.Song import Song

    from .surface import Program

HELLO_SECONDS = 5.0
AGAIN_SECONDS = 1.0
"""How long to wait for the bridge to show that it heard something, before it is said again."""
GIVE_UP_SECONDS = 25.0
"""How long a job waits for a bridge to come up."""
UNHEARD_TIMES = 8
"""How often a job is said to a bridge that is there."""
LOOK_SECONDS = 2.0
"""How long a bridge that runs may take to answer the first hello."""
SAY_SECONDS = 0.25
LIVE_PHASES = ("preparing", "queued", "running", "ready", "held")
UNHEARD = {"cancel": LIVE_PHASES, "placed": ("ready", "held"), "held": ("ready",), "drop": ("ready", "held")}
"""In which phases of its job the bridge has not heard a document."""
REMEMBERED = 256


class Pending:
    """A document that the bridge has not shown to have heard yet."""

    def __init__(self, text: str, now: float) -> None:
        self.text, self.since, self.sent, self.unheard = text, now, -1e9, 0


class Host:
    """One Live with one set. `program` is Live as this needs it; `link` the way to the bridge; `name` the host's id."""

    def __init__(self, name: str, program: Program, link: Link, folder: str = FOLDER) -> None:
        self._name, self._program, self._link, self._folder = name, program, link, folder
        self._state: Json = {}
        self._pending: dict[tuple[str, str], Pending] = {}
        self._hello = ("", -1e9)
        self._mine: list[str] = []  # jobs that this set submitted, also before it had a name
        self._placed: list[str] = []
        self._moved: dict[str, float] = {}  # held jobs, and the beat where they would be placed now
        self._phases: dict[str, str] = {}
        self._asked: dict[str, str] = {}  # what was asked and done, and what went wrong with it
        self._said = ("", -1e9)
        self._shelf: Shelf | None = None
        self._active = 0
        self._mark: float | None = None
        self._wish: Json = {}
        self._began: float | None = None
        self._looked = False

    # ---- the tick ------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Everything that is due at `now`, seconds of a clock that only goes forward. Never waits."""
        states = self._link.receive(now)
        if states:
            trouble, self._state = self._state.get("trouble"), states[-1]
            self._settle()
            if self._state.get("trouble") not in ("", None, trouble):
                self._refused(str(self._state["trouble"]))
            self._do_what_is_asked(now)
            self._announce(now)
        self._place_one(now)
        self._say_again(now)
        if self._began is None:
            self._began = now
        elif not self._looked and now - self._began > LOOK_SECONDS:
            self._looked = True
            self._look_for_bridge(now)

    def _look_for_bridge(self, now: float) -> None:
        """Once, a moment after the set was opened: without a bridge nobody else could ask Live for anything."""
        try:
            if load(self._folder)["start_bridge"] and self._link.start_bridge(now):
                self._program.log("Punchin: starting the bridge")
        except Refusal as refusal:
            self._program.say(f"Punchin: {refusal}")

    def bye(self) -> None:
        bye: Json = {"type": "bye", "host": self._name}
        self._send(dump(bye), time.monotonic())
        self._link.close()

    def do(self, action: str, now: float, ask: Json | None = None) -> None:
        """One of :data:`ACTIONS`. Raises Refusal."""
        clicked, more = time.time(), ask or {}
        if action in ("inpaint", "transfer", "repeat"):
            self._submit(self._wished(action, more), clicked, now)
        elif action in ("next_take", "previous_take", "pick"):
            self._pick(action, more)
        elif action == "cancel":
            job = self._job(more, LIVE_PHASES)
            self._post("cancel", str(job["job"]), {}, now)
        elif action == "place":
            job = self._job(more, ("held",))
            reason = self._place(job, self._moved.get(str(job["job"])), now)
            if reason:
                raise Refusal(reason)
        elif action == "drop":
            job = self._job(more, ("held", "ready"))
            self._post("drop", str(job["job"]), {}, now)
        elif action == "settings":
            self._program.say(self._settings_file())
        elif action == "mark_in":
            self._mark = heard(self._program.song(), _late(more, clicked))
            self._program.say(f"Punchin: marked in at beat {self._mark + 1:.2f}")
        elif action == "mark_out":
            self._mark_out(_late(more, clicked))
        elif action == "select":
            song = self._program.song()
            beats = song.tempo / 60 if more.get("unit", "seconds") == "seconds" else 1.0
            select(song, float(str(more["start"])) * beats, float(str(more["end"])) * beats)
        else:
            raise Refusal("{} is no action: {}.".format(action, ", ".join(ACTIONS)))

    def _mark_out(self, late: float) -> None:
        """Select from the mark to here, and forget the mark. Whoever goes round in a loop may end before the start."""
        if self._mark is None:
            raise Refusal("Nothing is marked yet: mark in first.")
        song = self._program.song()
        start, end = sorted((self._mark, heard(song, late)))
        select(song, start, end)
        self._mark = None

    # ---- jobs out ------------------------------------------------------------------------------------------------

    def _wished(self, action: str, ask: Json) -> Json:
        """What came with an ask, or what the settings say; `repeat` is the last wish again, with a new seed."""
        wish = ask.get("wish")
        if isinstance(wish, dict):
            return wish
        if action == "repeat":
            if not self._wish:
                raise Refusal("Nothing was asked for yet that could be repeated.")
            return {name: value for name, value in self._wish.items() if name != "seed"}
        chosen = load(self._folder)
        if action == "transfer":
            return dict({"engine": "transfer"}, **{name: chosen[name] for name in ("to", "task", "takes", "pack")})
        return dict({"engine": "inpaint"}, **{name: chosen[name] for name in ("takes", "weights", "text", "pack")})

    def _submit(self, wish: Json, clicked: float, now: float) -> None:
        song, settings = self._program.song(), load(self._folder)
        found = region(song, self._program.view(), str(settings["region"]))
        job = "live-" + os.urandom(6).hex()
        ids: Json = {"host": self._name, "job": job, "project": self._project()}
        document = submit(song, found, wish, settings, ids, clicked)
        if settings["start_bridge"] and self._link.start_bridge(now):
            self._program.say("Punchin: starting the bridge")
        else:
            self._program.say(f"Punchin: {found.end - found.start:g} beats of {found.track.name}{_at(song)}")
        self._wish = wish
        self._mine = ([*self._mine, job])[-REMEMBERED:]
        self._pending["submit", job] = Pending(dump(document), now)
        self._say_again(now)

    def _post(self, kind: str, job: str, more: Json, now: float) -> None:
        document = dict({"type": kind, "host": self._name, "job": job}, **more)
        self._pending[kind, job] = Pending(dump(document), now)
        self._say_again(now)

    def _say_again(self, now: float) -> None:
        """Say hello, and whatever the bridge has not shown to have heard."""
        alive = self._link.alive(now)
        project = dump(self._project())
        every = HELLO_SECONDS if alive else AGAIN_SECONDS
        if project != self._hello[0] or now - self._hello[1] >= every:
            self._hello = (project, now)
            self._send(self._hello_text(), now)
        for key, pending in list(self._pending.items()):
            lost = pending.unheard >= UNHEARD_TIMES if alive else now - pending.since > GIVE_UP_SECONDS
            if key[0] == "submit" and lost:
                del self._pending[key]
                self._program.say(f"Punchin: {self._why_lost(alive)} `punchin bridge` in a terminal shows why.")
            elif now - pending.sent >= AGAIN_SECONDS:
                pending.sent, pending.unheard = now, pending.unheard + alive
                self._send(pending.text, now)

    def _why_lost(self, alive: bool) -> str:
        if not alive:
            return "The bridge does not answer."
        return str(self._state.get("trouble") or "The bridge did not take the job.")

    def _refused(self, trouble: str) -> None:
        """The bridge cannot use something that was said, and saying it again would not help."""
        self._program.say(f"Punchin: {trouble}")
        for key in [key for key in self._pending if key[0] == "submit"]:
            del self._pending[key]

    def _send(self, text: str, now: float) -> None:
        try:
            self._link.post(text, now)
        except (OSError, Refusal) as problem:
            self._program.log(f"Punchin: {problem}")

    def _hello_text(self) -> str:
        return dump(
            {
                "type": "hello",
                "host": self._name,
                "program": self._program.title(),
                "project": self._project(),
                "port": self._link.port,
                "can": ACTIONS,
            }
        )

    def _project(self) -> dict[str, object]:
        """The open set. It has a path once it is saved, in Lives that tell it; else it is known to this script only."""
        song = self._program.song()
        path = str(getattr(song, "file_path", "") or "")
        project: Json = {"id": path or "unsaved-" + self._name}
        project["name"] = str(getattr(song, "name", "") or "")[:500]
        return project

    # ---- what the bridge says --------------------------------------------------------------------------------------

    def _jobs(self) -> list[Json]:
        """The jobs of this set, oldest first."""
        jobs = self._state.get("jobs", ())
        assert isinstance(jobs, (list, tuple))
        here = self._project()["id"]
        return [job for job in jobs if job["project"] == here or job["job"] in self._mine]

    def _settle(self) -> None:
        """Forget what the bridge shows to have heard."""
        phases = {str(job["job"]): str(job["phase"]) for job in self._jobs()}
        asks = {str(ask["ask"]) for ask in self._asks()}
        for kind, name in list(self._pending):
            if kind == "did":
                heard = name not in asks
            elif kind == "submit":
                heard = name in phases
            else:
                heard = phases.get(name, "") not in UNHEARD[kind]
            if heard:
                del self._pending[kind, name]
        self._asked = {ask: error for ask, error in self._asked.items() if ask in asks}

    def _asks(self) -> list[Json]:
        asks = self._state.get("asks", ())
        assert isinstance(asks, (list, tuple))
        return list(asks)

    def _do_what_is_asked(self, now: float) -> None:
        """Each ask once, also when the bridge shows it for a while longer."""
        for ask in self._asks():
            name = str(ask["ask"])
            if name not in self._asked:
                self._asked[name] = ""
                try:
                    self.do(str(ask["action"]), now, ask)
                except Refusal as refusal:
                    self._asked[name] = str(refusal)
                    self._program.say(f"Punchin: {refusal}")
                except Exception as problem:
                    self._asked[name] = f"Something went wrong in Live: {problem}"
                    raise
            if ("did", name) not in self._pending:
                did: Json = {"type": "did", "host": self._name, "ask": name, "error": self._asked[name][:500]}
                self._pending["did", name] = Pending(dump(did), now)

    def _announce(self, now: float) -> None:
        """The newest job in Live's status bar: while it runs, how far it is; when it ends, how."""
        jobs = self._jobs()
        for job in jobs:
            name, phase = str(job["job"]), str(job["phase"])
            if self._phases.get(name) != phase:
                self._phases[name] = phase
                self._program.log("Punchin: {} {}: {}".format(name, phase, job["line"]))
                if phase in ("failed", "cancelled", "dropped"):
                    self._program.say("Punchin: {} {}".format(job["line"], job.get("next_step", "")).strip())
                elif phase == "placed":
                    self._program.log("Punchin: {} {}".format(name, json.dumps(job.get("timings", {}))))
        running = [job for job in jobs if job["phase"] in ("preparing", "queued", "running")]
        if running and now - self._said[1] >= SAY_SECONDS:
            line = str(running[-1]["line"])
            percent = int(100 * float(str(running[-1]["fraction"])))
            text = "Punchin: {}{}".format(line, f", {percent} %" if percent and "%" not in line else "")
            if text != self._said[0]:
                self._said = (text, now)
                self._program.say(text)
        self._phases = {name: self._phases[name] for name in list(self._phases)[-REMEMBERED:]}

    # ---- takes in --------------------------------------------------------------------------------------------------

    def _place_one(self, now: float) -> None:
        """Place the first job that is ready; one a tick."""
        for job in self._jobs():
            name = str(job["job"])
            if job["phase"] == "ready" and not any(
                (kind, name) in self._pending for kind in ("placed", "held", "drop")
            ):
                reason = self._place(job, None, now)
                if reason:
                    self._program.say(f"Punchin: {reason.rstrip('.')}. Place the takes anyway, or drop them?")
                return

    def _place(self, job: Json, at: float | None, now: float) -> str:
        """Lay a job's takes where they belong, or at beat `at`. Where the time line changed meanwhile, or Live refuses,
        nothing is placed, the job is held, and the reason is returned."""
        began, name, song = time.perf_counter(), str(job["job"]), self._program.song()
        takes = job["takes"]
        assert isinstance(takes, (list, tuple))
        try:
            found, rate = self._where(song, job)
            if name in self._placed or stands(song, found.track, list(takes)):
                self._post("placed", name, {}, now)
                return ""
            if at is None:
                verdict = guard.compare(song, found, str(job["guard"]))
                if verdict.reason:
                    self._moved[name] = verdict.start
                    raise Refusal(verdict.reason)
                at = verdict.start
            at = on_sample(song, at, rate)
            self._shelf = place(song, found, at, list(takes), str(load(self._folder)["place"]))
        except Refusal as refusal:
            self._post("held", name, {"reason": str(refusal)[:500]}, now)
            return str(refusal)
        self._active = 0
        self._placed = ([*self._placed, name])[-REMEMBERED:]
        more: Json = {"seconds": time.perf_counter() - began}
        if abs(at - found.start) * 60.0 / song.tempo * rate > 1:
            more["at"] = _moved_sample(job, found, at)
        self._post("placed", name, more, now)
        self._program.say(f"Punchin: {self._shelf.message}")
        return ""

    def _where(self, song: Song, job: Json) -> tuple[Region, int]:
        """The region that a job was submitted for, and its sample rate. Raises Refusal."""
        track, memory = find_track(song, str(job["track"])), guard.memory(str(job["guard"]))
        if track is None or memory is None:
            raise Refusal("the track of this job is not there any more")
        return Region(track[1], track[0], memory.start, memory.end, memory.scene), memory.rate

    # ---- the rest --------------------------------------------------------------------------------------------------

    def _job(self, ask: Json, phases: tuple[str, ...]) -> Json:
        """The job that an ask names, else the newest in one of the phases. Raises Refusal."""
        wanted = ask.get("job")
        for job in reversed(self._jobs()):
            if job["phase"] in phases and (wanted is None or job["job"] == wanted):
                return job
        raise Refusal("No job of Punchin is {} now.".format(" or ".join(phases)))

    def _pick(self, action: str, ask: Json) -> None:
        shelf = self._shelf
        if shelf is None or not shelf.clips:
            raise Refusal("No takes were placed since this set was opened.")
        step = {"next_take": 1, "previous_take": -1}.get(action)
        take = int(str(ask.get("take", 0))) if step is None else (self._active + step) % len(shelf.clips)
        if not 0 <= take < len(shelf.clips):
            raise Refusal(f"There is no take {take + 1}: {len(shelf.clips)} were placed.")
        try:
            said = pick(self._program.song(), shelf, take)
        except RuntimeError as problem:  # what Live says of clips that were deleted or undone
            raise Refusal(f"These takes do not stand any more ({problem}).") from problem
        self._active = take
        self._program.say(f"Punchin: {said}")

    def _settings_file(self) -> str:
        """Where the settings are; a file of the defaults is written when there is none."""
        path = os.path.join(self._folder, "settings.json")
        if not os.path.exists(path):
            try:
                with open(path + ".part", "w", encoding="utf-8") as file:
                    json.dump(DEFAULTS, file, indent=2)
                os.replace(path + ".part", path)
            except OSError as problem:
                raise Refusal(f"Cannot write {path}: {problem}.") from None
        return f"Punchin's settings: {path}"


def _late(ask: Json, now: float) -> float:
    """How many seconds ago a button was pressed that asks for something; no press is longer on its way than two."""
    pressed = ask.get("pressed")
    return min(max(now - float(str(pressed)), 0.0), 2.0) if pressed is not None else 0.0


def _at(song: Song) -> str:
    """What to say of a tempo that moves: only the one at the playhead can be read."""
    if not tempo_moves(song):
        return ""
    return f" at {song.tempo:g} BPM, the tempo of now; it is automated, so put the playhead into the region first"


def _moved_sample(job: Json, found: Region, at: float) -> int:
    """The project sample of beat `at`, by the samples of the job's region."""
    span = job["region"]
    assert isinstance(span, dict)
    start, end = int(span["start"]), int(span["end"])
    return round(start + (at - found.start) * (end - start) / (found.end - found.start))
