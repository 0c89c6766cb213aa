"""The page as a musician opens it: `punchin open` on a home of its own, and a browser at the address that it prints."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from peers.browser import Browser, browser


def address(home: Path, *args: str | Path) -> str:
    """What `punchin open` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "punchin_bridge.cli", "open", "--no-browser", "--json", *map(str, args)],
        env=os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(json.loads(done.stdout)["address"])


@contextmanager
def opened(home: Path, *args: str | Path, **options: object) -> Iterator[Browser]:
    """The page in a browser, connected."""
    with browser() as tab:
        tab.open(address(home, *args), **options)
        tab.until("!!document.querySelector('header')")
        yield tab


def end(home: Path) -> None:
    """Stop the bridge and the daemon that `punchin open` has started."""
    for name in ("bridge", "daemon"):
        record = home / "runtime" / f"{name}.json"
        if record.exists():
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(json.loads(record.read_text())["pid"])
                process.send_signal(signal.SIGTERM)
                process.wait(30)
