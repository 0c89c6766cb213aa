"""The UNet as one onnxruntime graph gives the noise of torch's, whatever prompt it reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from fakes.audioldm2 import LOA, T5, Layout, randomize, unet
from punchin_server.engines.transfer import engine as transfer
from punchin_server.engines.transfer.loading import load_transfer_models
from punchin_server.models.audioldm2 import ap_adapter, onnx_unet
from punchin_server.models.audioldm2.onnx_unet import OnnxNetwork, is_faster, quicken
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from punchin_server.models.audioldm2.unet_graph import UNetModel, write_unet
from torch import Tensor

pytestmark = pytest.mark.torch

NEAR = {"rtol": 0.0, "atol": 1e-4}
"""What rounding may make of noise whose deviation is near 1."""


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def adapted(layout: Layout = "base") -> PromptedUNet:
    """Always the same weights; those of the adapter other than the text's."""
    with torch.inference_mode(False):
        torch.manual_seed(0)
        network = unet(layout).eval().requires_grad_(False)
        randomize(network)
        made = PromptedUNet(network, LOA)
        ap_adapter.attach(made)
        for weight in ap_adapter.adapter_parameters(made).values():
            weight.requires_grad_(False).normal_(std=LOA**-0.5)
    return made


def prompt(rows: int, heard: int | None, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """What `read_prompt` takes, of which T5's second row is shorter, with `heard` audio tokens."""
    g = torch.Generator().manual_seed(seed)
    loa, t5 = torch.randn(rows, 8, LOA, generator=g), torch.randn(rows, 6, T5, generator=g)
    mask = torch.ones(rows, 6)
    mask[1:, 4:] = 0
    return loa, t5, mask, None if heard is None else torch.randn(rows, heard, LOA, generator=g)


def of_the_pack() -> PromptedUNet:
    return load_transfer_models("tiny", "cpu", "float32").base.unet


def prompt_of(made: PromptedUNet) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ten words and 32 audio tokens, twice, in the widths that `made` reads."""
    g = torch.Generator().manual_seed(3)
    loa, t5, audio = (
        torch.randn(2, n, width, generator=g)
        for n, width in ((8, made.loa_width), (10, made.t5_width), (32, made.loa_width))
    )
    return loa, t5, torch.ones(2, 10), audio


def latents(rows: int, frames: int) -> Tensor:
    return torch.randn(rows, 8, frames, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("layout", ["base", "large"])
def test_it_gives_the_noise_of_torch(layout: Layout) -> None:
    """Of one branch and of two, of several takes, and of lengths that the levels do not divide; all three kinds of
    attention in it, audio by its weight."""
    plain, graph = adapted(layout), adapted(layout)
    graph.network = OnnxNetwork(graph)
    times = torch.tensor(481)
    for rows, takes, frames in ((1, 1, 32), (2, 1, 25), (2, 3, 21)):
        x = latents(rows * takes, frames)
        for heard, alpha in ((None, 1.0), (5, 0.0), (5, 0.3), (7, 1.0)):
            for each in (plain, graph):
                each.read_prompt(*prompt(rows, heard), alpha)
            expected = plain(x, times)
            assert 0.3 < float(expected.std()) < 10
            torch.testing.assert_close(graph(x, times), expected, **NEAR)


def test_every_row_may_have_a_time_of_its_own() -> None:
    plain, graph = adapted(), adapted()
    graph.network = OnnxNetwork(graph)
    for each in (plain, graph):
        each.read_prompt(*prompt(2, 5), 0.5)
    x, times = latents(2, 24), torch.tensor([3, 900])
    torch.testing.assert_close(graph(x, times), plain(x, times), **NEAR)


def test_a_prompt_read_before_is_used_again() -> None:
    graph, x, t = adapted(), latents(2, 24), torch.tensor(20)
    graph.network = OnnxNetwork(graph)
    graph.read_prompt(*prompt(2, 5), 1.0)
    first, noise = graph.prompt_state(), graph(x, t)
    graph.read_prompt(*prompt(2, 5, seed=9), 0.2)
    assert not torch.equal(graph(x, t), noise)
    graph.use_prompt(first)
    assert torch.equal(graph(x, t), noise)


def test_the_built_in_pack_runs_as_a_graph_and_as_torch_alike() -> None:
    """A step of ten seconds with both branches, in the sizes of a clip."""
    quick, plain = transfer.load("tiny", "cpu", "float32").models.base.unet, of_the_pack()
    if not is_faster(plain):
        pytest.skip("this CPU runs the network with torch")
    assert quick.network is not None
    assert plain.network is None
    x = torch.randn(2, 8, 250, 16, generator=torch.Generator().manual_seed(4))
    for each in (quick, plain):
        each.read_prompt(*prompt_of(plain), 0.5)
    expected = plain(x, torch.tensor(300))
    torch.testing.assert_close(quick(x, torch.tensor(300)), expected, **NEAR)
    assert float(expected.std()) > 0.3


def test_weights_are_given_up_once_they_are_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime was handed is freed: overwritten, it changes nothing. The modules have none of it either."""
    written: list[UNetModel] = []

    def write(*args: Any) -> UNetModel:
        written.append(write_unet(*args))
        return written[-1]

    monkeypatch.setattr(onnx_unet, "write_unet", write)
    graph = of_the_pack()
    quicken(graph)
    if graph.network is None:
        pytest.skip("this CPU runs the network with torch")
    graph.read_prompt(*prompt_of(graph), 0.5)
    x, t = torch.randn(2, 8, 32, 8), torch.tensor(20)
    expected = graph(x, t)
    (model,) = written
    packed = sum(value.nbytes for value in model.packed.values())
    kept = sum(value.nbytes for value in model.weights.values())
    left = sum(weight.nbytes for weight in graph.unet.parameters())
    assert kept + left < 0.2 * packed
    for value in model.packed.values():
        value[:] = 0
    assert torch.equal(graph(x, t), expected)


@pytest.mark.parametrize("other", [torch.bfloat16, torch.float16])
def test_other_precisions_stay_with_torch(other: torch.dtype) -> None:
    made = adapted()
    made.unet.to(other)
    quicken(made)
    assert made.network is None


def test_a_network_that_no_graph_is_written_of_stays_with_torch() -> None:
    made = adapted()
    made.unet.register_to_config(act_fn="gelu")
    assert not is_faster(made)
