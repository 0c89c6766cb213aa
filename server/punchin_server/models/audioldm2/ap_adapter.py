"""The AP-Adapter (arXiv 2407.16564): keys and values of audio tokens beside those of text in a frozen AudioLDM2.

Its file is a flat table of two matrices a layer, `{layer}.attn2.processor.to_{k,v}_ip.weight`, 64 for the large UNet.
They stay float32 whatever the UNet is: they are used once a prompt, not once a step. Knows no training.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from punchin_wire.errors import AdapterMismatch
from torch import Tensor, nn

from ...packs.tensor_files import Tensors, check_fit, only_tensors, read_pickle, read_safetensors
from .prompted_unet import PromptedUNet, processor

INDEXED = re.compile(r"^layers\.(\d+)\.")


def attach(unet: PromptedUNet) -> None:
    """Give every layer that reads GPT-2's tokens its own keys and values of audio: trainable float32 copies."""
    for attn in unet.adaptable.values():
        processor(attn).to_k_ip = _copy(attn.to_k)
        processor(attn).to_v_ip = _copy(attn.to_v)


def _copy(linear: nn.Linear) -> nn.Linear:
    copy = nn.Linear(linear.in_features, linear.out_features, bias=False, device="meta")
    copy.weight = nn.Parameter(linear.weight.detach().float().clone())
    return copy


def adapter_parameters(unet: PromptedUNet) -> dict[str, nn.Parameter]:
    """The adapter's matrices by their published names, layer by layer. Empty without an adapter."""
    return {
        f"{name}.processor.{part}.weight": linear.weight
        for name, attn in unet.adaptable.items()
        for part in ("to_k_ip", "to_v_ip")
        if (linear := getattr(processor(attn), part)) is not None
    }


def adapter_state(unet: PromptedUNet) -> dict[str, Tensor]:
    """What an adapter's file holds, on the CPU."""
    return {name: weight.detach().cpu() for name, weight in adapter_parameters(unet).items()}


@torch.no_grad()
def load_adapter(unet: PromptedUNet, path: Path) -> None:
    """Attach the adapter in `path`, frozen: `pytorch_model.bin` or `.safetensors`, with exactly this UNet's tensors.

    Names may begin with `unet.`, or with `layers.{n}.` as diffusers numbers processors. Raises FileMissing,
    BadCheckpoint for what is no table of tensors, AdapterMismatch for an adapter of another UNet.
    """
    read = read_safetensors(path) if path.suffix == ".safetensors" else read_pickle(path)
    state = _published_names(only_tensors(read, path.name), unet)
    shapes = {
        f"{name}.processor.to_{kind}_ip.weight": linear.weight.shape
        for name, attn in unet.adaptable.items()
        for kind, linear in (("k", attn.to_k), ("v", attn.to_v))
    }
    check_fit(state, shapes, path.name, AdapterMismatch)
    attach(unet)
    for name, weight in adapter_parameters(unet).items():
        weight.copy_(state[name]).requires_grad_(False)


def _published_names(state: Tensors, unet: PromptedUNet) -> Tensors:
    """`state` without the prefix `unet.`, and with the layers' names in place of numbers."""
    plain = {name.removeprefix("unet."): tensor for name, tensor in state.items()}
    numbers = {int(found[1]) for name in plain if (found := INDEXED.match(name))}
    every = list(unet.unet.attn_processors)  # all attentions of the UNet: what diffusers counts
    adapted = [layer for layer in every if layer.removesuffix(".processor") in unet.adaptable]
    layers = adapted if numbers == set(range(len(adapted))) else every
    named = dict(enumerate(layers))

    def rename(found: re.Match[str]) -> str:
        return f"{named[int(found[1])]}." if int(found[1]) in named else found[0]

    return {INDEXED.sub(rename, name, count=1): tensor for name, tensor in plain.items()}
