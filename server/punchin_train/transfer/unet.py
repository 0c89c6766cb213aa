"""The UNet in small, trained together with T5, GPT-2 and the adapter; and the adapter alone afterwards.

The published adapter learns beside a UNet that has heard hundreds of thousands of hours; beside one this small it
would find no positions to ask for: nothing but the borders of the window tells a place, and text alone never needs
one. So three of four batches hear an audio prompt from the first step on. In most of them the prompt is the same line
on another instrument than the caption names, which is what transfer asks for. CLAP is trained before (see
:mod:`.clap`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers import AudioLDM2UNet2DConditionModel, DDIMScheduler
from punchin_server.models.audioldm2.ap_adapter import adapter_parameters, attach
from punchin_server.models.audioldm2.audiomae import AudioMAE, pool
from punchin_server.models.audioldm2.prompt_text import PromptText, TextPrompt
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet
from torch import Tensor, nn

from ..adapter.diffusion import dropped, prediction_error
from . import text
from .alignment import Alignment
from .encoded import Encoded, duet
from .schedule import DEVICE, Schedule, half, log, restore, save
from .solos import NAMES, caption, duet_caption
from .vae import LATENTS

CHANNELS = (32, 48, 48, 64)
HEADS = (2, 2, 2, 4)
"""Of each level. 8 everywhere, as published, would spend two thirds of a step on the 256 positions of the second
level."""
PEAK_RATE, ADAPTER_RATE, CLIP, BATCH = 1e-3, 1e-3, 1.0, 12
GOING_ON = 0.6
"""Of these rates where the training goes on from a finished half (see :mod:`.start`)."""
LOUDER, LOUDEST = 0.35, 2.0
"""Share of the batches in which the audio prompt speaks louder than 1, and up to how loud. The louder, the more of the
items keep the prompt's own instrument, whatever their caption says: so that alpha trades one for the other."""
OFTEN = (1, 1, 1, 2, 2, 4, 8)
"""Finer ones more often than the paper's even odds: only they tell one moment from the next."""
ALIGNMENT = 0.2
"""Weight of guided attention."""
LATE = 1.5
"""1 would draw times evenly; more draws noisier ones, in which the prompt decides, more often."""
SHIPPED = "shipped"
"""The phase of a checkpoint that was read from a pack."""
CLAP = "text.clap."
"""Where the frozen CLAP lies in a trainee."""
TEXT_ONLY = 0.1  # of the batches hear no audio prompt at all
DUETS, OTHER_INSTRUMENT = 0.05, 0.65
TRAIN_TIMES = 1000
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": TRAIN_TIMES,
    "beta_start": 0.0015,
    "beta_end": 0.0195,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    # Not epsilon, as published: where there is nearly only noise, what the prompt says weighs a hundredth of the loss
    # there, and an hour of one core does not get to it. Measured: no use of the audio prompt after 1300 steps.
    "prediction_type": "v_prediction",
}


def build_unet() -> AudioLDM2UNet2DConditionModel:
    """The layout of the base model with one layer a block."""
    return AudioLDM2UNet2DConditionModel(
        sample_size=128,
        in_channels=LATENTS,
        out_channels=LATENTS,
        down_block_types=["DownBlock2D"] + ["CrossAttnDownBlock2D"] * 3,
        up_block_types=["CrossAttnUpBlock2D"] * 3 + ["UpBlock2D"],
        block_out_channels=list(CHANNELS),
        layers_per_block=1,
        cross_attention_dim=[[None, text.LOA_WIDTH, text.T5_WIDTH]] * 4,
        attention_head_dim=list(HEADS),  # which in diffusers counts heads
        norm_num_groups=8,
    )


class Trainee(nn.Module):
    """UNet with adapter, and text parts; CLAP is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = text.build()
        self.text = PromptText(
            self.parts.text_encoder,
            self.parts.text_encoder_2,
            self.parts.projection_model,
            self.parts.language_model,
            self.parts.tokenizer,
            self.parts.tokenizer_2,
            self.parts.feature_extractor,
        )
        self.text.clap.requires_grad_(False)
        self.unet = PromptedUNet(build_unet(), text.LOA_WIDTH)
        attach(self.unet)


@dataclass(frozen=True)
class Batch:
    """Latents `[B, 8, T, F]`, captions, and AudioMAE's tokens `[B, 513, W]` with a class token to be dropped."""

    latents: Tensor
    captions: list[str]
    tokens: Tensor


def draw(encoded: Encoded, silence: Tensor, random: Random, size: int, alpha: float = 1.0) -> Batch:
    """Items with their conditions dropped as published; `silence` `[512, W]` is AudioMAE of zeros.

    `alpha` says how loud the audio prompt will be: what is beyond 1 is the share of items that stay on its instrument.
    """
    latents, captions, tokens = [], [], []
    for _ in range(size):
        line = random.randrange(len(encoded))
        if random.random() < DUETS:
            index = random.randrange(2)
            source, accompanist = duet(encoded.seeds[line], index)
            track, text_prompt = len(NAMES) + index, duet_caption(random, NAMES[accompanist])
        else:
            track = source = random.randrange(len(NAMES))
            text_prompt = caption(random, NAMES[track])
            if random.random() < OTHER_INSTRUMENT:
                source = random.choice([other for other in range(len(NAMES)) if other != track])
        prompt = torch.from_numpy(encoded.tokens[line][source].astype("float32"))
        drop = dropped(random.random())
        if drop.text:
            text_prompt = ""
        if drop.audio:
            prompt = silence
        elif track < len(NAMES) and random.random() < alpha - 1:
            track = source
        latents.append(torch.from_numpy(encoded.latents[line][track].astype("float32")))
        captions.append(text_prompt)
        tokens.append(prompt)
    stacked = torch.stack(tokens)
    return Batch(torch.stack(latents).to(DEVICE), captions, torch.cat([stacked[:, :1], stacked], 1).to(DEVICE))


