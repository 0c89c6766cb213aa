"""What the trainings of this package share: a clock that sets the rate, a log line, checkpoints written whole."""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from punchin_wire.disk import replacing

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

WARM_UP, FINAL_SHARE = 50, 0.03
CHECKPOINT_SECONDS = 240.0


class Schedule:
    """Cosine from the peak rate to 3 % of it over a given time; goes on from what an earlier run has spent.

    >>> schedule = Schedule(minutes=0.0, peak=1e-3)
    >>> schedule.running()
    False
    """

    def __init__(self, minutes: float, peak: float, step: int = 0, spent: float = 0.0) -> None:
        self.seconds, self.peak, self.step = 60 * minutes, peak, step
        self.started = time.monotonic() - spent
        self.saved = spent

    @property
    def spent(self) -> float:
        return time.monotonic() - self.started

    def running(self) -> bool:
        return self.spent < self.seconds

    def set(self, optimiser: torch.optim.Optimizer) -> None:
        """Set this step's rate, as a share of each group's own `peak` where it has one."""
        progress = min(1.0, self.spent / self.seconds)
        share = min(1.0, (self.step + 1) / WARM_UP)
        share *= FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = share * group.get("peak", self.peak)

    def due(self) -> bool:
        """Is it time for a checkpoint?"""
        if self.spent - self.saved < CHECKPOINT_SECONDS:
            return False
        self.saved = self.spent
        return True


def half() -> AbstractContextManager[None]:
    """Arithmetic in bfloat16 where torch thinks it safe: half again as fast on CPUs that know it."""
    context: AbstractContextManager[None] = torch.autocast(DEVICE.type, torch.bfloat16)
    return context


def save(path: Path, **content: Any) -> None:
    """Write a checkpoint, all of it or nothing."""
    with replacing(path, durable=False) as file:
        torch.save(content, file)


def restore(path: Path) -> dict[str, Any]:
    """What :func:`save` wrote; empty where nothing is."""
    return torch.load(path, map_location=DEVICE, weights_only=True) if path.exists() else {}


def log(name: str, schedule: Schedule, **values: float) -> None:
    """One line that `report` can draw."""
    shown = " ".join(f"{key} {value:.4f}" for key, value in values.items())
    print(f"{name} step {schedule.step} {schedule.spent:.0f}s {shown}", flush=True)
