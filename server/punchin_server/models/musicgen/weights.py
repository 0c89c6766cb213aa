"""Language models and adapters from the files the world has, and back. Knows formats, not how models run.

A language model comes as an audiocraft export (`state_dict.bin`: `best_state`, `xp.cfg`) or as its Hugging Face twin
(a MusicgenForConditionalGeneration folder); an adapter as AIRGen saves it (`adaptor`, `gates`). Both formats hold the
same matrices in different pieces: :func:`audiocraft_pieces` and :func:`transformers_pieces` say of which rows of
which of their tensors each of ours is made, and :func:`gather` and :func:`scatter` follow them, strictly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from punchin_wire.errors import BadCheckpoint, FileMissing
from torch import Tensor

from ...packs.tensor_files import (
    Tensors,
    check_fit,
    only_tensors,
    read_hugging_face,
    read_json,
    read_pickle,
    read_safetensors,
    read_settings,
)
from .airgen import TYPES, AdapterWeights
from .musicgen import LMConfig, MusicGen

AUDIOCRAFT_FILE = "state_dict.bin"
TEXT_PROJECTION = "condition_provider.conditioners.description.output_proj"


class Piece(NamedTuple):
    """Rows `[start, end)` of the tensor `name` of a foreign format."""

    name: str
    start: int
    end: int


Pieces = dict[str, list[Piece]]
"""Each of our tensors as the pieces it is the concatenation of."""


def audiocraft_pieces(config: LMConfig) -> Pieces:
    """Our language model in the tensors of audiocraft's `best_state`."""
    D, rows = config.width, config.card + 1
    pieces: Pieces = {
        "emb.weight": [Piece(f"emb.{k}.weight", 0, rows) for k in range(config.codebooks)],
        "heads.weight": [Piece(f"linears.{k}.weight", 0, config.card) for k in range(config.codebooks)],
    }
    for kind in ("weight", "bias"):
        pieces[f"text_proj.{kind}"] = [Piece(f"{TEXT_PROJECTION}.{kind}", 0, D)]
        pieces[f"out_norm.{kind}"] = [Piece(f"out_norm.{kind}", 0, D)]
    for i in range(config.layers):
        ours, theirs = f"layers.{i}", f"transformer.layers.{i}"
        cross = f"{theirs}.cross_attention.in_proj_weight"
        pieces |= {
            f"{ours}.attention.qkv.weight": [Piece(f"{theirs}.self_attn.in_proj_weight", 0, 3 * D)],
            f"{ours}.attention.out.weight": [Piece(f"{theirs}.self_attn.out_proj.weight", 0, D)],
            f"{ours}.cross.q.weight": [Piece(cross, 0, D)],
            f"{ours}.cross.kv.weight": [Piece(cross, D, 3 * D)],
            f"{ours}.cross.out.weight": [Piece(f"{theirs}.cross_attention.out_proj.weight", 0, D)],
            f"{ours}.linear1.weight": [Piece(f"{theirs}.linear1.weight", 0, 4 * D)],
            f"{ours}.linear2.weight": [Piece(f"{theirs}.linear2.weight", 0, D)],
        }
        for norm in ("norm1", "norm_cross", "norm2"):
            for kind in ("weight", "bias"):
                pieces[f"{ours}.{norm}.{kind}"] = [Piece(f"{theirs}.{norm}.{kind}", 0, D)]
    return pieces


def transformers_pieces(config: LMConfig) -> Pieces:
    """Our language model in the tensors of a MusicgenForConditionalGeneration."""
    D, rows, root = config.width, config.card + 1, "decoder.model.decoder"
    pieces: Pieces = {
        "emb.weight": [Piece(f"{root}.embed_tokens.{k}.weight", 0, rows) for k in range(config.codebooks)],
        "heads.weight": [Piece(f"decoder.lm_heads.{k}.weight", 0, config.card) for k in range(config.codebooks)],
    }
    for kind in ("weight", "bias"):
        pieces[f"text_proj.{kind}"] = [Piece(f"enc_to_dec_proj.{kind}", 0, D)]
        pieces[f"out_norm.{kind}"] = [Piece(f"{root}.layer_norm.{kind}", 0, D)]
    norms = {
        "norm1": "self_attn_layer_norm",
        "norm_cross": "encoder_attn_layer_norm",
        "norm2": "final_layer_norm",
    }
    for i in range(config.layers):
        ours, theirs = f"layers.{i}", f"{root}.layers.{i}"
        pieces |= {
            f"{ours}.attention.qkv.weight": [Piece(f"{theirs}.self_attn.{x}_proj.weight", 0, D) for x in "qkv"],
            f"{ours}.attention.out.weight": [Piece(f"{theirs}.self_attn.out_proj.weight", 0, D)],
            f"{ours}.cross.q.weight": [Piece(f"{theirs}.encoder_attn.q_proj.weight", 0, D)],
            f"{ours}.cross.kv.weight": [Piece(f"{theirs}.encoder_attn.{x}_proj.weight", 0, D) for x in "kv"],
            f"{ours}.cross.out.weight": [Piece(f"{theirs}.encoder_attn.out_proj.weight", 0, D)],
            f"{ours}.linear1.weight": [Piece(f"{theirs}.fc1.weight", 0, 4 * D)],
            f"{ours}.linear2.weight": [Piece(f"{theirs}.fc2.weight", 0, D)],
        }
        for ours_norm, theirs_norm in norms.items():
            for kind in ("weight", "bias"):
                pieces[f"{ours}.{ours_norm}.{kind}"] = [Piece(f"{theirs}.{theirs_norm}.{kind}", 0, D)]
    return pieces


