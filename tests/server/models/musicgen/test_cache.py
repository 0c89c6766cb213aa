"""Attention to a shared, packed beginning is attention to the same steps in a plain cache."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from punchin_server.models.musicgen import cache as cache_module
from punchin_server.models.musicgen.cache import Cache, KVCache, SharedCache, StepSpan, attend_one
from punchin_server.models.musicgen.linear import can_pack
from torch import Tensor

pytestmark = pytest.mark.torch

L, H, D, C = 2, 4, 8, 24
packs = pytest.mark.skipif(not can_pack("bfloat16"), reason="this CPU packs no bfloat16")


@pytest.fixture(autouse=True)
def _short_beginnings_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "WORTH_PACKING", 5)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def filled_cache(rows: int, filled: int, packing: torch.dtype | None) -> Cache:
    """A cache with `filled` steps; what lies beyond must never be seen."""
    layers = [torch.full((2, rows, H, C, D), torch.nan) for _ in range(L)]
    for i, layer in enumerate(layers):
        layer[:, :, :, :filled] = random(2, rows, H, filled, D, seed=i)
    return Cache(layers, packing)


def feed(cache: KVCache, rows: int, start: int, steps: int) -> Tensor:
    """The attention of both layers after feeding `steps` random steps: `[L, B, H, S, d]`."""
    span = StepSpan.of(start, steps)
    q, k, v = random(3, rows, H, steps, D, seed=start)
    return torch.stack([cache.attend(layer, q, torch.stack([k, v]), span) for layer in range(L)])


@packs
@pytest.mark.parametrize("rows", [[0], [0, 0, 0], [0, 0, 1, 1], [1, 0, 1, 1, 0]])
@pytest.mark.parametrize(("packing", "bound"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_shared_beginning_is_a_copied_beginning(rows: list[int], packing: torch.dtype, bound: float) -> None:
    """Whatever rows share, fed one step or several at a time, the result is that of copied rows."""
    index = torch.tensor(rows)
    shared: KVCache = SharedCache(filled_cache(2, 7, packing), rows, 7)
    plain = filled_cache(2, 7, None).expand(index, 7)
    assert isinstance(plain, Cache)
    for start, steps in [(7, 1), (8, 1), (9, 5), (14, 1), (15, 9)]:
        expected = feed(plain, len(rows), start, steps)
        torch.testing.assert_close(feed(shared, len(rows), start, steps), expected, atol=bound, rtol=0)


@pytest.mark.parametrize(
    ("packing", "rows", "filled", "shared"),
    [
        (None, [0, 0], 20, False),  # a GPU, or a CPU that cannot pack
        (torch.bfloat16, [0, 1], 20, False),  # shared by nobody: the plain cache is as fast
        (torch.float32, [0, 0], 20, True),
        (torch.bfloat16, [0, 1, 1], 20, True),
        (torch.bfloat16, [0, 0], 4, False),  # too short
    ],
)
@packs
def test_beginnings_are_packed_where_that_pays(
    packing: torch.dtype | None, rows: list[int], filled: int, shared: bool
) -> None:
    cache = filled_cache(2, filled, packing).expand(torch.tensor(rows), filled)
    assert isinstance(cache, SharedCache) == shared


def test_one_query_as_the_fused_kernel() -> None:
    q, keys, values = random(2, H, 1, D), random(2, H, C, D, seed=1)[:, :, :9], random(2, H, C, D, seed=2)[:, :, :9]
    expected = F.scaled_dot_product_attention(q, keys, values)
    torch.testing.assert_close(attend_one(q, keys, values), expected, atol=1e-6, rtol=0)
