"""A tool of a seat without a model: doubles numbers, and dies or fails where it is told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from punchin_wire.errors import BadAudio


class Doubler:
    """`folder` remembers between processes what has happened once."""

    def __init__(self, folder: Path, device: str) -> None:
        self.folder, self.device = folder, device
        self.about = "different" if device == "cuda:1" else "doubles"

    def double(self, number: int) -> int:
        return 2 * number

    def where(self, _number: int) -> tuple[str, int]:
        return self.device, os.getpid()

    def die_once(self, number: int) -> int:
        """At 3."""
        if number == 3 and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    def die(self, number: int) -> int:
        """Whoever gets 3."""
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number

    def fail(self, number: int) -> int:
        raise BadAudio(f"{number} is no sound.", "Give another.")
