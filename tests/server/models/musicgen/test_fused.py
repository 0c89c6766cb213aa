"""Fused decode steps give what plain ones give, in every layout and precision; and they compile for every card."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Literal
from unittest import mock

import pytest
import torch
from fakes.interpreted import interpreted_kernels
from punchin_server.models import musicgen
from punchin_server.models.musicgen import fused, linear
from punchin_server.models.musicgen.airgen import AdapterGains, AdapterState, AdapterWeights, build_bank
from punchin_server.models.musicgen.cache import Cache, StepSpan
from punchin_server.models.musicgen.fused import FusedMusicGen
from punchin_server.models.musicgen.linear import ScaledLinear
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen, TextState
from torch import nn

pytestmark = pytest.mark.torch
pytest.importorskip("triton")

CONFIG = LMConfig(layers=2, width=64, heads=4, card=48, text_width=16)
STEPS = 90
"""More than are read at once, and no multiple of it."""


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    return interpreted_kernels()


def model(dtype: torch.dtype = torch.float32, seed: int = 0) -> MusicGen:
    """Peaked distributions, as a trained model's are; no norm is the identity."""
    torch.manual_seed(seed)
    lm = MusicGen(CONFIG, 2 * STEPS).eval().requires_grad_(False)
    for name, weight in lm.named_parameters():
        if "norm" in name:
            weight += 0.3 * torch.randn_like(weight)
        elif "layers" in name:
            nn.init.normal_(weight, std=2 * weight.shape[1] ** -0.5)
    nn.init.normal_(lm.heads.weight, std=0.3)
    return lm.to(dtype)


def text_of(lm: MusicGen, rows: int, words: int) -> TextState | None:
    if not words:
        return None
    state = lm.read_text(torch.randn(words, CONFIG.text_width))
    index = [0] * rows
    return TextState(state.keys[:, index], state.values[:, index])


def adapters_of(dtype: torch.dtype, rows: int, count: int, kind: int) -> AdapterState | None:
    """For :func:`model`, of which the second has one layer less and fewer tokens."""
    if not count:
        return None
    weights = {
        f"a{i}": AdapterWeights(torch.randn(2 - i, 4, 10 - 3 * i, 64), torch.randn(2 - i, 4)) for i in range(count)
    }
    gains = AdapterGains.of(build_bank(model(dtype), weights), torch.rand(rows, count).to(dtype))
    return gains.at(torch.tensor([kind]))


def cache_of(lm: MusicGen, rows: int, filled: int) -> Cache:
    """With that many steps; what lies behind them must not be heard."""
    cache = lm.new_cache(rows, STEPS + 3)
    generator = torch.Generator().manual_seed(7)
    for layer in cache.layers:
        layer.copy_(torch.randn(layer.shape, generator=generator))
        layer[:, :, :, filled:] = 1e3
    return cache


def both(lm: MusicGen, kernels: ModuleType, rows: int, filled: int, words: int = 0, adapters: int = 0) -> Iterator[Any]:
    """Logits and cache after step `filled`, plain and fused."""
    codes = torch.randint(0, CONFIG.card, (rows, CONFIG.codebooks, 1))
    text, state = text_of(lm, rows, words), adapters_of(lm.emb.weight.dtype, rows, adapters, kind=filled % 4)
    for one in (lm, FusedMusicGen(lm, kernels)):
        cache = cache_of(lm, rows, filled)
        span = StepSpan.at(torch.tensor([filled]), filled + 1, cache.layers[0].dtype)
        yield one.next_logits(codes, span, cache, text, state).float(), cache


@torch.inference_mode()
@pytest.mark.parametrize(
    ("rows", "filled", "words", "adapters"),
    [
        (1, 0, 0, 0),
        (1, 1, 5, 2),
        (1, 63, 0, 2),
        (1, 64, 20, 0),
        (2, 90, 5, 1),
        (2, 65, 0, 0),
        (5, 0, 5, 0),
        (5, 2, 0, 1),
        (5, 90, 20, 2),
    ],
)
def test_the_same_logits(kernels: ModuleType, rows: int, filled: int, words: int, adapters: int) -> None:
    """At the first step, around the columns that are read at once, and beyond; each type of frame."""
    (plain, kept), (fast, own) = both(model(), kernels, rows, filled, words, adapters)
    assert plain.std() > 0.5
    torch.testing.assert_close(fast, plain, atol=2e-4, rtol=0)
    for one, other in zip(kept.layers, own.layers, strict=True):
        torch.testing.assert_close(other[:, :, :, filled], one[:, :, :, filled], atol=2e-4, rtol=0)
        assert torch.equal(other[:, :, :, :filled], one[:, :, :, :filled])