def gather(state: Mapping[str, Tensor], pieces: Pieces, shapes: Mapping[str, torch.Size], source: str) -> Tensors:
    """Our tensors, of exactly these `shapes`, out of a foreign `state`.

    Raises BadCheckpoint, which names what is missing, unexpected or of another shape.
    """
    rows = {p.name: 0 for parts in pieces.values() for p in parts}
    tails: dict[str, tuple[int, ...]] = {}
    for name, parts in pieces.items():
        for p in parts:
            rows[p.name] = max(rows[p.name], p.end)
            tails[p.name] = tuple(shapes[name][1:])
    expected = {name: (count, *tails[name]) for name, count in rows.items()}
    check_fit(state, expected, source)
    return {name: _joined([state[p.name][p.start : p.end] for p in parts]) for name, parts in pieces.items()}


def _joined(rows: list[Tensor]) -> Tensor:
    """`rows` as one tensor, a view where they are one already."""
    return rows[0] if len(rows) == 1 else torch.cat(rows)


def scatter(ours: Mapping[str, Tensor], pieces: Pieces) -> Tensors:
    """The inverse of :func:`gather`: the foreign state of `ours`."""
    found: dict[str, list[tuple[int, Tensor]]] = {}
    for name, parts in pieces.items():
        sizes = [p.end - p.start for p in parts]
        for p, rows in zip(parts, ours[name].split(sizes), strict=True):
            found.setdefault(p.name, []).append((p.start, rows))
    return {name: torch.cat([rows for _, rows in sorted(got, key=lambda r: r[0])]) for name, got in found.items()}


# ---- language models -----------------------------------------------------------------------------------------


def load_lm(path: Path, dtype: torch.dtype | None = torch.float32, max_steps: int = 1504) -> MusicGen:
    """The language model in `path`: a `state_dict.bin`, or a folder with that or with a Hugging Face model.

    With `dtype` None every weight stays in the file's own type, most of them a view of the file: for those who convert
    it layer by layer (:func:`.linear.prepare`), so that no second copy of the weights ever exists.

    Raises FileMissing, BadCheckpoint.
    """
    file = path if path.is_file() else path / AUDIOCRAFT_FILE
    if file.is_file():
        package = read_pickle(file)
        state = only_tensors(package.get("best_state"), file.name)
        config = audiocraft_config(read_settings(package, file.name), state, file.name)
        return _assemble(config, state, audiocraft_pieces, file.name, dtype, max_steps)
    if not (path / "config.json").is_file():
        raise FileMissing(f"{path} holds no language model: neither {AUDIOCRAFT_FILE} nor config.json is there.")
    described = read_json(path / "config.json")
    config = transformers_config(described, path.name)
    own = ("decoder.", "enc_to_dec_proj.")
    state = {
        name: tensor
        for prefix in own
        for name, tensor in ((prefix + rest, t) for rest, t in read_hugging_face(path, prefix).items())
        if "embed_positions" not in name  # computed, though some files carry them
    }
    return _assemble(config, state, transformers_pieces, path.name, dtype, max_steps)


def audiocraft_config(settings: Mapping[str, Any], state: Tensors, source: str) -> LMConfig:
    """The size that an export's `xp.cfg` tells, and its `state` of the text encoder, which `xp.cfg` only names.

    Raises BadCheckpoint for another architecture than MusicGen's.
    """
    lm = settings.get("transformer_lm")
    if not isinstance(lm, dict):
        raise BadCheckpoint(f"The xp.cfg in {source} describes no transformer_lm: this is not a language model.")
    wanted = {
        "bias_attn": False,
        "bias_ff": False,
        "bias_proj": False,
        "norm_first": True,
        "causal": True,
        "qk_layer_norm": False,
        "qk_layer_norm_cross": False,
        "kv_repeat": 1,
        "layer_scale": None,
        "positional_embedding": "sin",
        "hidden_scale": 4,
        "activation": "gelu",
    }
    if "condition_provider.conditioners.self_wav.output_proj.weight" in state:
        raise _melody(source)
    if (settings.get("interleave_stereo_codebooks") or {}).get("use"):
        raise _stereo(source)
    if (kind := settings.get("lm_model", "transformer_lm")) != "transformer_lm":
        raise BadCheckpoint(f"{source} is a {kind!r}, which does not write one frame after the other as MusicGen does.")
    if f"{TEXT_PROJECTION}.weight" not in state:
        raise BadCheckpoint(f"{source} lacks {TEXT_PROJECTION}.weight: it is not a text-conditioned MusicGen.")
    for key, only in wanted.items():
        if (value := lm.get(key, only)) != only:
            raise BadCheckpoint(f"{source} has transformer_lm.{key} = {value!r}; MusicGen has {only!r}.")
    return _config(
        source,
        layers=lm.get("num_layers"),
        width=lm.get("dim"),
        heads=lm.get("num_heads"),
        card=lm.get("card", 2048),
        codebooks=lm.get("n_q", 4),
        text_width=state[f"{TEXT_PROJECTION}.weight"].shape[-1],
    )


