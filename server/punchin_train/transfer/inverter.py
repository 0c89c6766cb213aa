"""Training of the network that tells a log mel's spectrum (:mod:`punchin_server.codecs.inversion`).

It learns from recordings of every kind, from their mels as they are; and from what the autoencoder makes of mels, its
latents a little noisy, for that is what it will hear.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from punchin_server.codecs.inversion import Inverter
from punchin_server.codecs.mel import FFT, HOP, log_mel
from torch import Tensor

from . import vae as autoencoder
from .lines import Lines
from .recordings import Recordings
from .schedule import DEVICE, Schedule, half, log, restore, save

WIDTH, DEPTH = 320, 6
PEAK_RATE, CLIP, CROP_FRAMES = 1.5e-3, 1.0, 160
OF_LINES, OF_PIECES = 3, 5
"""Crops of a step. The first half passes through the autoencoder."""
MIXED, NOISE = 0.15, 0.3
"""Share of lines with their accompaniment; deviation of the most noise that latents bear."""
CONTEXT = 16
"""Mel frames at either end of a crop on which no loss is taken."""
HEARD = 320
"""Lines of the spectrum, up to 5 kHz, on whose magnitudes the second term of the loss is taken: pitches lie there."""
AUDIBLE, FLOOR = 3e-4, 1e-4
"""Magnitudes below this share of a crop's loudest, or below the second altogether, count as silent."""


def train(train_lines: Path, pieces: Path, checkpoint: Path, minutes: float, vae: Path) -> Inverter:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent."""
    torch.manual_seed(0)
    inverter, state = Inverter(WIDTH, DEPTH).to(DEVICE), restore(checkpoint)
    optimiser = torch.optim.AdamW(inverter.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-3)
    if state:
        inverter.load_state_dict(state["inverter"])
        optimiser.load_state_dict(state["optimiser"])
    schedule = Schedule(minutes, PEAK_RATE, state.get("step", 0), state.get("spent", 0.0))
    blur = autoencoder.load(vae).to(DEVICE)
    lines, recordings, random = Lines(train_lines), Recordings(pieces), np.random.default_rng(schedule.step)
    window = torch.hann_window(FFT, device=DEVICE)
    inner, blurred = slice(CONTEXT, CROP_FRAMES - CONTEXT), (OF_LINES + OF_PIECES) // 2

    def keep() -> None:
        kept = {"inverter": inverter.state_dict(), "optimiser": optimiser.state_dict()}
        save(checkpoint, **kept, step=schedule.step, spent=schedule.spent)

    while schedule.running():
        schedule.set(optimiser)
        samples = CROP_FRAMES * HOP
        solos = lines.crops(random, OF_LINES, samples, MIXED)
        wave = torch.cat([solos, recordings.crops(random, OF_PIECES, samples)]).to(DEVICE)
        mel = log_mel(wave)
        wanted = torch.stft(wave, FFT, HOP, window=window, return_complex=True).abs().mT[:, :CROP_FRAMES]
        with half():
            told = inverter(torch.cat([_through(blur, mel[:blurred]), mel[blurred:]])).float()
        in_logarithms, plain = errors(told[:, inner], wanted[:, inner])
        optimiser.zero_grad()
        (in_logarithms + plain).backward()
        torch.nn.utils.clip_grad_norm_(inverter.parameters(), CLIP)
        optimiser.step()
        schedule.step += 1
        if schedule.step % 50 == 0:
            log("inverter", schedule, logarithms=in_logarithms.item(), magnitudes=plain.item())
        if schedule.due():
            keep()
    keep()
    return inverter.eval()


def errors(told: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Of log magnitudes `told` against magnitudes `wanted`, `[B, T, 513]` both: mean distance of logarithms, the louder
    the heavier; and mean distance of magnitudes, as a share of what was wanted."""
    floor = wanted.amax((1, 2), keepdim=True) * AUDIBLE + FLOOR
    magnitude = told.clamp(max=9.0).exp()
    weight = ((wanted + floor) / floor).log() + 0.3
    weight = weight / weight.mean((1, 2), keepdim=True)
    distance = ((magnitude + floor).log() - (wanted + floor).log()).abs()
    low, low_wanted = magnitude[..., :HEARD], wanted[..., :HEARD]
    share = (low - low_wanted).abs().sum((1, 2)) / (low_wanted.sum((1, 2)) + 1e-3)
    return (distance * weight).mean(), share.mean()


@torch.no_grad()
def _through(vae: AutoencoderKL, mel: Tensor) -> Tensor:
    """Log mels `[B, T, 64]` as they come back from noisy latents."""
    latents = vae.encode(mel[:, None]).latent_dist.sample()
    noisy = latents + NOISE * torch.rand(len(mel), 1, 1, 1, device=mel.device) * torch.randn_like(latents)
    decoded: Tensor = vae.decode(noisy).sample[:, 0]
    return decoded


def load(checkpoint: Path) -> Inverter:
    """The trained one."""
    inverter = Inverter(WIDTH, DEPTH)
    inverter.load_state_dict(restore(checkpoint)["inverter"])
    return inverter.eval().requires_grad_(False)
