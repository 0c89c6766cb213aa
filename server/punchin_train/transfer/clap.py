"""CLAP in small: sound and caption to one vector each, near where they belong together.

Its text vectors condition the UNet; its audio tower then says how near a take is to a prompt, as in the paper.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import soxr
import torch
from punchin_server.codecs.mel import SAMPLE_RATE
from torch import Tensor
from torch.nn import functional as F
from transformers import ClapModel

from . import text
from .encoded import duet
from .lines import Lines
from .schedule import DEVICE, Schedule, log, restore, save
from .solos import NAMES, caption, duet_caption

PEAK_RATE, CLIP, BATCH = 2e-3, 1.0, 16
SOUNDS, TESTED = 1400, 128
GAIN = 10.0  # dB, the spread of levels heard


class Sounds:
    """Log mels as CLAP hears them, `[N, 1, 1001, 64]`, and what each is: an instrument, or 8 + one that accompanies."""

    def __init__(self, lines: Lines, parts: text.TextParts, count: int, seed: int) -> None:
        random, mels = Random(seed), []
        self.kinds: list[int] = []
        for i in range(count):
            line = random.randrange(len(lines))
            if i % 4 == 3:
                melody, accompanist = duet(int(lines.paths[line].stem), random.randrange(2))
                wave = lines.wave(line, melody) + 0.7 * lines.accompaniment(line)[1]
                self.kinds.append(len(NAMES) + accompanist)
            else:
                instrument = random.randrange(len(NAMES))
                wave = lines.wave(line, instrument)
                self.kinds.append(instrument)
            wave = wave * 10 ** (random.uniform(-GAIN, 0) / 20)
            resampled = soxr.resample(wave, SAMPLE_RATE, parts.feature_extractor.sampling_rate)[: 10 * 48_000]
            features = parts.feature_extractor(resampled, sampling_rate=48_000, return_tensors="pt")
            mels.append(features.input_features[0])
        self.mels = torch.stack(mels)


def caption_batch(random: Random) -> list[str]:
    """A caption of each kind."""
    return [caption(random, name) for name in NAMES] + [duet_caption(random, name) for name in NAMES]


def train(
    train_lines: Path,
    held_out: Path,
    checkpoint: Path,
    minutes: float,
    reader: Path | None = None,
    count: int = SOUNDS,
) -> ClapModel:
    """Train on `count` sounds, or go on from `checkpoint`, until `minutes` in all are spent, making the sounds not
    counted.

    With `reader`, the text tower is that checkpoint's and stays as it is: a UNet has learned to hear it.
    """
    torch.manual_seed(0)
    parts, state = text.build(), restore(checkpoint)
    clap = parts.text_encoder.to(DEVICE)
    if reader is not None:
        read = {name: tensor for name, tensor in restore(reader)["clap"].items() if name.startswith("text_")}
        clap.load_state_dict(read, strict=False)
        clap.text_model.requires_grad_(False)
        clap.text_projection.requires_grad_(False)
    optimiser = torch.optim.AdamW(clap.parameters(), PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    if state:
        clap.load_state_dict(state["clap"])
        optimiser.load_state_dict(state["optimiser"])
    sounds, tested = Sounds(Lines(train_lines), parts, count, 0), Sounds(Lines(held_out), parts, min(TESTED, count), 1)
    schedule = Schedule(minutes, PEAK_RATE, state.get("step", 0), state.get("spent", 0.0))
    random = Random(schedule.step)
    while schedule.running():
        schedule.set(optimiser)
        chosen = [random.randrange(count) for _ in range(BATCH)]
        logits = clap.logit_scale_a.exp() * compare(clap, parts, sounds.mels[chosen].to(DEVICE), caption_batch(random))
        loss = F.cross_entropy(logits, torch.tensor([sounds.kinds[i] for i in chosen], device=DEVICE))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(clap.parameters(), CLIP)
        optimiser.step()
        with torch.no_grad():
            clap.logit_scale_a.clamp_(max=float(np.log(50.0)))
        schedule.step += 1
        if schedule.step % 50 == 0:
            log("clap", schedule, loss=loss.item())
    save(checkpoint, clap=clap.state_dict(), optimiser=optimiser.state_dict(), step=schedule.step, spent=schedule.spent)
    clap.eval()
    with torch.no_grad():
        best = compare(clap, parts, tested.mels.to(DEVICE), caption_batch(Random(1))).argmax(1).tolist()
    right = sum(a == b for a, b in zip(best, tested.kinds, strict=True)) / len(best)
    log("clap", schedule, accuracy=right)
    return clap


def compare(clap: ClapModel, parts: text.TextParts, mels: Tensor, captions: list[str]) -> Tensor:
    """Cosines of sounds `[B, 1, 1001, 64]` and captions, `[B, C]`."""
    longer = torch.zeros(len(mels), 1, dtype=torch.bool, device=mels.device)
    sounds = clap.audio_model(input_features=mels, is_longer=longer).pooler_output
    read = parts.tokenizer(captions, padding=True, return_tensors="pt").to(mels.device)
    meant = clap.text_model(input_ids=read.input_ids, attention_mask=read.attention_mask).pooler_output
    return F.normalize(clap.audio_projection(sounds), dim=-1) @ F.normalize(clap.text_projection(meant), dim=-1).T
