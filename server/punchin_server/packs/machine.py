"""What memory this computer has, and which precision of a pack fits it. Asks the driver's tool; imports no torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

GIB = 2**30
PATIENCE_SECONDS = 10.0
ON_GPU, ON_CPU = ("float16", "bfloat16", "int8"), ("float32", "bfloat16", "int8")
"""Precisions that models run in there, the one that `auto` takes first."""


@dataclass(frozen=True)
class Machine:
    """Bytes of memory, and of the largest GPU that torch may use (0: there is none)."""

    memory: int
    gpu: int = 0
    gpu_name: str = ""

    def fitting(self, need: Mapping[str, float]) -> str | None:
        """The first precision in which a pack that needs `need` GiB fits; None where none does."""
        for device, precisions in ((self.gpu, ON_GPU), (self.memory, ON_CPU)):
            for precision in precisions:
                if device and precision in need and need[precision] * GIB <= device:
                    return precision
        return None

    def judge(self, need: Mapping[str, float]) -> str:
        """Whether a pack fits, in a sentence: how it will be run, which precision to ask for, or that it does not."""
        if not need:
            return "How much memory it needs is not known."
        fits = self.fitting(need)
        if fits is None:
            least = min(need, key=lambda precision: need[precision])
            return f"It needs {need[least]:g} GiB at least ({least}); {self} is too small for it."
        on_gpu = bool(self.gpu) and fits in ON_GPU and need[fits] * GIB <= self.gpu
        usual = "float16" if self.gpu else "float32"
        text = f"It fits {self} in {fits} ({need[fits]:g} GiB)"
        if self.gpu and not on_gpu:
            return f"{text}, on the CPU only: start with `punchin serve --device cpu --precision {fits}`."
        if fits == usual:
            return f"{text}."
        return f"{text}, not in {usual} ({need[usual]:g} GiB): start with `punchin serve --precision {fits}`."

    def __str__(self) -> str:
        gpu = f"{self.gpu / GIB:.0f} GiB of {self.gpu_name} and " if self.gpu else ""
        return f"this computer ({gpu}{self.memory / GIB:.0f} GiB of memory)"


def this_machine() -> Machine:
    """What is here."""
    memory = psutil.virtual_memory().total
    gpus = _nvidia()
    name, size = max(gpus, key=lambda gpu: gpu[1]) if gpus else ("", 0)
    if not gpus and platform.system() == "Darwin" and platform.machine() == "arm64":
        name, size = "shared memory", memory * 3 // 4  # what macOS lets a GPU have of it
    return Machine(memory, size, name)


def _nvidia() -> list[tuple[str, int]]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    ask = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = (line.rpartition(",") for line in done.stdout.splitlines())
    return [(name.strip(), int(mib) * 2**20) for name, _, mib in rows if mib.strip().isdigit()]
