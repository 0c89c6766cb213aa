"""A real browser that tests drive: Chromium by playwright-core, in a node process that answers line by line."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("browser.cjs")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 60.0


def _needed() -> tuple[str, dict[str, str]]:
    """Where Chromium is, and the environment in which node finds playwright-core; without them the test skips."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None or not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Chromium, node and npm")
    root = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    if not (Path(root) / "playwright-core").is_dir():
        pytest.skip("playwright-core is not installed: npm install --global playwright-core")
    return found, os.environ | {"NODE_PATH": root}


class Browser:
    """One tab. What is called here is done there (`browser.cjs`); what fails there raises here."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def call(self, name: str, *args: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": name, "args": args}).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_SECONDS)
        assert ready, f"the browser has not done {name}"
        said = json.loads(self._process.stdout.readline())
        assert "error" not in said, f"{name}{args}: {said['error']}"
        return said["value"]

    def open(self, address: str, **options: Any) -> None:
        self.call("open", address, options)

    def run(self, code: str) -> Any:
        """What an expression is, or a function returns, in the page."""
        return self.call("run", code)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.call("press", key)

    def click(self, where: str) -> None:
        self.call("click", where)

    def fill(self, where: str, text: str) -> None:
        """Write into a field, and leave it."""
        self.call("fill", where, text)
        self.press("Tab")

    def text(self, where: str) -> str:
        return str(self.call("text", where))

    def count(self, where: str) -> int:
        return int(self.call("count", where))

    def drop(self, path: Path, where: str = "main") -> None:
        """Drop a file, as a file manager does."""
        self.call("drop", where, path.name, base64.b64encode(path.read_bytes()).decode())

    def until(self, code: str, seconds: float = 30.0) -> Any:
        """The first true value of an expression in the page."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(code)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {code}\n{self.log}\n{self.run(SEEN)}"
            time.sleep(0.05)
        return value

    @property
    def log(self) -> list[str]:
        """Errors and warnings of the page, and what its policy has forbidden."""
        violations = self.run("window.violations")
        return [*self.call("log"), *violations]


SEEN = "document.body.innerText.slice(0, 2000)"


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser; the test skips where there is none."""
    program, env = _needed()
    process = subprocess.Popen(["node", str(DRIVER), program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    try:
        yield Browser(process)
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
