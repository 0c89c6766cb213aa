"""Faster linear layers give what the plain one gives, to the precision of their weights."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from punchin_server.models.musicgen import linear
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.linear import (
    CastLinear,
    Int8Linear,
    Linear,
    PackedLinear,
    Precision,
    RowScaledLinear,
    can_pack,
    prepare,
    quantize,
)
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_wire.errors import Unsupported
from torch import Tensor, nn

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
ROWS = [(1,), (2, 1), (4, 1), (8,), (3, 67)]
packs = pytest.mark.skipif(not can_pack("float32"), reason="this CPU packs nothing")
packs_bfloat16 = pytest.mark.skipif(not can_pack("bfloat16"), reason="this CPU packs no bfloat16")


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def relative(y: Tensor, expected: Tensor) -> float:
    return float((y - expected).norm() / expected.norm())


@packs
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize(("n", "k"), [(192, 64), (64, 192), (50, 33)])
def test_packed_float32_is_the_plain_layer(rows: tuple[int, ...], n: int, k: int) -> None:
    weight, x = random(n, k) / k**0.5, random(*rows, k, seed=1)
    torch.testing.assert_close(PackedLinear(weight, torch.float32)(x), F.linear(x, weight), atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [pytest.param(PackedLinear, marks=packs_bfloat16), CastLinear])
@pytest.mark.parametrize("rows", ROWS)
def test_bfloat16_differs_by_its_rounding(layer: type[PackedLinear], rows: tuple[int, ...]) -> None:
    """The product of rounded factors, itself rounded: half a unit in the eighth bit of the largest partial sums."""
    weight, x = random(192, 64) / 8, random(*rows, 64, seed=1)
    y = layer(weight, torch.bfloat16)(x)
    assert y.dtype is torch.float32
    expected = F.linear(x.bfloat16().float(), weight.bfloat16().float())
    assert ((y - expected).abs() <= 2**-8 * expected.abs() + 1e-5).all()


@packs
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("k", [64, 1024, 4096])
def test_int8_adds_no_error_to_that_of_its_weights(rows: tuple[int, ...], k: int) -> None:
    """Against float64 products of the same integers: what 16-bit activations leave is 60 dB down, or a thousandth."""
    weight, x = random(48, k) / k**0.5, random(*rows, k, seed=1)
    x[..., 5] *= 50  # language models have such channels; 8-bit activations drown beside them
    quantized, scales = quantize(weight, 127 if torch.cpu._is_vnni_supported() else 63)
    expected = F.linear(x.double(), quantized.double() * scales.double()[:, None])
    assert relative(Int8Linear(weight)(x), expected) < 1e-3
    assert relative(Int8Linear(weight)(x), F.linear(x, weight)) < 0.02


@packs
def test_int8_rows_do_not_depend_on_each_other() -> None:
    """A take is the same whatever runs beside it."""
    layer, x = Int8Linear(random(96, 64)), random(4, 64, seed=1)
    x[2] *= 1000
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]), atol=0, rtol=0)


@packs
def test_int8_keeps_zero_and_lets_nan_through() -> None:
    layer, x = Int8Linear(random(8, 64)), torch.zeros(2, 64)
    x[1, 3] = float("nan")
    assert (layer(x)[0] == 0).all()
    assert layer(x)[1].isnan().all()


@pytest.mark.parametrize("rows", ROWS)
def test_int8_without_packing(rows: tuple[int, ...]) -> None:
    weight, x = random(64, 128) / 11, random(*rows, 128, seed=1)
    assert relative(RowScaledLinear(weight)(x), F.linear(x, weight)) < 0.02


def tiny_lm() -> MusicGen:
    torch.manual_seed(0)
    lm = MusicGen(LMConfig(layers=3, width=128, heads=4, card=64, text_width=16), max_steps=32)
    nn.init.normal_(lm.heads.weight, std=0.3)  # peaked distributions, as a trained model's are
    return lm.eval()


def log_probabilities(lm: MusicGen) -> Tensor:
    codes = torch.randint(0, 65, (2, 4, 24), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        text = lm.read_text(random(5, 16))
        return lm.logits(lm(codes, StepSpan.of(0, 24), lm.new_cache(2, 24), text)).log_softmax(-1)


@pytest.mark.parametrize("packing", [pytest.param(True, marks=packs), False])
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-7), ("bfloat16", 1e-3), ("int8", 1e-3)])
def test_whole_model_keeps_its_distribution(
    monkeypatch: pytest.MonkeyPatch, precision: Precision, bound: float, packing: bool
) -> None:
    """Mean KL of the next-token distribution from the float32 model's, in nats."""
    if not packing:
        monkeypatch.setattr(linear, "can_pack", lambda _: False)
    expected = log_probabilities(tiny_lm())
    got = log_probabilities(prepare(tiny_lm(), precision, CPU))
    kl = (expected.exp() * (expected - got)).sum(-1).mean()
    assert -1e-6 < kl < bound
    assert precision == "float32" or kl > 1e-7  # the reduced weights are in use


@pytest.mark.parametrize("loaded", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_weights_are_kept_once(precision: Precision, loaded: torch.dtype) -> None:
    """No plain weight outlives its replacement, in whatever type the checkpoint came."""
    lm = tiny_lm().to(loaded)
    weights = [weakref.ref(m.weight) for m in lm.modules() if isinstance(m, Linear) and m.bias is None]
    assert len(weights) == 3 * 7 + 1
    prepare(lm, precision, CPU)
    gc.collect()
    assert not any(reference() is not None for reference in weights)
    floats = [t for t in [*lm.parameters(), *lm.buffers()] if t.is_floating_point()]
    assert all(t.dtype is torch.float32 or t.ndim == 2 for t in floats)
    assert log_probabilities(lm).isfinite().all()


def test_what_cannot_run_is_refused() -> None:
    for precision, device in [("float16", CPU), ("float8", CPU), ("int8", torch.device("mps")), ("int4", CPU)]:
        with pytest.raises(Unsupported):
            prepare(nn.Identity(), precision, device)  # type: ignore[arg-type]


def test_elsewhere_layers_stay_plain() -> None:
    """Compilers and graphs on a GPU know the plain layer best."""
    lm = prepare(nn.Sequential(Linear(8, 4)), "float16", torch.device("meta"))
    assert isinstance(lm[0], Linear)  # type: ignore[index]
    assert lm[0].weight.dtype is torch.float16  # type: ignore[index]
