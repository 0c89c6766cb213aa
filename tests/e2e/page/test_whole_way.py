"""From a file to a take that was chosen by ear, on the built-in pack: once by mouse, once by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.songs import write_chords, write_song
from peers.browser import Browser
from peers.opened import end, opened
from punchin_bridge.takes import recipe
from punchin_wire.messages import InpaintRequest

pytestmark = [pytest.mark.e2e, pytest.mark.model]

REGION = "['first', 'last'].map((edge) => document.querySelector(`#region-${edge}`).value)"
MADE = 240.0
"""Seconds that takes of a bar may need on a busy machine."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    yield folder
    end(folder)


def heard(tab: Browser) -> dict[str, object]:
    """What the page plays now."""
    found: dict[str, object] = tab.run(
        """async () => {
          const a = await import("/app/audition.js");
          return { playing: a.playing.value, chosen: a.order.value.indexOf(a.chosen.value), at: a.position(),
                   state: a.player.context.state, loaded: a.loaded.value.size };
        }"""
    )
    return found


def saved(home: Path, name: str) -> tuple[np.ndarray, Path]:
    """The song that was saved with a take in it, as integers."""
    [path] = (home / "takes" / name).glob("*_song.wav")
    return soundfile.read(path, dtype="int32", always_2d=True)[0], path


def test_by_mouse(home: Path, tmp_path: Path) -> None:
    song, chords = write_song(tmp_path, "By mouse.wav"), write_chords(tmp_path)
    with opened(home) as tab:
        tab.until("document.querySelector('.welcome')")
        tab.drop(song)
        tab.until("document.querySelector('.wave') && document.querySelector('.make')")
        tab.drop(chords, ".make")
        tab.until("document.querySelector('#region-first[max=\"12\"]')")
        tab.call("drag", ".wave", (0.34, 0.5), (0.41, 0.5))
        assert tab.run(
            "[document.querySelector('#region-first').value, document.querySelector('#region-last').value]"
        ) == ["5", "5"]
        tab.fill("#knob-takes", "2")
        tab.click("#punch")
        tab.until("document.querySelector('.jobs progress')")
        tab.until("document.querySelectorAll('[data-take]').length === 3", MADE)
        tab.until("[...document.querySelectorAll('.take .level')].every((e) => e.innerText.includes('LUFS'))")
        tab.until("async () => (await import('/app/audition.js')).loaded.value.size === 3")
        tab.click("#play")
        tab.click(".take:nth-child(3) .pick")
        found = heard(tab)
        assert (found["playing"], found["chosen"], found["state"], found["loaded"]) == (True, 2, "running", 3)
        tab.click("#play")
        tab.click(".take.chosen .does .primary")
        tab.until("document.querySelector('.notice.good')")
        assert "takes" not in tab.text(".notice.good").split("Saved as ")[1].split(",")[0]  # the file, not its folders
        assert Path(tab.run("document.querySelector('.notice.good span').title")).is_file()
        assert tab.log == []
    whole, path = saved(home, "By mouse")
    before, _ = soundfile.read(song, dtype="int32", always_2d=True)
    rate = 44_100
    assert np.array_equal(whole[: 8 * rate], before[: 8 * rate])
    assert np.array_equal(whole[10 * rate :], before[10 * rate :])
    assert not np.array_equal(whole, before)
    made = recipe.read(path)
    assert isinstance(made.request, InpaintRequest)
    assert made.request.takes[0].controls == {"chord": 1.0}
    assert made.request.beats


def tab_to(tab: Browser, where: str) -> None:
    """Go on with the Tab key until this is reached."""
    for _ in range(80):
        if tab.run(f"document.activeElement.matches({where!r})"):
            return
        tab.press("Tab")
    raise AssertionError(f"{where} cannot be reached by Tab")


def test_by_keyboard_alone(home: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path, "By keyboard.wav")
    with opened(home, song) as tab:
        tab.until("document.querySelector('.make')")
        tab_to(tab, "input[name=bpm]")
        tab.call("type", "120")
        tab.press("Enter")
        tab.until("document.querySelector('#region-first[max=\"12\"]')")
        tab_to(tab, "#region-first")
        tab.call("type", "3")
        tab.press("Tab")
        tab.until("document.querySelector('#region-last').value === '3'")
        tab_to(tab, ".typed input")
        tab.call("type", "F | G7")
        tab.press("Enter")
        tab.until("document.querySelector('[data-control=chord] input:checked')")
        tab_to(tab, "#knob-takes")  # the other test has set it
        tab.press("Control+a")
        tab.call("type", "1")
        tab.press("Tab")
        tab.until("async () => (await import('/app/state.js')).knobs.value.takes.value === 1")
        tab.run("document.activeElement.blur()")
        tab.press("p")
        tab.until("document.querySelectorAll('[data-take]').length === 2", MADE)
        tab.until("[...document.querySelectorAll('.take .level')].every((e) => e.innerText.includes('LUFS'))")
        tab.press("1", " ")
        found = heard(tab)
        assert (found["playing"], found["chosen"]) == (True, 1)
        tab.press("ArrowUp")
        assert heard(tab)["chosen"] == 0
        tab.press("ArrowDown", "l", "m", "x", "x", " ")
        found = heard(tab)
        assert (found["playing"], found["chosen"]) == (False, 1)
        tab_to(tab, ".take.chosen .does .primary")
        tab.press("Enter")
        tab.until("document.querySelector('.notice.good')")
        tab.press("?")
        tab.until("document.querySelector('dialog[open]')")
        tab.press("Escape")
        tab.until("!document.querySelector('dialog[open]')")
        assert tab.log == []
    made = recipe.read(saved(home, "By keyboard")[1])
    assert isinstance(made.request, InpaintRequest)
    assert [chord.label for chord in made.request.chords] == ["F:maj"]
