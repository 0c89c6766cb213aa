"""What the sections of `bench_inpaint.py` share: rows of the table, a process for each case, the bandwidth floor."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from punchin_server.models.musicgen.musicgen import SMALL, LMConfig, MusicGen

SHAPES = {"small": SMALL, "tiny": LMConfig(layers=6, width=256, heads=4, card=512)}
"""MusicGen-small, and the size of the embedded pack."""
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu` leaves out what other programs took: for one core of a busy machine."""
SUPPORT = Path(__file__).resolve().parents[2] / "tests" / "support"


@dataclass(frozen=True)
class Row:
    """A line of the table. `goal` is an upper bound of `value`, or with `at_least` a lower one."""

    section: str
    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def in_process(case: Callable[..., Any], *args: Any, timeout: float = 900.0) -> Any:
    """`case(*args)` in a fresh process, so that no case inherits another's memory. Raises what it raised."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply_async(case, args).get(timeout)


def use_cores(count: int) -> None:
    torch.set_num_threads(count)
    torch.set_grad_enabled(False)
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))  # the peers that parity is tested against


def forget_peak() -> None:
    """Start measuring peak memory anew (Linux; elsewhere the peak includes loading)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_bytes() -> int:
    """Most resident memory of this process since :func:`forget_peak`."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text("ascii").splitlines() if x.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def bandwidth() -> float:
    """Bytes a second that this process reads from memory: the best of several passes over 512 MB."""
    buffer = torch.ones(2**27)
    best = min(durations(lambda: buffer.sum(), 7))
    return buffer.nbytes / best


def durations(work: Callable[[], object], times: int, clock: Clock = time.perf_counter) -> list[float]:
    taken = []
    for _ in range(times):
        started = clock()
        work()
        taken.append(clock() - started)
    return taken


def gaps(stamps: list[float]) -> list[float]:
    """Seconds between one time stamp and the next."""
    return [b - a for a, b in pairwise(stamps)]


def milliseconds(seconds: list[float]) -> float:
    return 1000 * statistics.median(seconds)


def random_lm(shape: str, max_steps: int = 1504) -> MusicGen:
    """Our language model with random weights, always the same."""
    torch.manual_seed(0)
    return MusicGen(SHAPES[shape], max_steps).eval().requires_grad_(False)
