"""What becomes of what the page asks for. What hosts and the console do is asked of the bridge's loop; the rest is done
on threads of our own. Knows no HTTP."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import msgspec
from msgspec import UNSET
from punchin_wire import disk
from punchin_wire.errors import BadSetting, DaemonUnreachable, FileMissing, PunchinError, UnknownJob
from punchin_wire.parameter import Value
from punchin_wire.params import Params, TransferParams, build

from .. import remotes
from ..hosts.protocol import FromHost, Submit
from ..takes import sweep, whole
from . import songs
from .acts import (
    Act,
    Again,
    Bin,
    Chords,
    Fetch,
    Forget,
    Punch,
    Reset,
    Restore,
    Save,
    Show,
    Stop,
    StopFetching,
    Sweep,
    Tempo,
    Turn,
    Use,
    UseRemote,
    Write,
)
from .groups import Group, TakeCard, find
from .material import Typed
from .notebook import Notebook
from .songs import Songs

BIN = "Bin"
"""The folder beside a song's takes for those that were thrown away."""
LOOK_SECONDS = 0.05
WAIT_SECONDS = 10.0
"""How long the bridge's loop may take."""
T = TypeVar("T")


class Loop(Protocol):
    """What the bridge's loop does for the page; :class:`.edge.PageEdge` is it."""

    def ask(self, do: Callable[[float], T]) -> Any: ...
    def say(self, document: FromHost, now: float) -> None: ...
    def submitted(self, job: str) -> Submit | None: ...
    def stop(self, job: str, now: float) -> None: ...
    def use(self, job: str, take: int, now: float) -> str: ...
    def repeat(self, job: str, now: float) -> str: ...
    def outcome(self, command: str) -> PunchinError | Literal["open", "done"]: ...
    def turn(self, name: str, value: Value) -> None: ...
    def reset(self) -> None: ...
    def fetch(self, pack: str, accept: Sequence[str]) -> None: ...
    def stop_fetching(self) -> None: ...
    def params(self, engine: str) -> Params | msgspec.UnsetType: ...


