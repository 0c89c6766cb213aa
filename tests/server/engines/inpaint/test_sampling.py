"""Sampling: the right distribution, and one random stream a take."""

from __future__ import annotations

import pytest
import torch
from punchin_server.engines.inpaint.sampling import Noise, guide, sample

pytestmark = pytest.mark.torch


def test_samples_are_of_the_tempered_top_k_distribution() -> None:
    """Frequencies of 20 000 draws against softmax(logits / T) over the k likeliest, within 5 standard errors."""
    logits = torch.tensor([2.0, 0.5, 1.0, -1.0, 1.5])
    noise = torch.empty(20_000, 5).exponential_(generator=torch.Generator().manual_seed(0))
    drawn = sample(logits.expand(20_000, 5), noise, temperature=0.7, top_k=3)
    kept = torch.tensor([0, 2, 4])
    expected = torch.zeros(5)
    expected[kept] = torch.softmax(logits[kept] / 0.7, 0)
    frequency = torch.bincount(drawn, minlength=5) / 20_000
    assert frequency[1] == frequency[3] == 0
    assert ((frequency - expected).abs() <= 5 * (expected * (1 - expected) / 20_000).sqrt()).all()


def test_top_k_zero_or_larger_than_the_card_keeps_all() -> None:
    logits = torch.randn(50, 6)
    noise = torch.empty(50, 6).exponential_()
    assert torch.equal(sample(logits, noise, 1.0, 0), sample(logits, noise, 1.0, 6))
    assert torch.equal(sample(logits, noise, 1.0, 1), logits.argmax(-1))


def test_a_takes_noise_is_its_own() -> None:
    """Row by row the same stream, whatever else is in the batch and at whatever place."""
    together, alone = Noise([5, 6, 7], 4, 9), Noise([6], 4, 9)
    for _ in range(3):
        assert torch.equal(together.next()[1:2], alone.next())


def test_guidance() -> None:
    cond, uncond = torch.randn(2, 3), torch.randn(2, 3)
    stacked = torch.cat([cond, uncond])
    torch.testing.assert_close(guide(stacked, 1.0), cond)
    torch.testing.assert_close(guide(stacked, 0.0), uncond)
    torch.testing.assert_close(guide(stacked, 3.0), uncond + 3 * (cond - uncond))
