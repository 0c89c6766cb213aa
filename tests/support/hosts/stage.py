"""A host of our own with the plug-in's window in it: plays a song faster than time, and is driven as by a musician, by
mouse and keys on a virtual screen. For tests of the window and for the pictures in the documentation."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
from fakes.harness import until
from filelock import FileLock

SOURCE = Path(__file__).with_suffix(".cpp")
HEADERS = Path("/usr/share/dpf/distrho/src")
PROGRAMS = ("c++", "Xvfb", "xdotool", "import")
RATE = 48_000
BAR = 2 * RATE
"""Of the song: 120 bpm in 4/4."""
_STATE = re.compile(rb"\0punchin\0(\{.*?\})\0", re.DOTALL)
_TAKE = re.compile(rb"\0take\0([0-9.]+)\0")


def missing() -> list[str]:
    """What a stage needs and this machine has not."""
    return [program for program in PROGRAMS if shutil.which(program) is None] + ([] if HEADERS.is_dir() else ["DPF"])


def program() -> Path:
    """The host, compiled once."""
    folder = Path(tempfile.gettempdir()) / f"punchin-stage-{sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    with FileLock(f"{folder}.lock", timeout=300):
        if not folder.exists():
            made = folder.with_suffix(".new")
            flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-I", HEADERS]
            subprocess.run(["c++", *flags, SOURCE, "-o", made, "-lX11", "-ldl"], check=True, timeout=240)
            made.replace(folder)
    return folder


class Stage:
    """The plug-in `clap` with its window open on the screen `display`."""

    def __init__(self, clap: Path, display: str) -> None:
        self.display = display
        self._env = os.environ | {"DISPLAY": display}
        self._process = subprocess.Popen(
            [program(), clap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._env
        )
        self.window = self._answer().removeprefix("window ")

    def close(self) -> None:
        """As a host does; what hangs is killed."""
        try:
            self._process.communicate("quit\n", timeout=60)
        finally:
            self._process.kill()
        assert self._process.returncode == 0

    def play(self, start: int, end: int) -> None:
        self._say(f"play {start} {end}")

    def resize(self, width: int, height: int) -> None:
        self._say(f"size {width} {height}")

    @property
    def state(self) -> dict[str, Any]:
        """What a project would keep: our document, and beside it `take`, the host's parameter."""
        with tempfile.NamedTemporaryFile() as file:
            self._say(f"state {file.name}")
            saved = Path(file.name).read_bytes()
        document, take = _STATE.search(saved), _TAKE.search(saved)
        assert document is not None, saved
        assert take is not None, saved
        found: dict[str, Any] = json.loads(document[1])
        return found | {"take": round(float(take[1]))}

    @property
    def cpu_seconds(self) -> float:
        """Of all its threads so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    # ---- the musician ------------------------------------------------------------------------------------------

    def drag(self, *points: tuple[float, float]) -> None:
        """The left button down at the first point, up at the last."""
        first, *others = points
        words = [*self._to(first), "mousedown", "1"]
        for point in others:
            words += self._to(point)
        self._xdotool(*words, "mouseup", "1")

    def carry(self, start: tuple[float, float], end: tuple[int, int]) -> None:
        """From a point of the window to one of the screen, with a hand's steps."""
        self._xdotool(*self._to(start), "mousedown", "1")
        x, y = (int(place.split(":")[1]) for place in self._xdotool("getmouselocation").split()[:2])
        for step in range(1, 31):
            at = (x + (end[0] - x) * step // 30, y + (end[1] - y) * step // 30)
            self._xdotool("mousemove", *map(str, at))
            time.sleep(0.03)
        self._xdotool("mouseup", "1")

    def click(self, point: tuple[float, float]) -> None:
        """Until the window has the keyboard, too."""
        self.drag(point)
        until(lambda: int(self._xdotool("getwindowfocus", "-f")) > 1, 60)

    def press(self, *keys: str) -> None:
        """Keys by their X names, one after the other."""
        self._xdotool("key", "--delay", "20", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "20", text)

    def picture(self, path: Path) -> None:
        subprocess.run(["import", "-window", self.window, path], check=True, timeout=60, env=self._env)

    def _to(self, point: tuple[float, float]) -> list[str]:
        x, y = point
        return ["mousemove", "--window", self.window, str(round(x)), str(round(y))]

    def _xdotool(self, *words: str) -> str:
        command = ["xdotool", *words]
        return subprocess.run(command, check=True, timeout=60, env=self._env, stdout=subprocess.PIPE, text=True).stdout

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def stage(clap: Path, display: str) -> Iterator[Stage]:
    found = Stage(clap, display)
    try:
        yield found
    finally:
        found.close()
