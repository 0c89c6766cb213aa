"""Our AP-Adapter equals its authors' code: what they computed lies beside this file (README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention
from punchin_server.codecs.fbank import prompt_features
from punchin_server.models.audioldm2.audiomae import pool
from punchin_server.models.audioldm2.prompted_unet import PromptAttention
from torch import Tensor, nn

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(Path(__file__).with_name("ap_adapter_reference.npz")) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def test_filter_banks(golden: dict[str, Tensor]) -> None:
    """Holds `fbank.prompt_features`: 398 frames of sound, and the padding behind them.

    Both compute in float32, where the logarithm of a quiet band is as uncertain as this: in float64 theirs is 2.3e-5
    away at most, ours 1.5e-5. On the whole they are much closer.
    """
    difference = (prompt_features(golden["fbank.wave"][None])[0, 0, :420:3] - golden["fbank.frames"]).abs()
    assert difference.max() < 5e-5
    assert difference.mean() < 1e-6


@pytest.mark.parametrize("w", [1, 2, 4, 8])
def test_pooling(golden: dict[str, Tensor], w: int) -> None:
    """Holds `audiomae.pool`, the class token dropped."""
    i = np.arange(513 * 768, dtype=np.float64)
    tokens = torch.from_numpy((np.sin(0.37 * i) + np.sin(0.0113 * i)).astype(np.float32)).view(1, 513, 768)
    torch.testing.assert_close(pool(tokens, (w, w))[0, :, ::32], golden[f"pool.w{w}"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@torch.inference_mode()
def test_decoupled_attention(golden: dict[str, Tensor], alpha: float) -> None:
    """Holds `PromptAttention.read_prompt` and `forward`, in diffusers' own attention module."""
    weights = {name.removeprefix("attn."): tensor for name, tensor in golden.items() if name.startswith("attn.to_")}
    attn = Attention(query_dim=64, cross_attention_dim=48, heads=4, dim_head=16)
    attn.load_state_dict(weights)
    processor = PromptAttention()
    processor.to_k_ip, processor.to_v_ip = (nn.Linear(48, 64, bias=False) for _ in range(2))
    processor.to_k_ip.weight.copy_(golden["attn.adapter.to_k_ip.weight"])
    processor.to_v_ip.weight.copy_(golden["attn.adapter.to_v_ip.weight"])
    attn.set_processor(processor)
    processor.read_prompt(attn, golden["attn.text"], None, golden["attn.audio"], alpha)
    torch.testing.assert_close(attn(golden["attn.hidden"]), golden[f"attn.alpha{alpha}.out"], atol=1e-5, rtol=1e-5)
