"""From the name of a pack to the loaded models of its transfer half. Knows packs, files and devices, no requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from punchin_wire.errors import AdapterMismatch, BadCheckpoint, BadSetting, Unsupported
from punchin_wire.params import Solver
from torch import Tensor

from ...codecs.inversion import Inverter, least_squares, load_inverter
from ...codecs.mel import HOP
from ...codecs.phase import consistent
from ...models.audioldm2.ap_adapter import load_adapter
from ...models.audioldm2.audioldm2 import AudioLDM2, load_audioldm2
from ...models.audioldm2.audiomae import AudioMAE, load_audiomae
from ...models.musicgen import linear
from ...packs.registry import Pack, find
from ..device import choose_device, choose_precision, describe_models, prepare
from .denoise import scheduler


@dataclass(frozen=True)
class TransferModels:
    """Everything that is loaded for the transfer half of a pack; `names` is what `Done` carries of it for the recipe.

    Without adapter (`audiomae` None) only SDEdit works. Raises AdapterMismatch where AudioMAE's tokens are not as wide
    as the adapter expects.
    """

    base: AudioLDM2
    audiomae: AudioMAE | None
    device: torch.device
    solver: Solver
    steps: int
    refine: int = 0
    guided: float = 1.0
    hold: float = 0.0
    inverter: Inverter | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.audiomae and self.audiomae.size.width != (width := self.base.text.width):
            raise AdapterMismatch(f"AudioMAE is {self.audiomae.size.width} wide; the adapter reads {width}.")

    @property
    def inverted(self) -> int:
        """Mel frames either way that reach the magnitudes of one."""
        return self.inverter.context if self.inverter else 0

    def refined(self, sound: Tensor, mel: Tensor) -> Tensor:
        """The vocoder's `sound` `[B, N]` of log mels `[B, T, 64]` with the magnitudes they ask for, `[B, 160 T]`."""
        if not self.refine:
            return sound[:, : mel.shape[1] * HOP]
        magnitude = self.inverter.magnitudes(mel) if self.inverter else least_squares(mel)
        return consistent(sound, magnitude, self.refine)


def load_transfer_models(name: str, device: str, precision: str) -> TransferModels:
    """The transfer half of the pack `name` on `device` in `precision` (as for inpaint, without 8 bits).

    Raises PackMissing, PackCorrupt, FileMissing, BadCheckpoint, AdapterMismatch, Unsupported.
    """
    pack, where = find(name), choose_device(device)
    chosen = choose_precision(precision, where)
    prepare(where)
    if linear.is_eight_bit(chosen):
        step = "Start the daemon with --precision bfloat16 or float32, on a GPU with float16."
        raise Unsupported(f"Transfer has no {chosen} arithmetic.", step)
    return _load(pack, where, getattr(torch, chosen), describe_models(pack, pack.transfer.references(), where, chosen))


def open_transfer_models(pack: Pack) -> None:
    """Read all that :func:`load_transfer_models` would load of `pack`, into little memory. Raises what that raises."""
    _load(pack, torch.device("cpu"), None, {})


def _load(pack: Pack, where: torch.device, dtype: torch.dtype | None, names: Mapping[str, str]) -> TransferModels:
    parts = pack.transfer
    base = load_audioldm2(pack.resolve(parts.base), where, dtype)
    _check_scheduler(base, parts.scheduler, parts.steps)
    audiomae = None
    if parts.adapter is not None and parts.audiomae is not None:
        load_adapter(base.unet, pack.resolve(parts.adapter))
        base.unet.to(where)
        audiomae = load_audiomae(pack.resolve(parts.audiomae)).to(where)
    inverter = load_inverter(pack.resolve(parts.inverter)).to(where) if parts.inverter else None
    defaults = parts.scheduler, parts.steps, parts.refine, parts.guided, parts.hold
    return TransferModels(base, audiomae, where, *defaults, inverter, names)


def _check_scheduler(base: AudioLDM2, solver: Solver, steps: int) -> None:
    """Raises BadCheckpoint where the model's folder describes no noise that this solver could take away: now, not in
    the first job."""
    try:
        scheduler(solver, base.scheduler_config, steps)
    except BadSetting:
        raise
    except Exception as error:  # diffusers checks its settings by whatever they trip over
        raise BadCheckpoint(
            f"scheduler_config.json says nothing that {solver} can follow: {error or type(error).__name__}.",
            "Save or download the AudioLDM2 folder again.",
        ) from error
