"""The decode step as one onnxruntime graph: against torch's, in float32 to the token, in int8 to its distribution."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import torch
from punchin_server.engines.inpaint.decode import LanguageModel, TakeBatch, fill
from punchin_server.engines.inpaint.loading import load_models
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen import onnx_step
from punchin_server.models.musicgen.airgen import AdapterBank, AdapterGains, AdapterWeights, build_bank
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen, TextState
from punchin_server.models.musicgen.onnx_step import OnnxMusicGen
from punchin_server.models.musicgen.step_graph import StepModel, quantize_blocks, write_step
from torch import Tensor

pytestmark = pytest.mark.torch

CONFIG = LMConfig(layers=3, width=64, heads=4, card=24, text_width=8)
STEPS, T = 20, 12


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def plain(config: LMConfig = CONFIG) -> MusicGen:
    torch.manual_seed(0)
    return MusicGen(config, max_steps=64).eval().requires_grad_(False)


def adapters(lm: MusicGen) -> AdapterBank:
    """Of different depths and numbers of tokens: the lowest layer has none, and some tokens are absent."""
    g = torch.Generator().manual_seed(1)
    sizes = {"chord": (2, 3), "drums": (1, 2)}
    made = {
        name: AdapterWeights(torch.randn(deep, 4, m, lm.config.width, generator=g), torch.randn(deep, 4, generator=g))
        for name, (deep, m) in sizes.items()
    }
    return build_bank(lm, made)


def text_of(lm: MusicGen, rows: int) -> TextState:
    """The first row with the text, the others without."""
    state = lm.read_text(torch.randn(5, lm.config.text_width, generator=torch.Generator().manual_seed(2)))
    index = [0] + [1] * (rows - 1)
    return TextState(state.keys[:, index], state.values[:, index])


def all_logits(
    lm: LanguageModel, rows: int, bank: AdapterBank | None, text: TextState | None, pieces: tuple[int, ...]
) -> Tensor:
    """`[pieces, B, K, card]`: after each piece of the same random tokens."""
    g = torch.Generator().manual_seed(3)
    codes = torch.randint(0, lm.config.card, (rows, lm.config.codebooks, sum(pieces)), generator=g)
    types, shares = torch.arange(STEPS) % 4, torch.rand(rows, 2, generator=g)
    cache, at, found = lm.new_cache(rows, STEPS), 0, []
    for piece in pieces:
        of = slice(at, at + piece)
        state = None if bank is None else AdapterGains.of(bank, shares).at(types[of])
        found.append(lm.next_logits(codes[..., of], StepSpan.of(at, piece), cache, text, state))
        at += piece
    return torch.stack(found)


@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("followed", ["nothing", "adapters", "text", "both"])
def test_float32_gives_the_logits_of_torch(rows: int, followed: str) -> None:
    """A prefill, steps, a piece between two holes, and steps again."""
    lm, pieces = plain(), (7, 1, 1, 4, 1)
    bank = adapters(lm) if followed in ("adapters", "both") else None
    text = text_of(lm, rows) if followed in ("text", "both") else None
    expected = all_logits(lm, rows, bank, text, pieces)
    got = all_logits(OnnxMusicGen(deepcopy(lm), "float32", bank, text=True), rows, bank, text, pieces)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    assert float(expected.std()) > 0.1


@pytest.mark.parametrize("takes", [1, 3])
def test_float32_gives_the_tokens_of_torch(takes: int) -> None:
    """Two holes, takes with and without a beginning in common, two adapters, a text and guidance."""
    lm = plain()
    bank, text = adapters(lm), text_of(lm, 2)
    spans = (Span(2, 5), Span(8, 11))
    window = Window(0, T, spans, spans)
    g = torch.Generator().manual_seed(4)
    known = torch.randint(0, CONFIG.card, (1, 4, T), generator=g).repeat(takes, 1, 1)
    shares = torch.tensor([[0.8, 0.0], [0.8, 0.0], [0.2, 0.7]])[:takes]

    def filled(model: LanguageModel) -> Tensor:
        frames = known.clone()
        noise = Noise(range(takes), 4, CONFIG.card)
        for _ in fill(model, known, frames, window, TakeBatch(shares, noise, SamplingParams(), bank, text)):
            pass
        return frames

    expected = filled(lm)
    assert torch.equal(filled(OnnxMusicGen(deepcopy(lm), "float32", bank, text=True)), expected)
    assert not torch.equal(expected, known)


def test_a_block_is_rounded_by_its_own_largest_weight() -> None:
    weight = torch.randn(6, 200, generator=torch.Generator().manual_seed(0))
    weight[:, :128] *= 100
    quantized, scales = quantize_blocks(weight)
    assert quantized.shape == (6, 2, 128)
    back = (torch.from_numpy(quantized).float() - 128) * torch.from_numpy(scales).view(6, 2, 1)
    error = (back.flatten(1)[:, :200] - weight).abs()
    assert bool((error <= 0.501 * torch.from_numpy(scales).view(6, 2).repeat_interleave(128, 1)[:, :200]).all())
    assert float(error[:, 128:].max()) < 0.02


def test_int8_weights_are_given_up_once_they_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime was handed is freed: overwritten, it changes nothing."""
    written: list[StepModel] = []

    def write(*args: Any) -> StepModel:
        written.append(write_step(*args))
        return written[-1]

    monkeypatch.setattr(onnx_step, "write_step", write)
    lm = plain()
    text = text_of(lm, 2)
    model = OnnxMusicGen(lm, "int8", None, text=True)
    expected = all_logits(model, 2, None, text, (7, 1, 4, 1))
    assert len(written[0].packed) == CONFIG.layers * 6 + 1
    for value in written[0].packed.values():
        value[:] = 0
    assert torch.equal(all_logits(model, 2, None, text, (7, 1, 4, 1)), expected)


def test_int8_of_the_built_in_pack_keeps_its_distribution() -> None:
    """KL to float32, of every step of a forced sequence under an adapter."""
    if not onnx_step.is_faster("int8"):
        pytest.skip("this CPU runs int8 with torch")
    exact, rounded = (load_models("tiny", "cpu", precision) for precision in ("float32", "int8"))
    assert isinstance(rounded.lm, OnnxMusicGen)
    assert isinstance(exact.lm, MusicGen)
    steps, found = 200, []
    g = torch.Generator().manual_seed(5)
    codes = torch.randint(0, exact.lm.config.card, (1, exact.lm.config.codebooks, steps), generator=g)
    for models in (exact, rounded):
        assert models.bank is not None
        lm, bank = models.lm, models.bank.only(models.bank.names[:1])
        cache, rows = lm.new_cache(1, steps), []
        for at in range(steps):
            state = AdapterGains.of(bank, torch.ones(1, 1)).at(torch.tensor([2]))
            rows.append(lm.next_logits(codes[..., at : at + 1], StepSpan.of(at, 1), cache, None, state))
        found.append(torch.stack(rows).float().log_softmax(-1))
    kl = (found[0].exp() * (found[0] - found[1])).sum(-1).mean()
    assert 0 < float(kl) <= 1e-3
