"""Sampling: the right distribution, and one random stream a take."""

from __future__ import annotations

import pytest
import torch
from punchin_server.engines.inpaint.sampling import Guidance, Noise, sample

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


def test_guidance_with_one_branch_to_compare_with() -> None:
    cond, uncond = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    stacked = torch.cat([cond, uncond])
    torch.testing.assert_close(Guidance(text=0.0)(stacked), uncond)
    torch.testing.assert_close(Guidance(control=3.0)(stacked), uncond + 3 * (cond - uncond))
    assert torch.equal(Guidance(text=1.7)(stacked), uncond + 1.7 * (cond - uncond))
    assert torch.equal(Guidance()(cond), cond)


def test_text_and_controls_are_guided_apart() -> None:
    """Each by its own scale, from the branch that has both."""
    full, textless, silent = torch.randn(3, 2, 4, 3)
    guided = Guidance(text=3.0, control=2.0)(torch.cat([full, textless, silent]))
    torch.testing.assert_close(guided, full + 2 * (full - textless) + (full - silent))


def test_branches_see_what_they_compare() -> None:
    full, silent = torch.zeros(2, 4, 3), torch.ones(2, 4, 3)
    assert Guidance().codes(full, silent).shape == full.shape
    assert Guidance(text=3.0).codes(full, None)[:, 0, 0].tolist() == [0] * 4
    both = Guidance(text=3.0, control=2.0)
    assert both.codes(full, silent)[:, 0, 0].tolist() == [0, 0, 0, 0, 1, 1]
    assert both.texts() == [0, 1, 0]
