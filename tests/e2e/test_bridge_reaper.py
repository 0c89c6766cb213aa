"""The ReaScripts in the fake REAPER, with a real bridge and daemon: from the time selection to takes in the item.

The fake engine plays the hole itself, louder by its seed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes.bridge import RunningBridge, bridge, launch
from fakes.harness import daemon, until
from fakes.page import Asking, at_bridge
from fakes.reaper import Reaper
from fakes.reaper_project import Item, load, midi_item, render, save
from fakes.reaper_song import RATE, SECONDS, song
from punchin_bridge.hosts.installers import install, reaper
from punchin_bridge.takes import recipe

pytestmark = pytest.mark.e2e
START, END = 2 * RATE, 4 * RATE


class Desk:
    """REAPER with our scripts, its song, and whoever sits before it."""

    def __init__(self, folder: Path, spool: Path, command: tuple[str, ...] = ("true",)) -> None:
        self.spool, self.resources = spool, folder / "REAPER"
        self.resources.mkdir()
        install.install(reaper.INSTALLER, (self.resources,), install.Config(spool, command))
        self.reaper = Reaper(self.resources, [song(folder / "Song")])

    def close(self) -> None:
        self.reaper.quit()
        for child in self.reaper.children:
            child.wait(10)
        assert self.reaper.console == []

    def click(self, title: str) -> None:
        self.reaper.run(self.resources / reaper.FOLDER / f"Punchin_{title}.lua")

    def set(self, **inpaint: Any) -> None:
        wish = {"takes": 2, "pack": "tiny", "text": ""} | inpaint
        self.reaper.ext["Punchin", "settings"] = json.dumps({"inpaint": wish})

    @property
    def jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for state in self.spool.glob("hosts/reaper-*/state.json"):
            found += json.loads(state.read_bytes())["jobs"]
        return found

    def phase(self, *phases: str) -> bool:
        assert not (failed := [job for job in self.jobs if job["phase"] == "failed" and "failed" not in phases]), failed
        return bool(self.jobs) and all(job["phase"] in phases for job in self.jobs)

    def until(self, condition: Callable[[], object], seconds: float = 40.0) -> None:
        self.reaper.ticks(condition, seconds)

    def told(self, text: str) -> bool:
        return text in self.reaper.window()

    @property
    def punched(self) -> list[Item]:
        items = sorted(self.reaper.project.track("Keys").items, key=lambda item: item.start)
        return [item for item in items if any(take.name.startswith("Punchin") for take in item.takes)]

    def sound(self) -> Any:
        return render(self.reaper.project.track("Keys"), RATE, 0, round(SECONDS * RATE), 2)


@pytest.fixture
def desk(running: RunningBridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "data"))
    made = Desk(tmp_path, running.spool)
    made.set()
    yield made
    made.close()
    until(lambda: not made.jobs)  # the bridge has heard its goodbye, or the next test would see its jobs


def test_from_the_selection_to_takes_and_back(desk: Desk, running: RunningBridge, tmp_path: Path) -> None:
    before = desk.sound()
    desk.click("Background")
    since = time.monotonic()
    desk.until(lambda: time.monotonic() - since > 1.2)  # Lua's clock has whole seconds: what begins one is seen by then
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("placed"))
    [job] = desk.jobs
    print(json.dumps(job["timings"]), f"longest tick {desk.reaper.longest_tick * 1e3:.1f} ms")
    assert job["timings"]["accept"] < 0.15
    [item] = desk.punched
    assert [take.name.partition(" · ")[0] for take in item.takes] == ["keys", "Punchin 1", "Punchin 2"]
    after = desk.sound()
    for take in item.takes[1:]:
        assert take.source is not None
        path = Path(take.source.path)
        assert path.parent == tmp_path / "Song" / "Punchin"
        assert soundfile.info(path).frames == END - START
        assert recipe.read(path).region == (START, END)
    first = soundfile.read(item.takes[1].source.path, dtype="float32")[0]  # type: ignore[union-attr]
    assert np.array_equal(after[START:END].astype(np.float32), first)
    assert np.mean(np.any(after[START:END] != before[START:END], axis=1)) > 0.9
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    save(desk.reaper.project, tmp_path / "song.RPP")
    again = load(tmp_path / "song.RPP")
    assert np.array_equal(render(again.track("Keys"), RATE, 0, round(SECONDS * RATE), 2), after)
    assert len(desk.reaper.undos[0]) == 1
    desk.reaper.undo()
    assert np.array_equal(desk.sound(), before)
    desk.reaper.redo()
    assert np.array_equal(desk.sound(), after)
    for _ in range(100):
        desk.reaper.tick()
    assert np.array_equal(desk.sound(), after)
    assert not list((running.spool / "jobs").iterdir())
    assert not list(running.spool.glob("hosts/*/audio/*"))


def test_two_razor_areas_are_one_job(desk: Desk) -> None:
    desk.reaper.project.track("Keys").razor = '5.0 6.0 "" 7.0 8.5 ""'
    before = desk.sound()
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("placed"))
    assert len(desk.jobs) == 1
    assert [len(item.takes) for item in desk.punched] == [3, 3]
    changed = np.any(desk.sound() != before, axis=1)
    inside = np.zeros(len(changed), bool)
    inside[5 * RATE : 6 * RATE] = inside[7 * RATE : round(8.5 * RATE)] = True
    assert not np.any(changed[~inside])
    assert np.mean(changed[inside]) > 0.9
    [source] = {take.source.path for item in desk.punched for take in item.takes[1:2] if take.source}
    assert recipe.read(Path(source)).region == (5 * RATE, round(8.5 * RATE))
    assert len(desk.reaper.undos[0]) == 1


def test_an_instrument_is_rendered_and_its_takes_lie_beside_it(desk: Desk) -> None:
    """Its drums are muted, which is said with the takes."""
    project = desk.reaper.project
    project.track("Drums").info["B_MUTE"] = 1.0
    synth = project.add("Synth", midi_item(0.0, SECONDS, *((beat / 2, beat / 2 + 0.4, 60) for beat in range(40))))
    synth.instrument, project.track("Keys").selected, synth.selected = "on", False, True
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("placed"))
    assert [take.name[:9] for take in project.track("Synth (Punchin)").items[0].takes] == ["Punchin 1", "Punchin 2"]
    desk.until(lambda: desk.told("2 takes placed. Takes follow no drums: Drums is muted."))


def test_a_transfer(desk: Desk) -> None:
    before = desk.sound()
    desk.reaper.inputs = ["flute|piano|timbre|1"]
    desk.click("Transfer selection")
    desk.until(lambda: desk.phase("placed"))
    [item] = desk.punched
    assert item.takes[1].name.startswith("Punchin 1 · ")
    assert "flute" in item.takes[1].name
    assert np.array_equal(desk.sound()[:START], before[:START])
    assert np.array_equal(desk.sound()[END:], before[END:])


def test_cancel(desk: Desk) -> None:
    desk.set(text="steps=1000 step=0.02")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("running"))
    desk.click("Cancel")
    desk.until(lambda: desk.phase("cancelled"))
    assert desk.punched == []


def test_a_failure_says_what_to_do(desk: Desk) -> None:
    desk.set(text="fail")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("failed"))
    desk.until(lambda: desk.told(desk.jobs[0]["next_step"]))


def test_an_item_that_moved_under_the_job(desk: Desk) -> None:
    desk.set(text="steps=20 step=0.02")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("running"))
    desk.reaper.project.track("Keys").items[0].info["D_POSITION"] = 1.0
    desk.until(lambda: desk.told("has been moved"))
    assert desk.punched == []
    desk.reaper.press("At the new place")
    desk.until(lambda: desk.phase("placed"))
    assert [round(item.start * RATE) for item in desk.punched] == [START + RATE]


def test_the_bridge_dies_under_a_job(desk: Desk, running: RunningBridge, home: Path) -> None:
    desk.set(text="steps=60 step=0.02")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("running"))
    running.stop(signal.SIGKILL)
    running.process = launch(home).process
    desk.until(lambda: desk.punched)
    desk.until(lambda: desk.phase("placed"))
    assert len(desk.punched[0].takes) == 3


def test_reaper_closes_under_a_job(desk: Desk) -> None:
    desk.set(text="steps=40 step=0.02")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("running"))
    desk.close()
    desk.reaper = Reaper(desk.resources, [desk.reaper.project])
    desk.click("Background")
    desk.until(lambda: desk.punched)


def test_asked_from_a_terminal(desk: Desk, home: Path) -> None:
    desk.click("Background")

    def do(*words: str) -> str:
        """What `punchin host do reaper` says while REAPER runs."""
        command = [sys.executable, "-m", "punchin_bridge.cli", "host", "do", "reaper", *words]
        env = os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            desk.until(lambda: process.poll() is not None)
            assert process.stdout is not None
            return process.stdout.read()

    desk.until(lambda: list(desk.spool.glob("hosts/reaper-*/state.json")))
    assert "done" in do("inpaint", "--takes", "1", "--seed", "5")
    desk.until(lambda: desk.punched)
    assert desk.punched[0].takes[1].name.endswith("seed 5")
    assert desk.punched[0].active == 1
    assert "done" in do("previous_take")
    assert desk.punched[0].active == 0
    assert "done" in do("commit")
    assert not desk.punched  # what was there before was kept
    assert "needs end and start" in do("select")
    assert "takes no take" in do("commit", "--take", "1")
    assert "done" in do("select", "--start", "4", "--end", "8", "--unit", "quarters")
    assert desk.reaper.project.selection == pytest.approx((2.0, 4.0))
    desk.reaper.cursor = 1.0
    assert "done" in do("mark_in")
    desk.reaper.cursor = 3.0
    assert "done" in do("mark_out")
    assert desk.reaper.project.selection == (1.0, 3.0)
    desk.reaper.project.selection = desk.reaper.project.loop = (0.0, 0.0)
    assert "Select a time range" in do("inpaint")


def test_two_projects(desk: Desk, tmp_path: Path) -> None:
    """Takes wait until the project that they belong to is in front again."""
    desk.set(text="steps=10 step=0.02")
    desk.reaper.tabs.append(song(tmp_path / "Other"))
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("running"))
    desk.reaper.front = 1
    desk.click("Inpaint selection")
    desk.until(lambda: desk.punched)
    assert all(len(track.items) == 1 for track in desk.reaper.tabs[0].tracks)
    desk.reaper.front = 0
    desk.until(lambda: desk.punched)


@pytest.mark.model
def test_on_the_built_in_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real models: the take is no copy and no silence, and nothing else has changed."""
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "data"))
    home = tmp_path / "home"
    home.mkdir()
    with daemon(home, env={"REAL_WORKER": "1"}), bridge(home) as running:
        desk = Desk(tmp_path, running.spool)
        desk.set(takes=1)
        before = desk.sound()
        desk.click("Inpaint selection")
        desk.until(lambda: desk.phase("placed"), 240)
        print(json.dumps(desk.jobs[0]["timings"]))
        after = desk.sound()
        desk.close()
    assert np.array_equal(after[:START], before[:START])
    assert np.array_equal(after[END:], before[END:])
    assert np.sqrt(np.mean(after[START:END] ** 2)) > 1e-3
    assert abs(np.corrcoef(after[START:END, 0], before[START:END, 0])[0, 1]) < 0.5


def test_the_page_lets_it_show_a_take_in_one_step(desk: Desk, home: Path) -> None:
    """Use on the page: the take plays, the other one does not, and one undo takes that back."""
    browser = at_bridge(home)
    desk.click("Background")
    desk.click("Inpaint selection")
    desk.until(lambda: desk.phase("placed"))
    [job] = desk.jobs
    first = desk.sound()
    asking = Asking(browser, "use", job=job["job"], take=1)
    desk.until(lambda: asking.is_done)
    assert asking.answer is not None
    assert asking.answer.status == 200, asking.answer.body
    [item] = desk.punched
    second = soundfile.read(item.takes[2].source.path, dtype="float32")[0]  # type: ignore[union-attr]
    assert np.array_equal(desk.sound()[START:END].astype(np.float32), second)
    assert len(desk.reaper.undos[0]) == 2
    desk.reaper.undo()
    assert np.array_equal(desk.sound(), first)
    asking = Asking(browser, "use", job=job["job"], take=7)
    desk.until(lambda: asking.is_done)
    assert asking.answer.status == 400
    assert "take" in asking.answer.json["error"]["message"]
