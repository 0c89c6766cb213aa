"""Reads files of tensors: torch pickles (tensors only) and safetensors, one file or a sharded folder.

Tensors are views of the mapped file: they take no memory of their own until something is computed from them, and the
pages behind them are the system's to give away. Knows no model. Whatever is wrong with a file is one clear error of the
tree.
"""

from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from punchin_wire.errors import BadCheckpoint, FileMissing, PackError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .layouts import WEIGHT_FILES, index_names
from .names import leaves

Tensors = dict[str, Tensor]

DISGUISES = (
    (
        re.compile(rb"\s*<(!doctype|html|head|\?xml)", re.IGNORECASE),
        "is a web page, not a checkpoint: the site asked something in place of sending the file.",
        "Open the link in a browser, answer what the page asks, and put the file that then comes in its place.",
    ),
    (
        re.compile(rb"version https://git-lfs"),
        "is only the pointer of Git LFS to a checkpoint.",
        "Fetch the file itself, with `git lfs pull` or `hf download`.",
    ),
    (re.compile(rb"\Z"), "is empty: its download did not come to anything.", "Download the file again."),
)
"""What is found where a checkpoint should be, by its first bytes: what to say, and what to do."""


def read_pickle(path: Path) -> dict[str, Any]:
    """The dict that torch saved in `path`: tensors and plain values only; any other object in it is refused.

    Raises FileMissing, BadCheckpoint.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of pickle protocols other than torch's own
            mapped = zipfile.is_zipfile(path)  # torch before 1.6 wrote one pickle, which has to be read whole
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except FileNotFoundError as error:
        raise FileMissing(f"{path} does not exist.") from error
    except pickle.UnpicklingError as error:
        _unmask(path)
        raise BadCheckpoint(
            f"{path.name} holds something other than tensors, so it was not opened: {first_line(error)}",
            "Take the file from its official source; a checkpoint that needs code to load is not safe.",
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way; each means the same to the musician
        _unmask(path)
        raise BadCheckpoint(f"{path.name} is not a torch file, or is cut off: {first_line(error)}") from error
    if not isinstance(loaded, dict):
        raise BadCheckpoint(f"{path.name} holds a {type(loaded).__name__}, not a table of tensors.")
    return loaded


def read_safetensors(path: Path, prefix: str = "") -> Tensors:
    """The tensors of `path` whose names begin with `prefix`; only those are read. Raises FileMissing, BadCheckpoint."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    except FileNotFoundError as error:
        raise FileMissing(f"{path} does not exist.") from error
    except (SafetensorError, OSError) as error:
        _unmask(path)
        raise BadCheckpoint(f"{path.name} is not a safetensors file, or is cut off: {first_line(error)}") from error


def read_hugging_face(folder: Path, prefix: str = "") -> Tensors:
    """The tensors of a transformers or diffusers `folder` whose names begin with `prefix`, without it.

    Shards are joined; half-precision files serve where there are no others. Raises FileMissing, BadCheckpoint.
    """
    state: dict[str, Any] = {}
    for file in _weight_files(folder, prefix):
        state |= read_safetensors(file, prefix) if file.suffix == ".safetensors" else read_pickle(file)
    return only_tensors({k[len(prefix) :]: v for k, v in state.items() if str(k).startswith(prefix)}, folder.name)


def _weight_files(folder: Path, prefix: str) -> list[Path]:
    """The file of weights in `folder`, or the shards that hold tensors whose names begin with `prefix`."""
    for single in WEIGHT_FILES:
        if (folder / single).is_file():
            return [folder / single]
        for index in index_names(single):
            if (folder / index).is_file():
                return _shards(folder, index, prefix)
    raise FileMissing(
        f"{folder} has no weights: none of {', '.join(WEIGHT_FILES[:4])} is there.",
        "Download the model again, whole: its settings came without its weights.",
    )


