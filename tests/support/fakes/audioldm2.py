"""Random AudioLDM2 folders, AudioMAE encoders and adapters in the published formats, of the smallest sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler
from diffusers.pipelines.audioldm2.modeling_audioldm2 import AudioLDM2ProjectionModel
from punchin_server.models.audioldm2 import ap_adapter
from punchin_server.models.audioldm2.audiomae import AudioMAE, Size
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapTextModelWithProjection,
    GPT2Config,
    GPT2Model,
    RobertaTokenizer,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

LOA, T5, CLAP = 32, 24, 16
"""Widths of the language model (and so of AudioMAE), of T5's states and of CLAP's vectors."""

WORDS = (
    "a",
    "recording",
    "of",
    "violin",
    "piano",
    "guitar",
    "flute",
    "solo",
    "Jazz",
    "style",
    "music",
    "Low",
    "quality",
)

Layout = Literal["large", "base"]


def write_folder(folder: Path, layout: Layout = "base", audio_tower: bool = True, seed: int = 0) -> Path:
    """A whole AudioLDM2 in `folder`, as `save_pretrained` leaves it; without `audio_tower` CLAP is its text half."""
    folder.mkdir(parents=True, exist_ok=True)
    with seeded(seed):
        models = {
            "unet": unet(layout),
            "vae": vae(),
            "vocoder": SpeechT5HifiGan(
                SpeechT5HifiGanConfig(
                    model_in_dim=64,
                    sampling_rate=16000,
                    upsample_initial_channel=32,
                    upsample_rates=[5, 4, 2, 2, 2],
                    upsample_kernel_sizes=[16, 16, 8, 4, 4],  # as published: 32 samples more than 160 a frame
                    resblock_kernel_sizes=[3],
                    resblock_dilation_sizes=[[1]],
                    normalize_before=False,
                )
            ),
            "text_encoder": clap() if audio_tower else ClapTextModelWithProjection(clap_config().text_config),
            "text_encoder_2": t5(),
            "projection_model": projection(),
            "language_model": gpt2(),
        }
        for name, model in models.items():
            randomize(model)
            model.save_pretrained(folder / name)
    clap_tokenizer().save_pretrained(folder / "tokenizer")
    t5_tokenizer().save_pretrained(folder / "tokenizer_2")
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder / "feature_extractor")
    scheduler().save_pretrained(folder / "scheduler")
    index: dict[str, Any] = {"_class_name": "AudioLDM2Pipeline"}
    index |= {part.name: ["", ""] for part in sorted(folder.iterdir()) if part.is_dir()}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def write_audiomae(path: Path, width: int = LOA, seed: int = 0) -> Path:
    """`pretrained.pth` with an encoder of `width`, and what it carries of the decoder."""
    with seeded(seed):
        encoder = AudioMAE(Size(width, depth=1, hidden=2 * width, patch=16, tokens=513))
        randomize(encoder)
    unused = {"mask_token": torch.zeros(1, 1, 8), "decoder_embed.weight": torch.zeros(8, width)}
    torch.save({"model": encoder.state_dict() | unused}, path)
    return path


def write_adapter(path: Path, layout: Layout = "base", seed: int = 1) -> Path:
    """An adapter for :func:`unet` of `layout`."""
    with seeded(seed):
        prompted = PromptedUNet(unet(layout), LOA)
        ap_adapter.attach(prompted)
        torch.save({n: torch.randn_like(t) * 0.3 for n, t in ap_adapter.adapter_state(prompted).items()}, path)
    return path


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's numbers from `seed` inside the block, and as before behind it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def randomize(model: nn.Module) -> None:
    """Give every weight a size that matters: fresh models have zero biases, tiny embeddings and unit norms."""
    for weight in model.parameters():
        if weight.dim() > 1:
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
        elif weight.dim() == 1:
            weight.data += 0.1 * torch.randn_like(weight)


# ---- parts ---------------------------------------------------------------------------------------------------


def unet(layout: Layout = "base") -> AudioLDM2UNet2DConditionModel:
    cross, depth = ([None, LOA, T5, None], 2) if layout == "large" else ([None, LOA, T5], 1)
    return AudioLDM2UNet2DConditionModel(
        sample_size=256,
        in_channels=8,
        out_channels=8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=[cross] * 2,
        transformer_layers_per_block=depth,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def vae() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=1,
        out_channels=1,
        latent_channels=8,
        block_out_channels=(8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=4,
        scaling_factor=0.4110932946205139,
        sample_size=256,
    )


def clap_config() -> ClapConfig:
    small = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "projection_dim": CLAP}
    text = small | {"vocab_size": len(clap_tokenizer()), "num_hidden_layers": 1, "max_position_embeddings": 66}
    audio = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [1, 1],
        "num_hidden_layers": 2,
        "projection_dim": CLAP,
    }
    return ClapConfig(text_config=text, audio_config=audio, projection_dim=CLAP)


def clap() -> ClapModel:
    return ClapModel(clap_config())


def t5() -> T5EncoderModel:
    config = T5Config(
        vocab_size=len(t5_tokenizer()),
        d_model=T5,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config)


def gpt2(layers: int = 2) -> GPT2Model:
    config = GPT2Config(vocab_size=4, n_embd=LOA, n_layer=layers, n_head=4, n_positions=160)
    config.bos_token_id = config.eos_token_id = None
    return GPT2Model(config)


def projection() -> AudioLDM2ProjectionModel:
    return AudioLDM2ProjectionModel(CLAP, T5, LOA)


def clap_tokenizer() -> RobertaTokenizer:
    """Bytes, no merges."""
    pieces = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet()))
    return RobertaTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=64)


def t5_tokenizer() -> T5Tokenizer:
    """Words and letters."""
    letters = sorted({letter for word in WORDS for letter in word})
    scored = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0, "▁": -2.0}
    scored |= dict.fromkeys(letters, -3.0) | {f"▁{word}": -1.0 for word in WORDS}
    return T5Tokenizer(vocab=list(scored.items()), extra_ids=0, model_max_length=128)


def scheduler() -> DDIMScheduler:
    """The published one."""
    return DDIMScheduler(
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
