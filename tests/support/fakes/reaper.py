"""A REAPER without a screen: our Lua scripts run in it as they are, and every call is held to the published signature.

A name that 7.08 does not have, a wrong count or type of arguments, or an answer of another shape than the signature's,
is an error of the test. Behind the calls stands a :class:`~fakes.reaper_project.Project` with real audio, or several.
"""

# ruff: noqa: N802  (methods are called as in REAPER)

from __future__ import annotations

import copy
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lupa.lua54

from fakes.reaper_objects import Objects
from fakes.reaper_project import Item, Marker, Project, guid
from fakes.reaper_render import Rendering
from fakes.reaper_screen import Gfx, Imgui
from fakes.reaper_strict import FILL, NEW_ARRAY, SIGNATURES, WRAP, ApiError, Envelope, fits, signature
from fakes.reaper_time import Time

CROP = 40131
"""REAPER's command "Take: Crop to active take in items"."""
PLAY = 40044
"""Its command "Transport: Play/stop"."""
RENDER = 42230
"""Its command "File: Render project, using the most recent render settings, auto-close render dialog"."""


@dataclass
class Step:
    """What an undo step goes back to, and on to."""

    name: str
    before: Project
    after: Project


@dataclass
class Reaper(Time, Rendering, Objects):
    """The program: its tabs, the one in front, extended state, message boxes and deferred functions.

    `device` is the rate of the audio device, None while that is closed. `longest_tick` is the longest time that
    deferred functions took, in seconds, and `most_asked` how often each function was called in one tick at most.
    `context` is the part that has the keyboard (0:
    tracks, 1: items, 2: envelopes), `envelope` the selected one.
    """

    resources: Path
    tabs: list[Project]
    front: int = 0
    answers: list[int] = field(default_factory=list)
    inputs: list[str | None] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    ext: dict[tuple[str, str], str] = field(default_factory=dict)
    undos: dict[int, list[Step]] = field(default_factory=dict)
    redos: dict[int, list[Step]] = field(default_factory=dict)
    longest_tick: float = 0.0
    most_asked: Counter[str] = field(default_factory=Counter)
    ran: list[str] = field(default_factory=list)
    has_imgui: bool = False
    device: int | None = None
    context: int = 1
    envelope: Envelope | None = None

    def __post_init__(self) -> None:
        self._deferred: list[tuple[str, Any]] = []
        self._exits: list[tuple[str, Any]] = []
        self._options: dict[str, int] = {}
        self._running = ""
        self._block: tuple[int, Project] | None = None
        self._scripts: dict[int, str] = {}
        self._refresh = 0
        self._asked: Counter[str] = Counter()
        self._skipped = 0.0
        self.children: list[subprocess.Popen[bytes]] = []
        self.lua = self._runtime()

    @property
    def project(self) -> Project:
        return self.tabs[self.front]

    # ---- running scripts -------------------------------------------------------------------------------------

    def _runtime(self) -> Any:
        lua = lupa.lua54.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
        builtin = lua.table_from(
            {
                "defer": lambda function: self._deferred.append((self._running, function)),
                "atexit": lambda function: self._exits.append((self._running, function)),
                "set_action_options": self._set_options,
                "new_array": lua.eval(NEW_ARRAY),
            }
        )
        self.screen: Gfx | Imgui = Imgui(lua) if self.has_imgui else Gfx(lua)
        lua.globals()["imgui" if self.has_imgui else "gfx"] = self.screen.table
        if self.has_imgui:
            builtin["ImGui_GetBuiltinPath"] = self._imgui_path
        lua.globals().reaper = lua.eval(WRAP)(self._find, builtin)
        self._fill = lua.eval(FILL)
        self._load = lua.eval("function (path) return assert (loadfile (path)) end")
        return lua

    def run(self, script: Path | str) -> None:
        """Run a script as a click on its action does. Of one that runs already, REAPER asks what to do, unless that
        said so itself."""
        name, before = f"{script}", self._running
        if any(owner == name for owner, _ in self._deferred):
            options = self._options.get(name, 0)
            assert options & 1, "REAPER asks whether to end the script that runs already"
            self._end(name)
            if not options & 2:
                return
        self._running = name
        self._load(name)()
        self._running = before

    def _end(self, name: str) -> None:
        """End a script that defers: what it leaves for its end is done."""
        exits = [function for owner, function in self._exits if owner == name]
        self._exits[:] = [exit for exit in self._exits if exit[0] != name]
        self._deferred[:] = [deferred for deferred in self._deferred if deferred[0] != name]
        for function in exits:
            function()

    def _set_options(self, flags: int) -> None:
        assert 0 <= flags < 16
        self._options[self._running] = flags

    def tick(self) -> None:
        """What was deferred, once."""
        now, self._deferred[:] = list(self._deferred), []
        self.screen.before_tick()
        began, self._asked = time.perf_counter(), Counter()
        for owner, function in now:
            self._running = owner
            function()
        self._running = ""
        self.longest_tick = max(self.longest_tick, time.perf_counter() - began)
        self.most_asked |= self._asked  # the greater number of each
        self.screen.after_tick()
        assert self._refresh == 0, "the screen was left frozen"
        assert self._block is None, "an undo block was left open"

    def ticks(self, until: Callable[[], object], seconds: float = 30.0) -> Any:
        """Tick until `until` says something true."""
        deadline = time.monotonic() + seconds
        while not (found := until()):
            assert time.monotonic() < deadline, (self.said, self.console, self.screen.texts)
            self.tick()
            time.sleep(0.001)
        return found

    def skip(self, seconds: float) -> None:
        """Hold everything up for so long."""
        self._skipped += seconds

    def fill(self, array: Any, data: bytes, count: int) -> None:
        self._fill(array, data, count)

    @property
    def scripts_at_work(self) -> int:
        return len(self._deferred)

    @property
    def window_place(self) -> str:
        """Where our window was last, as it is kept."""
        return self.ext.get(("Punchin", "window"), "")

    def window(self) -> str:
        """All that our window says."""
        return " ".join(self.screen.texts)

    def press(self, caption: str) -> None:
        """Click a button of the window in the next tick."""
        self.screen.press(caption)

    def quit(self) -> None:
        for _, function in self._exits:
            function()
        self._deferred.clear()
        self._exits.clear()

    # ---- the strict layer ------------------------------------------------------------------------------------

    def _find(self, name: str) -> Callable[..., Any]:
        if name not in SIGNATURES:
            raise ApiError(f"reaper.{name} is not in REAPER 7.08, or not in tests/support/fakes/reascript_api.json")
        params, results = signature(SIGNATURES[name])
        function = getattr(self, name)

        def call(*args: Any) -> Any:
            self._asked[name] += 1
            if len(args) != len(params):
                raise ApiError(f"{name} takes {len(params)} arguments, not {len(args)}")
            for value, (kind, what) in zip(args, params, strict=True):
                if not fits(value, kind):
                    raise ApiError(f"{name}: {value!r} is no {kind} ({what})")
            given = function(*args)
            count = 0 if given is None and not results else len(given) if isinstance(given, tuple) else 1
            if count != len(results):
                raise ApiError(f"the fake's {name} answers {count} values, not {len(results)}")
            return given

        return call

    # ---- undo ------------------------------------------------------------------------------------------------

    def Undo_BeginBlock2(self, _project: Any) -> None:
        assert self._block is None, "undo blocks are nested"
        self._block = (self.front, copy.deepcopy(self.project))

    def Undo_EndBlock2(self, _project: Any, name: str, flags: int) -> None:
        assert self._block is not None
        assert flags == -1
        front, before = self._block
        self._block = None
        after = copy.deepcopy(self.project)
        if before != after:
            self.undos.setdefault(front, []).append(Step(name, before, after))
            self.redos.pop(front, None)

    def undo(self) -> str:
        """As Ctrl-Z; returns what was undone."""
        step = self.undos[self.front].pop()
        self.redos.setdefault(self.front, []).append(step)
        vars(self.project).update(vars(copy.deepcopy(step.before)))
        return step.name

    def redo(self) -> None:
        step = self.redos[self.front].pop()
        self.undos.setdefault(self.front, []).append(step)
        vars(self.project).update(vars(copy.deepcopy(step.after)))

    def Undo_CanUndo2(self, _project: Any) -> str | None:
        steps = self.undos.get(self.front)
        return steps[-1].name if steps else None

    def Undo_DoUndo2(self, _project: Any) -> int:
        self.undo()
        return 1

    # ---- the program -----------------------------------------------------------------------------------------

    def APIExists(self, name: str) -> bool:
        return name in SIGNATURES or (self.has_imgui and name == "ImGui_GetBuiltinPath")

    def _imgui_path(self) -> str:
        """The folder of ReaImGui's loader for Lua."""
        folder = self.resources / "UserPlugins"
        folder.mkdir(exist_ok=True)
        (folder / "imgui.lua").write_text('return function (version) assert (version == "0.9.3") return imgui end')
        return str(folder)

    def GetAppVersion(self) -> str:
        return "7.08/linux-x86_64"

    def file_exists(self, path: str) -> bool:
        return Path(path).is_file()

    def GetResourcePath(self) -> str:
        return str(self.resources)

    def time_precise(self) -> float:
        return time.monotonic() + self._skipped

    def format_timestr_pos(self, time: float, _text: str, mode: int) -> str:
        assert mode == -1, "only -1 is how the musician's ruler counts"
        return f"{time:.3f}"

    def genGuid(self, _text: str) -> str:
        return guid()

    def ExecProcess(self, command: str, timeout: int) -> str:
        assert timeout == -2, "only -2 neither waits nor shows a window"
        self.children.append(subprocess.Popen(shlex.split(command)))
        return ""

    def MB(self, text: str, _title: str, kind: int) -> int:
        self.said.append(text)
        return 1 if kind == 0 else self.answers.pop(0)

    def GetUserInputs(self, _title: str, count: int, captions: str, values: str) -> tuple[bool, str]:
        assert len([part for part in captions.split(",") if "=" not in part]) == count
        given = self.inputs.pop(0)
        return given is not None, values if given in (None, "") else given

    def ShowConsoleMsg(self, text: str) -> None:
        self.console.append(text)

    def AddRemoveReaScript(self, add: bool, _section: int, path: str, _commit: bool) -> int:
        assert add
        assert Path(path).is_file()
        known = {script: command for command, script in self._scripts.items()}
        command = known.get(path, 50_000 + len(known))
        self._scripts[command] = path
        return command

    def Main_OnCommandEx(self, command: int, _flag: int, _project: Any) -> None:
        if command in self._scripts:
            self.ran.append(Path(self._scripts[command]).name)
            self.run(self._scripts[command])
        elif command == PLAY:
            self.playing = not self.playing
        elif command == RENDER:
            self.render()
        elif command == CROP:
            for item in self._selected_items():
                if not item.info["C_LOCK"] and item.takes:
                    item.takes, item.active = [item.takes[item.active]], 0

    def GetExtState(self, section: str, key: str) -> str:
        return self.ext.get((section, key), "")

    def SetExtState(self, section: str, key: str, value: str, _persist: bool) -> None:
        self.ext[section, key] = value

    def GetAudioDeviceInfo(self, what: str) -> tuple[bool, str]:
        assert what == "SRATE"
        return self.device is not None, str(self.device or "")

    def GetCursorContext2(self, last_valid: bool) -> int:
        assert last_valid
        return self.context

    def SetCursorContext(self, mode: int, envelope: Any) -> None:
        """Gives that part of REAPER the keyboard."""
        assert mode in (0, 1, 2)
        assert mode != 2 or envelope is self.envelope, "no envelope would be selected any more"
        self.context = mode
        if isinstance(self.screen, Gfx):
            self.screen.has_keyboard = False

    def GetSelectedEnvelope(self, _project: Any) -> Envelope | None:
        return self.envelope

    def PreventUIRefresh(self, step: int) -> None:
        self._refresh += step

    def UpdateArrange(self) -> None: ...

    def UpdateItemInProject(self, _item: Item) -> None: ...

    def ColorToNative(self, red: int, green: int, blue: int) -> int:
        return red | green << 8 | blue << 16

    # ---- the project -----------------------------------------------------------------------------------------

    def GetProjectName(self, _project: Any) -> str:
        return self.project.folder.name

    def GetProjectPathEx(self, _project: Any) -> str:
        return str(self.project.folder)

    def EnumProjects(self, index: int) -> tuple[Project | None, str]:
        if index == -1:
            return self.project, ""
        return (self.tabs[index], "") if index < len(self.tabs) else (None, "")

    def GetProjectLength(self, _project: Any) -> float:
        return max((item.stop for track in self.project.tracks for item in track.items), default=0.0)

    def GetProjExtState(self, project: Any, section: str, key: str) -> tuple[int, str]:
        text = (project or self.project).ext.get((section, key), "")
        return len(text), text

    def SetProjExtState(self, project: Any, section: str, key: str, value: str) -> int:
        (project or self.project).ext[section, key] = value
        return len(value)

    def GetSetProjectInfo(self, _project: Any, what: str, value: float, is_set: bool) -> float:
        if what.startswith("RENDER_"):
            return self.render_number(what, value, is_set)
        assert not is_set
        own = self.project.has_rate
        return {"PROJECT_SRATE_USE": float(own), "PROJECT_SRATE": float(self.project.rate if own else 44_100)}[what]

    def EnumProjectMarkers3(self, _project: Any, index: int) -> tuple[int, bool, float, float, str, int, int]:
        if index >= len(self.project.markers):
            return 0, False, 0.0, 0.0, "", 0, 0
        marker: Marker = self.project.markers[index]
        return index + 1, marker.stop is not None, marker.start, marker.stop or 0.0, marker.name, index, 0
