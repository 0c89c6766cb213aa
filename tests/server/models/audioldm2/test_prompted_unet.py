"""The UNet that hears its prompt once computes what diffusers' computes, takes and kept prompts included."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from fakes.audioldm2 import LOA, T5, Layout, randomize, unet, write_folder
from peers.audioldm2 import reference_adapted, stock_pipeline
from punchin_server.models.audioldm2 import ap_adapter
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from punchin_wire.errors import BadCheckpoint
from torch import Tensor

pytestmark = pytest.mark.torch

T = torch.tensor(481)


class Prompt(NamedTuple):
    """What `read_prompt` takes; the second row's T5 states are shorter."""

    loa: Tensor
    t5: Tensor
    t5_mask: Tensor
    audio: Tensor


@pytest.fixture
def prompt() -> Prompt:
    g = torch.Generator().manual_seed(3)
    mask = torch.ones(2, 6)
    mask[1, 4:] = 0
    return Prompt(
        *(torch.randn(2, n, width, generator=g) for n, width in ((8, LOA), (6, T5))),
        mask,
        torch.randn(2, 32, LOA, generator=g),
    )


@pytest.fixture
def x() -> Tensor:
    """Two takes of each of two prompt rows, of a length that the UNet's levels do not divide."""
    return torch.randn(4, 8, 25, 16, generator=torch.Generator().manual_seed(4))


def pair(layout: Layout) -> tuple[PromptedUNet, torch.nn.Module]:
    """Ours and the stock UNet of the same weights."""
    torch.manual_seed(0)
    stock, ours = unet(layout).eval().requires_grad_(False), unet(layout).eval().requires_grad_(False)
    randomize(stock)
    ours.load_state_dict(stock.state_dict())
    return PromptedUNet(ours, LOA), stock


def stock_eps(stock: torch.nn.Module, x: Tensor, context: Tensor, prompt: Prompt) -> Tensor:
    context, t5, mask = (part.repeat_interleave(2, 0) for part in (context, prompt.t5, prompt.t5_mask))
    return stock(x, T, encoder_hidden_states=context, encoder_hidden_states_1=t5, encoder_attention_mask_1=mask).sample


@pytest.mark.parametrize("layout", ["base", "large"])
@pytest.mark.parametrize("attached", [False, True])
def test_without_audio_it_is_the_stock_unet(layout: Layout, attached: bool, prompt: Prompt, x: Tensor) -> None:
    """With alpha 0, without audio or without adapter: the same to the bit."""
    ours, stock = pair(layout)
    expected = stock_eps(stock, x, prompt.loa, prompt)
    if attached:
        ap_adapter.attach(ours)
        ours.read_prompt(*prompt[:3], None, 1.0)
        assert torch.equal(ours(x, T), expected)
    ours.read_prompt(*prompt, alpha=0.0)
    assert torch.equal(ours(x, T), expected)
    ours.read_prompt(*prompt, alpha=1.0)
    assert torch.equal(ours(x, T), expected) is not attached


@pytest.mark.parametrize("layout", ["base", "large"])
@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_with_audio_it_is_the_reference_formula(layout: Layout, alpha: float, prompt: Prompt, x: Tensor) -> None:
    ours, stock = pair(layout)
    ap_adapter.attach(ours)
    for weight in ap_adapter.adapter_parameters(ours).values():
        torch.nn.init.normal_(weight, std=LOA**-0.5)
    ours, stock, x = ours.double(), stock.double(), x.double()
    prompt = Prompt(*(part.double() for part in prompt))
    reference_adapted(stock, ap_adapter.adapter_state(ours), 8, alpha)
    expected = stock_eps(stock, x, torch.cat([prompt.loa, prompt.audio], dim=1), prompt)
    ours.read_prompt(*prompt, alpha=alpha)
    torch.testing.assert_close(ours(x, T), expected, atol=1e-11, rtol=0)


def test_one_step_of_guidance_is_the_stock_pipelines(tmp_path: Path) -> None:
    """From two texts to the next latent: encoders, GPT-2, both branches, guidance and scheduler."""
    pipeline = stock_pipeline(write_folder(tmp_path / "model", "large"))
    x = torch.randn(1, 8, 64, 16)
    expected = pipeline(
        "a recording of a violin solo",
        negative_prompt="Low quality",
        audio_length_in_s=2.56,
        num_inference_steps=1,
        guidance_scale=7.5,
        latents=x,
        output_type="latent",
        max_new_tokens=8,
    ).audios
    ours = load_audioldm2(tmp_path / "model", torch.device("cpu"), torch.float32)
    ours.unet.read_prompt(*ours.text.encode(["Low quality", "a recording of a violin solo"]), None, 0.0)
    t = pipeline.scheduler.timesteps[0]
    negative, positive = ours.unet(x.repeat(2, 1, 1, 1), t).chunk(2)
    got = pipeline.scheduler.step(negative + 7.5 * (positive - negative), t, x).prev_sample
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


