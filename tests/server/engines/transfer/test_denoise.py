"""Solvers as published or better, guidance, and windows that are one sound. The model is a formula."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from fakes.audioldm2 import scheduler as published
from punchin_server.engines.transfer.canvas import Canvas
from punchin_server.engines.transfer.denoise import Guided, denoise, guided, noised, scheduler, skipped
from punchin_wire.errors import BadSetting
from punchin_wire.params import Solver
from torch import Tensor

pytestmark = pytest.mark.torch

CONFIG = dict(published().config)
SHORT, LONG = Canvas.of(16_000, 4), Canvas.of(25 * 16_000, 4)
SHAPE = (1, SHORT.frames, 4)  # channels, frames, bins


class Formula:
    """Stands where the UNet stands: `eps = f(x, t) + its prompt`, a number for each prompt row."""

    unet = SimpleNamespace(dtype=torch.float32, device=torch.device("cpu"))

    def __init__(self, f: Any) -> None:
        self.f, self.prompt = f, torch.zeros(1)
        self.rows: list[int] = []

    def use_prompt(self, state: Any) -> None:
        self.prompt = torch.tensor(state)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.rows.append(len(x))
        each = self.prompt.repeat_interleave(len(x) // len(self.prompt))
        return self.f(x, t) + each[:, None, None, None].to(x)


def model(f: Any, prompts: list[Any] | None = None, canvas: Canvas = SHORT, guidance: float = 1.0) -> Guided:
    return Guided(Formula(f), canvas, prompts or [[0.0]], guidance)  # type: ignore[arg-type]


def last(guided_model: Guided, solver: Any, x: Tensor, first: int = 0) -> Tensor:
    *_, step = denoise(guided_model, solver, x, first)
    return step.latents


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def alphas() -> np.ndarray:
    """The cumulative products, written out in float64: betas from .0015 to .0195, linear in their roots."""
    betas = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    return np.cumprod(1 - betas)


def gaussian(x: Tensor, t: Tensor, deviation: float = 0.3) -> Tensor:
    """The exact noise in `x` when what is wanted is Gaussian, of mean 0.7."""
    alpha = torch.from_numpy(alphas())[t.long()].to(x)
    variance = alpha * deviation**2 + 1 - alpha
    return (1 - alpha).sqrt() * (x - alpha.sqrt() * 0.7) / variance


# ---- solvers -------------------------------------------------------------------------------------------------


def test_ddim_of_fifty_steps_is_the_published_one() -> None:
    """Leading times, each one later (`steps_offset`), and the last step to the first alpha, not to 1."""
    x = noise(1, *SHAPE)
    got = last(model(gaussian), scheduler("ddim", CONFIG, 50), x)
    table, want = alphas(), x.double()
    for t in range(981, 0, -20):
        a, b = table[t], table[t - 20] if t >= 20 else table[0]
        eps = gaussian(want, torch.tensor(t))
        clean = (want - (1 - a) ** 0.5 * eps) / a**0.5
        want = b**0.5 * clean + (1 - b) ** 0.5 * eps
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_every_solver_starts_at_the_noisiest_time_it_should() -> None:
    first = {solver: int(scheduler(solver, CONFIG, 20).timesteps[0]) for solver in get_args(Solver)}
    assert first == {"ddim": 951, "dpm++": 998, "unipc": 998}


@pytest.mark.parametrize("deviation", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(("solver", "steps"), [("dpm++", 20), ("unipc", 20), ("dpm++", 25), ("unipc", 10)])
def test_few_steps_come_where_ddim_comes_with_two_hundred(solver: Solver, steps: int, deviation: float) -> None:
    """On a model whose flow is exact: and fine detail, a tenth as large as the latents, keeps its size."""

    def exact(x: Tensor, t: Tensor) -> Tensor:
        return gaussian(x, t, deviation)

    x = noise(1, *SHAPE)
    slow = last(model(exact), scheduler("ddim", CONFIG, 200), x)
    fast = last(model(exact), scheduler(solver, CONFIG, steps), x)
    assert (fast - slow).square().mean().sqrt() < 0.1 * deviation
    assert abs(float(fast.std() / slow.std()) - 1) < 0.1


@pytest.mark.parametrize("solver", get_args(Solver))
@pytest.mark.parametrize("steps", [1, 2, 3, 50, 999])
def test_any_number_of_steps(solver: Solver, steps: int) -> None:
    x = noise(1, *SHAPE)
    found = list(denoise(model(gaussian), scheduler(solver, CONFIG, steps), x))
    assert [step.done for step in found] == list(range(1, steps + 1))
    assert all(latents.isfinite().all() and latents.dtype is torch.float32 for _, latents in found)


def test_more_steps_than_the_model_has_times() -> None:
    """DDIM's times begin at 1: a thousand of them would end outside the table."""
    with pytest.raises(BadSetting, match="999"):
        scheduler("ddim", CONFIG, 1000)
    assert len(scheduler("dpm++", CONFIG, 1000).timesteps) == 1000


