"""From a checkpoint to a codec that runs on a device. Knows files and backends, no audio."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import torch
from punchin_wire.errors import BadCheckpoint

from ..packs.tensor_files import Tensors
from .backends import OnnxBackend, TorchBackend
from .checkpoint import read_checkpoint
from .encodec import Codec
from .network import Encodec, folded, stored_shapes
from .on_gpu import GpuCodec


def load_model(path: Path) -> Encodec:
    """The networks of the checkpoint at `path`, float32, weight norm folded into the weights, ready to infer.

    Raises FileMissing, PackMissing, or BadCheckpoint that says which tensor does not fit.
    """
    config, state = read_checkpoint(path)
    with torch.device("meta"):  # without memory or random weights that the file's would replace at once
        model = Encodec(config)
    _check(stored_shapes(model), state, path.name)
    model.load_state_dict(folded(state), strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _check(expected: dict[str, torch.Size], found: Tensors, source: str) -> None:
    """Every tensor there, none too many, each in its shape; else BadCheckpoint with the first of each kind."""
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    shapes = [
        f"{name} is {list(found[name].shape)}, not {list(expected[name])}"
        for name in expected
        if name in found and found[name].shape != expected[name]
    ]
    faults = [
        *([f"{len(missing)} tensors are missing, first {missing[0]}"] if missing else []),
        *([f"{len(extra)} tensors are unknown, first {extra[0]}"] if extra else []),
        *([f"{len(shapes)} tensors have other shapes, first: {shapes[0]}"] if shapes else []),
    ]
    if faults:
        raise BadCheckpoint(f"The codec in {source} is not the one its settings describe: {'; '.join(faults)}.")


def load_codec(
    path: Path,
    backend: Literal["onnx", "torch"] = "onnx",
    device: str = "cpu",
    threads: int | None = None,
) -> Codec:
    """The codec of the checkpoint at `path` (:func:`.checkpoint.read_checkpoint` says what it may be).

    `backend` is what runs it on the CPU, with as many `threads` as torch's unless told; on other devices torch does.
    Raises FileMissing, PackMissing, BadCheckpoint.
    """
    model = load_model(path)
    if device != "cpu":
        return GpuCodec(model, device)
    if backend == "torch":
        return Codec(model, TorchBackend(device))
    fast = OnnxBackend(threads or torch.get_num_threads())
    return Codec(model, fast, short=cache(lambda: load_codec(path, "torch")))
