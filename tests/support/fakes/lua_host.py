"""The smallest host that the session of our Lua can be in; the bridge's end is worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from punchin_bridge.hosts.installers import install
from punchin_bridge.hosts.installers.ardour import NEEDS
from punchin_bridge.hosts.protocol import (
    Command,
    CommandResult,
    FromHost,
    JobView,
    Phase,
    Span,
    State,
    Submit,
    TakeFile,
)

SHARED = install.scripts() / "lua"
FAKE = Path(__file__).with_name("lua_host.lua")
RATE = 48_000
START, END = 2 * RATE, 4 * RATE


class Host:
    """A host with the session in it. Every tick is a tenth of a second; `beats` says whether the bridge lives."""

    def __init__(self, lua: Any, spool: Path, keeps_projects: bool = True) -> None:
        self.spool, self.beats = spool, True
        (spool / "inbox").mkdir(parents=True)
        self.jobs: tuple[JobView, ...] = ()
        self.asks: tuple[Command, ...] = ()
        self.trouble, self.refused = "", ""
        self._beat = 0
        self._documents: list[Any] = []
        self._lua, self._made = lua, {"config": lua.table_from({"spool": str(spool)})}
        self.fake = lua.eval("function (path, json) return assert (loadfile (path)) (json) end")(
            str(FAKE), self._module("json")
        )
        for name in ("here", "project", "stems", "takes", "screen"):
            self._made[name] = self.fake[name]
        self.host = lua.table_from(
            {
                "name": "Lua", "program": "Lua 1", "budget": 1000, "keeps_projects": keeps_projects,
                "actions": lua.table_from({"dance": lua.eval("function () return true end")}),
                "can": lua.table_from(["dance"]),
            }
        )  # fmt: skip
        self.session = self._module("session")(self.host)

    def _module(self, name: str) -> Any:
        if name not in self._made:
            path = SHARED / f"{name}.lua"
            line = NEEDS.search(path.read_text(encoding="utf-8"))
            needed = [self._module(other) for other in line[1].split(", ")] if line else []
            self._made[name] = self._lua.eval("function (path, ...) return assert (loadfile (path)) (...) end")(
                str(path), *needed
            )
        return self._made[name]

    @property
    def shown(self) -> list[str]:
        """What the host was told to show and do since this was asked last."""
        found = list(self.fake.log.values())
        for i in range(len(found), 0, -1):
            self.fake.log[i] = None
        return found

    def set(self, **changes: Any) -> None:
        for name, value in changes.items():
            self.fake["is"][name] = value

    def ticks(self, seconds: float = 0.1) -> None:
        for _ in range(max(1, round(seconds * 10))):
            self.fake["is"].now += 100_000
            if self.beats:
                self.say()
            assert self.session.tick() is None

    def say(self) -> None:
        """What the bridge says to whoever has said hello."""
        self._beat += 1
        host = f"lua-{self.fake['is'].project}"
        if not (self.spool / "inbox" / f"{host}-hello.json").exists():
            return
        folder = self.spool / "hosts" / host
        folder.mkdir(parents=True, exist_ok=True)
        state = State(host, self._beat, self._beat, "0.1.0", self.jobs, self.asks, self.trouble)
        said = msgspec.json.encode(msgspec.to_builtins(state) | {"refused": self.refused})
        (folder / "state.json").write_bytes(said)

    def heard(self, *kinds: type[Any]) -> list[Any]:
        """What the host has said of these kinds, oldest first, since this was asked last."""
        for path in sorted((self.spool / "inbox").glob("*.json")):
            if "hello" not in path.name:
                self._documents.append(msgspec.json.decode(path.read_bytes(), type=FromHost))
                path.unlink()
        found = [document for document in self._documents if isinstance(document, kinds)]
        self._documents = [document for document in self._documents if document not in found]
        return found

    def click(self, action: str, **more: Any) -> None:
        clicks = self.fake["is"].clicks
        clicks[len(clicks) + 1] = self._lua.table_from({"action": action, "at": self.fake["is"].now, **more})

    def asked(self, action: str, **more: Any) -> str:
        """What becomes of what others ask: empty, or why not."""
        command = Command(f"ask-{self._beat}", action, **more)
        self.asks = (command,)
        self.ticks()
        self.asks = ()
        [result] = self.heard(CommandResult)
        assert result.ask == command.ask
        return str(result.error)

    def submit(self) -> Submit:
        self.click("inpaint")
        self.ticks(0.2)
        [found] = self.heard(Submit)
        return found  # type: ignore[no-any-return]

    def show(self, submit: Submit, phase: Phase, line: str = "", **more: Any) -> JobView:
        """What the bridge shows of the job of `submit`, alone."""
        takes = (TakeFile("/a.wav", "Punchin 1", 1, START, END, 1),) if phase in ("ready", "held") else ()
        view = JobView(
            submit.job, "inpaint", phase, line or phase, 0.0, 0, submit.project.id, submit.target.id,
            Span(START, END), submit.guard, "Punchin: 1 take", takes, **more,
        )  # fmt: skip
        self.jobs = (view,)
        return view
