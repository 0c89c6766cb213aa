"""The trainable language model must be MusicGen with AIRGen's adapters, and start as a copier."""

from pathlib import Path

import pytest
import torch
from punchin_server.models.musicgen import airgen
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.weights import load_adapter, load_lm
from punchin_train.inpaint import pack
from punchin_train.inpaint.generate import fill
from punchin_train.inpaint.lm import Adapter, Cache, LanguageModel, Layer, LmShape, delayed, track_types

pytestmark = pytest.mark.torch

SMALL = LmShape(width=32, layers=3, heads=2, entries=16, window=8, adapter_tokens=3)
SPECIAL = SMALL.entries


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(SMALL).eval()


@pytest.fixture(scope="module")
def adapter() -> Adapter:
    torch.manual_seed(1)
    adapter = Adapter(SMALL)
    torch.nn.init.normal_(adapter.gates)
    return adapter.requires_grad_(False)


def window(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    codes = torch.randint(0, SMALL.entries, (batch, 4, 2 * SMALL.window), generator=generator)
    kept = torch.ones(batch, SMALL.window, dtype=torch.long)
    kept[:, 2:6] = 0
    return codes, kept


def test_published_sizes_have_the_published_parameter_counts() -> None:
    """MusicGen-small's 0.42 B, and 3,932,352 adapter parameters at 48 layers of 2048."""
    with torch.device("meta"):
        layer = Layer(LmShape(width=1024, heads=16, entries=2048))
        adapter = Adapter(LmShape(width=2048, layers=48, heads=32, entries=2048, adapter_tokens=10))
    tables = 4 * (2049 + 2048) * 1024 + 768 * 1024
    assert 24 * sum(p.numel() for p in layer.parameters()) + tables == pytest.approx(0.42e9, rel=0.01)
    assert sum(p.numel() for p in adapter.parameters()) == 3_932_352


def test_the_delay_pattern() -> None:
    codes = torch.arange(12).view(1, 4, 3)
    assert delayed(codes, 99)[0].tolist() == [
        [99, 0, 1, 2],
        [99, 99, 3, 4],
        [99, 99, 99, 6],
        [99, 99, 99, 99],
    ]


def test_track_types_belong_to_the_frame_that_a_step_predicts() -> None:
    kept = torch.tensor([[1, 0, 0, 1]])
    assert track_types(kept).tolist() == [[1, 0, 0, 1, 3, 2, 2, 3, 3]]


def test_zero_gates_change_nothing(lm: LanguageModel) -> None:
    codes, kept = window()
    sequence = delayed(codes, SPECIAL)
    plain = lm.features(sequence)[0]
    assert torch.equal(plain, lm.features(sequence, Adapter(SMALL), track_types(kept))[0])


def test_steps_through_the_cache_are_the_whole(lm: LanguageModel, adapter: Adapter) -> None:
    codes, kept = window()
    sequence, types = delayed(codes, SPECIAL), track_types(kept)
    whole = lm.features(sequence, adapter, types)[0]
    caches = [Cache(SMALL, 2, sequence.shape[2]) for _ in lm.layers]
    parts = [lm.features(sequence[:, :, :5], adapter, types[:, :5], 0, caches)[0]]
    for step in range(5, sequence.shape[2]):
        one = slice(step, step + 1)
        parts.append(lm.features(sequence[:, :, one], adapter, types[:, one], step, caches)[0])
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)


def test_a_fresh_model_already_repeats_the_frame_one_window_earlier() -> None:
    """The right token is on average among the likeliest quarter at once; chance would be the middle."""
    torch.manual_seed(0)
    shape = LmShape(layers=2)
    lm = LanguageModel(shape)
    half = torch.randint(0, shape.entries, (1, 4, shape.window))
    sequence = delayed(torch.cat([half, half], 2), shape.entries)
    with torch.no_grad():
        logits = lm.heads(lm.features(sequence)[0])
    for k in range(4):
        target = sequence[0, k, shape.window + 2 + k :]
        predicted = logits[0, k, shape.window + 1 + k : -1]
        rank = (predicted > predicted.gather(1, target[:, None])).sum(1).float().mean()
        assert rank < shape.entries / 4


def test_the_product_computes_the_same_logits(lm: LanguageModel, adapter: Adapter, tmp_path: Path) -> None:
    """Through the files of a pack, plain and with an adapter, to 1e-4."""
    from punchin_train.inpaint.codec import CodecShape

    settings = pack.lm_settings(SMALL, CodecShape())
    pack._save(tmp_path / pack.LM_FILE, pack._export(pack.lm_state(lm), settings))
    tensors = {name: tensor.clone() for name, tensor in adapter.state_dict().items()}
    pack._save(tmp_path / "chord.pth", tensors)
    half = LanguageModel(SMALL).eval()
    half.load_state_dict({name: tensor.half().float() for name, tensor in lm.state_dict().items()})
    product, read = load_lm(tmp_path), load_adapter(tmp_path / "chord.pth")
    codes, kept = window(1)
    sequence = delayed(codes, SPECIAL)
    steps = sequence.shape[2]
    bank = airgen.build_bank(product, {"chord": read})
    types = airgen.frame_types(kept[0], product.config.codebooks)[:steps]
    state = airgen.AdapterGains.of(bank, torch.ones(1, 1)).at(types)
    with torch.no_grad():
        for adapters, arguments in ((None, ()), (state, (adapter, track_types(kept)))):
            cache = product.new_cache(1, steps)
            theirs = product.logits(product(sequence, StepSpan.of(0, steps), cache, adapters=adapters))
            ours = half.heads(half.features(sequence, *arguments)[0])
            assert (ours - theirs).abs().max() < 1e-4


def test_filling_a_hole_leaves_the_rest_and_is_its_seed(lm: LanguageModel, adapter: Adapter) -> None:
    codes, _ = window(3)
    music, condition, hole = codes[:, :, :8], codes[:, :, 8:], range(2, 6)
    first, again, other = (
        fill(lm, adapter, music, condition, hole, temperature=1.0, top_k=8, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[:, :, [0, 1, 6, 7]], music[:, :, [0, 1, 6, 7]])
    assert first.max() < SPECIAL
    assert not torch.equal(first[:, :, 2:6], music[:, :, 2:6])


def test_what_follows_the_control_is_the_control(lm: LanguageModel, adapter: Adapter) -> None:
    """Another condition gives another take; without adapter the condition is out of sight."""
    codes, _ = window(2)
    music, condition = codes[:, :, :8], codes[:, :, 8:]
    takes = [
        fill(lm, used, music, control, range(2, 6), temperature=1.0, top_k=1, seed=0)
        for used, control in ((adapter, condition), (adapter, condition.flip(2)), (None, condition), (None, music))
    ]
    assert not torch.equal(takes[0], takes[1])
    assert torch.equal(takes[2], takes[3])


def test_an_export_is_safe_to_load_and_shares_what_text_never_trained(lm: LanguageModel, tmp_path: Path) -> None:
    from punchin_train.inpaint.codec import CodecShape

    path = tmp_path / pack.LM_FILE
    pack._save(path, pack._export(pack.lm_state(lm), pack.lm_settings(SMALL, CodecShape())))
    package = torch.load(path, weights_only=True)
    state = package["best_state"]
    shared = {state[f"transformer.layers.{i}.cross_attention.in_proj_weight"].data_ptr() for i in range(3)}
    assert len(shared) == 1
    assert state.keys() == lm.state_dict().keys()
    assert all(tensor.dtype == torch.float16 for tensor in state.values())
