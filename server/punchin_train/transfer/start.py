"""A finished transfer half as the checkpoints that its training would have left, so that a stage can go on from it.

What never shipped is new: AudioMAE's heads and every optimiser. So UNet and adapter can be trained further; the other
parts are read, not trained.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from punchin_server.packs.registry import read_pack
from safetensors.torch import load_file
from torch import Tensor

from . import audiomae, unet
from .pack import ADAPTER, ALPHA, AUDIOMAE, BASE, FOLDER, spoken_at
from .schedule import save

WEIGHTS = ("model.safetensors", "diffusion_pytorch_model.safetensors")
TEXT_PARTS = ("text_encoder_2", "projection_model", "language_model")


def unpack(pack: Path, work: Path) -> None:
    """Write `vae.pt`, `vocoder.pt`, `audiomae.pt`, `clap.pt`, `unet.pt` of the transfer half of `pack` to `work`, and
    `inverter.pt` where it has one."""
    half = pack / FOLDER
    work.mkdir(parents=True, exist_ok=True)
    parts = read_pack(pack).manifest.transfer
    if parts is None:
        raise SystemExit(f"{pack} has no transfer half to go on from")
    config = AutoencoderKL.load_config(half / BASE / "vae")
    read = {name: weights(half / BASE / name) for name in ("vae", "vocoder", "text_encoder", "unet", *TEXT_PARTS)}
    save(work / "vae.pt", vae=read["vae"], deviation=1.0 / config["scaling_factor"])
    save(work / "vocoder.pt", vocoder=read["vocoder"])
    save(work / "clap.pt", clap=read["text_encoder"])
    if parts.inverter is not None:
        save(work / "inverter.pt", inverter=single(load_file(pack / parts.inverter)))

    listener = audiomae.Listener()
    encoder = torch.load(half / AUDIOMAE, map_location="cpu", weights_only=True)["model"]
    listener.encoder.load_state_dict(single(encoder))
    save(work / "audiomae.pt", listener=listener.state_dict())

    trainee = unet.assembled({}, work / "clap.pt")
    for name in TEXT_PARTS:
        missing = getattr(trainee.parts, name).load_state_dict(read[name], strict=False).missing_keys
        assert set(missing) <= {"encoder.embed_tokens.weight"}, missing  # T5 ties it to `shared`
    adapter = single(torch.load(half / ADAPTER, map_location="cpu", weights_only=True))
    network = read["unet"] | spoken_at(1 / ALPHA, adapter)
    trainee.unet.unet.load_state_dict(network)
    save(work / "unet.pt", trainee=trainee.state_dict(), phase=unet.SHIPPED)


def weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of one part of a diffusers folder, in single precision."""
    path = next(folder / name for name in WEIGHTS if (folder / name).exists())
    return single(load_file(path))


def single(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """In single precision, but for what counts."""
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