def test_takes_are_rows_of_their_prompt(prompt: Prompt, x: Tensor) -> None:
    """Row i of x hears prompt row i // r, as it does when it comes alone; every row may have a time of its own."""
    ours, _ = pair("base")
    ap_adapter.attach(ours)
    ours.read_prompt(*prompt, alpha=0.7)
    together = ours(x, torch.tensor([5, 5, 700, 20]))
    for i, t in enumerate([5, 5, 700, 20]):
        row = slice(i // 2, i // 2 + 1)
        ours.read_prompt(*(part[row] for part in prompt), alpha=0.7)
        torch.testing.assert_close(ours(x[i : i + 1], torch.tensor(t))[0], together[i], atol=1e-5, rtol=0)


def test_rows_that_do_not_divide_among_the_prompts_are_a_mistake(prompt: Prompt, x: Tensor) -> None:
    """Attention alone would not notice: it would split one row's positions between two prompts."""
    ours, _ = pair("base")
    ours.read_prompt(*prompt, alpha=0.0)
    with pytest.raises(AssertionError, match="3 rows"):
        ours(x[:3], T)


def test_steps_compute_no_keys_of_the_prompt(prompt: Prompt, x: Tensor) -> None:
    ours, _ = pair("large")
    ap_adapter.attach(ours)
    ours.read_prompt(*prompt, alpha=1.0)
    asked: list[str] = []
    prompted = [m for m in ours.modules() if isinstance(m, torch.nn.Linear) and m.in_features in (LOA, T5)]
    keys = [m for m in prompted if m.bias is None and any(m is t for a in _cross(ours) for t in (a.to_k, a.to_v))]
    for module in keys:
        module.register_forward_hook(lambda *_: asked.append("asked"))
    ours(x, T)
    assert asked == []
    ours.read_prompt(*prompt, alpha=1.0)
    assert len(asked) == len(keys) == 2 * len(_cross(ours))


def _cross(ours: PromptedUNet) -> list[torch.nn.Module]:
    return [m for m in ours.modules() if getattr(m, "is_cross_attention", False)]


def test_a_kept_prompt_is_heard_again(prompt: Prompt, x: Tensor) -> None:
    ours, _ = pair("base")
    ap_adapter.attach(ours)
    ours.read_prompt(*prompt, alpha=1.0)
    first, eps = ours.prompt_state(), ours(x, T)
    ours.read_prompt(*(part.flip(0) for part in prompt), alpha=0.2)
    assert not torch.equal(ours(x, T), eps)
    ours.use_prompt(first)
    assert torch.equal(ours(x, T), eps)


def test_only_the_adapter_learns(prompt: Prompt, x: Tensor) -> None:
    """Also under bfloat16 autocast: every one of its matrices gets a float32 gradient."""
    ours, _ = pair("large")
    ap_adapter.attach(ours)
    with torch.autocast("cpu", torch.bfloat16):
        ours.read_prompt(*prompt, alpha=1.0)
        loss = ours(x, torch.tensor([0, 300, 600, 999])).float().square().mean()
    loss.backward()
    learns = ap_adapter.adapter_parameters(ours)
    assert {name for name, p in ours.unet.named_parameters() if p.grad is not None} == set(learns)
    assert all(p.grad.dtype == torch.float32 and p.grad.abs().sum() > 0 for p in learns.values())


@pytest.mark.parametrize("width", [T5 + 1, LOA + 1])
def test_another_width_of_the_language_model_is_refused(width: int) -> None:
    with pytest.raises(BadCheckpoint, match="widths"):
        PromptedUNet(unet(), width)


def test_widths_that_cannot_be_told_apart_are_refused() -> None:
    config = dict(unet().config) | {"cross_attention_dim": [[None, LOA, LOA]] * 2}
    with pytest.raises(BadCheckpoint, match="widths"):
        PromptedUNet(type(unet()).from_config(config), LOA)
