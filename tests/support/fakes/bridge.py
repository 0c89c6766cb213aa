"""A real bridge process in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from fakes.harness import until


class RunningBridge:
    def __init__(self, home: Path, process: subprocess.Popen[bytes]) -> None:
        self.home, self.process = home, process

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def log(self) -> str:
        return (self.home / "log" / "bridge.log").read_text()

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(10)


def launch(home: Path, *flags: str, env: Mapping[str, str] | None = None) -> RunningBridge:
    """Start `punchin bridge`; it is ready when this returns."""
    paths = os.pathsep.join(filter(None, sys.path))
    (home / "log").mkdir(exist_ok=True)
    with (home / "log" / "bridge.out").open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "punchin_bridge.cli", "bridge", "--osc-port", "0", "--surface-port", "0", *flags],
            env=os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": paths} | (env or {}),
            stdout=out,
            stderr=out,
        )
    record = home / "runtime" / "bridge.json"
    until(lambda: (record.exists() and str(process.pid) in record.read_text()) or process.poll() is not None, 60)
    assert process.poll() is None, (home / "log" / "bridge.out").read_text()
    return RunningBridge(home, process)


@contextmanager
def bridge(home: Path, *flags: str, env: Mapping[str, str] | None = None) -> Iterator[RunningBridge]:
    running = launch(home, *flags, env=env)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