def transformers_config(described: Mapping[str, Any], source: str) -> LMConfig:
    """The size that a Hugging Face config.json tells. Raises BadCheckpoint for another model than MusicGen."""
    if described.get("model_type") == "musicgen_melody":
        raise _melody(source)
    if described.get("model_type") != "musicgen":
        raise BadCheckpoint(f"The config.json in {source} describes a {described.get('model_type')!r}, not a MusicGen.")
    lm, text = described.get("decoder", {}), described.get("text_encoder", {})
    if lm.get("audio_channels", 1) != 1:
        raise _stereo(source)
    if lm.get("activation_function", "gelu") != "gelu":
        raise BadCheckpoint(f"{source} is a changed MusicGen: its activation is {lm['activation_function']!r}.")
    config = _config(
        source,
        layers=lm.get("num_hidden_layers", 24),
        width=lm.get("hidden_size", 1024),
        heads=lm.get("num_attention_heads", 16),
        card=lm.get("vocab_size", 2048),
        codebooks=lm.get("num_codebooks", 4),
        text_width=text.get("d_model", 768),
    )
    if lm.get("ffn_dim", 4 * config.width) != 4 * config.width:
        raise BadCheckpoint(f"{source} has a feed-forward of {lm['ffn_dim']}; MusicGen's is four times its width.")
    return config


def _melody(source: str) -> BadCheckpoint:
    """The error that `source` is a musicgen-melody."""
    return BadCheckpoint(
        f"{source} is a musicgen-melody: it was trained to read a chromagram of a whole melody in front of its music, "
        "where Punchin puts the music around the hole.",
        "Use the plain model of that size: musicgen-medium for melody, musicgen-large for melody-large.",
    )


def _stereo(source: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{source} is a stereo MusicGen: it speaks twice the codebooks, left and right in turn; holes are filled, and "
        "the published adapters work, in mono.",
        "Use the model of that size without `stereo` in its name.",
    )


def _config(source: str, **sizes: Any) -> LMConfig:
    if not all(isinstance(size, int) and size > 0 for size in sizes.values()):
        raise BadCheckpoint(f"{source} describes no size of a language model: {sizes}.")
    config = LMConfig(**sizes)
    if config.width % (2 * config.heads):
        raise BadCheckpoint(f"{source}: width {config.width} does not divide among {config.heads} heads.")
    return config


def _assemble(
    config: LMConfig,
    state: Tensors,
    pieces: Callable[[LMConfig], Pieces],
    source: str,
    dtype: torch.dtype | None,
    max_steps: int,
) -> MusicGen:
    with torch.device("meta"):
        lm = MusicGen(config, max_steps=2)
    shapes = {name: tensor.shape for name, tensor in lm.state_dict().items()}
    ours = gather(state, pieces(config), shapes, source)
    lm.load_state_dict({name: tensor.to(dtype) for name, tensor in ours.items()}, assign=True)
    lm.prepare(max_steps)
    return lm.eval().requires_grad_(False)


# ---- adapters ------------------------------------------------------------------------------------------------


def load_adapter(path: Path) -> AdapterWeights:
    """The adapter in an AIRGen file, float32: `adaptor` `[L, 4, m, D]` and `gates` `[L, 4]` of the top L layers.

    A prefix `icl_adaptor.` is accepted and the frozen layers that such a file repeats (`layers.…`) are ignored; the
    reference loads with strict=False and would run without adapter. Raises FileMissing, BadCheckpoint.
    """
    state: dict[str, Any] = dict(read_safetensors(path)) if path.suffix == ".safetensors" else read_pickle(path)
    named = {str(name).removeprefix("icl_adaptor."): tensor for name, tensor in state.items()}
    own = only_tensors({n: t for n, t in named.items() if not n.startswith("layers.")}, path.name)
    if own.keys() != {"adaptor", "gates"}:
        raise BadCheckpoint(
            f"{path.name} holds {', '.join(sorted(own)[:3]) or 'nothing'}; an AIRGen adapter holds adaptor and gates."
        )
    weights = AdapterWeights(own["adaptor"].float(), own["gates"].float())
    if weights.adaptor.dim() != 4 or weights.adaptor.shape[1] != TYPES:
        raise BadCheckpoint(f"{path.name}: adaptor has shape {tuple(weights.adaptor.shape)}; AIRGen's is [L, 4, m, D].")
    if weights.gates.shape != weights.adaptor.shape[:2]:
        raise BadCheckpoint(f"{path.name}: gates have shape {tuple(weights.gates.shape)}, not the adaptor's [L, 4].")
    return weights
