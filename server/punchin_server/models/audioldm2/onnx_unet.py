"""AudioLDM2's UNet as one onnxruntime graph on the CPU. Knows models; knows no files or audio.

It takes the place of diffusers' network inside :class:`.prompted_unet.PromptedUNet`, whose prompts stay with torch: the
same latents, time and prompt in, the same noise out, but for rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..cpu_session import CPUSession
from .prompted_unet import LayerPrompt, PromptedUNet, processor
from .unet_graph import writable, write_unet

FAST = ("AVX2", "AVX512")
"""Instruction sets with which onnxruntime's kernels were measured to be faster than torch's."""


def is_faster(unet: PromptedUNet) -> bool:
    """Whether a graph can be written of `unet`, and was measured to be faster: in float32, on x86."""
    network = unet.unet
    plain = network.device.type == "cpu" and network.dtype is torch.float32 and writable(network)
    return plain and torch.backends.cpu.get_cpu_capability() in FAST


class OnnxNetwork:
    """The network of a plain UNet, which it takes apart."""

    def __init__(self, unet: PromptedUNet) -> None:
        self._time = unet.unet.time_proj, unet.unet.time_embedding
        graph, weights, packed, self._attentions = write_unet(unet.unet, unet.loa_width)
        self._session = CPUSession(graph, weights, packed)

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise in `x` `[B*r, C, T, F]` at times `t` (one, or `[B*r]`), under the prompt last read or used."""
        project, embed = self._time
        given = {"x": x, "time": F.silu(embed(project(t.reshape(-1))))}
        for i, attn in enumerate(self._attentions):
            given |= _inputs(i, processor(attn).prompt)
        arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in given.items()}
        (noise,) = self._session.run(["noise"], arrays)
        return torch.from_numpy(noise)


def _inputs(i: int, prompt: LayerPrompt) -> dict[str, Tensor]:
    """What the cross-attention `i` reads of its prompt."""
    given = {f"keys{i}": prompt.text.k, f"values{i}": prompt.text.v}
    if prompt.bias is not None:
        return given | {"there": (prompt.bias[:, 0, 0] == 0).int()}
    if prompt.audio is None:  # a token that is heard and says nothing
        nothing = torch.zeros_like(prompt.text.k[:, :, :1])
        return given | {f"audio_keys{i}": nothing, f"audio_values{i}": nothing}
    return given | {f"audio_keys{i}": prompt.audio.k, f"audio_values{i}": prompt.alpha * prompt.audio.v}


def quicken(unet: PromptedUNet) -> None:
    """Let a graph take the place of `unet`'s network where that :func:`is_faster`."""
    if is_faster(unet):
        unet.network = OnnxNetwork(unet)
