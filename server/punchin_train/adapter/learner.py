"""The frozen models and the adapter that learns beside them: how they are loaded, and the loss of a batch."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import DDIMScheduler
from diffusers.utils.torch_utils import randn_tensor
from punchin_server.engines.transfer.loading import TransferModels
from punchin_server.models.audioldm2.ap_adapter import adapter_parameters, attach, load_adapter
from punchin_server.models.audioldm2.audioldm2 import load_audioldm2
from punchin_server.models.audioldm2.audiomae import load_audiomae
from punchin_server.models.audioldm2.prompt_text import TextPrompt
from torch import Tensor

from .clips import Batch
from .diffusion import prediction_error

ALPHA = 1.0
VALIDATION_STEPS = 50
"""Of DDIM, in the takes that a training run writes."""


def load_models(
    base: Path, audiomae: Path, adapter: Path | None, device: torch.device, dtype: torch.dtype
) -> TransferModels:
    """The frozen models in `dtype`, and an adapter that learns in float32: that of the file `adapter`, or copies of
    the text's matrices. Raises FileMissing, BadCheckpoint, AdapterMismatch."""
    loaded = load_audioldm2(base, device, dtype)
    if adapter:
        load_adapter(loaded.unet, adapter)
    else:
        attach(loaded.unet)
    loaded.unet.to(device)
    for weight in adapter_parameters(loaded.unet).values():
        weight.requires_grad_(True)
    return TransferModels(loaded, load_audiomae(audiomae).to(device), device, "ddim", VALIDATION_STEPS)


def loss_of(models: TransferModels, batch: Batch, pooling: int) -> Tensor:
    """The mean loss of a batch; the times and the noise of its items are their seeds', on every device."""
    base, encoder, device = models.base, models.audiomae, models.device
    assert encoder is not None
    solver = DDIMScheduler.from_config(base.scheduler_config)
    random = [torch.Generator().manual_seed(seed) for seed in batch.seeds]
    times = torch.cat([torch.randint(solver.config.num_train_timesteps, (1,), generator=g) for g in random])
    with torch.no_grad():
        latents = base.vae.encode(batch.mel.to(device, base.vae.dtype)).latent_dist.sample(random).float()
        latents = latents * base.vae.config.scaling_factor  # [B, C, T, F]
        text: TextPrompt = base.text(*base.text.tokenize(batch.captions, cut=True))
        audio = encoder.prompt(batch.features.to(device), (pooling, pooling))  # [B, N, W]
    noise = randn_tensor(latents.shape, random, device, latents.dtype)
    base.unet.read_prompt(*text, audio, ALPHA)
    return prediction_error(base.unet, latents, noise, times.to(device), solver)