@torch.inference_mode()
@pytest.mark.parametrize(("dtype", "rows"), [(torch.float16, 1), (torch.float16, 3), (torch.bfloat16, 1)], ids=str)
def test_in_half_precision(kernels: ModuleType, dtype: torch.dtype, rows: int) -> None:
    """Not farther from float32 than the plain step is, which rounds more often. (Triton's interpreter cannot multiply
    matrices of bfloat16.)"""
    exact = next(both(model(), kernels, rows, 40, 5, 1))[0]
    (plain, _), (fast, _) = both(model(dtype), kernels, rows, 40, 5, 1)
    assert (fast - exact).abs().mean() <= 1.2 * (plain - exact).abs().mean()


def in_eight_bits(lm: MusicGen, precision: Literal["int8", "float8"]) -> MusicGen:
    """As on a GPU, on the CPU."""
    linear.replace(lm, lambda tensor: tensor, lambda weight: ScaledLinear(weight, precision))
    return lm


@torch.inference_mode()
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("precision", ["int8", "float8"])
def test_in_eight_bits(kernels: ModuleType, precision: Literal["int8", "float8"], rows: int) -> None:
    """What the plain step makes of the same weights; more than one row is multiplied in float16."""
    (plain, _), (fast, _) = both(in_eight_bits(model(), precision), kernels, rows, 40, 5, 1)
    torch.testing.assert_close(fast, plain, atol=2e-4 if rows == 1 else 2e-2, rtol=0)


@torch.inference_mode()
def test_other_spans_go_through_the_plain_model(kernels: ModuleType) -> None:
    lm = model()
    codes, cache, own = torch.randint(0, CONFIG.card, (1, 4, 7)), lm.new_cache(1, 8), lm.new_cache(1, 8)
    span = StepSpan.of(0, 7)
    assert torch.equal(FusedMusicGen(lm, kernels).next_logits(codes, span, own), lm.next_logits(codes, span, cache))
    assert torch.equal(own.layers[1], cache.layers[1])


class TestMakingReady:
    @pytest.fixture(autouse=True)
    def _own_kernels(self, kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(musicgen, "kernels", kernels, raising=False)

    def test_where_both_agree_steps_are_fused(self) -> None:
        assert isinstance(fused.on_gpu(model()), FusedMusicGen)

    @pytest.mark.parametrize("difference", [0.1, torch.nan])
    def test_where_they_do_not_the_plain_ones_stay(
        self, difference: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(fused, "largest_difference", lambda *_: difference)
        lm = model()
        assert fused.on_gpu(lm) is lm
        assert "not fused: a probability would differ" in caplog.text

    def test_what_differs_is_seen(self, kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        attend = kernels.attend
        monkeypatch.setattr(kernels, "attend", lambda *args: attend(*args) + 0.3)
        assert fused.largest_difference(model(), FusedMusicGen(model(), kernels)) > fused.BOUND

    def test_nor_where_the_kernels_do_not_run(
        self, kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(kernels, "linear", mock.Mock(side_effect=RuntimeError("Failed to find C compiler")))
        lm = model()
        assert fused.on_gpu(lm) is lm
        assert "not fused: RuntimeError: Failed to find C compiler" in caplog.text


CARDS = (80, 90, 100)
"""Generations whose code Triton writes without one of them: A100, H100, B200."""


@pytest.mark.parametrize("card", CARDS)
def test_the_kernels_compile_for_a_card(card: int) -> None:
    """To its machine code, in a process of its own, as the interpreter keeps this one from compiling."""
    program = """
import sys, triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from punchin_server.models.musicgen import kernels

def compiled(kernel, types, constants, **options):
    names = kernel.arg_names
    signature = {name: types.get(name, "constexpr") for name in names}
    values = {(names.index(name),): value for name, value in constants.items()}
    source = ASTSource(kernel, signature, values)
    made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options=options)
    assert len(made.asm["cubin"]) > 1000

floats = dict.fromkeys(("x", "scale", "gain", "weight_sum", "bias", "residual", "out"), "*fp32")
for kind, product in (("*fp16", tl.float16), ("*bf16", tl.bfloat16), ("*i8", tl.float16)):
    for rows, padded, block in ((1, 1, 512), (4, 16, 128)):
        types = floats | {"weight": kind, "N": "i32", "K": "i32", "eps": "fp32"}
        flags = dict(NORM=True, GELU=True, ADD=True, SCALED=kind == "*i8", TYPE=product)
        compiled(kernels._linear, types, dict(ROWS=rows, PADDED=padded, BLOCK_N=16, BLOCK_K=block) | flags)
floats = dict.fromkeys(("qkv", "q", "sums", "peaks", "weights", "out"), "*fp32")
numbers = dict(C="i32", scale="fp32", pairs="i32", tokens="i32", index="*i64")
halves = dict.fromkeys(("cache", "keys", "values", "gains", "absent"), "*fp16")
shape = dict(ROWS=4, HEADS=32, WIDTH=64, PIECES=8, COLUMNS=64, ADAPTED=True, TOKENS=16)
for kernel in (kernels._attend, kernels._merge, kernels._attend_text):
    types = {n: t for n, t in (floats | numbers | halves).items() if n in kernel.arg_names}
    compiled(kernel, types, {n: v for n, v in shape.items() if n in kernel.arg_names})
"""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(card)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
