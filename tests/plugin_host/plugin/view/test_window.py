"""The plug-in's window on a screen, by mouse and keys, seen in what the project would keep.

The real plug-in in a host of our own, and for takes the real bridge and daemon."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from fakes import plugin_build
from fakes.bridge import bridge
from fakes.harness import daemon, until
from hosts.ardour import screen
from hosts.stage import BAR, Stage, missing, stage
from peers import droptarget

from .window import Window

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.host]
SONG = ("rate 48000", f"heard 0 {8 * BAR}", "bars 1 " + " ".join(str(bar * BAR) for bar in range(9)))
"""What the window knows once the song was played."""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")
    with screen() as name:
        yield name


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    return tmp_path


def opened(name: str, home: Path, display: str) -> AbstractContextManager[Stage]:
    installed = plugin_build.install(home / "plug-ins", plugin_build.bundles())
    return stage(installed.parent / ".clap" / "Punchin" / f"{name}.clap", display)


@pytest.fixture
def shown(home: Path, display: str) -> Iterator[Stage]:
    """The window, after eight bars were played."""
    with opened("Punchin", home, display) as found:
        found.play(0, 8 * BAR)
        yield found


@pytest.fixture
def chords(home: Path, display: str) -> Iterator[Stage]:
    """That of *Punchin Chords*, after eight bars were played."""
    with opened("PunchinChords", home, display) as found:
        found.play(0, 8 * BAR)
        yield found


def selection(shown: Stage) -> tuple[float, float]:
    """In bars from the start."""
    kept = shown.state["selection"]
    return kept["start"] / BAR, kept["end"] / BAR


def becomes(said: Callable[[], object], wanted: object) -> None:
    until(lambda: said() == wanted, 60)


def selects(shown: Stage, wanted: tuple[float, float], *points: tuple[float, float]) -> None:
    """Dragging over `points` does, once the window has the size that it was given: until then it is done again."""

    def done() -> bool:
        shown.drag(*points)
        late = time.monotonic() + 2.0
        while selection(shown) != wanted and time.monotonic() < late:
            time.sleep(0.01)
        return selection(shown) == wanted

    until(done, 60)


def test_the_mouse_selects_bars_and_another_size_moves_everything_along(shown: Stage, window: Window) -> None:
    for size in ((840, 620), (1200, 900)):
        shown.resize(*size)
        wave = window.run(*SONG, f"size {size[0]} {size[1]}").controls["wave"]
        selects(shown, (2, 5), wave.point(2.5 / 8), wave.point(3 / 8), wave.point(4.5 / 8))
        selects(shown, (7, 8), wave.point(7.5 / 8), wave.point(7.6 / 8))


def test_a_field_is_written_in(shown: Stage, window: Window) -> None:
    chords = window.run(*SONG).controls["chords"]
    shown.click(chords.point())
    shown.type("Am7 | F G")
    shown.press("BackSpace", "C", "Return")
    becomes(lambda: shown.state["settings"].get("chords"), "Am7 | F C")


def test_takes_by_keys_alone(home: Path, shown: Stage, window: Window) -> None:
    """Bars by arrows, two takes, *Punch in*, then the other take, and the original."""
    with daemon(home), bridge(home):
        shown.click(window.run(*SONG).controls["wave"].point(0.5 / 8))  # gives the window the keyboard
        shown.press("Right", "Right", "shift+Right")
        becomes(lambda: selection(shown), (2, 4))
        to_takes = window.tabs_to("takes", *SONG, "key Right")
        shown.press(*["Tab"] * to_takes, "Right")
        becomes(lambda: shown.state["settings"].get("parameters", {}).get("takes"), "2")
        to_punch = window.tabs_to("punch", *SONG, "key Right")
        shown.press(*["Tab"] * (to_punch - to_takes), "Return")
        becomes(lambda: [len(region["takes"]) for region in shown.state["regions"]], [2])
        shown.press("2")
        becomes(lambda: shown.state["take"], 2)
        shown.press("0")
        becomes(lambda: shown.state["take"], 0)


def test_notes_are_followed_as_the_window_of_chords_says(chords: Stage, window: Window) -> None:
    """By the mouse, and by keys."""
    notes = ("hears_notes", "has_notes", *SONG, "size 840 360")
    piano = window.run(*notes).controls["feeds piano"]

    def is_piano() -> bool:
        chords.click(piano.point())
        late = time.monotonic() + 2.0
        while chords.state["settings"].get("feeds") != "piano" and time.monotonic() < late:
            time.sleep(0.01)
        return bool(chords.state["settings"].get("feeds") == "piano")

    until(is_piano, 60)
    chords.press("Right")
    becomes(lambda: chords.state["settings"].get("feeds"), "chord piano")


def test_a_take_is_dragged_onto_another_program(home: Path, shown: Stage, window: Window, tmp_path: Path) -> None:
    if importlib.util.find_spec("PySide6") is None:
        pytest.skip("PySide6 is not installed")
    with daemon(home), bridge(home):
        shown.click(window.run(*SONG).controls["wave"].point(0.5 / 8))
        shown.press("Right", "p")
        becomes(lambda: [len(region["takes"]) for region in shown.state["regions"]], [1])
    take = window.run(*SONG, f"region 0 {BAR}", "take one").controls["take 1"].point()
    dropped, left = tmp_path / "dropped", 900
    with dropped.open("wb") as out:
        program = [sys.executable, droptarget.__file__, str(left)]
        target = subprocess.Popen(program, env=os.environ | {"DISPLAY": shown.display}, stdout=out)
        try:
            deadline = time.monotonic() + 60.0
            while not dropped.read_text():  # again: nothing says when the other window is there
                assert time.monotonic() < deadline, "nothing was dropped"
                shown.carry(take, (left + droptarget.SIZE // 2, droptarget.TOP + droptarget.SIZE // 2))
                with contextlib.suppress(AssertionError):
                    until(dropped.read_text, 5)
        finally:
            target.kill()
            target.wait()
    assert dropped.read_text().splitlines()[0] == shown.state["regions"][0]["takes"][0]["path"]
