"""Our AIRGen equals its authors' code: what they computed on toy weights lies beside this file (README.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from punchin_server.codecs.encodec import Made
from punchin_server.engines.inpaint import engine
from punchin_server.engines.inpaint.decode import CachedModel, TakeBatch, delay
from punchin_server.engines.inpaint.loading import Models
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.engines.inpaint.windows import Window
from punchin_server.engines.spans import Span
from punchin_server.models.musicgen.airgen import AdapterBank, AdapterGains, build_bank, frame_types
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import MusicGen
from punchin_server.models.musicgen.weights import load_adapter, load_lm
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Hole, InpaintRequest, TakeSpec
from torch import Tensor

pytestmark = pytest.mark.model

FOLDER = Path(__file__).parent
CASES = ("one_gap", "two_gaps", "start", "end", "random")
K, T, EVERY = 4, 48, 8
STEPS = 2 * T + K


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(FOLDER / "airgen_reference.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def lm(golden: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> MusicGen:
    """The language model, through the loader of published checkpoints."""
    path = tmp_path_factory.mktemp("golden") / "state_dict.bin"
    state = {name.removeprefix("lm."): tensor for name, tensor in golden.items() if name.startswith("lm.")}
    torch.save({"best_state": state, "xp.cfg": (FOLDER / "airgen_xp_cfg.yaml").read_text("utf-8")}, path)
    lm = load_lm(path, torch.float32)
    lm.prepare(STEPS)
    return lm


@pytest.fixture(scope="module")
def bank(golden: dict[str, Tensor], lm: MusicGen, tmp_path_factory: pytest.TempPathFactory) -> AdapterBank:
    """The adapter, through the loader of published ones."""
    path = tmp_path_factory.mktemp("golden") / "drums.pth"
    torch.save({name: golden[name] for name in ("adaptor", "gates")}, path)
    return build_bank(lm, {"drums": load_adapter(path)})


def predicted(logits: Tensor) -> Tensor:
    """Of logits `[K, S, card]` by input step those that predict every 8th frame: `[K, 12, card]`."""
    frames = torch.arange(0, 2 * T, EVERY)
    return torch.stack([logits[k, frames + k] for k in range(K)])


@pytest.mark.parametrize("case", CASES)
def test_frame_types(golden: dict[str, Tensor], case: str) -> None:
    """Holds `airgen.frame_types`. The reference has one type less than steps for each codebook but the first."""
    types = frame_types(golden[f"{case}.mask"].bool(), K)
    assert torch.equal(types[: 2 * T + 1], golden[f"{case}.trk_id"].long())


@pytest.mark.parametrize("case", CASES)
def test_logits_of_the_whole_sequence_at_once(
    golden: dict[str, Tensor], lm: MusicGen, bank: AdapterBank, case: str
) -> None:
    """Holds `load_lm`, `load_adapter`, `build_bank`, `AdapterGains`, `delay` and `MusicGen` as a prefill uses them."""
    steps = delay(torch.cat([golden[f"{case}.prompt"], golden[f"{case}.target"]], -1).long()[None], lm.config.special)
    types = frame_types(golden[f"{case}.mask"].bool(), K)
    adapters = AdapterGains.of(bank, torch.ones(1, 1)).at(types)
    with torch.inference_mode():
        logits = lm.logits(lm(steps, StepSpan.of(0, STEPS), lm.new_cache(1), adapters=adapters))[0]
    torch.testing.assert_close(predicted(logits), golden[f"{case}.logits"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_logits_of_one_step_after_another(
    golden: dict[str, Tensor], lm: MusicGen, bank: AdapterBank, case: str
) -> None:
    """Holds `decode.CachedModel`: the prefix in one piece, then steps that find the earlier ones in the cache."""
    steps = delay(torch.cat([golden[f"{case}.prompt"], golden[f"{case}.target"]], -1).long()[None], lm.config.special)
    hole = tuple(Span(f, f + 1) for f in np.flatnonzero(golden[f"{case}.mask"] == 0).tolist())
    takes = TakeBatch(torch.ones(1, 1), Noise([0], K, lm.config.card), SamplingParams(), bank)
    with torch.inference_mode():
        model = CachedModel(lm, takes, Window(0, T, hole, hole), torch.tensor([0]), STEPS)
        logits = [model(steps[..., :T], 0), *(model(steps[..., s : s + 1], s) for s in range(T, STEPS))]
    after = torch.zeros(K, STEPS, lm.config.card)
    after[:, T - 1 :] = torch.cat(logits).transpose(0, 1)
    prediction = slice(T // EVERY, None)
    got, expected = predicted(after)[:, prediction], golden[f"{case}.logits"][:, prediction]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


class TableCodec:
    """Tokens by rote: those of the mix for the song, those of the condition for the drums."""

    sample_rate, hop, frame_rate, n_q, card = 400, 8, 50.0, K, 256
    song, drums = 0.5, -0.5

    def __init__(self, mix: Tensor, condition: Tensor) -> None:
        self._tokens = {self.song: mix.long()[None], self.drums: condition.long()[None]}

    def encode(self, wav: Audio) -> Tensor:
        assert wav.shape == (1, T * self.hop)
        return self._tokens[float(wav[0, 0])]

    def decode(self, codes: Tensor) -> Audio:
        return np.zeros((1, codes.shape[-1] * self.hop), np.float32)

    def decode_soon(self, codes: Tensor) -> Made:
        return Made(self.decode(codes))


@pytest.mark.parametrize("case", CASES)
def test_prompts(
    golden: dict[str, Tensor], lm: MusicGen, bank: AdapterBank, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds `InpaintEngine` from a request to what the model is fed: the prefix, and which frames are kept."""
    fed: list[tuple[Tensor, Window]] = []

    def fill(_lm: MusicGen, prefix: Tensor, _frames: Tensor, window: Window, *_: Any) -> Iterator[Any]:
        fed.append((prefix, window))
        return iter(())

    monkeypatch.setattr(engine, "fill", fill)
    mask = golden[f"{case}.mask"].bool()
    codec = TableCodec(golden[f"{case}.mix"], golden[f"{case}.condition"])
    song, drums = (np.full((1, T * codec.hop), level, np.float32) for level in (codec.song, codec.drums))
    request = InpaintRequest(
        source=describe(song, codec.sample_rate),
        holes=tuple(Hole(f * codec.hop, (f + 1) * codec.hop) for f in np.flatnonzero(~mask).tolist()),
        takes=(TakeSpec(0, {"drums": 1.0}),),
        drums=describe(drums, codec.sample_rate, frame=1),
        pack="golden",
    )
    list(engine.InpaintEngine(Models(lm, codec, bank, None, T)).run(request, [song, drums]))
    prefix, window = fed[0]
    assert torch.equal(prefix[0], golden[f"{case}.prompt"].long())
    assert torch.equal(torch.from_numpy(window.kept()), mask)