def loss_of(trainee: Trainee, batch: Batch, noise_scheduler: DDIMScheduler, pooling: int, alpha: float) -> Tensor:
    """The loss of a batch, at times and under noise drawn anew."""
    late = 1.0 - torch.rand(len(batch.latents), device=DEVICE) ** LATE
    times = (TRAIN_TIMES * late).long().clamp(0, TRAIN_TIMES - 1)
    noise = torch.randn_like(batch.latents)
    with half():
        prompt: TextPrompt = trainee.text(*trainee.text.tokenize(batch.captions))
        trainee.unet.read_prompt(*prompt, pool(batch.tokens, (pooling, pooling)), alpha)
        return prediction_error(trainee.unet, batch.latents, noise, times, noise_scheduler)


def train(
    folder: Path, encoder: AudioMAE, clap: Path, checkpoint: Path, minutes: float, *, adapter_only: bool = False
) -> Trainee:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent.

    `adapter_only` freezes all but the adapter, as the paper does, and begins a schedule of its own.
    """
    torch.manual_seed(0)
    state = restore(checkpoint)
    trainee = assembled(state, clap)
    adapter = list(adapter_parameters(trainee.unet).values())
    if adapter_only:
        trainee.requires_grad_(False)
        for weight in adapter:
            weight.requires_grad_(True)
    share = GOING_ON if state.get("phase") == SHIPPED else 1.0
    own = {id(weight) for weight in adapter}
    others = [p for p in trainee.parameters() if p.requires_grad and id(p) not in own]
    groups: list[dict[str, Any]] = [
        {"params": adapter, "peak": share * ADAPTER_RATE},
        *([{"params": others, "peak": share * PEAK_RATE}] if others else []),
    ]
    optimiser = torch.optim.AdamW(groups, PEAK_RATE, betas=(0.9, 0.99), weight_decay=0.01)
    phase = "adapter" if adapter_only else "joint"
    resumed = state if state.get("phase") == phase else {}
    if resumed:
        optimiser.load_state_dict(state["optimiser"])
    schedule = Schedule(minutes, PEAK_RATE, resumed.get("step", 0), resumed.get("spent", 0.0))
    encoded, random = Encoded(folder), Random(schedule.step)
    silence = encoder.to(DEVICE)(torch.zeros(1, 1, 1024, 128, device=DEVICE))[0, 1:].detach().cpu()
    noise_scheduler = DDIMScheduler(**SCHEDULER)

    def keep() -> None:
        own = {name: tensor for name, tensor in trainee.state_dict().items() if not name.startswith(CLAP)}
        kept = {"trainee": own, "optimiser": optimiser.state_dict(), "phase": phase}
        save(checkpoint, **kept, step=schedule.step, spent=schedule.spent)

    alignment = Alignment(trainee.unet)
    running: defaultdict[str, list[float]] = defaultdict(list)
    while schedule.running():
        schedule.set(optimiser)
        text_only = not adapter_only and random.random() < TEXT_ONLY
        pooling = random.choice(OFTEN)
        alpha = 0.0 if text_only else random.uniform(1.0, LOUDEST) if random.random() < LOUDER else 1.0
        batch = draw(encoded, silence, random, BATCH, alpha)
        loss = loss_of(trainee, batch, noise_scheduler, pooling, alpha)
        astray = alignment.loss()
        optimiser.zero_grad()
        (loss + ALIGNMENT * astray).backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], CLIP)
        optimiser.step()
        schedule.step += 1
        running["text" if text_only else "heard"].append(loss.item())
        if not text_only:
            running["astray"].append(astray.item())
        if schedule.step % 50 == 0:
            log(phase, schedule, **{name: sum(v) / len(v) for name, v in running.items()})
            running.clear()
            encoded.refresh()
        if schedule.due():
            keep()
    keep()
    return trainee.eval()


def load(checkpoint: Path, clap: Path) -> Trainee:
    """The trained parts."""
    return assembled(restore(checkpoint), clap).eval().requires_grad_(False)


def assembled(state: dict[str, Any], clap: Path) -> Trainee:
    """A trainee as :func:`train` kept it (new where it kept nothing), its CLAP that of the checkpoint `clap`."""
    trainee = Trainee().to(DEVICE)
    own = {n: t for n, t in state.get("trainee", trainee.state_dict()).items() if not n.startswith(CLAP)}
    read = {f"{CLAP}{name}": tensor for name, tensor in restore(clap)["clap"].items()}
    trainee.load_state_dict(own | read)
    return trainee
