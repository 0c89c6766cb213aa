"""The vocoder from log mels to sound, in transformers' `SpeechT5HifiGan`, and its training without an adversary.

Knows mels and waves of lines; knows nothing about latents but that the autoencoder blurs what the vocoder will hear.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from punchin_server.codecs.mel import BANDS, HOP, SAMPLE_RATE, log_mel
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from ..measures import chroma_cosine
from ..spectral import SpectralLoss
from . import vae as autoencoder
from .lines import Lines
from .schedule import DEVICE, Schedule, half, log, restore, save

INITIAL_CHANNELS = 192
KERNELS = (3, 7)
PEAK_RATE, CLIP, BATCH, CROP_FRAMES = 2e-3, 5.0, 6, 64
MIXED, BLURRED = 0.15, 0.5  # shares of crops: with accompaniment, and through the autoencoder once there is one
TESTED = 48  # crops of 4 s
CONTEXT = 16  # mel frames at either end of a crop on which no loss is taken: the autoencoder sees no further there


def build() -> SpeechT5HifiGan:
    """A new one that keeps the variance of what passes through; torch's own start is nearly silent."""
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=BANDS,
            sampling_rate=SAMPLE_RATE,
            upsample_initial_channel=INITIAL_CHANNELS,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=list(KERNELS),
            resblock_dilation_sizes=[[1, 3, 5]] * len(KERNELS),
            leaky_relu_slope=0.1,
            normalize_before=False,
        )
    )
    with torch.no_grad():
        for module in vocoder.modules():
            if isinstance(module, nn.ConvTranspose1d):
                module.weight.normal_(0, math.sqrt(module.stride[0] / (module.in_channels * module.kernel_size[0])))
            elif isinstance(module, nn.Conv1d):
                residual = module.in_channels == module.out_channels
                scale = 0.5 if residual else 1.0
                module.weight.normal_(0, scale / math.sqrt(module.in_channels * module.kernel_size[0]))
        vocoder.conv_post.weight.mul_(0.1)
    return vocoder


def train(train_lines: Path, held_out: Path, checkpoint: Path, minutes: float, vae: Path | None) -> SpeechT5HifiGan:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent.

    Where `vae` is a checkpoint, half of the mels pass through it.
    """
    torch.manual_seed(0)
    vocoder, state = build().to(DEVICE), restore(checkpoint)
    optimiser = torch.optim.AdamW(vocoder.parameters(), PEAK_RATE, betas=(0.8, 0.99), weight_decay=1e-4)
    if state:
        vocoder.load_state_dict(state["vocoder"])
        optimiser.load_state_dict(state["optimiser"])
    schedule = Schedule(minutes, PEAK_RATE, state.get("step", 0), state.get("spent", 0.0))
    blur = autoencoder.load(vae).to(DEVICE) if vae is not None and vae.exists() else None
    loss_of = SpectralLoss(SAMPLE_RATE, waveform=0.0).to(DEVICE)
    lines, random = Lines(train_lines), np.random.default_rng(schedule.step)
    tested = Lines(held_out).crops(np.random.default_rng(1), TESTED, 4 * SAMPLE_RATE)
    inner = slice(CONTEXT * HOP, (CROP_FRAMES - CONTEXT) * HOP)

    def keep() -> None:
        kept = {"vocoder": vocoder.state_dict(), "optimiser": optimiser.state_dict()}
        save(checkpoint, **kept, step=schedule.step, spent=schedule.spent)

    while schedule.running():
        schedule.set(optimiser)
        wave = lines.crops(random, BATCH, CROP_FRAMES * HOP, MIXED).to(DEVICE)
        mel = log_mel(wave)
        if blur is not None:
            mel = torch.cat([blurred(blur, mel[: round(BLURRED * BATCH)]), mel[round(BLURRED * BATCH) :]])
        with half():
            made = vocoder(mel)
        loss, parts = loss_of(made.float()[:, None, inner], wave[:, None, inner])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), CLIP)
        optimiser.step()
        schedule.step += 1
        if schedule.step % 200 == 0:
            log("vocoder", schedule, mel=parts["mel"], linear=parts["linear"])
        if schedule.due():
            log("vocoder", schedule, chroma=fidelity(vocoder, tested))
            keep()
    keep()
    log("vocoder", schedule, chroma=fidelity(vocoder, tested))
    return vocoder.eval()


@torch.no_grad()
def blurred(vae: AutoencoderKL, mel: Tensor) -> Tensor:
    """Log mels `[B, T, 64]` as the autoencoder gives them back."""
    decoded: Tensor = vae.decode(vae.encode(mel[:, None]).latent_dist.sample()).sample[:, 0]
    return decoded


@torch.no_grad()
def fidelity(vocoder: SpeechT5HifiGan, waves: Tensor, vae: AutoencoderKL | None = None) -> float:
    """Mean chroma cosine of waves `[B, N]` and what the vocoder makes of their mels."""
    mel = log_mel(waves.to(DEVICE))
    made = vocoder(mel if vae is None else blurred(vae, mel)).cpu()
    return float(chroma_cosine(made[:, : waves.shape[1]], waves, SAMPLE_RATE).mean())


def load(checkpoint: Path) -> SpeechT5HifiGan:
    """The trained one."""
    vocoder = build()
    vocoder.load_state_dict(restore(checkpoint)["vocoder"])
    return vocoder.eval().requires_grad_(False)
