"""The Remote Script in the fake Live, with a real bridge and a real daemon: from the brace to clips in take lanes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from fakes.bridge import RunningBridge, bridge, launch
from fakes.harness import daemon, until
from fakes.live import Live
from fakes.live_models import MidiNote
from fakes.live_set import Stage, clip, midi_clip, stage, wav
from fakes.page import Asking, at_bridge

pytestmark = pytest.mark.e2e


class Tune:
    """A set of 60 seconds at 120 BPM: a bass track, drums, and a chords track; the brace lies over beats 32 to 48."""

    def __init__(self, folder: Path, version: str = "12.2.1", rate: int = 44_100) -> None:
        self.live = Live(version)
        song = self.live.song
        song.file_path, song.name = str(folder / "Tune Project" / "Tune.als"), "Tune"
        self.bass = self.live.track("Bass")
        self.chords = self.live.track("Chords", has_midi_input=True)
        clip(self.bass, wav(folder / "Tune Project" / "bass.wav", 60.0, rate), 0.0, 120.0)
        clip(self.live.track("Drums"), wav(folder / "Tune Project" / "drums.wav", 60.0, seed=1), 0.0, 120.0)
        notes = [MidiNote(pitch, 4.0 * bar, 4.0) for bar in range(4) for pitch in (57, 60, 64)]
        midi_clip(self.chords, 0.0, 120.0, notes, looping_=True, loop_end_=16.0)
        song.loop, song.loop_start, song.loop_length = True, 32.0, 16.0
        song.view.selected_track = self.bass
        self.starts: list[float] = []

    @property
    def takes(self) -> list[Any]:
        return [lane.arrangement_clips[0] for lane in self.bass.take_lanes if lane.arrangement_clips]

    @property
    def all_takes(self) -> list[Any]:
        return [one for lane in self.bass.take_lanes for one in lane.arrangement_clips]


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    return Tune(tmp_path)


def start(on: Stage) -> None:
    """Ask for takes once the bridge is heard, so that none is started."""
    on.until(lambda: on.hears_bridge, 30)
    click(on)


def click(on: Stage) -> None:
    """Ask for takes, and see that they are being asked for."""
    on.act("inpaint")
    assert "submit" in dict(on.unheard), on.report()


def accepted(on: Stage) -> None:
    on.until(lambda: not on.unheard, 30)


def job(on: Stage) -> dict[str, Any]:
    return (on.jobs or [{"phase": ""}])[-1]


def test_from_the_brace_to_the_take_lanes(running: RunningBridge, home: Path, tune: Tune, tmp_path: Path) -> None:
    steps = len(tune.live.song.steps)
    with stage(tune.live, tmp_path, home=home) as on:
        start(on)
        on.until(lambda: job(on)["phase"] in ("placed", "failed"), 30)
        assert job(on)["phase"] == "placed", job(on)["line"]
        timings = job(on)["timings"]
        print(json.dumps(timings), f"longest tick {on.longest_tick * 1e3:.1f} ms")
        assert {"read", "accept", "decode", "place"} <= timings.keys()
    assert len(tune.takes) == 3
    for take in tune.takes:
        info = soundfile.info(take.file_path)
        assert (info.samplerate, info.frames, info.channels) == (44_100, 8 * 44_100, 2)
        assert (take.start_time, take.end_time, take.warping_) == (32.0, 48.0, False)
        assert Path(take.file_path).parent == tmp_path / "Tune Project" / "Samples" / "Punchin"
    assert len(tune.live.song.steps) == steps + 1
    until(lambda: not list((running.spool / "jobs").iterdir()))
    assert not list((running.spool / "inbox").iterdir())


def test_cancel_from_live(running: RunningBridge, home: Path, tune: Tune, tmp_path: Path) -> None:  # noqa: ARG001
    with stage(tune.live, tmp_path, home=home, settings={"text": "steps=1000 step=0.02"}) as on:
        start(on)
        on.until(lambda: job(on)["phase"] == "running", 30)
        on.act("cancel")
        on.until(lambda: job(on)["phase"] == "cancelled", 30)
        assert on.live.messages[-1] == "Punchin: Cancelled."
        assert tune.takes == []


def test_an_error_reaches_the_status_bar(
    running: RunningBridge,  # noqa: ARG001
    home: Path,
    tune: Tune,
    tmp_path: Path,
) -> None:
    with stage(tune.live, tmp_path, home=home, settings={"text": "fail"}) as on:
        start(on)
        on.until(lambda: job(on)["phase"] == "failed", 30)
        assert job(on)["next_step"] in on.live.messages[-1]


def test_what_the_settings_cannot_mean_is_said(
    running: RunningBridge,  # noqa: ARG001
    home: Path,
    tune: Tune,
    tmp_path: Path,
) -> None:
    with stage(tune.live, tmp_path, home=home, settings={"weights": {"cowbell": 1.0}}) as on:
        start(on)
        on.until(lambda: any("cowbell" in text or "weights" in text for text in on.live.messages), 30)


def test_the_bridge_dies_under_a_job(running: RunningBridge, home: Path, tune: Tune, tmp_path: Path) -> None:
    with stage(tune.live, tmp_path, home=home, settings={"text": "steps=60 step=0.02", "takes": 2}) as on:
        start(on)
        on.until(lambda: job(on)["phase"] == "running", 30)
        running.stop(signal.SIGKILL)
        running.process = launch(home).process
        on.until(lambda: len(tune.takes) == 2, 40)
        on.until(lambda: job(on)["phase"] == "placed", 30)


def test_takes_that_came_while_live_was_closed(
    running: RunningBridge,  # noqa: ARG001
    home: Path,
    tune: Tune,
    tmp_path: Path,
) -> None:
    with stage(tune.live, tmp_path, home=home, settings={"takes": 1, "text": "steps=40 step=0.02"}) as on:
        start(on)
        on.until(lambda: job(on)["phase"] == "running", 30)
    with stage(tune.live, tmp_path, home=home) as on:
        on.until(lambda: len(tune.takes) == 1, 30)
        on.until(lambda: job(on)["phase"] == "placed", 30)


def punchin(home: Path, *words: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-m", "punchin_bridge.cli", *words],
        env=os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_line_asks_live(running: RunningBridge, home: Path, tune: Tune, tmp_path: Path) -> None:  # noqa: ARG001
    def does(on: Stage, *words: str) -> str:
        asked = punchin(home, "host", "do", "ableton", *words)
        on.until(lambda: asked.poll() is not None, 30)
        return asked.communicate()[0]

    with stage(tune.live, tmp_path, home=home) as on:
        on.until(lambda: on.hears_bridge, 30)
        assert does(on, "transfer", "--to", "violin", "--takes", "2") == "ableton: transfer is done.\n"
        on.until(lambda: len(tune.takes) == 2, 30)
        assert "violin" in tune.takes[0].name
        assert "Live lets no script choose" in does(on, "next_take")
        assert "No job of Punchin is" in does(on, "cancel")
        tune.live.song.loop_length = 0.0
        assert "no length" in does(on, "repeat")


def test_the_script_starts_the_bridge_and_another_when_it_dies_under_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tune = Tune(tmp_path)
    paths = os.pathsep.join(filter(None, sys.path))
    command = ["/usr/bin/env", f"PUNCHIN_HOME={home}", f"PYTHONPATH={paths}", sys.executable]
    command += ["-m", "punchin_bridge.cli", "bridge", "--osc-port", "0"]
    settings = {"text": "steps=200 step=0.02", "takes": 2}
    record = home / "runtime" / "bridge.json"

    def serving() -> int:
        return int(json.loads(record.read_text())["pid"])

    def kill() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(serving()).kill()
        on.script._host._link._child.wait(10)

    with daemon(home), stage(tune.live, tmp_path, home=home, command=command, settings=settings) as on:
        monkeypatch.setattr(sys.modules["Punchin.watch"], "START_SECONDS", 5.0)
        on.turn(2)
        on.act("inpaint")
        try:
            on.until(lambda: job(on)["phase"] == "running", 60)
            killed = serving()
            kill()
            on.until(lambda: serving() != killed, 60)
            on.until(lambda: len(tune.takes) == 2, 60)
            assert on.live.messages.count("Punchin: starting the bridge") >= 2
        finally:
            kill()


@pytest.mark.parametrize("turns", [1, pytest.param(4, marks=[pytest.mark.endurance, pytest.mark.timeout(900)])])
def test_no_take_is_lost_or_doubled_when_the_bridge_dies_and_live_closes(tmp_path: Path, turns: int) -> None:
    """The bridge is killed and Live closed, in turn, each under a job of two takes."""
    home = tmp_path / "home"
    home.mkdir()
    tune, rng = Tune(tmp_path), random.Random(4)
    tune.live.song.loop_length = 4.0
    settings = {"takes": 2, "text": "steps=20 step=0.02"}
    with daemon(home):
        running, opened = launch(home), ExitStack()
        on = opened.enter_context(stage(tune.live, tmp_path, home=home, settings=settings))
        try:
            for victim in ("bridge", "live") * turns:
                tune.live.song.loop_start = 32.0 + 4.0 * len(tune.starts)
                click(on)  # whether the bridge is heard already or not
                accepted(on)
                tune.starts.append(tune.live.song.loop_start)
                on.turn(rng.randrange(30))
                time.sleep(rng.random() * 0.3)
                if victim == "bridge":
                    running.stop(signal.SIGKILL)
                    running = launch(home)
                else:
                    opened.close()
                    opened = ExitStack()
                    on = opened.enter_context(stage(tune.live, tmp_path, home=home, settings=settings))
            on.until(lambda: len(tune.all_takes) >= 4 * turns, 60)
            on.until(lambda: not list((home / "spool" / "jobs").iterdir()), 30)
        finally:
            opened.close()
            running.process.kill()
            running.process.wait()
    assert sorted(take.start_time for take in tune.all_takes) == sorted(tune.starts * 2)
    assert len({take.file_path for take in tune.all_takes}) == 4 * turns


@pytest.mark.model
def test_on_the_built_in_pack(tmp_path: Path) -> None:
    """The real models, one take of two bars; the chord track reaches them and the take is no copy and no silence."""
    home = tmp_path / "home"
    home.mkdir()
    tune = Tune(tmp_path, rate=48_000)
    tune.live.song.loop_length = 8.0
    before, _ = soundfile.read(tune.bass.arrangement_clips[0].file_path)
    real = {"REAL_WORKER": "1"}
    with daemon(home, env=real), bridge(home), stage(tune.live, tmp_path, home=home, settings={"takes": 1}) as on:
        start(on)
        on.until(lambda: job(on)["phase"] in ("placed", "failed"), 200)
        assert job(on)["phase"] == "placed", job(on)["line"]
        print(json.dumps(job(on)["timings"]))
    [take] = tune.takes
    audio, rate = soundfile.read(take.file_path)
    assert (rate, len(audio)) == (48_000, 4 * 48_000)
    old = before[16 * rate : 20 * rate]
    assert np.sqrt(np.mean(audio**2)) > 1e-3
    assert abs(np.corrcoef(audio[:, 0], old[:, 0])[0, 1]) < 0.5


def test_the_page_lets_it_play_a_take_of_any_job_in_one_step(
    running: RunningBridge,  # noqa: ARG001
    home: Path,
    tune: Tune,
    tmp_path: Path,
) -> None:
    """Takes on tracks: the one that the page says plays, also of a job before the last."""
    browser = at_bridge(home)
    with stage(tune.live, tmp_path, home=home, settings={"takes": 2, "place": "tracks"}) as on:
        names: list[str] = []
        for count in (1, 2):
            start(on)
            on.until(lambda count=count: [each["phase"] for each in on.jobs] == ["placed"] * count, 30)  # type: ignore[misc]
            names = [each["job"] for each in on.jobs]
        tracks = [track for track in tune.live.song.tracks if track.name.startswith("Bass take")]
        assert len(tracks) == 4
        steps = len(tune.live.song.steps)
        muted = [track.arrangement_clips[0].muted for track in tracks]
        asking = Asking(browser, "use", job=names[0], take=1)
        on.until(lambda: asking.is_done, 30)
        assert asking.answer is not None
        assert asking.answer.status == 200, asking.answer.body
        now = [track.arrangement_clips[0].muted for track in tracks]
        assert sum(a != b for a, b in zip(muted, now, strict=True)) == 2
        assert len(tune.live.song.steps) == steps + 1
        asking = Asking(browser, "use", job=names[0], take=5)
        on.until(lambda: asking.is_done, 30)
        assert asking.answer.status == 400
