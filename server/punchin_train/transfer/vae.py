"""The autoencoder between log mels and latents, in diffusers' `AutoencoderKL`, and its training.

Knows mels and crops of lines; knows nothing about diffusion.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from punchin_server.codecs.mel import HOP, log_mel
from torch import Tensor

from .lines import Lines
from .schedule import DEVICE, Schedule, half, log, restore, save

CHANNELS = (16, 32, 64, 96)  # four levels: latents are an eighth of the mel in time and in frequency
LATENTS = 8
PEAK_RATE, CLIP, BATCH, CROP_FRAMES = 2e-3, 1.0, 4, 128
KL_WEIGHT = 5e-4
TESTED = 32  # crops of 2.56 s
MIXED = 0.2  # of the crops have an accompaniment


def build(channels: tuple[int, ...] = CHANNELS) -> AutoencoderKL:
    """A new one, its output biased to the level of silence between notes."""
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=["DownEncoderBlock2D"] * len(channels),
        up_block_types=["UpDecoderBlock2D"] * len(channels),
        block_out_channels=list(channels),
        layers_per_block=1,
        latent_channels=LATENTS,
        norm_num_groups=8,
        sample_size=64,
    )
    with torch.no_grad():
        vae.decoder.conv_out.bias.fill_(-5.0)
    return vae


def train(
    train_lines: Path, held_out: Path, checkpoint: Path, minutes: float, channels: tuple[int, ...] = CHANNELS
) -> AutoencoderKL:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent."""
    torch.manual_seed(0)
    vae, state = build(channels).to(DEVICE), restore(checkpoint)
    optimiser = torch.optim.AdamW(vae.parameters(), PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-3)
    if state:
        vae.load_state_dict(state["vae"])
        optimiser.load_state_dict(state["optimiser"])
    schedule = Schedule(minutes, PEAK_RATE, state.get("step", 0), state.get("spent", 0.0))
    lines, random = Lines(train_lines), np.random.default_rng(schedule.step)
    tested = log_mel(Lines(held_out).crops(np.random.default_rng(1), TESTED, 256 * HOP, MIXED).to(DEVICE))[:, None]

    def keep() -> None:
        kept = {"vae": vae.state_dict(), "optimiser": optimiser.state_dict()}
        save(checkpoint, **kept, step=schedule.step, spent=schedule.spent, deviation=deviation(vae, tested))

    while schedule.running():
        schedule.set(optimiser)
        mel = log_mel(lines.crops(random, BATCH, CROP_FRAMES * HOP, MIXED).to(DEVICE))[:, None]  # [B, 1, T, 64]
        with half():
            posterior = vae.encode(mel).latent_dist
            decoded = vae.decode(posterior.sample()).sample
        difference = (decoded.float() - mel).abs().mean()
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        optimiser.zero_grad()
        (difference + KL_WEIGHT * divergence).backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), CLIP)
        optimiser.step()
        schedule.step += 1
        if schedule.step % 200 == 0:
            log("vae", schedule, train=difference.item(), kl=divergence.item(), heldout=error(vae, tested))
        if schedule.due():
            keep()
    keep()
    return vae.eval()


@torch.no_grad()
def error(vae: AutoencoderKL, mel: Tensor) -> float:
    """Mean absolute error of log mels `[B, 1, T, 64]` through the mode of the latents, in nepers."""
    return float((vae.decode(vae.encode(mel).latent_dist.mode()).sample - mel).abs().mean())


@torch.no_grad()
def deviation(vae: AutoencoderKL, mel: Tensor) -> float:
    """Standard deviation of the latents of `mel`."""
    return float(vae.encode(mel).latent_dist.mode().std())


def load(checkpoint: Path, channels: tuple[int, ...] = CHANNELS) -> AutoencoderKL:
    """The trained one, its scaling factor set."""
    state, vae = restore(checkpoint), build(channels)
    vae.load_state_dict(state["vae"])
    vae.register_to_config(scaling_factor=1.0 / state["deviation"])
    return vae.eval().requires_grad_(False)
