"""The noise taken off a latent canvas step by step, all windows together. Knows prompts already read, and no audio.

Guidance as published (arXiv 2407.16564, section 3.3): the second branch hears the negative text and an empty audio
prompt, and `eps = eps_negative + lambda * (eps_positive - eps_negative)`. Windows that overlap are averaged in every
step, before the solver sees them, so the sound on either side of a border was made of one noise under one prediction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from punchin_wire.errors import BadSetting
from punchin_wire.params import Solver
from torch import Tensor

from ...models.audioldm2.prompted_unet import PromptedUNet, PromptState
from ..cuda_graph import Work, recorded
from .canvas import Canvas

Scheduler: TypeAlias = Any
"""One of diffusers' schedulers, which share `timesteps`, `step` and `add_noise` but no type."""


def scheduler(solver: Solver, config: Mapping[str, Any], steps: int) -> Scheduler:
    """A new solver for `steps` steps over the noise that `config` (of the model's folder) describes.

    `ddim` is set as published. The fast ones spread their steps evenly over the logarithm of the noise: evenly in
    time, the last of 20 would start from a noise of 0.3 and average away all finer detail.
    Raises BadSetting for more steps than there are times.
    """
    match solver:
        case "ddim":
            made = DDIMScheduler.from_config(config)
        case "dpm++":
            made = DPMSolverMultistepScheduler.from_config(config, use_exponential_sigmas=True)
        case "unipc":
            made = UniPCMultistepScheduler.from_config(config, use_exponential_sigmas=True)
    most = made.config.num_train_timesteps - (made.config.steps_offset if solver == "ddim" else 0)
    if steps > most:
        raise BadSetting(f"With {solver} this model takes {most} steps at most, not {steps}.", "Choose fewer --steps.")
    made.set_timesteps(steps)
    return made


def skipped(solver: Scheduler, strength: float) -> int:
    """How many steps are left out when the first starts from the clip noised by `strength`, a share of the times: 22
    of DDIM's 50 for .55. At least one is left."""
    later = solver.timesteps > strength * solver.config.num_train_timesteps
    return min(int(later.sum()), len(later) - 1)


def noised(solver: Scheduler, clean: Tensor, noise: Tensor, first: int) -> Tensor:
    """`clean` under as much of `noise` (`[B, C, T, F]` both) as step `first` of `solver` expects."""
    begin(solver, first)
    return solver.add_noise(clean, noise, solver.timesteps[first : first + 1].expand(len(noise)))


def begin(solver: Scheduler, first: int) -> None:
    """Set which step of a solver of several orders comes first: two of its many steps may be at one time."""
    if hasattr(solver, "set_begin_index"):
        solver.set_begin_index(first)


@dataclass(frozen=True)
class Guided:
    """The UNet under a prompt: `prompts` are those of the windows of `canvas`, of one row, or of two, negative
    first."""

    unet: PromptedUNet
    canvas: Canvas
    prompts: Sequence[PromptState]
    guidance: float

    @cached_property
    def weights(self) -> list[Tensor]:
        """How much each window counts in its frames, `[T, 1]`, where the UNet is."""
        device = self.unet.unet.device
        return [torch.from_numpy(weight).to(device)[:, None] for weight in self.canvas.weights]

    def noise(self, window: int, x: Tensor, t: Tensor) -> Tensor:
        """The noise in latents `[B, C, T, F]` at time `t`, under the prompt of a window."""
        self.unet.use_prompt(self.prompts[window])
        dtype = self.unet.unet.dtype
        if not guided(self.guidance):
            return self.unet(x.to(dtype), t).to(x)
        negative, positive = self.unet(torch.cat([x, x]).to(dtype), t).to(x).chunk(2)
        return negative + self.guidance * (positive - negative)

    def shares(self, x: Tensor, t: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Of each window its frames, and the noise in them as far as it counts there."""
        for i, (window, weight) in enumerate(zip(self.canvas.windows, self.weights, strict=True)):
            frames = slice(*window)
            yield frames, weight * self.noise(i, x[:, :, frames], t)


class Recording(NamedTuple):
    """The forward of one window at fixed addresses: latents `x` and time `t` in, `noise` out."""

    x: Tensor
    t: Tensor
    noise: Tensor
    replay: Work


@dataclass(frozen=True)
class RecordedGuided(Guided):
    """The same on a GPU, each window's forward recorded once and then replayed: sent one by one, the UNet's many small
    kernels take a quick GPU longer to be sent than to be run."""

    recordings: dict[tuple[int, torch.Size], Recording] = field(default_factory=dict)

    @cached_property
    def pool(self) -> Any:
        """The memory that recordings share; what one leaves there is copied out before the next."""
        return torch.cuda.graph_pool_handle()

    def noise(self, window: int, x: Tensor, t: Tensor) -> Tensor:
        """As :meth:`Guided.noise`, valid until the next call."""
        key = (window, x.shape)
        if key not in self.recordings:
            self.recordings[key] = self._record(window, x, t)
        found = self.recordings[key]
        found.x.copy_(x)
        found.t.fill_(t.item())  # solvers keep their times on the CPU
        found.replay()
        return found.noise

    def _record(self, window: int, x: Tensor, t: Tensor) -> Recording:
        at, time, noise = x.clone(), t.to(x.device), torch.empty_like(x)

        def work() -> None:
            noise.copy_(Guided.noise(self, window, at, time))

        return Recording(at, time, noise, recorded(work, self.pool))


def guided(guidance: float) -> bool:
    """Whether there is a second branch: at 1 it would cancel, and less is no guidance (as in diffusers)."""
    return guidance > 1.0


class Step(NamedTuple):
    """How many steps are done, and the latents `[B, C, T, F]` after the last of them, float32."""

    done: int
    latents: Tensor


def denoise(model: Guided, solver: Scheduler, x: Tensor, first: int = 0) -> Iterator[Step]:
    """From step `first` of `solver` to its last, after which the latents are the result.

    Yields after each step, and within it between two windows: a step of a long clip takes minutes on a processor.
    """
    begin(solver, first)
    for done, t in enumerate(solver.timesteps[first:]):
        noise = torch.zeros_like(x)
        for frames, share in model.shares(x, t):
            if frames.start:
                yield Step(done, x)
            noise[:, :, frames] += share
        x = solver.step(noise, t, x).prev_sample
        yield Step(done + 1, x)
