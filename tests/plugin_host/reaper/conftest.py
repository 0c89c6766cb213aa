"""A REAPER with Punchin installed in it, and a song: drums, keys, a chord track, a tempo that glides, a bar of 3/4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.reaper import Reaper
from fakes.reaper_project import Marker, Project, audio_item, midi_item, render
from punchin_bridge.hosts import install, reaper
from punchin_bridge.hosts.documents import FromHost, JobView, Span, State, Submit, TakeFile
from punchin_bridge.tempo_map import Metre, Tempo

RATE = 12_000
SECONDS = 10.0
SCRIPTS = "Scripts/Punchin"


def write(path: Path, channels: int, seconds: float = SECONDS, rate: int = RATE, seed: int = 0) -> Path:
    sound = np.random.default_rng(seed).uniform(-0.3, 0.3, (round(seconds * rate), channels))
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return path


def song(folder: Path, rate: int = RATE) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    made = Project(folder, rate)
    made.add("Drums", audio_item(write(folder / "drums.wav", 1, rate=rate, seed=1), 0.0))
    made.add("Keys", audio_item(write(folder / "keys.wav", 2, rate=rate), 0.0)).selected = True
    made.add("Chords", midi_item(0.0, SECONDS, *((0.0, 4.0, pitch) for pitch in (60, 64, 67)), quarters=4.0))
    made.tempos = (Tempo(0.0, 120.0), Tempo(8.0, 120.0, "time"), Tempo(12.0, 90.0))
    made.metres = (Metre(0.0), Metre(8.0, 3, 4))
    made.selection = (2.0, 4.0)
    return made


class Studio:
    """REAPER, and the bridge's end of the spool, worked by hand."""

    def __init__(self, folder: Path) -> None:
        self.spool = folder / "spool"
        self.resources = folder / "REAPER"
        self.resources.mkdir()
        (self.resources / "reaper.ini").touch()
        config = install.Config(self.spool, ("true",))
        install.install(reaper.INSTALLER, (self.resources,), config)
        self.reaper = Reaper(self.resources, [song(folder / "Song")])
        self.revision = 0
        self.jobs: tuple[JobView, ...] = ()
        self.asks: tuple[Any, ...] = ()

    @property
    def project(self) -> Project:
        return self.reaper.project

    def click(self, title: str) -> None:
        self.reaper.run(self.resources / SCRIPTS / f"Punchin_{title}.lua")

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
            state = State(host, self.revision, self.revision, "0.1.0", self.jobs, self.asks)
            (folder / "state.part").write_bytes(msgspec.json.encode(state))
            (folder / "state.part").replace(folder / "state.json")

    def submit(self, title: str = "Inpaint selection") -> Submit:
        self.click(title)
        found: Submit = self.hear(Submit)
        return found

    def ready(self, submit: Submit, takes: int = 2) -> JobView:
        """Takes of `submit`, and the host is told that they are ready."""
        start, end = submit.region.start, submit.region.end
        files = []
        for number in range(takes):
            path = self.spool.parent / f"{submit.job}-{number}.wav"
            channels = submit.target.channels or 1
            sound = np.random.default_rng(100 + number).uniform(-0.2, 0.2, (end - start, channels))
            soundfile.write(path, sound, submit.timeline.rate, subtype="FLOAT")
            files.append(TakeFile(str(path), f"Punchin {number + 1}", number, start, end, channels))
        view = JobView(
            submit.job, "inpaint", "ready", f"{takes} takes ready.", 1.0, 0, submit.project.id, submit.target.id,
            Span(start, end), submit.guard, f"Punchin: {takes} takes of bars 2-2", tuple(files),
        )  # fmt: skip
        self.jobs = (view,)
        self.tell()
        return view

    def sound(self, track: str = "Keys", channels: int = 2) -> Any:
        rate = self.project.rate
        return render(self.project.track(track), rate, 0, round(SECONDS * rate), channels)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    made = Studio(tmp_path)
    yield made
    for child in made.reaper.children:
        child.wait(5)


__all__ = ("Marker", "Studio")
