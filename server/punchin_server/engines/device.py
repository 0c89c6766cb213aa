"""Which device and precision the models get, and what a recipe says of them. Knows packs, no requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from punchin_wire.errors import Unsupported

from ..models.musicgen import linear
from ..packs.registry import Pack


def describe_models(
    pack: Pack, references: Sequence[str], device: torch.device, precision: linear.Precision
) -> dict[str, str]:
    """What made a take, for its recipe: the pack, the sha256 of each file that `references` name, and the
    arithmetic."""
    return {
        "pack": f"{pack.name} {pack.manifest.version}",
        **{f"sha256 {path}": value for path, value in pack.hashes(references).items()},
        "device": str(device),
        "precision": precision,
        "torch": str(torch.__version__),  # it is a subclass of str that JSON refuses
    }


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` is the first GPU that torch can use. Raises Unsupported."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    there = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    try:
        device = torch.device(name)
    except RuntimeError:  # no name of a device
        device = torch.device("meta")
    if (device.index or 0) >= there.get(device.type, 0):
        names = [kind if count == 1 else f"{kind}:0 to {kind}:{count - 1}" for kind, count in there.items() if count]
        raise Unsupported(
            f"This computer has no device {name!r} that torch can use. It has {', '.join(names)}.",
            "Start with --device auto.",
        )
    return device


def prepare(device: torch.device) -> None:
    """Set what torch does on a GPU by itself, and should not: products in TF32, which has 10 bits where the CPU has 23
    and would give other tokens; attention by cuDNN, which plans for half a second whenever it meets a new length."""
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.enable_cudnn_sdp(False)


def choose_precision(name: str, device: torch.device) -> linear.Precision:
    """The arithmetic called `name`; `auto` is what the weights were published in on a GPU, float32 elsewhere."""
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    for precision in get_args(linear.Precision):
        if precision == name:
            chosen: linear.Precision = precision
            return chosen
    raise Unsupported(f"{name!r} is not a precision.", f"Choose one of {', '.join(get_args(linear.Precision))}.")
