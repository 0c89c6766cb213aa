"""Whether the takes of a request fit into the memory that is free, before they are begun. Knows sizes, no audio."""

from __future__ import annotations

import psutil
import torch
from punchin_wire.errors import OutOfMemory

from .decode import LanguageModel, TakeBatch

BESIDE = 256 * 2**20
"""Bytes that a prefill and the codec need beside the cache."""


def free_memory(device: torch.device) -> int:
    """Bytes that can be had on `device`: on a GPU with what torch keeps there for nothing."""
    if device.type != "cuda":
        return psutil.virtual_memory().available
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def check_room(lm: LanguageModel, takes: TakeBatch, steps: int) -> None:
    """Raise OutOfMemory, with how many takes would fit, unless the cache of `takes` over `steps` input steps does."""
    column = sum(layer.nbytes for layer in lm.new_cache(1, 1).layers)
    each = column * steps * takes.guidance.branches
    asked = len(takes.coefficients)
    beginnings = len(set(map(tuple, takes.coefficients.tolist())))  # which are computed first, and copied for each take
    free = free_memory(lm.offsets.device)
    fitting = int(max(free - BESIDE, 0) // each) - beginnings
    if fitting >= asked:
        return
    need = (asked + beginnings) * each + BESIDE
    raise OutOfMemory(
        f"{asked} take{'s need' if asked > 1 else ' needs'} {need / 2**30:.1f} GiB beside the model, "
        f"and {free / 2**30:.1f} GiB are free.",
        f"Ask for {fitting} take{'s' * (fitting > 1)} at once, or close other programs."
        if fitting > 0
        else "Close other programs, choose a smaller pack, or serve with --precision int8.",
    )
