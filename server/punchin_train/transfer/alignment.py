"""Guided attention: while it learns, the audio prompt is heard where it lies (Tachibana et al., 2017, section 4.1).

Nothing tells the UNet the time of a latent frame but the borders of the window, and by the noise alone it has little
reason to find out. So for every query of the deeper adapted layers, the share of its attention that falls on tokens of
its own moment is asked to be large. Training only; nothing of this is shipped.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from punchin_server.models.audioldm2.audiomae import patch_grid
from punchin_server.models.audioldm2.prompted_unet import PromptedUNet, processor
from torch import Tensor

LAYERS = ("down_blocks.3", "mid_block", "up_blocks")
"""Those deep enough to see the borders of the window."""
ASPECT = 16
"""Frames for each bin of the latents, at every level."""


class Alignment:
    """Listens to a UNet's adapted layers; :meth:`loss` is how much they looked elsewhere in the last forward pass."""

    def __init__(self, unet: PromptedUNet) -> None:
        self._astray: list[Tensor] = []
        for name, attn in unet.adaptable.items():
            if name.startswith(LAYERS):
                attn.register_forward_hook(self._measure)

    def loss(self) -> Tensor:
        """Mean over layers and queries of -log(share of attention at their own moment); 0 where no audio was heard."""
        found, self._astray = self._astray, []
        return torch.stack(found).mean() if found else torch.zeros(())

    def _measure(self, attn: Attention, args: tuple[Tensor, ...], _output: Any) -> None:
        audio = processor(attn).prompt.audio
        if audio is None or not torch.is_grad_enabled():
            return
        q = attn.to_q(args[0]).unflatten(-1, (attn.heads, -1)).transpose(1, 2)  # [B, H, S, d]
        shares = (q @ audio.k.mT * q.shape[-1] ** -0.5).float().softmax(-1).mean(1)  # [B, S, N]
        near = (shares * _own_moment(q.shape[2], shares.shape[2]).to(shares)).sum(-1)
        self._astray.append(-near.clamp(min=1e-4).log().mean())


def _own_moment(queries: int, tokens: int) -> Tensor:
    """1 where the time of a query overlaps that of a token, else 0; `[S, N]`, both time-major over the window."""
    frames = isqrt(queries * ASPECT)
    slots, bands = patch_grid(tokens)
    start = (torch.arange(frames) / frames).repeat_interleave(queries // frames)[:, None]
    slot = (torch.arange(slots) / slots).repeat_interleave(bands)[None]
    return ((start < slot + 1 / slots) & (slot < start + 1 / frames)).float()