@dataclass(frozen=True)
class Doer:
    """[page job] `groups` are those that the page shows."""

    loop: Loop
    songs: Songs
    notebook: Notebook
    groups: Callable[[], Sequence[Group]]

    def do(self, act: Act) -> dict[str, Any]:
        """Raises PunchinError. What is returned goes to the page."""
        match act:
            case Punch():
                return self._punch(act)
            case Sweep():
                return self._sweep(act)
            case Again(job):
                return self._again(job)
            case Stop(job):
                self._on_loop(lambda now: self.loop.stop(job, now))
            case Use(job, index):
                self._command(lambda now: self.loop.use(job, index, now))
            case Turn(name, value):
                self._on_loop(lambda _: self.loop.turn(name, value))
            case Reset():
                self._on_loop(lambda _: self.loop.reset())
            case Tempo(song, bpm, downbeat, beats):
                self.songs.change(song, bpm=bpm, downbeat=downbeat, beats=beats, tempo="")
            case Chords(song, text, start, end):
                self.songs.change(song, typed=Typed(text, start, end), chords="")
            case Forget(song, what):
                self._forget(song, what)
            case Save(take):
                return self._save(take)
            case Show(take):
                show(Path(self._take(take)[1].path))
            case Write(take):
                said = {name: getattr(act, name) for name in ("favourite", "name", "comment")}
                self.notebook.write(take, **{name: value for name, value in said.items() if value is not UNSET})
            case Bin(take):
                return self._bin(take)
            case Restore(song, file):
                self._restore(song, file)
            case Fetch(pack, accept):
                self._on_loop(lambda _: self.loop.fetch(pack, accept))
            case StopFetching():
                self._on_loop(lambda _: self.loop.stop_fetching())
            case UseRemote(name):
                remotes.use(name)
        return {}

    def _punch(self, act: Punch) -> dict[str, Any]:
        song, clicked = self.songs.find(act.song), time.time()
        songs.remember(song)
        asked = self._on_loop(lambda _: self.loop.params(act.engine))
        params: Params = build(act.engine, {}) if asked is UNSET else asked
        submit = song.submit(act.start, act.end, params, act.follow, clicked)
        self._on_loop(lambda now: self._submit(submit, song.hello, now))
        return {"job": submit.job}

    def _sweep(self, act: Sweep) -> dict[str, Any]:
        song, clicked = self.songs.find(act.song), time.time()
        songs.remember(song)
        asked = self._on_loop(lambda _: self.loop.params("transfer"))
        base = build("transfer", {}) if asked is UNSET else asked
        assert isinstance(base, TransferParams)
        seed = secrets.randbelow(2**31) if base.seed is None else base.seed
        points = sweep.grid(sweep.axes(act.over.split()), msgspec.structs.replace(base, takes=1, seed=seed))
        submits = [song.submit(act.start, act.end, point.params, (), clicked) for point in points]
        for submit in submits:
            self._on_loop(lambda now, submit=submit: self._submit(submit, song.hello, now))  # type: ignore[misc]
        return {"jobs": [submit.job for submit in submits]}

    def _submit(self, submit: Submit, hello: FromHost, now: float) -> None:
        self.loop.say(hello, now)
        self.loop.say(submit, now)

    def _again(self, job: str) -> dict[str, Any]:
        submit = self._on_loop(lambda _: self.loop.submitted(job))
        if submit is None:
            raise UnknownJob("That job is not known any more.", "Punch in anew.")
        if not submit.host.startswith("page-"):
            self._command(lambda now: self.loop.repeat(job, now))
            return {}
        song = self.songs.find(submit.host.removeprefix("page-"))
        params = msgspec.structs.replace(submit.params, seed=None)
        anew = msgspec.structs.replace(submit, job=uuid.uuid4().hex[:12], params=params, clicked=time.time())
        self._on_loop(lambda now: self._submit(anew, song.hello, now))
        return {"job": anew.job}

    def _forget(self, song: str, what: str) -> None:
        changes: dict[str, dict[str, Any]] = {
            "chord": {"chords": "", "typed": None},
            "drums": {"drums": ""},
            "piano": {"piano": ""},
            "tempo": {"bpm": 0.0, "downbeat": 0.0, "tempo": ""},
        }
        if what not in changes:
            raise BadSetting(f"{what[:40]!r} is nothing that takes follow.")
        self.songs.change(song, **changes[what])

    def _save(self, take: str) -> dict[str, Any]:
        group, card = self._take(take)
        if not group.song:
            raise BadSetting("That take belongs to a DAW's project.", "Let the DAW use it.")
        song = self.songs.find(group.song)
        path, delta = whole.write(Path(card.path), song.song, song.folder)
        return {"path": str(path), "outside_delta": delta}

    def _bin(self, take: str) -> dict[str, Any]:
        group, card = self._take(take)
        if not group.song:
            raise BadSetting("That take belongs to a DAW's project.", "Delete it there.")
        path = Path(card.path)
        folder = path.parent / BIN
        disk.make_folder(folder, disk.OWN_FOLDER)
        kept = folder / f"{disk.free_stem(folder, path.stem, path.suffix)}{path.suffix}"
        disk.move(path, kept, disk.OWN_FOLDER)
        return {"file": kept.name}

    def _restore(self, song: str, file: str) -> None:
        folder = self.songs.find(song).folder
        kept = next((path for path in _files(folder / BIN) if path.name == file), None)
        if kept is None:
            raise FileMissing("That take is not in the bin any more.", f"Look into {folder / BIN}.")
        stem = disk.free_stem(folder, kept.stem, kept.suffix)
        disk.move(kept, folder / f"{stem}{kept.suffix}", disk.OWN_FOLDER)

    def _take(self, take: str) -> tuple[Group, TakeCard]:
        found = find(self.groups(), take)
        if found is None:
            raise FileMissing("That take is not there any more.", "Look into its folder.")
        return found

    def _command(self, do: Callable[[float], str]) -> None:
        """Have a host do something, and wait until it has. Raises what it says instead, and what it is late with."""
        command, outcome = self._on_loop(do), "open"
        while outcome == "open":  # the console gives up for us
            time.sleep(LOOK_SECONDS)
            found = self._on_loop(lambda _: self.loop.outcome(command))
            if isinstance(found, PunchinError):
                raise found
            outcome = found

    def _on_loop(self, do: Callable[[float], T]) -> T:
        try:
            answer: T = self.loop.ask(do).result(WAIT_SECONDS)
        except TimeoutError:
            raise DaemonUnreachable("The bridge does not answer.", "Start it again with `punchin open`.") from None
        return answer


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def show(path: Path) -> None:
    """Show a file in its folder, in the program that this system has for it. Raises FileMissing, BadSetting."""
    if not path.is_file():
        raise FileMissing(f"There is no file {path}.")
    command = {
        "darwin": ["open", "-R", str(path)],
        "win32": ["explorer", f"/select,{path}"],
    }.get(sys.platform, ["xdg-open", str(path.parent)])
    try:
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    except OSError:
        raise BadSetting("There is no program that shows folders.", f"It lies in {path.parent}.") from None
