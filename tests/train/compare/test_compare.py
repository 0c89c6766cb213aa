"""The methods compared must be what they are called: as large as each other, and nothing else may learn."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.script import load
from punchin_train.compare import experiment
from punchin_train.compare.methods import METHODS, Prefix, build, size
from punchin_train.inpaint import train_lm
from punchin_train.inpaint.lm import Cache, LanguageModel, LmShape, Tuning, delayed, track_types
from punchin_train.inpaint.windows import TokenCorpus

pytestmark = pytest.mark.torch

SMALL = LmShape(width=32, layers=3, heads=2, entries=16, window=16, adapter_tokens=4)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(SMALL).eval().requires_grad_(False)


def fresh(method: str, shape: LmShape = SMALL) -> Tuning:
    torch.manual_seed(1)
    return build(method, shape)


def stirred(method: str) -> Tuning:
    """A tuning none of whose parameters is zero, so that all of it speaks."""
    tuning = fresh(method).requires_grad_(False)
    for parameter in tuning.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return tuning


def window(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A sequence [B, K, 2T + 1] and its types, with a hole in the middle."""
    generator = torch.Generator().manual_seed(2)
    codes = torch.randint(0, SMALL.entries, (batch, 4, 2 * SMALL.window), generator=generator)
    kept = torch.ones(batch, SMALL.window, dtype=torch.long)
    kept[:, 4:12] = 0
    return delayed(codes, SMALL.entries), track_types(kept)


def test_all_are_of_one_size_but_for_airgens_gates() -> None:
    shape = LmShape()
    sizes = {method: size(fresh(method, shape)) for method in METHODS}
    gates = shape.layers * 4
    assert sizes == {"airgen": 61_440 + gates, **{method: 61_440 for method in METHODS if method != "airgen"}}


@pytest.mark.parametrize("method", ["airgen", "lora", "typed_lora"])
def test_before_training_it_is_the_base(lm: LanguageModel, method: str) -> None:
    sequence, types = window()
    assert torch.equal(lm.features(sequence)[0], lm.features(sequence, fresh(method), types)[0])


@pytest.mark.parametrize("method", ["prefix", "typed_prefix"])
def test_a_prefix_is_what_the_first_steps_attend_to_beside_themselves(lm: LanguageModel, method: str) -> None:
    """Zero values take attention from the music; copies of one step's own key and value would change nothing."""
    _, types = window(1)
    prefix, layer = fresh(method), lm.layers[0]
    assert isinstance(prefix, Prefix)
    heads, width = SMALL.heads, SMALL.width
    q, k, v = torch.randn(3, 1, heads, 1, width // heads)
    types = types[:, :1]
    base = prefix.attend(0, layer, q, k, v, types)
    assert base.norm() < v.norm()
    with torch.no_grad():
        prefix.keys[0] = k.transpose(1, 2).flatten()
        prefix.values[0] = v.transpose(1, 2).flatten()
    torch.testing.assert_close(prefix.attend(0, layer, q, k, v, types), v)


@pytest.mark.parametrize("method", METHODS)
def test_steps_through_the_cache_are_the_whole(lm: LanguageModel, method: str) -> None:
    tuning, (sequence, types) = stirred(method), window()
    whole = lm.features(sequence, tuning, types)[0]
    caches = [Cache(SMALL, 2, sequence.shape[2]) for _ in lm.layers]
    parts = [lm.features(sequence[:, :, :5], tuning, types[:, :5], 0, caches)[0]]
    for step in range(5, sequence.shape[2]):
        one = slice(step, step + 1)
        parts.append(lm.features(sequence[:, :, one], tuning, types[:, one], step, caches)[0])
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_only_the_typed_ones_know_what_a_frame_is_for(lm: LanguageModel, method: str) -> None:
    tuning, (sequence, types) = stirred(method), window()
    other = (types + 1) % 4
    same = torch.allclose(lm.features(sequence, tuning, types)[0], lm.features(sequence, tuning, other)[0], atol=1e-5)
    assert same == (method in ("lora", "prefix"))


@pytest.mark.parametrize("method", METHODS)
def test_no_step_sees_a_later_one(lm: LanguageModel, method: str) -> None:
    tuning, (sequence, types) = stirred(method), window()
    changed = sequence.clone()
    changed[:, :, 9:] = 0
    before, after = (lm.features(s, tuning, types)[0] for s in (sequence, changed))
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


@pytest.fixture
def corpus(tmp_path: Path) -> TokenCorpus:
    """Four songs of tokens that count upwards."""
    folder = tmp_path / "tokens"
    folder.mkdir()
    for seed in range(4):
        codes = (np.arange(100) + np.arange(4)[:, None] * 3 + seed) % SMALL.entries
        np.save(folder / f"{seed:07d}.npy", np.stack([codes, codes[::-1]]).astype(np.int16))
    return TokenCorpus(folder, torch.zeros(4, SMALL.window, dtype=torch.long), SMALL.window, seed=0)


@pytest.mark.parametrize("method", METHODS)
def test_training_moves_all_of_the_tuning_and_nothing_of_the_base(
    lm: LanguageModel, corpus: TokenCorpus, method: str, tmp_path: Path
) -> None:
    tuning = fresh(method)
    base = {name: tensor.clone() for name, tensor in lm.state_dict().items()}
    start = {name: tensor.clone() for name, tensor in tuning.state_dict().items()}
    batch = corpus.controlled(32, "chord")
    experiment.train(lm, tuning, corpus, "chord", 40, 3e-2, method)
    with torch.no_grad():
        before, after = (train_lm.prediction_losses(lm, used, batch)[0] for used in (fresh(method), tuning))
    assert after < before
    assert all(torch.equal(tensor, base[name]) for name, tensor in lm.state_dict().items())
    assert all(parameter.grad is None for parameter in lm.parameters())
    assert not any(torch.equal(tensor, start[name]) for name, tensor in tuning.state_dict().items())

    torch.save(tuning.state_dict(), tmp_path / "tuning.pt")
    again = build(method, SMALL)
    again.load_state_dict(torch.load(tmp_path / "tuning.pt", weights_only=True))
    sequence, types = window()
    assert torch.equal(lm.features(sequence, tuning, types)[0], lm.features(sequence, again, types)[0])


@pytest.mark.model
@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch speaks of Intel GPUs, once
def test_the_command_goes_from_songs_to_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two songs, two steps: what counts is that every figure is there, and that a second run repeats nothing."""
    script = load("compare_adapters")
    for name, value in {"SONG_SECONDS": 9.0, "HELD_OUT_SONGS": 2, "WINDOWS": 8, "RATES": (1e-2,)}.items():
        monkeypatch.setattr(script, name, value)
    words = f"compare --out {tmp_path} --songs 2 --steps 2 --pilot-steps 2 --methods airgen --variants own".split()
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    found = json.loads((tmp_path / "shipped-chord.json").read_text())["methods"]["airgen"]
    assert found["parameters"] == 61_464
    assert len(found["surprise"]) == 8
    assert len(found["curve"]) == 2
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| airgen | 61,464 | 0.01 |")
    assert "| 0.000 (0.000 .. 0.000) |" in row  # no further from AIRGen than itself
    assert (tmp_path / "shipped-chord.png").read_bytes().startswith(b"\x89PNG")
    stamp = (tmp_path / "shipped-chord.json").stat().st_mtime_ns
    script.main()
    assert (tmp_path / "shipped-chord.json").stat().st_mtime_ns == stamp
