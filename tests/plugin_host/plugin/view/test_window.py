"""The plug-in's window on a screen, by mouse and keys, seen in what the project would keep.

The real plug-in in a host of our own, and for takes the real bridge and daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import plugin_build
from fakes.bridge import bridge
from fakes.harness import daemon, until
from hosts.ardour import screen
from hosts.stage import BAR, Stage, missing, stage

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


@pytest.fixture
def shown(home: Path, display: str) -> Iterator[Stage]:
    """The window, after eight bars were played."""
    installed = plugin_build.install(home / "plug-ins", plugin_build.bundles())
    with stage(installed.parent / ".clap" / "Punchin" / "Punchin.clap", display) as found:
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
