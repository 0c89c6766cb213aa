"""What can be asked of this script, by a note, a controller, or from outside through the bridge."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Callable

from .clips import Json
from .jobs import Jobs
from .outbox import OPEN, Outbox
from .placing import Placing
from .selection import heard, region, select, tempo_moves
from .settings import ACTIONS, DEFAULTS, Refusal, load
from .submit import submit

if TYPE_CHECKING:
    from Live.Song import Song

    from .surface import Program

Action = Callable[[Json, float], None]
"""Does a command (see `do`) at a time of the host's clock."""

FIELDS = {"chords_from": "chords", "piano_from": "piano"}
"""How a wish calls settings that it has by another name."""


class Commands:
    """Of one Live with one set. `host` is the host's id, `folder` holds the settings."""

    def __init__(self, host: str, program: Program, jobs: Jobs, outbox: Outbox, placing: Placing, folder: str) -> None:
        self._host, self._program, self._folder = host, program, folder
        self._jobs, self._outbox, self._placing = jobs, outbox, placing
        self._mark: float | None = None
        self._wish: Json = {}
        self._actions: dict[str, Action] = {
            "inpaint": self._inpaint,
            "transfer": self._transfer,
            "repeat": self._repeat,
            "next_take": lambda _command, _now: placing.step(1),
            "previous_take": lambda _command, _now: placing.step(-1),
            "pick": lambda command, _now: placing.pick(int(str(command.get("take", 0))), str(command.get("job", ""))),
            "cancel": self._cancel,
            "settings": lambda _command, _now: self._settings(),
            "place": lambda command, now: placing.place_held(command.get("job"), now),
            "drop": self._drop,
            "mark_in": lambda command, _now: self._mark_in(_late(command)),
            "mark_out": lambda command, _now: self._mark_out(_late(command)),
            "select": lambda command, _now: self._select(command),
        }
        assert self._actions.keys() == {*ACTIONS}

    def do(self, command: Json, now: float) -> None:
        """Do a command: its `action` is one of :data:`ACTIONS`, and what else it says is that of the bridge's
        `Command`. Raises Refusal."""
        action = str(command["action"])
        if action not in self._actions:
            raise Refusal("{} is no action: {}.".format(action, ", ".join(ACTIONS)))
        self._actions[action](command, now)

    # ---- jobs ----------------------------------------------------------------------------------------------------

    def _inpaint(self, command: Json, now: float) -> None:
        chosen = ("takes", "weights", "text", "pack", "chords_from", "piano_from")
        self._submit(command, {"engine": "inpaint"}, chosen, now)

    def _transfer(self, command: Json, now: float) -> None:
        self._submit(command, {"engine": "transfer"}, ("to", "task", "takes", "pack"), now)

    def _repeat(self, command: Json, now: float) -> None:
        """The last wish again, with a new seed."""
        if not self._wish:
            raise Refusal("Nothing was asked for yet that could be repeated.")
        self._submit(command, {name: value for name, value in self._wish.items() if name != "seed"}, (), now)

    def _submit(self, command: Json, wish: Json, chosen: tuple[str, ...], now: float) -> None:
        """Submit what is selected, with the wish that came with the command, else `wish` and the `chosen` settings. A
        job waits for a bridge, if none is there."""
        clicked, song, settings = time.time(), self._program.song(), load(self._folder)
        found = region(song, self._program.view(), str(settings["region"]))
        brought = command.get("wish")
        own = {FIELDS.get(name, name): settings[name] for name in chosen}
        wish = brought if isinstance(brought, dict) else dict(wish, **own)
        job = "live-" + os.urandom(6).hex()
        ids: Json = {"host": self._host, "job": job, "project": self._jobs.project()}
        document = submit(song, found, wish, settings, ids, clicked)
        notes = document["notes"]
        assert isinstance(notes, list)
        said = "; ".join([f"{found.end - found.start:g} beats of {found.track.name}{_at(song)}", *notes])
        self._program.say(f"Punchin: {said}")
        self._wish = wish
        self._jobs.add(job)
        self._outbox.post("submit", job, document, now)

    def _cancel(self, command: Json, now: float) -> None:
        """Stop a job, also one that the bridge has not shown to have accepted."""
        wanted = command.get("job")
        waiting = [job for job in self._outbox.submits if wanted in (None, job)]
        if waiting:
            self._outbox.withdraw("submit", waiting[-1])  # yet the bridge may have heard it
            self._program.say("Punchin: Cancelled.")
        job = waiting[-1] if waiting else str(self._jobs.newest(OPEN, wanted)["job"])
        self._outbox.post("cancel", job, {}, now)

    def _drop(self, command: Json, now: float) -> None:
        job = self._jobs.newest(("held", "ready"), command.get("job"))
        self._outbox.post("drop", str(job["job"]), {}, now)

    # ---- where ---------------------------------------------------------------------------------------------------

    def _mark_in(self, late: float) -> None:
        self._mark = heard(self._program.song(), late)
        self._program.say(f"Punchin: marked in at beat {self._mark + 1:.2f}")

    def _mark_out(self, late: float) -> None:
        """Select from the mark to here, and forget the mark. Whoever goes round in a loop may end before the start."""
        if self._mark is None:
            raise Refusal("Nothing is marked yet: mark in first.")
        song = self._program.song()
        start, end = sorted((self._mark, heard(song, late)))
        select(song, start, end)
        self._mark = None

    def _select(self, command: Json) -> None:
        song = self._program.song()
        beats = song.tempo / 60 if command.get("unit", "seconds") == "seconds" else 1.0
        select(song, float(str(command["start"])) * beats, float(str(command["end"])) * beats)

    # ---- the rest ------------------------------------------------------------------------------------------------

    def _settings(self) -> None:
        """Say where the settings are; a file of the defaults is written when there is none."""
        path = os.path.join(self._folder, "settings.json")
        if not os.path.exists(path):
            try:
                with open(path + ".part", "w", encoding="utf-8") as file:
                    json.dump(DEFAULTS, file, indent=2)
                os.replace(path + ".part", path)
            except OSError as problem:
                raise Refusal(f"Cannot write {path}: {problem}.") from None
        self._program.say(f"Punchin's settings: {path}")


def _late(command: Json) -> float:
    """How many seconds ago a button was pressed that asks for something; no press is longer on its way than two."""
    pressed = command.get("pressed")
    return min(max(time.time() - float(str(pressed)), 0.0), 2.0) if pressed is not None else 0.0


def _at(song: Song) -> str:
    """What to say of a tempo that moves: only the one at the playhead can be read."""
    if not tempo_moves(song):
        return ""
    return f" at {song.tempo:g} BPM, the tempo of now; it is automated, so put the playhead into the region first"
