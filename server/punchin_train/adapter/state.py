"""What a run of adapter training leaves in its folder: its state, the adapter, a log. Every file is written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import safetensors.torch
import torch
from punchin_server.models.audioldm2.ap_adapter import adapter_parameters, adapter_state
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from punchin_server.packs.tensor_files import check_fit, only_tensors, read_pickle
from punchin_wire.disk import replacing
from punchin_wire.errors import AdapterMismatch, BadCheckpoint

STATE, ADAPTER, LOG = "state.pt", "adapter.safetensors", "log.jsonl"


@dataclass(frozen=True)
class Progress:
    """How far a run is: optimiser steps, items of the stream used up, seconds spent; `seed` is the stream's."""

    seed: int
    step: int = 0
    items: int = 0
    seconds: float = 0.0


def save(folder: Path, unet: PromptedUNet, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
    """Write all with which :func:`resume` goes on, and the adapter as packs take it."""
    state = {"adapter": adapter_state(unet), "optimiser": optimiser.state_dict(), "progress": vars(progress)}
    with replacing(folder / STATE, durable=False) as file:
        torch.save(state, file)
    write_adapter(folder / ADAPTER, unet)


def write_adapter(path: Path, unet: PromptedUNet) -> None:
    """The adapter in `path`, for `load_adapter`."""
    with replacing(path, durable=False) as file:
        file.write(safetensors.torch.save(adapter_state(unet)))


@torch.no_grad()
def resume(folder: Path, unet: PromptedUNet, optimiser: torch.optim.Optimizer, new: Progress) -> Progress:
    """Set adapter and optimiser to the state that `folder` holds, and return how far it is; `new` where it holds none.

    Raises BadCheckpoint, and AdapterMismatch for the state of another UNet's adapter.
    """
    path = folder / STATE
    if not path.exists():
        return new
    state = read_pickle(path)
    weights = adapter_parameters(unet)
    adapter = only_tensors(state.get("adapter"), path.name)
    check_fit(adapter, {name: weight.shape for name, weight in weights.items()}, path.name, AdapterMismatch)
    for name, weight in weights.items():
        weight.copy_(adapter[name])
    try:
        optimiser.load_state_dict(state["optimiser"])
        return Progress(**state["progress"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadCheckpoint(f"{path} is no state of adapter training: {error}", "Choose another --out.") from error


class Log:
    """One JSON object a line. Lines of steps that a run resumes before are taken out: those steps come again."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        with replacing(path, durable=False) as file:
            file.write("".join(line for line in lines if msgspec.json.decode(line)["step"] <= step).encode())

    def write(self, **values: Any) -> None:
        """Append a line, and show it."""
        line = msgspec.json.encode(values).decode()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)
