"""Random codecs and the checkpoint files of them, in both formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from punchin_server.codecs.checkpoint import to_audiocraft
from transformers import EncodecConfig, EncodecModel

TINY: dict[str, Any] = {
    "num_filters": 4,
    "upsampling_ratios": [4, 2],
    "codebook_size": 32,
    "hidden_size": 8,
    "num_lstm_layers": 1,
}
TRUE: dict[str, Any] = {
    "num_filters": 64,
    "upsampling_ratios": [8, 5, 4, 4],
    "codebook_size": 2048,
    "hidden_size": 128,
    "num_lstm_layers": 2,
}


def random_model(shape: dict[str, Any], *, n_q: int = 4, pad_mode: str = "reflect", seed: int = 0) -> EncodecModel:
    """A transformers codec of `shape` with random weights and codebooks that spread over what its encoder gives."""
    torch.manual_seed(seed)
    config = EncodecConfig(
        sampling_rate=32_000, use_causal_conv=False, use_conv_shortcut=False, pad_mode=pad_mode, **shape
    )
    config.target_bandwidths = [(n_q + 0.5) * config.frame_rate * config.codebook_nbits / 1000]
    model = EncodecModel(config).eval().requires_grad_(False)
    noise = torch.randn(1, 1, 200 * config.hop_length)
    spread = model.encoder(noise).std(dim=2, keepdim=False)[0]  # [D]
    for depth, layer in enumerate(model.quantizer.layers):
        layer.codebook.embed.copy_(torch.randn_like(layer.codebook.embed) * spread / 2**depth)
    return model


def xp_cfg(model: EncodecModel, **overrides: Any) -> str:
    """The settings audiocraft would save for `model`, references included."""
    config = model.config
    settings: dict[str, Any] = {
        "sample_rate": config.sampling_rate,
        "channels": 1,
        "encodec": {
            "autoencoder": "seanet",
            "quantizer": "rvq",
            "sample_rate": "${sample_rate}",
            "channels": "${channels}",
            "causal": False,
            "renormalize": False,
        },
        "seanet": {
            "dimension": config.hidden_size,
            "causal": "${encodec.causal}",
            "n_filters": config.num_filters,
            "ratios": list(config.upsampling_ratios),
            "n_residual_layers": config.num_residual_layers,
            "lstm": config.num_lstm_layers,
            "pad_mode": config.pad_mode,
            "norm": "weight_norm",
            "decoder": {"final_activation": None},
        }
        | overrides,
        "rvq": {"n_q": len(model.quantizer.layers), "bins": config.codebook_size},
    }
    return yaml.safe_dump(settings)


def save_audiocraft(model: EncodecModel, path: Path, **overrides: Any) -> Path:
    """`model` as a `compression_state_dict.bin` at `path`."""
    state = model.state_dict()
    names = to_audiocraft(state)
    best = {names[k]: v for k, v in state.items()}
    torch.save({"best_state": best, "xp.cfg": xp_cfg(model, **overrides), "version": "1.3.0"}, path)
    return path
