"""Writes a trained codec, language model and adapters as a pack: the published file formats and a manifest.

Knows checkpoint layouts; knows nothing about training. `state_dict.bin` and `compression_state_dict.bin` are
audiocraft exports (tensors in half precision, settings as YAML), adapter files are AIRGen's. All of them load with
`torch.load(weights_only=True)`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from punchin_server.packs.registry import Base, Manifest, PackFile, SamplingDefaults, write_manifest
from punchin_wire.disk import replacing
from punchin_wire.params import Control
from torch import Tensor

from ..songs.rendering import MIX_LUFS
from .codec import Codec, CodecShape
from .evaluate_takes import Sampling
from .lm import LanguageModel, LmShape
from .train_lm import CONDITIONS, Trainee
from .windows import FRAME_RATE

LM_FILE, CODEC_FILE = "state_dict.bin", "compression_state_dict.bin"
EXPORT_VERSION = "1.3.0"  # of the audiocraft release whose layout this is
CONTROL_GUIDANCE = 2.0
"""How strictly the pack follows controls where the request leaves it open; docs/evaluation.md compares."""


@dataclass(frozen=True)
class About:
    """What the manifest says of a pack that its files do not."""

    name: str
    version: str
    licence: str
    source: str
    created: str


def write_pack(folder: Path, codec: Codec, trainee: Trainee, sampling: Sampling, about: About) -> None:
    """Write every file of the pack, the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    lm, shape = trainee.lm, trainee.lm.shape
    _save(folder / CODEC_FILE, _export(codec_state(codec), codec_settings(codec.shape)))
    _save(folder / LM_FILE, _export(lm_state(lm), lm_settings(shape, codec.shape)))
    for condition in CONDITIONS:
        adapter = trainee.adapter(condition)
        tensors = {"adaptor": adapter.adaptor.detach().float(), "gates": adapter.gates.detach().float()}
        _save(folder / f"{condition}.pth", {name: tensor.clone() for name, tensor in tensors.items()})
    adapters: dict[Control, str] = {condition: f"{condition}.pth" for condition in CONDITIONS}
    write_manifest(
        folder,
        Manifest(
            name=about.name,
            version=about.version,
            licence=about.licence,
            source=about.source,
            created=about.created,
            chord_rhythm="clean",
            loudness=MIX_LUFS,
            base=Base(LM_FILE, CODEC_FILE),
            adapters=adapters,
            window_frames=shape.window,
            sampling=SamplingDefaults(sampling.temperature, sampling.top_k, 1.0, CONTROL_GUIDANCE),
            files=tuple(_described(folder / name) for name in [LM_FILE, CODEC_FILE, *adapters.values()]),
        ),
    )


def read_codec(folder: Path, shape: CodecShape) -> Codec:
    """The codec of a pack that :func:`write_pack` wrote, to be trained further. Its moving averages are lost."""
    state = torch.load(folder / CODEC_FILE, map_location="cpu", weights_only=True)["best_state"]
    codec = Codec(shape)
    renamed = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    ours: dict[str, Tensor] = {}
    for name, tensor in state.items():
        stem, _, last = name.rpartition(".")
        ours[f"{stem}.{renamed.get(last, last)}"] = tensor.float()
    codec.load_state_dict(ours)
    return codec.eval()


def read_lm(folder: Path, shape: LmShape) -> LanguageModel:
    """The language model of a pack that :func:`write_pack` wrote, in single precision."""
    lm = LanguageModel(shape)
    lm.load_state_dict(torch.load(folder / LM_FILE, map_location="cpu", weights_only=True)["best_state"])
    return lm.eval()


def read_trainee(folder: Path, shape: LmShape) -> Trainee:
    """Language model and adapters of a pack that :func:`write_pack` wrote, to be trained further. The chord classifier
    never shipped, and starts anew."""
    trainee = Trainee(shape)
    trainee.lm.load_state_dict(read_lm(folder, shape).state_dict())
    for condition in CONDITIONS:
        tensors = torch.load(folder / f"{condition}.pth", map_location="cpu", weights_only=True)
        trainee.adapter(condition).load_state_dict(tensors)
    return trainee


