"""The same random MusicGen in the two packages that the world runs it with."""

from __future__ import annotations

from typing import Any

import torch
from peers.audiocraft_import import load_audiocraft
from punchin_server.models.musicgen.musicgen import LMConfig
from transformers import (
    EncodecConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    T5Config,
)


def transformers_musicgen(config: LMConfig) -> MusicgenForConditionalGeneration:
    """A MusicgenForConditionalGeneration with a toy text encoder and codec around a decoder of this size."""
    text = T5Config(vocab_size=32, d_model=config.text_width, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    codec = EncodecConfig(
        sampling_rate=32_000,
        num_filters=4,
        hidden_size=8,
        codebook_size=64,
        codebook_dim=8,
        num_lstm_layers=1,
        use_causal_conv=False,
        use_conv_shortcut=False,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=config.card,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        ffn_dim=4 * config.width,
        num_codebooks=config.codebooks,
        dropout=0.0,
        pad_token_id=config.card,
        bos_token_id=config.card,
    )
    whole = MusicgenConfig(text_encoder=text.to_dict(), audio_encoder=codec.to_dict(), decoder=decoder.to_dict())
    return MusicgenForConditionalGeneration(whole).eval()


def audiocraft_lm(config: LMConfig) -> Any:
    """audiocraft's LMModel of this size, its `description` conditioner a table instead of the T5 that needs the net."""
    load_audiocraft()
    from audiocraft.models.lm import LMModel
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider, LUTConditioner

    table = LUTConditioner(n_bins=32, dim=config.text_width, output_dim=config.width, tokenizer="noop", pad_idx=0)
    lm = LMModel(
        DelayedPatternProvider(n_q=config.codebooks),
        ConditioningProvider({"description": table}),
        ConditionFuser({"cross": ["description"], "prepend": [], "sum": [], "input_interpolate": []}),
        n_q=config.codebooks,
        card=config.card,
        dim=config.width,
        num_heads=config.heads,
        num_layers=config.layers,
        hidden_scale=4,
        norm="layer_norm",
        norm_first=True,
        bias_proj=False,
        bias_ff=False,
        bias_attn=False,
        causal=True,
        cross_attention=True,
        activation="gelu",
        dropout=0.0,
        custom=True,
        memory_efficient=False,
        cfg_dropout=0.0,
        cfg_coef=3.0,
    )
    return lm.eval()


def shake(module: torch.nn.Module, seed: int = 0, scale: float = 1.0) -> None:
    """Random weights that leave nothing at its default: norms too, matrices as large as trained ones."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, scale * parameter.shape[-1] ** -0.5, generator=g)
            else:
                parameter.add_(torch.randn(parameter.shape, generator=g) * 0.1)
