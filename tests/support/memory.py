"""How much memory a piece of work takes: seen from outside, in a process of its own (Linux)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil

POLL_SECONDS = 0.002

SCRIPT = """import sys
{prepare}
print("ready", flush=True)
input()
{work}
print("done", flush=True)
input()
"""


class Memory(NamedTuple):
    """Bytes that a process took beyond what it had before the work, and the seconds that the work took: by the clock,
    and of processors.

    `peak` and `held` are anonymous memory, at most and in the end: what this process alone has, and nobody can take
    from it. `resident` is the peak of everything, pages of mapped files included, which the system drops when it needs
    room.
    """

    peak: int
    held: int
    resident: int
    seconds: float
    cpu: float


def measure(prepare: str, work: str, *argv: str, timeout: float = 600.0) -> Memory:
    """Run `prepare`, then measure `work`: both Python, in a fresh interpreter with `argv`. Raises where it fails."""
    script = SCRIPT.format(prepare=prepare, work=work)
    child = subprocess.Popen(
        [sys.executable, "-c", script, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    watchdog = threading.Timer(timeout, child.kill)
    watchdog.start()
    try:
        return _watch(child)
    finally:
        watchdog.cancel()
        child.kill()
        child.communicate()


def _watch(child: subprocess.Popen[str]) -> Memory:
    assert child.stdin is not None
    _hear(child, "ready")
    Path(f"/proc/{child.pid}/clear_refs").write_text("5", "ascii")  # VmHWM begins anew
    anonymous, resident = _bytes(child.pid, "RssAnon"), _bytes(child.pid, "VmRSS")
    seen, over = [anonymous], threading.Event()

    def poll() -> None:
        while not over.wait(POLL_SECONDS):
            seen.append(_bytes(child.pid, "RssAnon"))

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        started, before = time.perf_counter(), _processors(child.pid)
        child.stdin.write("\n")
        child.stdin.flush()
        _hear(child, "done")
        seconds, cpu = time.perf_counter() - started, _processors(child.pid) - before
    finally:
        over.set()
        poller.join()
    held = _bytes(child.pid, "RssAnon")
    peak = max(*seen, held)
    return Memory(peak - anonymous, held - anonymous, _bytes(child.pid, "VmHWM") - resident, seconds, cpu)


def _hear(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdout is not None
    while line := child.stdout.readline():
        if line.strip() == word:
            return
    raise RuntimeError(f"The measured process ended before it said {word!r}.")


def _processors(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _bytes(pid: int, field: str) -> int:
    """A figure of /proc/PID/status, 0 once the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return 0
    lines = (line for line in status.splitlines() if line.startswith(f"{field}:"))
    return 1024 * int(next(lines, "x 0").split()[1])
