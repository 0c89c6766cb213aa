"""Our language model computes what transformers' and audiocraft's compute, loaded from their own files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from peers.musicgens import audiocraft_lm, shake, transformers_musicgen
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import SMALL, LMConfig, MusicGen
from punchin_server.models.musicgen.weights import load_lm
from torch import Tensor

pytestmark = pytest.mark.torch

DEBUG = LMConfig(layers=3, width=64, heads=4, card=48, text_width=24)
XP_CFG = """
transformer_lm: {{n_q: {codebooks}, card: {card}, dim: {width}, num_heads: {heads}, num_layers: {layers},
  hidden_scale: 4, bias_attn: false, bias_ff: false, bias_proj: false, norm_first: true, causal: true,
  positional_embedding: sin, cross_attention: false, kv_repeat: 1, layer_scale: null}}
"""
SIZES = [
    pytest.param(DEBUG, 40, id="debug"),
    pytest.param(SMALL, 24, id="small", marks=pytest.mark.model),
]


def codes_of(config: LMConfig, steps: int) -> Tensor:
    g = torch.Generator().manual_seed(7)
    return torch.randint(0, config.card + 1, (2, config.codebooks, steps), generator=g)


def save_audiocraft(lm: Any, config: LMConfig, folder: Path) -> Path:
    """An export as audiocraft writes it, without the stand-in for the text encoder, which no export holds."""
    state = {name: t for name, t in lm.state_dict().items() if not name.endswith("description.embed.weight")}
    package = {"best_state": state, "xp.cfg": XP_CFG.format(**vars(config)), "version": "1.3.0", "exported": True}
    torch.save(package, folder / "state_dict.bin")
    return folder / "state_dict.bin"


def ours(lm: MusicGen, codes: Tensor, encoded: Tensor | None) -> Tensor:
    steps = codes.shape[-1]
    text = lm.read_text(encoded) if encoded is not None else None
    return lm.logits(lm(codes, StepSpan.of(0, steps), lm.new_cache(len(codes), steps), text=text))


@torch.inference_mode()
@pytest.mark.parametrize(("config", "steps"), SIZES)
def test_logits_equal_transformers(config: LMConfig, steps: int, tmp_path: Path) -> None:
    peer = transformers_musicgen(config)
    shake(peer)
    peer.save_pretrained(tmp_path)
    lm = load_lm(tmp_path)
    codes, encoded = codes_of(config, steps), torch.randn(6, config.text_width)
    for text in (None, encoded):
        # Row 0 reads the text, row 1 its absence: zero vectors after the projection, as both peers do in CFG.
        hidden = peer.enc_to_dec_proj(encoded) if text is not None else torch.zeros(1, config.width)
        both = torch.stack([hidden, torch.zeros_like(hidden)])
        decoder = peer.decoder(input_ids=codes.flatten(0, 1), encoder_hidden_states=both, use_cache=False)
        expected = decoder.logits.view(2, config.codebooks, steps, config.card)
        torch.testing.assert_close(ours(lm, codes, text), expected, atol=1e-4, rtol=0)


@pytest.mark.peer
@pytest.mark.skipif(find_spec("audiocraft") is None, reason="audiocraft is not installed")
@torch.inference_mode()
@pytest.mark.parametrize(("config", "steps"), SIZES)
def test_logits_equal_audiocraft(config: LMConfig, steps: int, tmp_path: Path) -> None:
    peer = audiocraft_lm(config)
    shake(peer)
    lm = load_lm(save_audiocraft(peer, config, tmp_path))
    codes, encoded = codes_of(config, steps), torch.randn(6, config.text_width)
    projected = peer.condition_provider.conditioners["description"].output_proj(encoded)
    for text, hidden in ((None, torch.zeros(1, config.width)), (encoded, projected)):
        both = torch.stack([hidden, torch.zeros_like(hidden)])
        conditions = {"description": (both, torch.ones(both.shape[:2]))}
        expected = peer(codes, [], condition_tensors=conditions)
        torch.testing.assert_close(ours(lm, codes, text), expected, atol=1e-4, rtol=0)
