"""A take is dragged from the shelf onto another program: the file is the take, and it stays when the shelf closes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.harness import until
from fakes.page import at_bridge, write_song, write_take
from hosts.ardour import screen
from peers.opened import address, end

pytestmark = [pytest.mark.e2e, pytest.mark.host]

TARGET = """
import sys
from PySide6 import QtWidgets
class Window(QtWidgets.QLabel):
    def dragEnterEvent(self, event):
        event.acceptProposedAction()
    def dropEvent(self, event):
        print(*[url.toLocalFile() for url in event.mimeData().urls()], flush=True)
        event.acceptProposedAction()
program = QtWidgets.QApplication(sys.argv)
window = Window("drop here")
window.setAcceptDrops(True)
window.setWindowTitle("target")
window.setGeometry(700, 100, 400, 400)
window.show()
program.exec()
"""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    if importlib.util.find_spec("PySide6") is None:
        pytest.skip("PySide6 is not installed")
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool")
    with screen() as name:
        yield name


def xdotool(env: dict[str, str], *words: object) -> str:
    done = subprocess.run(["xdotool", *map(str, words)], env=env, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def test_a_take_is_dragged_onto_another_program(display: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = os.environ | {
        "PUNCHIN_HOME": str(home), "DISPLAY": display, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip
    song = write_song(tmp_path / "song.wav")
    address(home, song)
    shelf = target = None
    try:
        browser = at_bridge(home)
        folder = home / "takes" / "song"
        take = write_take(song, folder, 3.0, 4.0, 1)
        browser.act("reset")
        with (tmp_path / "dropped").open("wb") as out:
            target = subprocess.Popen([sys.executable, "-c", TARGET], env=env, stdout=out)
        shelf = subprocess.Popen([sys.executable, "-m", "punchin_bridge.cli", "shelf"], env=env)
        found = until(lambda: xdotool(env, "search", "--name", "Punchin: takes to drag").split()[:1], 60)
        until(lambda: xdotool(env, "search", "--name", "^target$"), 60)
        xdotool(env, "windowmove", found[0], 50, 100)
        time.sleep(3.0)  # the first answer of the bridge; no window manager says when something is drawn
        xdotool(env, "mousemove", 150, 130, "mousedown", 1)
        for step in range(1, 31):
            xdotool(env, "mousemove", 150 + 25 * step, 130 + 4 * step)
            time.sleep(0.03)
        xdotool(env, "mouseup", 1)
        until(lambda: (tmp_path / "dropped").read_text().strip(), 20)
        assert Path((tmp_path / "dropped").read_text().strip()) == take
        data = take.read_bytes()
        shelf.terminate()
        shelf.wait(20)
        assert take.read_bytes() == data
    finally:
        for process in (shelf, target):
            if process is not None:
                process.kill()
                process.wait()
        end(home)
