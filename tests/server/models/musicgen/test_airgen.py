"""The adapters are those of AIRGen's section 3: checked against its formulas, written out as loops."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from punchin_server.models.musicgen.airgen import (
    AdapterGains,
    AdapterState,
    AdapterWeights,
    build_bank,
    frame_types,
    mix_weights,
)
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import LARGE, MEDIUM, SMALL, LMConfig, MusicGen
from punchin_wire.errors import AdapterMismatch
from torch import Tensor

pytestmark = pytest.mark.torch

CONFIG = LMConfig(layers=3, width=32, heads=4, card=16, text_width=8)
T = 6


@pytest.fixture
def lm() -> MusicGen:
    torch.manual_seed(0)
    lm = MusicGen(CONFIG, max_steps=2 * T + 4).eval()
    for layer in lm.layers:  # a norm that does nothing would hide a forgotten one
        torch.nn.init.normal_(layer.norm1.weight)
        torch.nn.init.normal_(layer.norm1.bias)
    return lm


def adapter(layers: int = 3, tokens: int = 5, width: int = 32, gate: float = 1.0, seed: int = 3) -> AdapterWeights:
    g = torch.Generator().manual_seed(seed)
    return AdapterWeights(
        torch.randn(layers, 4, tokens, width, generator=g), gate * torch.randn(layers, 4, generator=g)
    )


@pytest.fixture
def codes() -> Tensor:
    return torch.randint(0, CONFIG.card + 1, (3, 4, 2 * T + 4), generator=torch.Generator().manual_seed(1))


TYPES = frame_types(torch.tensor([1, 1, 0, 0, 0, 1]).bool(), 4)
STEPS = 2 * T + 4


def run(lm: MusicGen, codes: Tensor, state: AdapterState | None) -> Tensor:
    return lm.logits(lm(codes, StepSpan.of(0, STEPS), lm.new_cache(len(codes)), adapters=state))


def test_types_of_steps() -> None:
    """Section 2.1: prefix 0/1, prediction 2/3; T=750 gives 1504 steps, and step 750 is a prediction type."""
    assert TYPES.tolist() == [1, 1, 0, 0, 0, 1, 3, 3, 2, 2, 2, 3, 3, 3, 3, 3]
    mask = torch.ones(750, dtype=torch.bool)
    mask[187:561] = False
    types = frame_types(mask, 4)
    assert len(types) == 1504
    reference = torch.cat([mask.long(), mask.long() + 2, (mask[-1:].long() + 2)])
    assert len(reference) == 1501
    assert torch.equal(types[:1501], reference)
    assert types[750] == 3


def test_trainable_counts_of_the_paper() -> None:
    for config, m, expected in [
        (LARGE, 10, 3_932_352),
        (LARGE, 50, 19_660_992),
        (LARGE, 1, 393_408),
        (MEDIUM, 10, 2_949_312),
        (SMALL, 10, 983_136),
    ]:
        weights = AdapterWeights(
            torch.empty(config.layers, 4, m, config.width, device="meta"),
            torch.empty(config.layers, 4, device="meta"),
        )
        assert sum(t.numel() for t in weights) == expected


@torch.inference_mode()
def test_keys_and_values_are_the_projected_normed_tokens(lm: MusicGen) -> None:
    weights = adapter()
    bank = build_bank(lm, {"chord": weights})
    D, m = CONFIG.width, 5
    for i, layer in enumerate(lm.layers):
        n = F.layer_norm(weights.adaptor[i], (D,), layer.norm1.weight, layer.norm1.bias)
        k = n @ layer.attention.qkv.weight[D : 2 * D].T  # [4, m, D]
        v = n @ layer.attention.qkv.weight[2 * D :].T
        for t in range(4):
            own = slice(t * m, (t + 1) * m)
            expected = k[t].view(m, CONFIG.heads, -1).permute(1, 2, 0)  # [H, D/H, m]
            torch.testing.assert_close(bank.keys[i][..., own], expected)
            torch.testing.assert_close(bank.values[i][:, own], v[t].view(m, CONFIG.heads, -1).transpose(0, 1))


@torch.inference_mode()
def test_delta_of_every_step_is_the_gated_softmax_over_its_type(lm: MusicGen) -> None:
    """Section 3 word by word: one row, head and step at a time; two adapters of which each row follows its own."""
    chord, drums = adapter(seed=3), adapter(seed=4)
    bank = build_bank(lm, {"chord": chord, "drums": drums})
    coefficients = torch.tensor([[1.0, 0.0], [0.0, 0.7], [0.3, 0.5]])
    state = AdapterGains.of(bank, coefficients).at(TYPES)
    hd, m = CONFIG.head_width, 5
    q = torch.randn(3, CONFIG.heads, STEPS, hd)
    for layer in range(CONFIG.layers):
        delta = state.delta(layer, q)
        for b in range(3):
            for s, t in enumerate(TYPES.tolist()):
                for h in range(CONFIG.heads):
                    expected = torch.zeros(hd)
                    for a, weights in enumerate((chord, drums)):
                        own = slice((a * 4 + t) * m, (a * 4 + t + 1) * m)
                        k, v = bank.keys[layer][h][:, own].T, bank.values[layer][h][own]
                        attended = torch.softmax(q[b, h, s] @ k.T / hd**0.5, dim=-1) @ v
                        expected += coefficients[b, a] * weights.gates[layer, t] * attended
                    torch.testing.assert_close(delta[b, h, s], expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_delta_joins_before_the_output_projection(lm: MusicGen) -> None:
    """The whole first layer against the reference order: attention, plus delta, then out_proj."""
    state = AdapterGains.of(build_bank(lm, {"chord": adapter()}), torch.ones(3, 1)).at(TYPES)
    attention = lm.layers[0].attention
    x = torch.randn(3, STEPS, CONFIG.width)
    got = attention(x, 0, StepSpan.of(0, STEPS), lm.new_cache(3), state)
    q, k, v = (p.unflatten(-1, (4, -1)).transpose(1, 2) for p in (x @ attention.qkv.weight.T).chunk(3, -1))
    o = F.scaled_dot_product_attention(q, k, v, is_causal=True) + state.delta(0, q)
    expected = o.transpose(1, 2).flatten(2) @ attention.out.weight.T
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_zero_gates_are_the_base_model_to_the_bit(lm: MusicGen, codes: Tensor) -> None:
    bank = build_bank(lm, {"chord": adapter(gate=0.0)})
    state = AdapterGains.of(bank, torch.ones(3, 1)).at(TYPES)
    assert torch.equal(run(lm, codes, state), run(lm, codes, None))


@torch.inference_mode()
def test_rows_without_controls_are_the_base_model_beside_rows_with_them(lm: MusicGen, codes: Tensor) -> None:
    bank = build_bank(lm, {"chord": adapter(), "drums": adapter(seed=9)})
    state = AdapterGains.of(bank, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).at(TYPES)
    got, base = run(lm, codes, state), run(lm, codes, None)
    assert torch.equal(got[0], base[0])
    assert not torch.allclose(got[1], base[1], atol=1e-3)
    only_drums = AdapterGains.of(build_bank(lm, {"drums": adapter(seed=9)}), torch.ones(1, 1)).at(TYPES)
    torch.testing.assert_close(got[2:], run(lm, codes[2:], only_drums), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_adapters_of_unlike_depth_and_token_count_live_in_one_bank(lm: MusicGen, codes: Tensor) -> None:
    """An adapter of the top two layers with fewer tokens acts as it does alone."""
    small = adapter(layers=2, tokens=3)
    both = build_bank(lm, {"chord": adapter(seed=5), "piano": small})
    state = AdapterGains.of(both, torch.tensor([[0.0, 1.0]] * 3)).at(TYPES)
    alone_bank = build_bank(lm, {"piano": small})
    assert alone_bank.first_layer == 1
    alone = AdapterGains.of(alone_bank, torch.ones(3, 1)).at(TYPES)
    torch.testing.assert_close(run(lm, codes, state), run(lm, codes, alone), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_bank_of_what_is_followed_acts_as_the_whole(lm: MusicGen, codes: Tensor) -> None:
    whole = build_bank(lm, {"chord": adapter(), "drums": adapter(seed=9, tokens=3), "piano": adapter(seed=8)})
    part = whole.only({"piano", "drums"})
    assert part.names == ("drums", "piano")
    assert part.keys.shape[-1] == 2 * 4 * 5
    state = AdapterGains.of(whole, torch.tensor([[0.0, 0.4, 0.7]] * 3)).at(TYPES)
    alone = AdapterGains.of(part, torch.tensor([[0.4, 0.7]] * 3)).at(TYPES)
    torch.testing.assert_close(run(lm, codes, alone), run(lm, codes, state), atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_stepwise_equals_at_once(lm: MusicGen, codes: Tensor) -> None:
    bank, ones = build_bank(lm, {"chord": adapter()}), torch.ones(3, 1)
    cache, parts = lm.new_cache(3), []
    for s in range(STEPS):
        state = AdapterGains.of(bank, ones).at(TYPES[s : s + 1])
        parts.append(lm(codes[..., s : s + 1], StepSpan.of(s, 1), cache, adapters=state))
    at_once = run(lm, codes, AdapterGains.of(bank, ones).at(TYPES))
    torch.testing.assert_close(lm.logits(torch.cat(parts, 1)), at_once, atol=1e-5, rtol=1e-4)


def test_weights_of_several_controls() -> None:
    """One control of weight w acts with w; equal ones act with half each; a vanishing one changes nothing."""
    names = ("chord", "drums", "piano")
    assert mix_weights({"drums": 0.5}, names) == [0.0, 0.5, 0.0]
    assert mix_weights({"drums": 1.0, "chord": 1.0}, names) == [0.5, 0.5, 0.0]
    assert mix_weights({"drums": 2.0, "chord": 1e-9}, names) == pytest.approx([0.0, 2.0, 0.0], abs=1e-6)
    assert mix_weights({}, names) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "weights",
    [
        adapter(width=16),
        adapter(layers=4),
        AdapterWeights(torch.zeros(3, 3, 5, 32), torch.zeros(3, 3)),
        adapter()._replace(gates=torch.zeros(2, 4)),
    ],
)
def test_adapter_of_another_model_is_refused(lm: MusicGen, weights: AdapterWeights) -> None:
    with pytest.raises(AdapterMismatch, match="chord"):
        build_bank(lm, {"chord": weights})


def test_config_of_larger_model_refuses_smaller_adapter() -> None:
    lm = MusicGen(replace(CONFIG, width=64), max_steps=8)
    with pytest.raises(AdapterMismatch, match="width 32"):
        build_bank(lm, {"chord": adapter()})
