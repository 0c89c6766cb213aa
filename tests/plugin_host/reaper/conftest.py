"""A REAPER with Punchin installed in it, and the bridge's end of the spool, worked by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.reaper import Reaper
from fakes.reaper_project import Marker, Project, render
from fakes.reaper_song import RATE, SECONDS, song, write
from punchin_bridge.hosts.installers import install, reaper
from punchin_bridge.hosts.protocol import (
    Command,
    CommandResult,
    FromHost,
    JobView,
    PackView,
    PullView,
    Span,
    State,
    Submit,
    TakeFile,
)

SCRIPTS = reaper.FOLDER


class Studio:
    """REAPER, and the bridge's end of the spool, worked by hand."""

    def __init__(self, folder: Path, has_imgui: bool = False) -> None:
        self.spool = folder / "spool"
        self.resources = folder / "REAPER"
        self.resources.mkdir()
        (self.resources / "reaper.ini").touch()
        config = install.Config(self.spool, ("true",))
        install.install(reaper.INSTALLER, (self.resources,), config)
        self.reaper = Reaper(self.resources, [song(folder / "Song")], has_imgui=has_imgui)
        self.revision = 0
        self.jobs: tuple[JobView, ...] = ()
        self.asks: tuple[Any, ...] = ()
        self.trouble = ""
        self.packs: tuple[PackView, ...] | None = None
        self.pull: PullView | None = None

    @property
    def project(self) -> Project:
        return self.reaper.project

    @property
    def host(self) -> str:
        """The id of REAPER that said hello."""
        [path] = (self.spool / "inbox").glob("*-hello.json")
        return path.name.removesuffix("-hello.json")

    def click(self, title: str) -> None:
        self.reaper.run(self.resources / SCRIPTS / f"Punchin_{title}.lua")

    def press(self, caption: str) -> None:
        """Click a button of the window, once it is there."""
        self.reaper.ticks(lambda: self.tell() or caption in self.reaper.screen.texts)
        self.reaper.press(caption)

    def shown(self, text: str) -> None:
        """Wait until the window says something."""
        self.reaper.ticks(lambda: self.tell() or text in self.reaper.window())

    def heard(self, *kinds: type[Any]) -> list[Any]:
        """What the host has said, oldest first; each is heard once."""
        found = []
        for path in sorted((self.spool / "inbox").glob("*.json")):
            document = msgspec.json.decode(path.read_bytes(), type=FromHost)
            if isinstance(document, kinds):
                found.append(document)
                path.unlink()
        return found

    def hear(self, kind: type[Any]) -> Any:
        found: list[Any] = []

        def more() -> bool:
            self.tell()
            found.extend(self.heard(kind))
            return bool(found)

        self.reaper.ticks(more)
        return found[0]

    def tell(self) -> None:
        """Answer whoever has said hello, as a bridge does."""
        for path in (self.spool / "inbox").glob("*-hello.json"):
            host = path.name.removesuffix("-hello.json")
            folder = self.spool / "hosts" / host
            (folder / "audio").mkdir(parents=True, exist_ok=True)
            self.revision += 1
            state = State(
                host, self.revision, self.revision, "0.1.0", self.jobs, self.asks, self.trouble,
                packs=self.packs, pull=self.pull,
            )  # fmt: skip
            (folder / "state.part").write_bytes(msgspec.json.encode(state))
            (folder / "state.part").replace(folder / "state.json")

    def submit(self, title: str = "Inpaint selection") -> Submit:
        self.click(title)
        found: Submit = self.hear(Submit)
        return found

    def ready(self, submit: Submit, takes: int = 2) -> JobView:
        """Takes of `submit`, and the host is told that they are ready."""
        view = self.ready_view(submit, takes)
        self.jobs = (view,)
        self.tell()
        return view

    def ready_view(self, submit: Submit, takes: int = 2) -> JobView:
        """Takes of `submit`, and what a bridge would say of them."""
        start, end = submit.region.start, submit.region.end
        files = []
        for number in range(takes):
            path = self.spool.parent / f"{submit.job}-{number}.wav"
            channels = submit.target.channels or 1
            sound = np.random.default_rng(100 + number).uniform(-0.2, 0.2, (end - start, channels))
            soundfile.write(path, sound, submit.timeline.rate, subtype="FLOAT")
            files.append(TakeFile(str(path), f"Punchin {number + 1}", number, start, end, channels))
        return JobView(
            submit.job, "inpaint", "ready", f"{takes} takes ready.", 1.0, 0, submit.project.id, submit.target.id,
            Span(start, end), submit.guard, f"Punchin: {takes} takes of bars 2-2", tuple(files), submit.holes,
        )  # fmt: skip

    def asked(self, ask: Command) -> str:
        """What became of what was asked for."""
        answers: dict[str, str] = {}

        def answered() -> bool:
            self.tell()
            answers.update({did.ask: did.error for did in self.heard(CommandResult)})
            return ask.ask in answers

        self.asks = (ask,)
        self.reaper.ticks(answered)
        return answers[ask.ask]

    def sound(self, track: str = "Keys", channels: int = 2) -> Any:
        rate = self.project.rate
        return render(self.project.track(track), rate, 0, round(SECONDS * rate), channels)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    yield from _studio(tmp_path, monkeypatch, has_imgui=False)


@pytest.fixture
def fancy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """A studio whose REAPER has ReaImGui."""
    yield from _studio(tmp_path, monkeypatch, has_imgui=True)


def _studio(folder: Path, monkeypatch: pytest.MonkeyPatch, has_imgui: bool) -> Iterator[Studio]:
    monkeypatch.setenv("PUNCHIN_HOME", str(folder / "home"))
    made = Studio(folder, has_imgui)
    yield made
    for child in made.reaper.children:
        child.wait(5)
    assert made.reaper.console == []


__all__ = ("RATE", "SECONDS", "Marker", "Studio", "song", "write")