# ---- SDEdit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "strength", "left_out"),
    [(50, 0.55, 22), (50, 1.0, 0), (50, 0.001, 49), (1, 0.01, 0), (20, 0.5, 10)],
)
def test_what_sdedit_leaves_out(steps: int, strength: float, left_out: int) -> None:
    """As published, 22 of 50 for .55; and always at least one step is made."""
    assert skipped(scheduler("ddim", CONFIG, steps), strength) == left_out


@pytest.mark.parametrize("solver", ["dpm++", "unipc"])
def test_strength_means_the_same_noise_to_every_solver(solver: Solver) -> None:
    times = [made.timesteps[skipped(made, 0.55)] for made in (scheduler(s, CONFIG, 50) for s in ("ddim", solver))]
    assert abs(int(times[0]) - int(times[1])) < 40


@pytest.mark.parametrize("solver", get_args(Solver))
def test_starting_in_the_middle_gives_back_what_was_noised(solver: Solver) -> None:
    """A model that sees which noise was added takes exactly that away, from the step on at which it was added."""
    clean, added = noise(1, *SHAPE, seed=1), noise(1, *SHAPE, seed=2)
    made = scheduler(solver, CONFIG, 50)
    first = skipped(made, 0.55)
    x = noised(made, clean, added, first)
    seeing = model(lambda x, _: added.expand_as(x))
    found = list(denoise(seeing, made, x, first))
    assert len(found) == 50 - first < 50
    a = float(alphas()[0])
    end = a**0.5 * clean + (1 - a) ** 0.5 * added if solver == "ddim" else clean  # DDIM's last alpha is not 1
    np.testing.assert_allclose(found[-1].latents, end, atol=1e-3)


# ---- guidance ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("guidance", "rows"), [(0.0, 2), (1.0, 2), (1.001, 4), (7.5, 4)])
def test_the_second_branch_is_run_only_where_it_counts(guidance: float, rows: int) -> None:
    prompts = [[0.1, 0.5]] if guided(guidance) else [[0.5]]
    free = model(gaussian, prompts, guidance=guidance)
    last(free, scheduler("dpm++", CONFIG, 3), noise(2, *SHAPE))
    assert free.unet.rows == [rows] * 3  # type: ignore[attr-defined]


def test_guidance_goes_from_the_negative_through_the_positive() -> None:
    x, t = noise(3, *SHAPE), torch.tensor(500)
    free = model(gaussian, [[0.1, 0.5]], guidance=7.5)
    torch.testing.assert_close(free.noise(0, x, t), gaussian(x, t) + 0.1 + 7.5 * (0.5 - 0.1))


# ---- windows -------------------------------------------------------------------------------------------------


def test_a_window_alone_is_no_window() -> None:
    x = noise(1, 2, SHORT.frames, 16)
    joint = last(model(gaussian, canvas=SHORT), scheduler("dpm++", CONFIG, 5), x)
    made, plain = scheduler("dpm++", CONFIG, 5), x
    for t in made.timesteps:
        plain = made.step(gaussian(plain, t), t, plain).prev_sample
    assert torch.equal(joint, plain)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_windows_are_averaged_by_their_weights_in_every_step(guidance: float) -> None:
    """Each window under its own prompt, and with a model that looks at a place's distance from the border."""

    def places(x: Tensor, t: Tensor) -> Tensor:
        return gaussian(x, t) + torch.linspace(-1, 1, x.shape[2])[:, None]

    values = [0.1, 0.5, -0.3]
    prompts = [[value - 0.2, value] if guided(guidance) else [value] for value in values]
    x = noise(2, 2, LONG.frames, 16)
    joint = model(places, prompts, LONG, guidance)
    assert len(LONG.windows) == 3
    made, by_hand = scheduler("ddim", CONFIG, 4), x
    after = {step.done: step.latents for step in denoise(joint, scheduler("ddim", CONFIG, 4), x)}
    for done, t in enumerate(made.timesteps, start=1):
        eps = torch.zeros_like(x)
        for frame in range(LONG.frames):
            for window, weight, value in zip(LONG.windows, LONG.weights, values, strict=True):
                if window.start <= frame < window.end:
                    here = -1 + 2 * (frame - window.start) / (window.end - window.start - 1)
                    push = value if guidance <= 1 else value - 0.2 + guidance * 0.2
                    seen = gaussian(by_hand[:, :, frame], t) + here + push
                    eps[:, :, frame] += float(weight[frame - window.start]) * seen
        by_hand = made.step(eps, t, by_hand).prev_sample
        torch.testing.assert_close(after[done], by_hand, atol=1e-4, rtol=1e-4)