def _shards(folder: Path, index: str, prefix: str) -> list[Path]:
    files = read_json(folder / index).get("weight_map")
    if not isinstance(files, dict) or not all(isinstance(file, str) and not leaves(file) for file in files.values()):
        raise BadCheckpoint(f"{index} lists no files of its folder.")
    return [folder / name for name in sorted({file for key, file in files.items() if key.startswith(prefix)})]


def _unmask(path: Path) -> None:
    """Raise BadCheckpoint where `path` is one of the things that are found in place of a checkpoint."""
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError:
        return
    for pattern, says, next_step in DISGUISES:
        if pattern.match(start):
            raise BadCheckpoint(f"{path.name} {says}", next_step) from None


def only_tensors(state: Any, source: str) -> Tensors:
    """`state` itself if it maps names to tensors of finite numbers. Raises BadCheckpoint."""
    if not isinstance(state, dict):
        raise BadCheckpoint(f"{source} holds a {type(state).__name__}, not a table of tensors.")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise BadCheckpoint(f"{source}: {str(name)[:80]!r} is a {type(tensor).__name__}, not a tensor.")
        if not _is_plain(tensor):
            raise BadCheckpoint(
                f"{source}: {name[:80]!r} is no plain tensor, or claims more numbers than the file has."
            )
        if tensor.is_floating_point() and not _is_finite(tensor):
            raise BadCheckpoint(f"{source}: {name} holds values that are not numbers (NaN or infinity).")
    return state


def _is_plain(tensor: Tensor) -> bool:
    """Whether every number of it is in the file: a view may repeat one a billion times."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _is_finite(tensor: Tensor) -> bool:
    """Whether no number is NaN or infinite, which makes the sum so, or an extreme: twenty times as quick as looking at
    each. A sum could overflow in half precision, which extremes are quicker in; in float32 they are not."""
    if tensor.dtype is torch.float32:
        return bool(tensor.sum().isfinite())
    return tensor.numel() == 0 or all(bool(extreme.isfinite()) for extreme in torch.aminmax(tensor))


def check_fit(
    state: Mapping[str, Tensor],
    shapes: Mapping[str, Sequence[int]],
    source: str,
    error: type[PackError] = BadCheckpoint,
) -> None:
    """Raise `error`, which names what is missing, unexpected or of another shape, unless `state` is exactly that."""
    if missing := sorted(shapes.keys() - state.keys()):
        raise error(f"{source} lacks {_some(missing)}; it holds {len(state)} of {len(shapes)} tensors.")
    if unknown := sorted(state.keys() - shapes.keys()):
        raise error(f"{source} holds {_some(unknown)}, which this model has no place for.")
    wrong = [
        f"{n} {tuple(state[n].shape)} for {tuple(s)}" for n, s in shapes.items() if state[n].shape != torch.Size(s)
    ]
    if wrong:
        raise error(f"{source} has tensors of another shape: {_some(wrong)}.")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises FileMissing, BadCheckpoint."""
    try:
        described = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise FileMissing(f"{path} does not exist.") from error
    except (ValueError, RecursionError) as error:
        _unmask(path)
        raise BadCheckpoint(f"{path.name} is not JSON: {first_line(error)}") from error
    if not isinstance(described, dict):
        raise BadCheckpoint(f"{path.name} is not a table of settings.")
    return described


def read_settings(package: dict[str, Any], source: str) -> dict[str, Any]:
    """The settings that an audiocraft export carries as YAML in `xp.cfg`. Raises BadCheckpoint."""
    text = package.get("xp.cfg")
    if not isinstance(text, str):
        raise BadCheckpoint(f"{source} has no xp.cfg: it is not an audiocraft export.")
    try:
        settings = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadCheckpoint(f"The xp.cfg in {source} is not YAML: {first_line(error)}") from error
    if not isinstance(settings, dict):
        raise BadCheckpoint(f"The xp.cfg in {source} is not a table of settings.")
    return settings


def first_line(error: Exception) -> str:
    """What an error says, short enough to show."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
