"""Decode steps over fixed buffers make the takes that plain steps make, and nothing in them keeps a GPU waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from punchin_server.engines.inpaint import captured
from punchin_server.engines.inpaint.captured import GraphDecoder
from punchin_server.engines.inpaint.decode import TakeBatch, fill
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen.airgen import AdapterBank, AdapterWeights, build_bank
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen, TextState
from torch import Tensor, nn

pytestmark = pytest.mark.torch

CONFIG = LMConfig(layers=3, width=64, heads=4, card=64, text_width=16)
T, K = 24, 4
HOLES = ([(6, 15)], [(0, 9)], [(12, 24)], [(2, 4), (15, 17)], [(3, 9), (10, 11)])


@pytest.fixture(scope="module")
def lm() -> MusicGen:
    torch.manual_seed(0)
    lm = MusicGen(CONFIG, 2 * T + K).eval().requires_grad_(False)
    for name, weight in lm.named_parameters():
        if "layers" in name and weight.dim() == 2:
            nn.init.normal_(weight, std=2 * weight.shape[1] ** -0.5)
    nn.init.normal_(lm.heads.weight)  # peaked distributions, as a trained model's are
    return lm


@pytest.fixture(autouse=True)
def _buckets_as_short_as_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured, "BUCKET", 16)


def bank_of(lm: MusicGen, adapters: int) -> AdapterBank | None:
    g = torch.Generator().manual_seed(1)
    weights = {
        f"a{i}": AdapterWeights(torch.randn(3 - i, 4, 5, 64, generator=g), torch.randn(3 - i, 4, generator=g))
        for i in range(adapters)
    }
    return build_bank(lm, weights) if weights else None


def text_of(lm: MusicGen, words: int) -> TextState | None:
    g = torch.Generator().manual_seed(2)
    return lm.read_text(torch.randn(words, CONFIG.text_width, generator=g)) if words else None


class Case:
    """A window with a batch of takes, of which every second has the tokens of the first."""

    def __init__(self, lm: MusicGen, takes: int, words: int, adapters: int, hole: list[tuple[int, int]]) -> None:
        g = torch.Generator().manual_seed(3)
        spans = tuple(Span(*each) for each in hole)
        self.lm, self.window = lm, Window(0, T, spans, spans)
        kinds = torch.randint(0, CONFIG.card, (2, K, T), generator=g)
        self.codes = kinds[torch.arange(takes) % 2]
        self.coefficients = torch.rand(2, adapters, generator=g)[torch.arange(takes) % 2]
        self.silent = torch.randint(0, CONFIG.card, (2, K, T), generator=g)[torch.arange(takes) % 2]
        self.bank, self.text = bank_of(lm, adapters), text_of(lm, words)

    def batch(self, temperature: float = 1.0, control_guidance: float = 1.0) -> TakeBatch:
        noise, sampling = Noise(range(len(self.codes)), K, CONFIG.card), SamplingParams(temperature, 20, 3.0)
        sampling = replace(sampling, control_guidance=control_guidance)
        return TakeBatch(self.coefficients, noise, sampling, self.bank, self.text)

    @torch.no_grad()
    def filled(self, temperature: float = 1.0, control_guidance: float = 1.0, **decoder: Any) -> Tensor:
        frames, takes = self.codes.clone(), self.batch(temperature, control_guidance)
        for _ in fill(self.lm, self.codes.clone(), frames, self.window, takes, silent=self.silent, **decoder):
            pass
        return frames


@pytest.mark.parametrize("hole", HOLES, ids=str)
@pytest.mark.parametrize("adapters", [0, 1, 2])
@pytest.mark.parametrize("words", [0, 6])
@pytest.mark.parametrize("takes", [1, 3])
def test_the_same_tokens(lm: MusicGen, takes: int, words: int, adapters: int, hole: list[tuple[int, int]]) -> None:
    case = Case(lm, takes, words, adapters, hole)
    plain = case.filled()
    assert torch.equal(case.filled(decoder=GraphDecoder()), plain)
    assert not torch.equal(plain, case.codes)


@pytest.mark.parametrize("hole", HOLES, ids=str)
@pytest.mark.parametrize("words", [0, 6])
@pytest.mark.parametrize("takes", [1, 3])
def test_the_same_tokens_under_guided_controls(
    lm: MusicGen, takes: int, words: int, hole: list[tuple[int, int]]
) -> None:
    case, decoder = Case(lm, takes, words, 2, hole), GraphDecoder()
    assert not torch.equal(case.filled(decoder=decoder), case.filled(control_guidance=2.0))
    assert torch.equal(case.filled(control_guidance=2.0, decoder=decoder), case.filled(control_guidance=2.0))


def test_one_decoder_serves_window_after_window(lm: MusicGen) -> None:
    """The same layout again, with another hole, text and weights; other layouts between."""
    decoder = GraphDecoder()
    for takes, words, adapters, hole, temperature in (
        (2, 6, 1, HOLES[0], 1.0),
        (2, 6, 1, HOLES[3], 1.0),
        (2, 6, 1, HOLES[3], 0.5),
        (2, 4, 1, HOLES[1], 1.0),
        (1, 0, 2, HOLES[2], 1.0),
        (1, 0, 0, HOLES[4], 1.0),
        (2, 6, 1, HOLES[0], 1.0),
    ):
        case = Case(lm, takes, words, adapters, hole)
        assert torch.equal(case.filled(temperature, decoder=decoder), case.filled(temperature))


def test_a_layout_that_comes_again_keeps_its_buffers(lm: MusicGen) -> None:
    """Graphs read and write addresses: a second window must find the same."""
    decoder, case = GraphDecoder(), Case(lm, 2, 6, 1, HOLES[0])
    addresses = []
    for _ in range(2):
        case.filled(decoder=decoder)
        recording = decoder._recording
        assert recording is not None
        buffers = recording.buffers
        assert buffers.text is not None
        assert buffers.gains is not None
        plain = (buffers.index, buffers.tokens, buffers.unknown, buffers.types, buffers.noise)
        tensors = (*plain, *buffers.cache.layers, *buffers.text, buffers.gains.by_type)
        addresses.append([tensor.data_ptr() for tensor in tensors])
    assert addresses[0] == addresses[1]


def test_frames_that_are_told_to_be_final_are(lm: MusicGen) -> None:
    case = Case(lm, 2, 0, 1, HOLES[3])
    frames, seen, done = case.codes.clone(), {}, 0
    with torch.inference_mode():
        for step in fill(lm, case.codes.clone(), frames, case.window, case.batch(), GraphDecoder()):
            assert step.done >= done
            done = step.done
            for frame in range(done):
                assert seen.setdefault(frame, frames[..., frame].tolist()) == frames[..., frame].tolist()
    assert done == 17
    assert step.fed == step.total


def test_a_step_can_be_traced_with_fixed_shapes(lm: MusicGen) -> None:
    """Nothing of it is decided by data, which a recording would not see."""
    from torch.fx.experimental.proxy_tensor import make_fx

    decoder, case = GraphDecoder(), Case(lm, 2, 6, 2, HOLES[0])
    case.filled(decoder=decoder)
    recording = decoder._recording
    assert recording is not None
    layout, buffers = recording.layout, recording.buffers

    def step(index: Tensor) -> Tensor:
        buffers.index = index
        captured.feed(lm, buffers, layout.sampling, layout.guidance, 48)
        return buffers.tokens

    with torch.no_grad():
        traced = make_fx(step, tracing_mode="fake", _allow_non_fake_inputs=True)(torch.tensor([30]))
    assert "_local_scalar" not in traced.code
    assert "nonzero" not in traced.code
