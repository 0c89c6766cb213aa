"""What every training of a latent diffusion model here shares: its loss, and how conditions are dropped."""

from __future__ import annotations

from typing import NamedTuple, get_args

from diffusers import DDIMScheduler
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from punchin_wire.params import Pooling
from torch import Tensor

POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
"""Of the audio prompt, in time and frequency alike; drawn anew for each batch."""
DROP_TEXT, DROP_AUDIO, DROP_BOTH = 0.05, 0.05, 0.05
"""Of the items, as published: guidance needs answers to half a prompt and to none."""


class Dropped(NamedTuple):
    """Which conditions an item goes without."""

    text: bool
    audio: bool


def dropped(drawn: float) -> Dropped:
    """For a number drawn evenly from [0, 1).

    >>> dropped(0.01), dropped(0.5)
    (Dropped(text=True, audio=False), Dropped(text=False, audio=False))
    """
    text = drawn < DROP_TEXT + DROP_BOTH
    return Dropped(text, DROP_TEXT <= drawn < DROP_TEXT + DROP_BOTH + DROP_AUDIO)


def prediction_error(
    unet: PromptedUNet, latents: Tensor, noise: Tensor, times: Tensor, scheduler: DDIMScheduler
) -> Tensor:
    """Mean squared error of what `unet`, its prompt read, predicts of `latents` under `noise` at `times` `[B]`.

    Latents and noise are `[B, C, T, F]` float32. What it should predict is the noise, or the velocity where the
    scheduler says so.
    """
    noisy = scheduler.add_noise(latents, noise, times)
    if scheduler.config.prediction_type == "v_prediction":
        target = scheduler.get_velocity(latents, noise, times)
    else:
        target = noise
    predicted = unet(noisy.to(unet.unet.dtype), times)
    return (predicted.float() - target).square().mean()
