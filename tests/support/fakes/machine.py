"""A user's machine: `punchin` as a process of its own, and the daemon that it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from punchin_wire import paths


@contextmanager
def machine(home: Path, packs: Path | None = None) -> Iterator[dict[str, str]]:
    """The environment of one with a `home` of its own and the pack at `packs`, else what is built in. The daemon that
    a command starts there is stopped afterwards."""
    yield os.environ | {
        "PUNCHIN_HOME": str(home),
        "PUNCHIN_SERVE_OSC_PORT": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        **({"PUNCHIN_PACKS": str(packs)} if packs else {}),
    }
    record = home / "runtime" / paths.daemon_file().name
    if record.exists():
        process = psutil.Process(json.loads(record.read_text())["pid"])
        process.terminate()
        process.wait(30)


def punchin(env: dict[str, str], *words: object) -> Any:
    """The one object that the command prints."""
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words), "--json"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