def test_a_step_of_a_long_clip_can_be_left_between_two_windows() -> None:
    """At the latest after each window there is a yield; until the step is done it shows the latents before it."""
    x = noise(1, 2, LONG.frames, 16)
    long = model(gaussian, [[0.0]] * 3, LONG)
    calls, done = [], []
    for step in denoise(long, scheduler("dpm++", CONFIG, 2), x):
        calls.append(len(long.unet.rows))  # type: ignore[attr-defined]
        done.append(step.done)
        assert torch.equal(step.latents, x) == (step.done == 0)
    assert done == [0, 0, 1, 1, 1, 2]
    assert max(b - a for a, b in pairwise([0, *calls])) <= 2


def curve(x: Tensor, t: Tensor) -> Tensor:
    """The exact noise in `x` when what is wanted are curves over a window: Gaussian, their frames alike within 50."""
    frames = torch.arange(x.shape[2], dtype=torch.float64)
    alike = torch.exp(-(((frames[:, None] - frames) / 50) ** 2) / 2)
    alpha = float(alphas()[int(t)])
    inside = alpha * alike + (1 - alpha) * torch.eye(len(frames), dtype=torch.float64)
    return ((1 - alpha) ** 0.5 * torch.linalg.solve(inside, x.double())).to(x)


@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_windows_denoised_together_are_one_curve(solver: Solver) -> None:
    """Steps from frame to frame stay small where windows begin and end; windows denoised one by one jump there."""
    x = noise(1, 1, LONG.frames, 16)
    steps = 20 if solver == "dpm++" else 50
    joint = last(model(curve, [[0.0]] * 3, LONG), scheduler(solver, CONFIG, steps), x)
    parts = [last(model(curve), scheduler(solver, CONFIG, steps), x[:, :, slice(*w)]) for w in LONG.windows]
    cuts = [0, *((a.end + b.start) // 2 for a, b in pairwise(LONG.windows)), LONG.frames]
    alone = torch.cat(
        [
            part[:, :, start - window.start : end - window.start]
            for part, window, (start, end) in zip(parts, LONG.windows, pairwise(cuts), strict=True)
        ],
        dim=2,
    )
    change, jumps = (latents.diff(dim=2).square().mean((0, 1, 3)).sqrt() for latents in (joint, alone))
    borders = [frame - 1 for window in LONG.windows for frame in window if 0 < frame < LONG.frames]
    assert change[borders].max() < 1.5 * change.quantile(0.9)
    assert change.max() < 2 * change.quantile(0.9)
    assert jumps[[cut - 1 for cut in cuts[1:-1]]].min() > 2 * change.max()


def test_the_first_windows_prompt_is_used_again_in_the_next_group_of_takes() -> None:
    """The engine denoises one group after another with one model, which used the prompt of the last window last."""
    prompts = [[0.1], [0.5], [-0.3]]
    x = noise(1, 2, LONG.frames, 16)
    joint = model(gaussian, prompts, LONG)
    again = [last(joint, scheduler("ddim", CONFIG, 2), x) for _ in range(2)]
    assert torch.equal(*again)
    alone = model(gaussian, [[0.1]])
    alone.unet.use_prompt([9.0])
    fresh = last(model(gaussian, [[0.1]]), scheduler("ddim", CONFIG, 2), x)
    assert torch.equal(last(alone, scheduler("ddim", CONFIG, 2), x), fresh)
