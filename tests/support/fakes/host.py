"""A host in Python, over the real spool: it renders stems, submits, reads its state, and lays takes on its time line.

The time line is an array; `undo` takes the last step back. It does what a script in a DAW does, one call at a time,
so that tests say when.
"""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import soundfile
from punchin_bridge.hosts.protocol import (
    HELLO_SECONDS,
    Bye,
    Cancel,
    Command,
    CommandResult,
    FromHost,
    Hello,
    JobView,
    MidiNote,
    Placed,
    Project,
    Rendered,
    Span,
    State,
    Submit,
    TempoPoint,
    Timeline,
    TimeSignaturePoint,
    Track,
)
from punchin_wire.params import InpaintParams, Params

from fakes.harness import until

RATE = 48_000
Samples = npt.NDArray[np.float32]


def music(seconds: float = 12.0, channels: int = 2, rate: int = RATE) -> Samples:
    """`[channels, samples]`, never silent."""
    random = np.random.default_rng(3)
    return random.uniform(-0.3, 0.3, (channels, round(seconds * rate))).astype(np.float32)


@dataclass
class FakeHost:
    """A project with one track, `track` `[channels, samples]`, at `rate`, 120 bpm. `spool` is the bridge's folder."""

    spool: Path
    track: Samples = field(default_factory=music)
    rate: int = RATE
    name: str = field(default_factory=lambda: f"fake-{uuid.uuid4().hex[:8]}")
    project: str = "song"
    folder: str = ""
    can: tuple[str, ...] = ("inpaint", "cancel")
    number: int = 0
    undos: list[Samples] = field(default_factory=list)
    shown: list[JobView] = field(default_factory=list)
    selection: tuple[float, float] = (4.0, 6.0)
    playing: float = 0.0
    asked: list[Command] = field(default_factory=list)
    marked: float = 0.0
    greeted: float = math.inf
    """When it said hello last; never, before it came and once it has left."""

    # ---- saying ----------------------------------------------------------------------------------------------

    def post(self, document: FromHost) -> None:
        self.number += 1
        hello = isinstance(document, Hello)
        self.write(f"{self.name}-{'hello' if hello else f'{self.number:08}'}.json", msgspec.json.encode(document))

    def write(self, name: str, data: bytes) -> None:
        inbox = self.spool / "inbox"
        draft = inbox / f"{name}.part"
        draft.write_bytes(data)
        os.replace(draft, inbox / name)

    def hello(self) -> None:
        self.hello_once()
        until(lambda: self.state() is not None)

    def hello_once(self) -> None:
        self.greeted = time.monotonic()
        self.post(Hello(self.name, "Fake 1.0", Project(self.project, self.project), can=self.can))

    def confirm(self, job: str) -> None:
        self.post(Placed(self.name, job))

    def bye(self) -> None:
        self.greeted = math.inf
        self.post(Bye(self.name))

    def submit(self, start: float = 4.0, end: float = 6.0, params: Params | None = None, **more: Any) -> str:
        """Render the track and ask for takes of `start` to `end` seconds; returns the job."""
        job, clicked = uuid.uuid4().hex[:12], time.time()
        audio = self.spool / "hosts" / self.name / "audio" / f"{job}.wav"
        soundfile.write(audio, self.track.T, self.rate, subtype="FLOAT")
        whole = Submit(
            host=self.name,
            job=job,
            project=Project(self.project, self.project),
            timeline=Timeline(self.rate, (TempoPoint(0.0, 120.0),), (TimeSignaturePoint(0.0),)),
            region=Span(round(start * self.rate), round(end * self.rate)),
            target=Track("track-1", "Keys", Rendered(str(audio), 0), self.track.shape[0]),
            params=params or InpaintParams(takes=2, seed=1),
            chords=tuple(MidiNote(0.0, 24.0, pitch) for pitch in (60, 64, 67)),
            folder=self.folder,
            clicked=clicked,
            render=time.time() - clicked,
        )
        self.post(msgspec.structs.replace(whole, **more))
        return job

    def cancel(self, job: str) -> None:
        self.post(Cancel(self.name, job))

    # ---- hearing ---------------------------------------------------------------------------------------------

    def state(self) -> State | None:
        try:
            return msgspec.json.decode((self.spool / "hosts" / self.name / "state.json").read_bytes(), type=State)
        except FileNotFoundError:
            return None

    def views(self) -> tuple[JobView, ...]:
        state = self.state()
        return state.jobs if state else ()

    def job(self, job: str) -> JobView | None:
        found = next((view for view in self.views() if view.job == job), None)
        if found is not None and (not self.shown or self.shown[-1] != found):
            self.shown.append(found)
        return found

    def wait(self, job: str, *phases: str, seconds: float = 60.0) -> JobView:
        """The job, once it is in one of `phases`. Meanwhile it says hello now and then, as hosts must."""

        def there() -> JobView | None:
            if time.monotonic() - self.greeted > HELLO_SECONDS:
                self.hello_once()
            view = self.job(job)
            return view if view and view.phase in phases else None

        return until(there, seconds)

    def asks(self) -> tuple[Command, ...]:
        state = self.state()
        return state.asks if state else ()

    def obey(self) -> list[Command]:
        """Do what was asked for since the last time, and say so. Seconds, at 120 bpm."""
        done = {ask.ask for ask in self.asked}
        new = [ask for ask in self.asks() if ask.ask not in done]
        for ask in new:
            self.asked.append(ask)
            error = self._obey(ask)
            self.post(CommandResult(self.name, ask.ask, error))
        return new

    def _obey(self, ask: Command) -> str:
        match ask.action:
            case "inpaint":
                self.submit(*self.selection, params=ask.params or None)
            case "mark_in":
                self.marked = self.playing
            case "mark_out":
                self.selection = (min(self.marked, self.playing), max(self.marked, self.playing))
            case "select" if isinstance(ask.start, float) and isinstance(ask.end, float):
                scale = 0.5 if ask.unit == "quarters" else 1.0
                self.selection = (ask.start * scale, ask.end * scale)
            case _:
                return f"A fake cannot {ask.action}."
        return ""

    # ---- the time line ---------------------------------------------------------------------------------------

    def place(self, job: str, seconds: float = 60.0, confirm: bool = True) -> JobView:
        """Wait for the takes, lay the first one down in one undo step, and say so."""
        view = self.wait(job, "ready", "failed", seconds=seconds)
        assert view.phase == "ready", view
        began = time.monotonic()
        takes = [self.read(Path(take.path)) for take in view.takes]
        self.undos.append(self.track.copy())
        self.track[:, view.takes[0].start : view.takes[0].end] = takes[0]
        if confirm:
            self.post(Placed(self.name, job, time.monotonic() - began))
        return view

    def read(self, path: Path) -> Samples:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == self.rate
        return np.ascontiguousarray(audio.T)

    def undo(self) -> None:
        self.track = self.undos.pop()

    def keep_alive(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Say hello now and then, until `condition`."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            self.hello()
            time.sleep(0.5)
