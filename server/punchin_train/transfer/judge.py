"""Tells which instrument plays, for evaluation: a small network on log mels that shares nothing with the pack.

It hears originals only, under changes of tilt and noise, so that what tells a vocoder from a recording does not tell an
instrument.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from punchin_server.codecs.mel import SAMPLE_RATE, log_mel
from torch import Tensor, nn
from torch.nn import functional as F

from .lines import Lines
from .schedule import DEVICE, Schedule, log, restore, save
from .solos import NAMES, SAMPLES

PEAK_RATE, BATCH, SECONDS = 3e-3, 16, 4
FLOOR = -8.0
"""Log magnitude below which nothing is told apart: beneath it lie a vocoder's noise and a recording's silence."""


class Judge(nn.Module):
    """Waves `[B, N]` at 16 kHz to scores `[B, 8]`."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, 16, 32, 48)
        self.layers = nn.Sequential(
            *(
                layer
                for before, after in pairwise(widths)
                for layer in (nn.Conv2d(before, after, 3, (2, 2), 1), nn.BatchNorm2d(after), nn.ReLU())
            )
        )
        self.scores = nn.Linear(2 * widths[-1] * 8, len(NAMES))

    def forward(self, waves: Tensor) -> Tensor:
        waves = 0.5 * waves / waves.abs().amax(-1, keepdim=True).clamp(min=1e-5)
        mel = log_mel(waves).clamp(min=FLOOR)[:, None]
        x = self.layers((mel + 4.0) / 3.0)  # [B, 48, T / 8, 8]
        pooled = torch.cat([x.mean(2), x.amax(2)], 1)
        return self.scores(pooled.flatten(1))


def train(train_lines: Path, held_out: Path, checkpoint: Path, minutes: float) -> Judge:
    """Train until `minutes` are spent, and say how often it is right about held-out originals."""
    torch.manual_seed(0)
    judge = Judge().to(DEVICE)
    optimiser = torch.optim.AdamW(judge.parameters(), PEAK_RATE, weight_decay=0.02)
    schedule, lines, random = Schedule(minutes, PEAK_RATE), Lines(train_lines), np.random.default_rng(0)
    while schedule.running():
        schedule.set(optimiser)
        waves, played = _batch(lines, random)
        loss = F.cross_entropy(judge(waves.to(DEVICE)), played.to(DEVICE))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step += 1
        if schedule.step % 50 == 0:
            log("judge", schedule, loss=loss.item())
    judge.eval()
    lines = Lines(held_out)
    waves = torch.from_numpy(np.stack([lines.wave(line, line % len(NAMES)) for line in range(min(96, len(lines)))]))
    with torch.no_grad():
        right = judge(waves.to(DEVICE)).argmax(1).cpu() == torch.arange(len(waves)) % len(NAMES)
    log("judge", schedule, accuracy=float(right.float().mean()))
    save(checkpoint, judge=judge.state_dict())
    return judge


def _batch(lines: Lines, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    waves, played = [], []
    for _ in range(BATCH):
        instrument = int(random.integers(len(NAMES)))
        start = int(random.integers(SAMPLES - SECONDS * SAMPLE_RATE + 1))
        wave = lines.wave(int(random.integers(len(lines))), instrument)[start : start + SECONDS * SAMPLE_RATE]
        spectrum = np.fft.rfft(wave)
        octaves = np.log2(np.linspace(0.02, 8.0, len(spectrum)))
        tilted = np.fft.irfft(spectrum * 10 ** (random.uniform(-2, 2) * octaves / 20), len(wave))
        noise = random.normal(0, 10 ** random.uniform(-5, -2.5), len(wave))
        waves.append((tilted + noise).astype(np.float32))
        played.append(instrument)
    return torch.from_numpy(np.stack(waves)), torch.tensor(played)


def load(checkpoint: Path) -> Judge:
    """The trained one."""
    judge = Judge()
    judge.load_state_dict(restore(checkpoint)["judge"])
    return judge.eval().requires_grad_(False)
