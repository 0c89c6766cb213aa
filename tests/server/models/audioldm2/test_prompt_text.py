"""The text path is the published pipeline's, but that it reads long negative texts, and a loop of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import audioldm2 as fake
from peers.audioldm2 import stock_pipeline
from punchin_server.models.audioldm2.prompt_text import PromptText
from punchin_wire.errors import BadSetting, Unsupported
from torch import Tensor
from transformers import ClapFeatureExtractor, ClapModel, ClapTextModelWithProjection

pytestmark = pytest.mark.torch

LONG, SHORT = "a recording of a violin solo", "Low quality"


def build(audio_tower: bool = True) -> PromptText:
    torch.manual_seed(0)
    clap = fake.clap() if audio_tower else ClapTextModelWithProjection(fake.clap_config().text_config)
    models = (clap, fake.t5(), fake.projection(), fake.gpt2())
    for model in models:
        fake.randomize(model)
    features = ClapFeatureExtractor(truncation="rand_trunc")
    return PromptText(*models, fake.clap_tokenizer(), fake.t5_tokenizer(), features).eval()


@pytest.fixture(scope="module")
def text() -> PromptText:
    return build().requires_grad_(False)


def test_prompts_are_the_published_pipelines(tmp_path: Path) -> None:
    """Whose CLAP tokens are padded to the maximum, and whose negative text is padded to the positive's length."""
    pipeline = stock_pipeline(fake.write_folder(tmp_path))
    t5, mask, loa = pipeline.encode_prompt(LONG, "cpu", 1, True, negative_prompt=SHORT, max_new_tokens=8)
    ours = PromptText(
        pipeline.text_encoder,
        pipeline.text_encoder_2,
        pipeline.projection_model,
        pipeline.language_model.transformer,
        pipeline.tokenizer,
        pipeline.tokenizer_2,
    ).encode([SHORT, LONG])
    torch.testing.assert_close(ours.t5, t5, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.loa, loa, atol=1e-5, rtol=0)
    assert torch.equal(ours.t5_mask, mask)


@pytest.mark.parametrize("negative", ["", SHORT, LONG, "a recording of a piano"])
def test_the_negative_text_does_not_move_the_positive_one(text: PromptText, negative: str) -> None:
    """However long it is; padding between a text and what GPT-2 writes behind it would."""
    both, alone = text.encode([negative, SHORT]), text.encode([SHORT])
    longer = both.t5.shape[1] > 3
    assert both.t5_mask[1].tolist() == [1] * 3 + [0] * (both.t5.shape[1] - 3)
    for found, wanted in ((both.loa[1], alone.loa[0]), (both.t5[1, :3], alone.t5[0])):
        torch.testing.assert_close(found, wanted, atol=0 if longer else 1e-5, rtol=0)
    padded = text(*text.tokenize([negative, SHORT])).loa[1]
    assert torch.allclose(padded, alone.loa[0], atol=1e-4) is not longer


def test_a_negative_text_longer_than_the_prompt_is_read_whole(text: PromptText) -> None:
    negative, alone = text.encode([LONG, SHORT]), text.encode([LONG])
    assert negative.t5_mask.tolist() == [[1] * 7, [1] * 3 + [0] * 4]
    for found, wanted in zip(negative, alone, strict=True):
        torch.testing.assert_close(found[0], wanted[0], atol=1e-5, rtol=0)


def test_the_language_of_audio_is_written_without_shortcuts(text: PromptText) -> None:
    """Section 2.1, steps 2 and 3, as loops: specials around both texts, then eight whole passes without a cache."""
    tokens = text.tokenize([LONG, SHORT])
    prompt = text(*tokens)
    p = text.projection
    rows = []
    for row in range(2):
        clap = text.clap_text(tokens.clap_ids, tokens.clap_mask)[row : row + 1]
        parts: list[Tensor] = [
            p.sos_embed[None],
            clap @ p.projection.weight.T + p.projection.bias,
            p.eos_embed[None],
            p.sos_embed_1[None],
            prompt.t5[row] @ p.projection_1.weight.T + p.projection_1.bias,
            p.eos_embed_1[None],
        ]
        x = torch.cat(parts)[None]
        heard = torch.cat([torch.ones(4), tokens.t5_mask[row].float(), torch.ones(1)])[None]
        for _ in range(8):
            states = text.gpt2(inputs_embeds=x, attention_mask=heard, use_cache=False).last_hidden_state
            x = torch.cat([x, states[:, -1:]], dim=1)
            heard = torch.cat([heard, torch.ones(1, 1)], dim=1)
        rows.append(x[:, -8:])
    torch.testing.assert_close(prompt.loa, torch.cat(rows), atol=1e-5, rtol=0)


def test_an_empty_prompt_is_a_prompt(text: PromptText) -> None:
    prompt = text.encode([""])
    assert prompt.t5.shape[1] == 1
    assert prompt.loa.isfinite().all()


def test_a_prompt_too_long_to_be_read_whole_is_refused(text: PromptText) -> None:
    """The published pipeline cuts it and says so in a log."""
    with pytest.raises(BadSetting, match="64 tokens") as refused:
        text.encode(["violin " * 40])
    assert refused.value.next_step == "Shorten it."


def test_training_cuts_it(text: PromptText) -> None:
    """To all that both encoders read: one token more and it would be refused."""
    cut = text.tokenize(["violin " * 40], cut=True)
    assert cut.clap_ids.shape == cut.clap_mask.shape == (1, 64)
    whole = text.tokenize([SHORT])
    assert all(torch.equal(a, b) for a, b in zip(whole, text.tokenize([SHORT], cut=True), strict=True))


def test_the_whole_path_learns() -> None:
    """Every parameter that text passes has a gradient; what text does not pass has none."""
    text = build()
    prompt = text(*text.tokenize([LONG, SHORT]))
    (prompt.loa.square().sum() + prompt.t5.square().sum()).backward()
    without = {name for name, p in text.named_parameters() if p.grad is None}
    assert all(name.startswith(("clap.audio_", "clap.logit_scale", "gpt2.wte")) for name in without)
    assert not text.encode([SHORT]).loa.requires_grad


def test_similarity_is_claps(text: PromptText) -> None:
    """The cosine that transformers' CLAP finds for ten seconds at its own rate."""
    audio = np.random.default_rng(0).standard_normal(480_000).astype(np.float32)
    clap = text.clap
    assert isinstance(clap, ClapModel)
    assert text.compares
    mel = ClapFeatureExtractor(truncation="rand_trunc")(audio, sampling_rate=48_000, return_tensors="pt")
    tokens = text.tokenize([LONG])
    with torch.no_grad():
        whole = clap(input_ids=tokens.clap_ids, attention_mask=tokens.clap_mask, **mel)
    expected = float(whole.text_embeds @ whole.audio_embeds.T)
    assert text.similarity(audio, 48_000, LONG) == pytest.approx(expected, abs=1e-5)
    twice = text.similarity(np.concatenate([audio, audio]), 48_000, LONG)
    assert twice == pytest.approx(expected, abs=1e-5)
    assert -1 <= text.similarity(audio[:1600], 16_000, SHORT) <= 1


def test_without_an_audio_tower_nothing_is_compared() -> None:
    text = build(audio_tower=False)
    assert not text.compares
    assert text.encode([SHORT]).loa.shape == (1, 8, fake.LOA)
    with pytest.raises(Unsupported, match="audio tower"):
        text.similarity(np.zeros(16_000, np.float32), 16_000, SHORT)
