"""What the daemon does in each stage of a job, in a musician's words. The one list of them for terminals and hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from punchin_wire.messages import Progress, Stage


class Words(NamedTuple):
    """What is being done, and what is counted meanwhile; MusicGen's frames are 20 ms of music."""

    doing: str
    counted: str


STAGES: Mapping[Stage, Words] = {
    "load": Words("loading the models", ""),
    "encode": Words("listening", "pieces"),
    "prefill": Words("reading the context", "frames"),
    "decode": Words("playing", "frames"),
    "denoise": Words("playing anew", "steps"),
    "codec": Words("rendering the sound", "pieces"),
}


def count(progress: Progress) -> str:
    """How much of its stage is done, such as `46 of 215 frames`; empty where that is one thing."""
    if progress.total <= 1:
        return ""
    return f"{progress.step} of {progress.total} {STAGES[progress.stage].counted}"
