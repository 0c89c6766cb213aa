"""A take is dragged from the shelf onto another program: the file is the take, and it stays when the shelf closes."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.harness import until
from fakes.page import at_bridge, write_song, write_take
from hosts.ardour import ardour, make_session, missing, screen
from hosts.studio import Studio
from peers import droptarget
from peers.opened import address, end

pytestmark = [pytest.mark.e2e, pytest.mark.host]

TAKE_AT = (150, 130)
"""On the screen: the first take of the shelf, whose window the tests move."""
CENTRE = (900, 250)
"""Of the target."""
CANVAS = (1000, 640)
"""Of Ardour, below its tracks."""
FADE = 64
"""Samples that Ardour fades at either end of what it takes in."""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if importlib.util.find_spec("PySide6") is None:
        pytest.skip("PySide6 is not installed")
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool")
    with screen() as name:
        yield name


@dataclass
class Shelf:
    """`punchin shelf` on a screen, with one take."""

    env: dict[str, str]
    process: subprocess.Popen[bytes]
    take: Path

    def drag(self, to: tuple[int, int]) -> None:
        """From the first take to a place of the screen, with a hand's steps."""
        _xdotool(self.env, "mousemove", *TAKE_AT, "mousedown", 1)
        for step in range(1, 31):
            _xdotool(self.env, "mousemove", *(a + (b - a) * step // 30 for a, b in zip(TAKE_AT, to, strict=True)))
            time.sleep(0.03)
        _xdotool(self.env, "mouseup", 1)

    def drag_until(self, to: tuple[int, int], has_come: Callable[[], object], seconds: float = 60.0) -> None:
        """Again until it has: nothing says when a window is drawn, and when the shelf has heard of the take."""
        deadline = time.monotonic() + seconds
        while not has_come():
            assert time.monotonic() < deadline, "nothing was dropped"
            self.drag(to)
            with contextlib.suppress(AssertionError):
                until(has_come, 5)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def shelf(folder: Path, display: str) -> Iterator[Shelf]:
    home = folder / "home"
    env = os.environ | {
        "PUNCHIN_HOME": str(home), "DISPLAY": display, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip
    song = write_song(folder / "song.wav")
    try:
        address(home, song)
        browser = at_bridge(home)
        take = write_take(song, home / "takes" / "song", 3.0, 4.0, 1)
        browser.act("reset")
        process = subprocess.Popen([sys.executable, "-m", "punchin_bridge.cli", "shelf"], env=env)
        try:
            (window, *_) = until(lambda: _xdotool(env, "search", "--name", "Punchin: takes to drag").split(), 60)
            _xdotool(env, "windowmove", window, 50, 100)
            yield Shelf(env, process, take)
        finally:
            process.kill()
            process.wait()
    finally:
        end(home)


def _xdotool(env: dict[str, str], *words: object) -> str:
    done = subprocess.run(["xdotool", *map(str, words)], env=env, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def test_a_take_is_dragged_onto_another_program(display: str, tmp_path: Path) -> None:
    dropped = tmp_path / "dropped"
    with shelf(tmp_path, display) as found, dropped.open("wb") as out:
        data = found.take.read_bytes()
        target = subprocess.Popen([sys.executable, droptarget.__file__, "700"], env=found.env, stdout=out)
        try:
            until(lambda: _xdotool(found.env, "search", "--name", "^target$"), 60)
            found.drag_until(CENTRE, dropped.read_text)
            assert Path(dropped.read_text().splitlines()[0]) == found.take
            found.close()
            assert found.take.read_bytes() == data
        finally:
            target.kill()
            target.wait()


def test_a_take_is_dragged_onto_the_canvas_of_ardour(display: str, tmp_path: Path) -> None:
    """Without a script of ours in it: as any other file, to the sample."""
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")
    session = make_session(tmp_path / "session", 44_100, {"Drums": 1}, ())
    with ardour(tmp_path / "own", session, display) as program, shelf(tmp_path, display) as found:
        data, studio = found.take.read_bytes(), Studio(program, session, found.take.parent)
        sound, _ = soundfile.read(found.take, dtype="float32", always_2d=True)

        def track() -> str | None:
            names = program.lua(
                """local all = {} for route in Session:get_tracks ():iter () do all[#all + 1] = route:name () end
                return all"""
            )
            return next((name for name in names if name.startswith(found.take.stem)), None)

        found.drag_until(CANVAS, track)
        name = until(track)
        (region,) = until(lambda: studio.regions(name))
        assert region.name.startswith(found.take.stem)
        assert region.length == len(sound)
        found.close()
        assert found.take.read_bytes() == data
        studio.parts[name] = (region.start, sound)
        heard = studio.heard(name, region.start, region.start + region.length)
        np.testing.assert_array_equal(heard[FADE:-FADE], sound[FADE:-FADE])
