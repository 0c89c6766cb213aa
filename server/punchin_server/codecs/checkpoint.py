"""Reads EnCodec checkpoints, audiocraft's or Hugging Face's, into one form. Knows nothing of audio or of running it.

Both formats hold the same tensors (audiocraft `models/loaders.py`; transformers `EncodecModel`), named differently::

    audiocraft                                        transformers
    encoder.model.0.conv.conv.weight_g                encoder.layers.0.conv.parametrizations.weight.original0
    encoder.model.13.lstm.weight_ih_l0                encoder.layers.13.lstm.weight_ih_l0
    decoder.model.3.convtr.convtr.weight_v            decoder.layers.3.conv.parametrizations.weight.original1
    quantizer.vq.layers.0._codebook.embed             quantizer.layers.0.codebook.embed
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import ceil, log2
from pathlib import Path
from typing import Any

import msgspec
from punchin_wire.errors import BadCheckpoint, FileMissing, PackMissing

from ..packs.hub import cached_folder
from ..packs.tensor_files import (
    Tensors,
    first_line,
    only_tensors,
    read_hugging_face,
    read_json,
    read_pickle,
    read_settings,
)
from .network import EncodecConfig

AUDIOCRAFT_FILE = "compression_state_dict.bin"

_TO_TRANSFORMERS = (
    (r"^(encoder|decoder)\.model\.", r"\1.layers."),
    (r"\.(conv|convtr)\.\1\.", ".conv."),
    (r"^quantizer\.vq\.layers\.", "quantizer.layers."),
    (r"\._codebook\.", ".codebook."),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
)
_TO_AUDIOCRAFT = (
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
    (r"\.conv\.", ".conv.conv."),
    (r"^quantizer\.layers\.", "quantizer.vq.layers."),
    (r"\.codebook\.", "._codebook."),
    (r"^(encoder|decoder)\.layers\.", r"\1.model."),
)


def to_transformers(names: Iterable[str]) -> dict[str, str]:
    """Each name (audiocraft's, or transformers' own, with the old or the new weight norm) to transformers' own."""
    return {name: _renamed(name, _TO_TRANSFORMERS) for name in names}


def to_audiocraft(names: Iterable[str]) -> dict[str, str]:
    """Each name of a whole transformers state dict to audiocraft's.

    Only audiocraft names transposed convolutions apart: they are the decoder's own, except its first and last.
    """
    names = list(names)
    own = {int(m[1]) for name in names if (m := re.match(r"decoder\.layers\.(\d+)\.conv\.", name))}
    transposed = {f"decoder.model.{i}.conv.conv." for i in sorted(own)[1:-1]}
    renamed = {}
    for name in names:
        new = _renamed(name, _TO_AUDIOCRAFT)
        stem = new[: new.rfind(".") + 1]
        renamed[name] = new.replace(".conv.conv.", ".convtr.convtr.") if stem in transposed else new
    return renamed


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def read_checkpoint(path: Path) -> tuple[EncodecConfig, Tensors]:
    """The shape of a codec and its tensors, float32, under transformers' names.

    `path` is an audiocraft `compression_state_dict.bin`, or a folder that holds one, or a Hugging Face folder with a
    config.json of EnCodec or of a MusicGen that contains it. Raises FileMissing, BadCheckpoint, or PackMissing when
    the file only points to a model of the hub that is not on this computer.
    """
    if path.is_file():
        return _read_audiocraft(path)
    if (path / AUDIOCRAFT_FILE).is_file():
        return _read_audiocraft(path / AUDIOCRAFT_FILE)
    if (path / "config.json").is_file():
        return _read_hugging_face(path)
    raise FileMissing(f"{path} holds no codec: neither {AUDIOCRAFT_FILE} nor config.json is there.")


# --- audiocraft


def _read_audiocraft(path: Path) -> tuple[EncodecConfig, Tensors]:
    package = read_pickle(path)
    if isinstance(pointer := package.get("pretrained"), str):
        return _read_hugging_face(_pointed(path, pointer))
    config = _audiocraft_config(read_settings(package, path.name))
    return config, _tensors(only_tensors(package.get("best_state"), path.name))


def _pointed(path: Path, repo: str) -> Path:
    """Where the codec `repo` lies to which the file `path` points: beside it, or in the hub's cache."""
    beside = path.parent / repo.rpartition("/")[2]
    if (beside / "config.json").is_file():
        return beside
    try:
        return cached_folder(repo)
    except PackMissing as error:
        raise PackMissing(
            f"{path.name} holds no codec: it only points to {repo}, which is not on this computer.",
            f"Download it once with `hf download {repo}`, or put its folder {beside.name} beside that file.",
        ) from error


