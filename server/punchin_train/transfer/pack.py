"""Writes the trained parts as the transfer half of a pack, in their published formats. Knows no training.

A diffusers folder of AudioLDM2 in half precision, AudioMAE's `pretrained.pth`, and the adapter's `pytorch_model.bin`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch
from diffusers import DDIMScheduler
from punchin_server.models.audioldm2.ap_adapter import adapter_state
from punchin_server.packs.names import MANIFEST
from punchin_server.packs.registry import PackFile, TransferParts, read_pack, sha256, write_manifest
from punchin_wire.disk import replacing_folder
from punchin_wire.params import Solver
from safetensors.torch import save_file
from torch import Tensor

from . import audiomae, inverter, unet, vae, vocoder

ALPHA = 0.6
"""The alpha at which the shipped adapter speaks as it was trained, at 1. The paper's 0.5 is then a little softer, where
the target is heard most often (docs/training.md)."""
FOLDER, BASE, AUDIOMAE, ADAPTER = "transfer", "audioldm2", "pretrained.pth", "pytorch_model.bin"
INVERTER = "inverter.safetensors"


def write_half(pack: Path, work: Path, scheduler: Solver, steps: int, refine: int, guided: float, hold: float) -> None:
    """Write what was trained in `work` into the folder `pack`, and its manifest (of a pack that is there) anew."""
    with replacing_folder(pack / FOLDER) as draft:
        write_audioldm2(draft / BASE, work)
        torch.save({"model": half(audiomae.load(work / "audiomae.pt").state_dict())}, draft / AUDIOMAE)
        if (inverts := work / "inverter.pt").exists():
            save_file(half(inverter.load(inverts).state_dict()), draft / INVERTER)
        torch.save(half(spoken_at(ALPHA, adapter_state(_trainee(work).unet))), draft / ADAPTER)
    parts = TransferParts(
        base=f"{FOLDER}/{BASE}",
        audiomae=f"{FOLDER}/{AUDIOMAE}",
        adapter=f"{FOLDER}/{ADAPTER}",
        inverter=f"{FOLDER}/{INVERTER}" if inverts.exists() else None,
        scheduler=scheduler,
        steps=steps,
        refine=refine,
        guided=guided,
        hold=hold,
    )
    describe_half(pack, parts)


def keep_half(before: Path, pack: Path) -> None:
    """Give `pack` the transfer half of the pack `before`, if it has one."""
    parts = read_pack(before).manifest.transfer
    if parts is not None:
        shutil.copytree(before / FOLDER, pack / FOLDER, dirs_exist_ok=True)
        describe_half(pack, parts)


def describe_half(pack: Path, parts: TransferParts) -> None:
    """Name the transfer half and every file of `pack` in its manifest."""
    paths = sorted(path for path in pack.rglob("*") if path.is_file() and path.name != MANIFEST)
    files = tuple(PackFile(p.relative_to(pack).as_posix(), p.stat().st_size, sha256(p)) for p in paths)
    write_manifest(pack, msgspec.structs.replace(read_pack(pack).manifest, transfer=parts, files=files))


def spoken_at(alpha: float, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """An adapter trained at alpha 1 that speaks as loudly at `alpha`."""
    return {name: tensor / alpha if "to_v_ip" in name else tensor for name, tensor in state.items()}


def half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """In half precision, each tensor with a storage of its own."""
    return {name: tensor.half().clone() for name, tensor in state.items()}


def write_audioldm2(folder: Path, work: Path) -> None:
    """The diffusers folder: each part in its own subfolder."""
    trainee = _trainee(work)
    parts: dict[str, Any] = vars(trainee.parts) | {
        "vae": vae.load(work / "vae.pt"),
        "vocoder": vocoder.load(work / "vocoder.pt"),
    }
    for name, part in parts.items():
        (part.half() if hasattr(part, "half") else part).save_pretrained(folder / name)
    write_unet(folder / "unet", trainee)
    DDIMScheduler(**unet.SCHEDULER).save_pretrained(folder / "scheduler")
    index: dict[str, Any] = {"_class_name": "AudioLDM2Pipeline", "_diffusers_version": "0.35.0"}
    index |= {name: [type(part).__module__.split(".")[0], type(part).__name__] for name, part in parts.items()}
    index |= {"unet": ["diffusers", "AudioLDM2UNet2DConditionModel"], "scheduler": ["diffusers", "DDIMScheduler"]}
    (folder / "model_index.json").write_bytes(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")


def write_unet(folder: Path, trainee: unet.Trainee) -> None:
    """The UNet without the adapter, whose matrices lie among its processors."""
    network = trainee.unet.unet
    network.save_config(folder)
    state = {name: tensor for name, tensor in network.state_dict().items() if ".processor." not in name}
    save_file(half(state), folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})


def _trainee(work: Path) -> unet.Trainee:
    return unet.load(work / "unet.pt", work / "clap.pt")
