"""T5 text encoding, from a t5-base folder or from inside a Hugging Face MusicGen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peers.musicgens import transformers_musicgen
from punchin_server.models.musicgen.musicgen import LMConfig
from punchin_server.models.musicgen.text import TextEncoder
from punchin_wire.errors import BadCheckpoint
from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

pytestmark = pytest.mark.torch

WORDS = ("warm", "pads", "and", "slow", "drums")


def save_tokenizer(folder: Path) -> T5Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -1.0) for word in WORDS)]
    tokenizer = T5Tokenizer(vocab=pieces, extra_ids=0)
    tokenizer.save_pretrained(folder)
    return tokenizer


def test_t5_folder_encodes_as_transformers_does(tmp_path: Path) -> None:
    """A whole T5 as the hub has it: its decoder is ignored; one row a token, the end token last."""
    tokenizer = save_tokenizer(tmp_path)
    config = T5Config(vocab_size=16, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=3)
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path)
    reader = TextEncoder(tmp_path)
    encoded = reader.encode("warm pads")
    assert reader.width == 24
    assert encoded.shape == (3, 24)
    tokens = tokenizer("warm pads", return_tensors="pt")
    with torch.inference_mode():
        expected = model.encoder(**tokens).last_hidden_state[0]
    torch.testing.assert_close(encoded, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(encoded, reader.encode("slow drums"), atol=1e-3)


def test_text_encoder_inside_a_musicgen(tmp_path: Path) -> None:
    save_tokenizer(tmp_path)
    whole = transformers_musicgen(LMConfig(layers=1, width=16, heads=2, card=8, text_width=24))
    whole.save_pretrained(tmp_path)
    assert TextEncoder(tmp_path).encode("warm").shape == (2, 24)


def test_folder_without_text_encoder(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="no T5"):
        TextEncoder(tmp_path)
