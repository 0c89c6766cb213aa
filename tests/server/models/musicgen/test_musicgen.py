"""The language model agrees with itself however its steps are fed."""

from __future__ import annotations

import pytest
import torch
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen, positions_table
from torch import Tensor

pytestmark = pytest.mark.torch

TINY = LMConfig(layers=2, width=64, heads=4, card=32, text_width=16)


@pytest.fixture
def lm() -> MusicGen:
    torch.manual_seed(0)
    return MusicGen(TINY, max_steps=64).eval()


@pytest.fixture
def codes() -> Tensor:
    return torch.randint(0, TINY.card + 1, (3, TINY.codebooks, 20), generator=torch.Generator().manual_seed(1))


def at_once(lm: MusicGen, codes: Tensor, **kwargs: object) -> Tensor:
    steps = codes.shape[-1]
    return lm(codes, StepSpan.of(0, steps), lm.new_cache(len(codes), steps), **kwargs)


@torch.inference_mode()
def test_any_division_into_chunks_gives_the_full_forward(lm: MusicGen, codes: Tensor) -> None:
    """Prefill, single steps, a second parallel chunk: the same hidden states as one forward over everything."""
    cache, parts, start = lm.new_cache(3), [], 0
    for size in (7, 1, 1, 1, 6, 1, 3):
        parts.append(lm(codes[..., start : start + size], StepSpan.of(start, size), cache))
        start += size
    torch.testing.assert_close(torch.cat(parts, dim=1), at_once(lm, codes), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_columns_beyond_the_position_are_never_seen(lm: MusicGen, codes: Tensor) -> None:
    """A wider view of the cache (a fixed bucket, as graphs need it) changes nothing, whatever it holds there."""
    cache = lm.new_cache(3)
    for layer in cache.layers:
        layer.normal_()
    first = lm(codes[..., :9], StepSpan.of(0, 9), cache)
    step = lm(codes[..., 9:10], StepSpan.at(torch.tensor([9]), 64, torch.float32), cache)
    torch.testing.assert_close(torch.cat([first, step], 1), at_once(lm, codes[..., :10]), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_cache_rows_can_be_shared_and_reordered(lm: MusicGen, codes: Tensor) -> None:
    """One prefilled row serves several takes."""
    cache = lm.new_cache(2)
    lm(codes[:2, :, :8], StepSpan.of(0, 8), cache)
    rows = torch.tensor([1, 0, 1])
    step = lm(codes[:, :, 8:9], StepSpan.of(8, 1), cache.expand(rows, 8))
    joined = torch.cat([codes[rows, :, :8], codes[:, :, 8:9]], dim=-1)
    torch.testing.assert_close(step, at_once(lm, joined)[:, 8:], atol=1e-5, rtol=0)


@torch.inference_mode()
def test_row_without_text_equals_no_cross_attention(lm: MusicGen, codes: Tensor) -> None:
    """Zero text contributes exactly nothing, so that skipping the branch is the same model."""
    text = lm.read_text(torch.randn(5, TINY.text_width))
    with_text = at_once(lm, codes[:1].expand(2, -1, -1), text=text)
    plain = at_once(lm, codes[:1].expand(2, -1, -1))
    assert torch.equal(with_text[1], plain[1])
    assert not torch.allclose(with_text[0], plain[0], atol=1e-3)


def test_positions_are_float32_whatever_the_weights_are(lm: MusicGen) -> None:
    """Half precision cannot tell step 1500 from 1501; the table stays exact."""
    assert lm.to(torch.bfloat16).positions.dtype == torch.bfloat16  # what a plain cast would do
    lm.prepare(1504)
    assert lm.positions.dtype == torch.float32
    half = TINY.width // 2
    expected = torch.cos(torch.tensor(1500.0) * 10000.0 ** (-torch.tensor(3.0) / (half - 1)))
    torch.testing.assert_close(positions_table(1504, TINY.width)[1500, 3], expected, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_half_precision_runs_the_same_code(lm: MusicGen, codes: Tensor) -> None:
    """bfloat16 throughout, positions still exact: close to float32 as far as 8 bits go, in chunks too."""
    expected = lm.logits(at_once(lm, codes))
    lm = lm.to(torch.bfloat16)
    lm.prepare(64)
    cache = lm.new_cache(3)
    assert cache.layers[0].dtype == torch.bfloat16
    parts = [lm(codes[..., a:b], StepSpan.of(a, b - a), cache) for a, b in ((0, 9), (9, 10), (10, 20))]
    got = lm.logits(torch.cat(parts, 1))
    assert got.dtype == torch.bfloat16
    assert (got.float() - expected).abs().mean() < 0.05 * expected.abs().mean()


@pytest.mark.model
@torch.inference_mode()
def test_compiled_step_equals_the_plain_one(lm: MusicGen, codes: Tensor) -> None:
    """torch.compile of the untouched module, one graph for every step of a bucket."""
    compiled = torch.compile(lm, backend="aot_eager", dynamic=False)
    plain_cache, cache = lm.new_cache(3), lm.new_cache(3)
    for c in (plain_cache, cache):
        lm(codes[..., :8], StepSpan.of(0, 8), c)
    for s in range(8, 14):
        step = (codes[..., s : s + 1], StepSpan.at(torch.tensor([s]), 64, torch.float32))
        torch.testing.assert_close(compiled(*step, cache), lm(*step, plain_cache), atol=1e-5, rtol=0)
