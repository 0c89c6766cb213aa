"""AudioMAE in small: trained to fill masked patches, and to tell the notes and onsets of what it hears.

The published encoder has heard 2 million clips; this one has minutes, so the notes themselves are its lesson: a
linear head reads them off the tokens of each 0.16 s, and another one reads off each token where it lies, which is all
by which the UNet can find the moment it wants to hear. Heads and mask token are not shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from punchin_server.codecs.fbank import prompt_features
from punchin_server.models.audioldm2.audiomae import AudioMAE, Size
from punchin_wire.messages import Note
from torch import Tensor, nn
from torch.nn import functional as F

from .lines import Lines
from .schedule import DEVICE, Schedule, half, log, restore, save
from .solos import HIGHEST, NAMES, SECONDS, compose

SIZE = Size(width=96, depth=3, hidden=384, patch=16, tokens=513)
SLOTS, BANDS = 64, 8  # the grid of patches: time, frequency
LOWEST = 48  # of the accompaniment
PITCHES = HIGHEST - LOWEST + 1
PEAK_RATE, CLIP, BATCH = 1.5e-3, 1.0, 8
MASKED = 0.3
ACCOMPANIED = 0.2


class Listener(nn.Module):
    """The encoder and what it is taught by."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = AudioMAE(SIZE)
        self.mask = nn.Parameter(torch.zeros(SIZE.width))
        self.patches = nn.Linear(SIZE.width, SIZE.patch**2)
        self.notes = nn.Linear(BANDS * SIZE.width, 2 * PITCHES)  # sounding, and beginning
        self.places = nn.Linear(SIZE.width, places().shape[1])
        for parameter in (self.encoder.cls_token, self.mask):
            nn.init.normal_(parameter, std=0.02)
        with torch.no_grad():
            table = places() @ torch.randn(places().shape[1], SIZE.width, generator=torch.Generator().manual_seed(0))
            self.encoder.pos_embed[:, 1:] = 0.7 * table / table.std()

    def forward(self, features: Tensor, masked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features `[B, 1, 1024, 128]` with `masked` `[B, 512]` patches unseen -> patches `[B, 512, 256]`, note logits
        `[B, 64, 2 * 37]`, places `[B, 512, P]`."""
        tokens = self.encoder.patch_embed(features)
        tokens = torch.where(masked[..., None], self.mask, tokens) + self.encoder.pos_embed[:, 1:]
        first = (self.encoder.cls_token + self.encoder.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], 1)
        for block in self.encoder.blocks:
            x = block(x)
        tokens = self.encoder.norm(x)[:, 1:]
        return self.patches(tokens), self.notes(tokens.unflatten(1, (SLOTS, BANDS)).flatten(2)), self.places(tokens)


def places() -> Tensor:
    """Where each patch lies: sines and cosines of its time at six wavelengths and of its band at two, `[512, 16]`."""
    slot = torch.arange(SLOTS).repeat_interleave(BANDS)
    band = torch.arange(BANDS).repeat(SLOTS)
    angles = [slot * 2 * torch.pi / (2 * SLOTS / 2**k) for k in range(6)] + [
        band * torch.pi / BANDS * k for k in (1, 2)
    ]
    return torch.stack([wave for angle in angles for wave in (angle.sin(), angle.cos())], 1)


def roll(notes: tuple[Note, ...]) -> NDArray[np.float32]:
    """What sounds and what begins in each 0.16 s, `[64, 2 * 37]`."""
    table = np.zeros((SLOTS, 2, PITCHES), np.float32)
    for note in notes:
        start, end = note.start / SECONDS * SLOTS, note.end / SECONDS * SLOTS
        table[int(start) : max(int(start) + 1, round(end)), 0, note.pitch - LOWEST] = 1
        table[int(start), 1, note.pitch - LOWEST] = 1
    return table.reshape(SLOTS, -1)


def batch(lines: Lines, random: np.random.Generator, size: int) -> tuple[Tensor, Tensor]:
    """Features `[B, 1, 1024, 128]` at random levels, and their notes `[B, 64, 74]`."""
    waves, rolls = [], []
    for _ in range(size):
        line = int(random.integers(len(lines)))
        score = compose(int(lines.paths[line].stem))
        wave, notes = lines.wave(line, int(random.integers(len(NAMES)))), score.melody
        if random.random() < ACCOMPANIED:
            wave, notes = wave + random.uniform(0.3, 1.0) * lines.accompaniment(line)[1], notes + score.accompaniment
        waves.append(wave * 10 ** (random.uniform(-14, 3) / 20))
        rolls.append(roll(notes))
    features = prompt_features(torch.from_numpy(np.stack(waves)).float().to(DEVICE))
    return features, torch.from_numpy(np.stack(rolls)).to(DEVICE)


def train(train_lines: Path, held_out: Path, checkpoint: Path, minutes: float) -> AudioMAE:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent."""
    torch.manual_seed(0)
    listener, state = Listener().to(DEVICE), restore(checkpoint)
    optimiser = torch.optim.AdamW(listener.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    if state:
        listener.load_state_dict(state["listener"])
        optimiser.load_state_dict(state["optimiser"])
    schedule = Schedule(minutes, PEAK_RATE, state.get("step", 0), state.get("spent", 0.0))
    lines, random = Lines(train_lines), np.random.default_rng(schedule.step)
    where = places().to(DEVICE)

    def keep() -> None:
        kept = {"listener": listener.state_dict(), "optimiser": optimiser.state_dict()}
        save(checkpoint, **kept, step=schedule.step, spent=schedule.spent)

    while schedule.running():
        schedule.set(optimiser)
        features, notes = batch(lines, random, BATCH)
        masked = torch.rand(BATCH, SLOTS * BANDS, device=DEVICE) < MASKED
        with half():
            patches, predicted, placed = listener(features, masked)
        target = F.unfold(features, SIZE.patch, stride=SIZE.patch).mT  # [B, 512, 256]
        filled = (patches.float() - target).square().mean(-1)[masked].mean()
        missed = F.binary_cross_entropy_with_logits(
            predicted.float(), notes, pos_weight=predicted.new_tensor(4.0).float()
        )
        optimiser.zero_grad()
        misplaced = (placed.float() - where).square().mean()
        (filled + 4.0 * missed + misplaced).backward()
        torch.nn.utils.clip_grad_norm_(listener.parameters(), CLIP)
        optimiser.step()
        schedule.step += 1
        if schedule.step % 100 == 0:
            log("audiomae", schedule, patches=filled.item(), notes=missed.item(), places=misplaced.item())
        if schedule.due():
            keep()
    keep()
    log("audiomae", schedule, f1=note_f1(listener, Lines(held_out)))
    return listener.encoder.eval()


@torch.no_grad()
def note_f1(listener: Listener, lines: Lines) -> float:
    """F-measure of what sounds in each slot of 32 held-out lines, predicted at even odds."""
    features, notes = batch_held_out(lines)
    unmasked = torch.zeros(len(features), SLOTS * BANDS, dtype=torch.bool, device=DEVICE)
    predicted = listener(features, unmasked)[1][..., :PITCHES] > 0
    sounding = notes[..., :PITCHES] > 0.5
    return float(2 * (predicted & sounding).sum() / (predicted.sum() + sounding.sum()))


def batch_held_out(lines: Lines, size: int = 32) -> tuple[Tensor, Tensor]:
    """As :func:`batch`, of melodies alone."""
    chosen = [(line, line % len(NAMES)) for line in range(min(size, len(lines)))]
    waves = torch.from_numpy(np.stack([lines.wave(*at) for at in chosen])).to(DEVICE)
    notes = np.stack([roll(compose(int(lines.paths[line].stem), held_out=True).melody) for line, _ in chosen])
    return prompt_features(waves), torch.from_numpy(notes).to(DEVICE)


def load(checkpoint: Path) -> AudioMAE:
    """The trained encoder."""
    listener = Listener()
    listener.load_state_dict(restore(checkpoint)["listener"])
    return listener.encoder.eval().requires_grad_(False)
