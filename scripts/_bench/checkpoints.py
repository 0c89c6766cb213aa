"""Checkpoints of the true shapes in the published formats, of random numbers: written without ever being in memory."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AudioLDM2UNet2DConditionModel
from fakes.checkpoints import pieces, random_numbers
from punchin_server.models.musicgen.musicgen import LARGE, MEDIUM, SMALL, LMConfig
from torch import Tensor, nn
from transformers import MusicgenDecoderConfig, MusicgenForCausalLM, PreTrainedModel

from .audioldm2 import base_parts

SHAPES = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
NAMES = {torch.float16: "F16", torch.float32: "F32", torch.int64: "I64"}


def write_transformers(folder: Path, config: LMConfig) -> Path:
    """The same language model as transformers saves its decoder alone, in float16; returns the folder."""
    described = MusicgenDecoderConfig(
        vocab_size=config.card,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        ffn_dim=4 * config.width,
        num_codebooks=config.codebooks,
    )
    with torch.device("meta"):
        model = MusicgenForCausalLM(described)
    described.save_pretrained(folder)
    _write_safetensors(folder / "model.safetensors", model.state_dict(), torch.float16)
    return folder


def write_audioldm2(folder: Path) -> Path:
    """A `cvssp/audioldm2-large` in `folder`, in float32 as published; returns the folder."""
    from fakes.audioldm2 import clap_tokenizer, scheduler, t5_tokenizer

    with torch.device("meta"):
        unet = AudioLDM2UNet2DConditionModel(
            sample_size=256,
            in_channels=8,
            out_channels=8,
            block_out_channels=(128, 256, 384, 640),
            layers_per_block=2,
            down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 3,
            up_block_types=("CrossAttnUpBlock2D",) * 3 + ("UpBlock2D",),
            cross_attention_dim=[[None, 768, 1024, None]] * 4,
            transformer_layers_per_block=2,
            attention_head_dim=8,
        )
    for name, part in (base_parts() | {"unet": unet}).items():
        transformers = isinstance(part, PreTrainedModel)
        if isinstance(part, PreTrainedModel):
            part.config.save_pretrained(folder / name)
        else:
            part.save_config(folder / name)
        file = "model.safetensors" if transformers else "diffusion_pytorch_model.safetensors"
        _write_safetensors(folder / name / file, _distinct(part), torch.float32)
    clap_tokenizer().save_pretrained(folder / "tokenizer")
    t5_tokenizer().save_pretrained(folder / "tokenizer_2")
    scheduler().save_pretrained(folder / "scheduler")
    return folder


def _distinct(part: nn.Module) -> dict[str, Tensor]:
    """The state of `part` without second names of one tensor, which no file repeats."""
    own = {name for name, _ in (*part.named_parameters(), *part.named_buffers())}
    return {name: tensor for name, tensor in part.state_dict().items() if name in own}


def _write_safetensors(path: Path, shapes: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """A file of tensors of these shapes, the floats in `dtype`, whole numbers zero."""
    header: dict[str, object] = {}
    end = 0
    for name, tensor in shapes.items():
        kind = dtype if tensor.is_floating_point() else torch.int64
        start, end = end, end + tensor.numel() * kind.itemsize
        header[name] = {"dtype": NAMES[kind], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    numbers = random_numbers(dtype).numpy()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in shapes.values():
            for start, stop in pieces(tensor.numel()):
                file.write(numbers[: stop - start].data if tensor.is_floating_point() else bytes(8 * (stop - start)))