def lm_state(lm: LanguageModel) -> dict[str, Tensor]:
    """The language model in half precision under audiocraft's names.

    Training has no text, so every layer's cross-attention is still as it was drawn; all layers share the first
    one's, which torch stores once.
    """
    state = {name: tensor.detach().half() for name, tensor in lm.state_dict().items()}
    for name in state:
        parts = name.split(".")
        if "cross_attention" in parts:
            first = ".".join([*parts[:2], "0", *parts[3:]])
            state[name] = state[first]
    return state


def codec_state(codec: Codec) -> dict[str, Tensor]:
    """The codec in half precision under audiocraft's names; the moving averages, which only training reads, are the
    codebooks themselves and take no room of their own."""
    renamed = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state: dict[str, Tensor] = {}
    for name, tensor in codec.state_dict().items():
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        state[name] = tensor.detach().half()
    for name in state:
        if name.endswith("embed_avg"):
            state[name] = state[name.removesuffix("_avg")]
        elif name.endswith("cluster_size"):
            state[name] = torch.ones_like(state[name])
    return state


def lm_settings(shape: LmShape, codec: CodecShape) -> dict[str, Any]:
    """The parts of audiocraft's `xp.cfg` that say what the language model is."""
    return {
        "solver": "musicgen",
        "sample_rate": codec.sample_rate,
        "channels": 1,
        "lm_model": "transformer_lm",
        "transformer_lm": {
            "n_q": shape.codebooks,
            "card": shape.entries,
            "dim": shape.width,
            "num_heads": shape.heads,
            "num_layers": shape.layers,
            "hidden_scale": 4,
            "norm_first": True,
            "norm": "layer_norm",
            "activation": "gelu",
            "causal": True,
            "cross_attention": True,
            "bias_ff": False,
            "bias_attn": False,
            "bias_proj": False,
            "positional_embedding": "sin",
        },
        "codebooks_pattern": {
            "modeling": "delay",
            "delay": {"delays": list(range(shape.codebooks)), "flatten_first": 0, "empty_initial": 0},
        },
        "conditioners": {"description": {"model": "t5", "t5": {"name": "t5-base", "finetune": False}}},
        "fuser": {"cross": ["description"], "sum": [], "prepend": [], "input_interpolate": []},
        "dataset": {"segment_duration": 2 * shape.window / FRAME_RATE},
    }


def codec_settings(shape: CodecShape) -> dict[str, Any]:
    """The parts of audiocraft's `xp.cfg` that say what the codec is."""
    return {
        "solver": "compression",
        "sample_rate": shape.sample_rate,
        "channels": 1,
        "compression_model": "encodec",
        "encodec": {
            "autoencoder": "seanet",
            "quantizer": "rvq",
            "sample_rate": shape.sample_rate,
            "channels": 1,
            "causal": False,
            "renormalize": False,
        },
        "seanet": {
            "dimension": shape.latent,
            "channels": 1,
            "causal": False,
            "n_filters": shape.filters,
            "n_residual_layers": 1,
            "ratios": list(shape.ratios),
            "activation": "ELU",
            "activation_params": {"alpha": 1.0},
            "norm": "weight_norm",
            "norm_params": {},
            "kernel_size": 7,
            "residual_kernel_size": 3,
            "last_kernel_size": 7,
            "dilation_base": 2,
            "pad_mode": "constant",
            "true_skip": True,
            "compress": 2,
            "lstm": shape.lstm_layers,
            "disable_norm_outer_blocks": 0,
            "decoder": {"trim_right_ratio": 1.0, "final_activation": None, "final_activation_params": None},
            "encoder": {},
        },
        "rvq": {"n_q": shape.codebooks, "bins": shape.entries, "q_dropout": False},
    }


def _export(state: dict[str, Tensor], settings: dict[str, Any]) -> dict[str, Any]:
    return {"best_state": state, "xp.cfg": yaml.safe_dump(settings), "version": EXPORT_VERSION, "exported": True}


def _save(path: Path, content: dict[str, Any]) -> None:
    with replacing(path, durable=True) as file:
        torch.save(content, file)


def _described(path: Path) -> PackFile:
    data = path.read_bytes()
    return PackFile(path.name, len(data), hashlib.sha256(data).hexdigest())