# What this codec is made for: (section, key) -> the only value that MusicGen's EnCodec has there.
_FIXED = {
    ("encodec", "autoencoder"): "seanet",
    ("encodec", "quantizer"): "rvq",
    ("encodec", "channels"): 1,
    ("encodec", "causal"): False,
    ("encodec", "renormalize"): False,
    ("seanet", "causal"): False,
    ("seanet", "activation"): "ELU",
    ("seanet", "norm"): "weight_norm",
    ("seanet", "true_skip"): True,
    ("seanet", "disable_norm_outer_blocks"): 0,
}


def _audiocraft_config(settings: Mapping[str, Any]) -> EncodecConfig:
    """The shape that `xp.cfg` describes. What it leaves out has audiocraft's default."""

    def get(section: str, key: str, default: Any) -> Any:
        value = (settings.get(section) or {}).get(key, default)
        # Hydra leaves references like ${sample_rate} or ${encodec.causal} in the file it saves.
        while isinstance(value, str) and (reference := re.fullmatch(r"\$\{([\w.]+)\}", value)):
            value = settings
            for part in reference[1].split("."):
                value = value.get(part, default) if isinstance(value, Mapping) else default
        return value

    for (section, key), only in _FIXED.items():
        if (value := get(section, key, only)) != only:
            raise BadCheckpoint(
                f"The codec has {section}.{key} = {value!r}; MusicGen's 32 kHz EnCodec has {only!r}.",
                "Use the mono 32 kHz EnCodec that MusicGen was trained with.",
            )
    if get("seanet", "decoder", {}).get("final_activation") is not None:
        raise BadCheckpoint("The codec's decoder ends in an activation; MusicGen's EnCodec has none.")
    return _config(
        "xp.cfg",
        n_q=get("rvq", "n_q", 4),
        sampling_rate=get("encodec", "sample_rate", settings.get("sample_rate", 32_000)),
        num_filters=get("seanet", "n_filters", 64),
        upsampling_ratios=get("seanet", "ratios", [8, 5, 4, 4]),
        codebook_size=get("rvq", "bins", 2048),
        hidden_size=get("seanet", "dimension", 128),
        num_residual_layers=get("seanet", "n_residual_layers", 1),
        kernel_size=get("seanet", "kernel_size", 7),
        last_kernel_size=get("seanet", "last_kernel_size", 7),
        residual_kernel_size=get("seanet", "residual_kernel_size", 3),
        dilation_growth_rate=get("seanet", "dilation_base", 2),
        compress=get("seanet", "compress", 2),
        num_lstm_layers=get("seanet", "lstm", 2),
        pad_mode=get("seanet", "pad_mode", "constant"),
    )


def _config(source: str, **described: Any) -> EncodecConfig:
    """The shape that `described` tells, other settings left aside. Raises BadCheckpoint."""
    try:
        return msgspec.convert(described, EncodecConfig, strict=False)
    except msgspec.ValidationError as error:
        raise BadCheckpoint(f"The {source} describes no EnCodec: {first_line(error)}.") from error


# --- Hugging Face

_ONLY: dict[str, tuple[object, object]] = {
    "audio_channels": (1, 1),
    "use_causal_conv": (False, True),
    "use_conv_shortcut": (False, True),
    "normalize": (False, False),
    "norm_type": ("weight_norm", "weight_norm"),
}
"""What MusicGen's EnCodec has, and what a file means that does not say."""


def _read_hugging_face(folder: Path) -> tuple[EncodecConfig, Tensors]:
    described = read_json(folder / "config.json")
    prefix = ""
    if described.get("model_type") == "musicgen":
        described, prefix = described.get("audio_encoder") or {}, "audio_encoder."
    if (kind := described.get("model_type")) != "encodec":
        raise BadCheckpoint(f"The config.json in {folder.name} describes a {kind!r} model, not EnCodec.")
    source = f"config.json in {folder.name}"
    config = _config(source, **(described | {"n_q": 1}))
    for key, (only, default) in _ONLY.items():
        if (value := described.get(key, default)) != only:
            raise BadCheckpoint(
                f"The codec in {folder.name} has {key} = {value!r}; MusicGen's 32 kHz EnCodec has {only!r}.",
                "Use facebook/encodec_32khz; the 24 and 48 kHz codecs are other models.",
            )
    try:  # as transformers counts: the codebooks that the highest bit rate fills
        kilobits = described.get("target_bandwidths", [24.0])[-1]
        n_q = int(1000 * kilobits // (config.frame_rate * ceil(log2(config.codebook_size))))
    except (TypeError, LookupError, ZeroDivisionError) as error:
        raise BadCheckpoint(f"The {source} tells no bit rate of EnCodec: {first_line(error)}.") from error
    config = _config(source, **(described | {"n_q": n_q}))
    return config, _tensors(read_hugging_face(folder, prefix))


def _tensors(state: Tensors) -> Tensors:
    names = to_transformers(state)
    return {names[name]: tensor.float() for name, tensor in state.items()}
