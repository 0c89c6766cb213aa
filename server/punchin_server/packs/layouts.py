"""Which files of a published model make it up. The hub's folders hold the weights two or three times; one is enough.

Knows names only: no torch, no network.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from punchin_wire.errors import Unsupported

from .catalog import Layout

WEIGHT_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "model.fp16.safetensors",
    "pytorch_model.fp16.bin",
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_pytorch_model.fp16.bin",
)
"""Where the folders of Hugging Face libraries keep their tensors, in the order in which they are taken."""

AUDIOCRAFT = ("state_dict.bin", "compression_state_dict.bin")
_SMALL = {".json", ".txt", ".model"}
"""Configurations and tokenizers."""


def index_names(single: str) -> tuple[str, ...]:
    """What the list of shards is called where the weights are not the one file `single`."""
    stem, variant, ending = single.rpartition(".fp16.")
    return (f"{single}.index.json", *((f"{stem}.{ending}.index.fp16.json",) if variant else ()))


def layout_of(names: Collection[str], repo: str) -> Layout:
    """How the model `repo` of these files is laid out. Raises Unsupported."""
    if set(AUDIOCRAFT) <= set(names):
        return "audiocraft"
    if "model_index.json" in names:
        return "diffusers"
    if "config.json" in names:
        return "transformers"
    raise Unsupported(
        f"{repo} is no model that Punchin knows: it holds no {' and '.join(AUDIOCRAFT)}, no model_index.json, no "
        "config.json.",
        "Name a MusicGen or an AudioLDM2.",
    )


def chosen(names: Collection[str], layout: Layout, repo: str) -> list[str]:
    """The files of `names` that make up the model, in their order. Raises Unsupported where there are no weights."""
    if layout == "audiocraft":
        wanted = set(AUDIOCRAFT)
    elif layout == "transformers":
        wanted = _folder(names, "", repo)
    else:
        folders = {str(PurePosixPath(name).parent) for name in names if name.count("/") == 1}
        wanted = {"model_index.json"}.union(*(_folder(names, f"{folder}/", repo) for folder in folders))
    if missing := wanted - set(names):
        raise Unsupported(f"{repo} holds no {', '.join(sorted(missing))}.", "Name another model or revision.")
    return [name for name in names if name in wanted]


def _folder(names: Iterable[str], prefix: str, repo: str) -> set[str]:
    """The weights of one folder, one kind of them, with its configurations; of a folder without weights only these."""
    inside = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    inside = {name for name in inside if "/" not in name}
    small = {name for name in inside if PurePosixPath(name).suffix in _SMALL and ".index" not in name}
    weights = {name for name in inside if PurePosixPath(name).suffix in (".safetensors", ".bin")}
    taken = _weights(weights, inside)
    if not taken and (weights or not prefix):
        raise Unsupported(
            f"{repo} has no weights in {prefix or 'its folder'} under a name that is known.",
            f"Known are {', '.join(WEIGHT_FILES[:4])}, whole or in shards.",
        )
    return {prefix + name for name in small | taken}


def _weights(weights: set[str], inside: set[str]) -> set[str]:
    for single in WEIGHT_FILES:
        if single in weights:
            return {single}
        for index in index_names(single):
            if index in inside:
                stem, _, ending = single.replace(".fp16", "").rpartition(".")
                shard = re.compile(rf"{re.escape(stem)}(\.fp16)?-\d+-of-\d+(\.fp16)?\.{ending}")
                is_half = ".fp16" in single
                return {index, *(name for name in weights if shard.fullmatch(name) and (".fp16" in name) == is_half)}
    return set()
