"""Filling a window: against a plain reference that feeds everything, one step at a time, and never shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from punchin_server.engines.inpaint import decode
from punchin_server.engines.inpaint.decode import TakeBatch, delay, fill
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen.airgen import AdapterBank, AdapterGains, AdapterWeights, build_bank, frame_types
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from torch import Tensor

pytestmark = pytest.mark.torch

CONFIG = LMConfig(layers=2, width=32, heads=4, card=24, text_width=8)
T, K = 12, 4
SAMPLING = SamplingParams(temperature=0.9, top_k=10, guidance=2.5)
CONTROLLED = replace(SAMPLING, control_guidance=20.0)
HOLES = {
    "middle": (Window(0, T, (Span(4, 8),), (Span(4, 8),))),
    "start": (Window(0, T, (Span(0, 3),), (Span(0, 3),))),
    "end": (Window(0, T, (Span(9, 12),), (Span(9, 12),))),
    "all": (Window(0, T, (Span(0, 12),), (Span(0, 12),))),
    "two": (Window(0, T, (Span(1, 3), Span(9, 11)), (Span(1, 3), Span(9, 11)))),
    "near": (Window(0, T, (Span(2, 4), Span(5, 6)), (Span(2, 4), Span(5, 6)))),
    "to be continued": (Window(0, T, (Span(3, 6),), (Span(3, 12),))),
    "later in the song": (Window(100, T, (Span(104, 106),), (Span(104, 106),))),
}


@pytest.fixture(scope="module")
def lm() -> MusicGen:
    torch.manual_seed(0)
    return MusicGen(CONFIG, max_steps=2 * T + K).eval()


def random_bank(lm: MusicGen) -> AdapterBank:
    g = torch.Generator().manual_seed(1)
    weights = {
        name: AdapterWeights(torch.randn(2, 4, 3, 32, generator=g), torch.randn(2, 4, generator=g))
        for name in ("chord", "drums")
    }
    return build_bank(lm, weights)


@pytest.fixture(scope="module")
def bank(lm: MusicGen) -> AdapterBank:
    return random_bank(lm)


def tokens(takes: int, seed: int = 2, codebooks: int = K) -> Tensor:
    """The same known frames for every take."""
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, CONFIG.card, (1, codebooks, T), generator=g).repeat(takes, 1, 1)


def filled(
    lm: MusicGen, prefix: Tensor, frames: Tensor, window: Window, takes: TakeBatch, silent: Tensor | None = None
) -> Tensor:
    with torch.inference_mode():
        frames = frames.clone()
        for _ in fill(lm, prefix, frames, window, takes, silent=silent):
            pass
        return frames


def batch(
    seeds: list[int],
    coefficients: Tensor | None = None,
    codebooks: int = K,
    sampling: SamplingParams = SAMPLING,
    **kwargs: Any,
) -> TakeBatch:
    if coefficients is None:
        coefficients = torch.zeros(len(seeds), 0)
    return TakeBatch(coefficients, Noise(seeds, codebooks, CONFIG.card), sampling, **kwargs)


@torch.inference_mode()
def reference(
    lm: MusicGen,
    prefix: Tensor,
    frames: Tensor,
    window: Window,
    seed: int,
    bank: Any = None,
    row: Any = None,
    text: Any = None,
    silent: Tensor | None = None,
) -> Tensor:
    """One take, no cache: the whole sequence is run again for each token that is not known."""
    K = lm.config.codebooks
    known = np.concatenate([np.ones(T, bool), window.kept()])
    types = frame_types(torch.from_numpy(window.kept()), K)
    steps = delay(torch.cat([prefix, frames], -1), CONFIG.special)
    noise = Noise([seed], K, CONFIG.card)
    last = T + max(end for _, end in window.write) - window.start + K - 1
    for s in range(last):
        unknown = [k for k in range(K) if 0 <= s - k < 2 * T and not known[s - k]]
        writes = [k for k in range(K) if 0 <= s - k - T < T and window.written()[s - k - T]]
        if not writes:
            continue
        state = AdapterGains.of(bank, row[None]).at(types[: s + 1]) if bank is not None else None

        def answer(branch: int, steps: Tensor, until: int = s + 1, state: Any = state) -> Tensor:
            one = None if text is None else type(text)(*(x[:, branch : branch + 1] for x in text))
            hidden = lm(steps[..., :until], StepSpan.of(0, until), lm.new_cache(1), one, state)
            return lm.logits(hidden)[0, :, -1]

        logits = full = answer(0, steps)
        if text is not None:
            textless = answer(1, steps)
            logits = textless + SAMPLING.guidance * (full - textless)
        if silent is not None:
            behind = steps.clone()
            for k in range(K):
                behind[:, k, 1 + k : 1 + k + T] = silent[:, k]
            unled = answer(0, behind)
            by = CONTROLLED.control_guidance
            logits = unled + by * (full - unled) if text is None else logits + (by - 1) * (full - unled)
        exponentials = noise.next()[0]
        for k in unknown:
            kept = logits[k].topk(SAMPLING.top_k).indices
            clocks = logits[k][kept] / SAMPLING.temperature - exponentials[k][kept].log()
            steps[0, k, s + 1] = kept[clocks.argmax()]
    out = frames.clone()
    for f in np.flatnonzero(window.written()):
        for k in range(K):
            out[0, k, f] = steps[0, k, T + f + 1 + k]
    return out


def test_delay_pattern() -> None:
    frames = torch.arange(8).view(1, 4, 2)
    assert delay(frames, 99)[0].tolist() == [
        [99, 0, 1, 99, 99, 99],
        [99, 99, 2, 3, 99, 99],
        [99, 99, 99, 4, 5, 99],
        [99, 99, 99, 99, 6, 7],
    ]


@pytest.mark.parametrize("window", HOLES.values(), ids=HOLES.keys())
def test_equals_the_full_decode_of_the_same_forced_tokens(lm: MusicGen, bank: AdapterBank, window: Window) -> None:
    prefix, frames = tokens(1, seed=3), tokens(1)
    row = torch.tensor([0.8, 0.0])
    got = filled(lm, prefix, frames, window, batch([5], row[None], bank=bank))
    assert torch.equal(got, reference(lm, prefix, frames, window, 5, bank, row))
    kept = torch.from_numpy(~window.written())
    assert torch.equal(got[..., kept], frames[..., kept])
    assert not torch.equal(got, frames)


@pytest.mark.parametrize("codebooks", [2, 8])
def test_models_of_other_codebooks(codebooks: int) -> None:
    """To the end of the window, where the highest codebook lags furthest behind; the adapter acts to the last step."""
    torch.manual_seed(0)
    lm = MusicGen(replace(CONFIG, codebooks=codebooks), max_steps=2 * T + codebooks).eval()
    bank, row, window = random_bank(lm), torch.tensor([0.8, 0.0]), HOLES["end"]
    prefix, frames = tokens(1, 3, codebooks), tokens(1, codebooks=codebooks)
    got = filled(lm, prefix, frames, window, batch([5], row[None], codebooks, bank=bank))
    assert torch.equal(got, reference(lm, prefix, frames, window, 5, bank, row))
    assert not torch.equal(got, frames)


def test_text_is_guided_and_its_absence_costs_no_branch(lm: MusicGen, monkeypatch: pytest.MonkeyPatch) -> None:
    window, prefix, frames = HOLES["middle"], tokens(1, seed=3), tokens(1)
    with torch.inference_mode():
        text = lm.read_text(torch.randn(3, CONFIG.text_width, generator=torch.Generator().manual_seed(0)))
    rows: list[int] = []
    plain = MusicGen.forward
    monkeypatch.setattr(
        MusicGen, "forward", lambda self, codes, *args: (rows.append(len(codes)), plain(self, codes, *args))[1]
    )
    guided = filled(lm, prefix, frames, window, batch([5], text=text))
    assert set(rows) == {2}
    assert torch.equal(guided, reference(lm, prefix, frames, window, 5, text=text))
    rows.clear()
    assert not torch.equal(filled(lm, prefix, frames, window, batch([5])), guided)
    assert set(rows) == {1}


@pytest.mark.parametrize("words", [0, 3])
@pytest.mark.parametrize("hole", ["middle", "start", "two", "to be continued"])
def test_controls_are_guided(lm: MusicGen, bank: AdapterBank, hole: str, words: int) -> None:
    """Compared with a prefix of its own, also where codebooks of its last frames and of the hole share a step."""
    window, prefix, frames, silent = HOLES[hole], tokens(1, seed=3), tokens(1), tokens(1, seed=4)
    row, text = torch.tensor([0.8, 0.3]), None
    if words:
        with torch.inference_mode():
            text = lm.read_text(torch.randn(words, CONFIG.text_width, generator=torch.Generator().manual_seed(0)))
    takes = batch([5], row[None], sampling=CONTROLLED, bank=bank, text=text)
    got = filled(lm, prefix, frames, window, takes, silent)
    assert torch.equal(got, reference(lm, prefix, frames, window, 5, bank, row, text, silent))
    unguided = batch([5], row[None], bank=bank, text=text)
    assert not torch.equal(got, filled(lm, prefix, frames, window, unguided))


def test_guided_takes_are_the_same_alone_and_among_others(lm: MusicGen, bank: AdapterBank) -> None:
    """Some of which begin alike."""
    prefix = torch.cat([tokens(1, seed=s) for s in (3, 3, 4)])
    silent = torch.cat([tokens(1, seed=s) for s in (5, 5, 6)])
    coefficients, seeds = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]]), [7, 8, 7]
    whole = batch(seeds, coefficients, sampling=CONTROLLED, bank=bank)
    together = filled(lm, prefix, tokens(3), HOLES["two"], whole, silent)
    for i, seed in enumerate(seeds):
        alone = batch([seed], coefficients[i : i + 1], sampling=CONTROLLED, bank=bank)
        one = filled(lm, prefix[i : i + 1], tokens(1), HOLES["two"], alone, silent[i : i + 1])
        assert torch.equal(together[i : i + 1], one)


def test_a_take_is_the_same_alone_and_among_others(lm: MusicGen, bank: AdapterBank) -> None:
    """Different controls, conditions and seeds in one batch; each take as if it were alone. Same seed, same take."""
    window = HOLES["two"]
    prefix = torch.cat([tokens(1, seed=s) for s in (3, 3, 4, 3)])
    coefficients = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    seeds = [7, 8, 7, 7]
    together = filled(lm, prefix, tokens(4), window, batch(seeds, coefficients, bank=bank))
    for i, seed in enumerate(seeds):
        alone = batch([seed], coefficients[i : i + 1], bank=bank)
        assert torch.equal(together[i : i + 1], filled(lm, prefix[i : i + 1], tokens(1), window, alone))
    assert len({t.numpy().tobytes() for t in together}) == 4


def test_takes_that_begin_alike_share_the_prefill(
    lm: MusicGen, bank: AdapterBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three takes of two kinds: the prefill has two rows, the steps three; nothing is fed after the hole's end."""
    window = HOLES["middle"]
    fed: list[tuple[int, int, int]] = []
    plain = MusicGen.forward

    def spy(self: MusicGen, codes: Tensor, span: StepSpan, *args: Any) -> Tensor:
        assert span.start is not None
        fed.append((len(codes), span.start, span.visible))
        return plain(self, codes, span, *args)

    monkeypatch.setattr(MusicGen, "forward", spy)
    coefficients = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    filled(lm, tokens(3, seed=3), tokens(3), window, batch([1, 2, 3], coefficients, bank=bank))
    assert fed[0] == (2, 0, T + 4 + 1)
    assert fed[1:] == [(3, s, s + 1) for s in range(T + 5, T + 8 + K - 1)]


def test_prefill_in_pieces_changes_nothing(lm: MusicGen, bank: AdapterBank, monkeypatch: pytest.MonkeyPatch) -> None:
    window, row = HOLES["two"], torch.tensor([[0.8, 0.0]])
    whole = filled(lm, tokens(1, seed=3), tokens(1), window, batch([5], row, bank=bank))
    monkeypatch.setattr(decode, "PIECE", 5)
    pieces = filled(lm, tokens(1, seed=3), tokens(1), window, batch([5], row, bank=bank))
    assert torch.equal(whole, pieces)


def test_steps_tell_which_frames_are_final(lm: MusicGen) -> None:
    """A frame reported as done never changes afterwards, and every written frame is done at the end."""
    window, frames = HOLES["middle"], tokens(1)
    seen: dict[int, list[int]] = {}
    with torch.inference_mode():
        for step in fill(lm, tokens(1, seed=3), frames, window, batch([5])):
            for f in range(step.done):
                assert seen.setdefault(f, frames[0, :, f].tolist()) == frames[0, :, f].tolist()
    assert step.done == 8
    assert step.fed == step.total
    assert frames.max() < CONFIG.card
