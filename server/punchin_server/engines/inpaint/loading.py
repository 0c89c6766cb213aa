"""From the name of a pack to loaded models on a device. Knows packs, files and devices, no requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, get_args

import torch
from punchin_wire.errors import BadCheckpoint
from punchin_wire.frames import Audio
from punchin_wire.params import Control
from torch import Tensor

from ...codecs.encodec import load_codec
from ...conditioning.chord_rhythm import Rule
from ...models.musicgen import linear
from ...models.musicgen.airgen import AdapterBank, build_bank
from ...models.musicgen.musicgen import MusicGen
from ...models.musicgen.text import TextEncoder
from ...models.musicgen.weights import load_adapter, load_lm
from ...packs.registry import Pack, find
from ..device import choose_device, choose_precision, describe_models
from .sampling import SamplingParams


class Codec(Protocol):
    """What the engine needs of a codec (see :mod:`...codecs.encodec`)."""

    sample_rate: int
    hop: int
    frame_rate: float
    n_q: int
    card: int

    def encode(self, wav: Audio) -> Tensor:
        """`[B, N]` to int64 `[B, K, ceil(N / hop)]`."""
        ...

    def decode(self, codes: Tensor) -> Audio:
        """Int64 `[B, K, T]` to `[B, T * hop]`."""
        ...


class TextReader(Protocol):
    """What the engine needs of a text encoder (see :mod:`...models.musicgen.text`)."""

    def encode(self, text: str) -> Tensor:
        """`[N, width]`."""
        ...


MUSICGEN = SamplingParams()


@dataclass(frozen=True)
class Models:
    """Everything that is loaded for a pack. `window` is T, `loudness` that of the music they learned from in
    LUFS; `names` is what `Done` carries of it for the recipe.

    Raises BadCheckpoint where the language model and the codec do not speak the same tokens.
    """

    lm: MusicGen
    codec: Codec
    bank: AdapterBank | None
    text: TextReader | None
    window: int
    sampling: SamplingParams = MUSICGEN
    chord_rhythm: Rule = "clean"
    soundfont: Path | None = None
    loudness: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lm, codec = self.lm.config, self.codec
        if (lm.codebooks, lm.card) != (codec.n_q, codec.card):
            raise BadCheckpoint(
                f"The language model speaks {lm.codebooks} codebooks of {lm.card}, "
                f"the codec {codec.n_q} of {codec.card}."
            )


def load_models(name: str, device: str, precision: str) -> Models:
    """The models of the pack `name` on `device` (auto, cpu, cuda, mps) in `precision` (auto, float32, …).

    `auto` is a GPU where there is one, in float16 as the published weights are, else the CPU in float32. Raises
    PackMissing, PackCorrupt, FileMissing, BadCheckpoint, AdapterMismatch, Unsupported.
    """
    pack, where = find(name), choose_device(device)
    chosen = choose_precision(precision, where)
    lm, bank = _language_model(pack, where, chosen)
    sampling = pack.manifest.sampling
    return Models(
        lm=lm,
        codec=load_codec(pack.codec, device=str(where)),
        bank=bank,
        text=TextEncoder(pack.text, where) if pack.text else None,
        window=pack.manifest.window_frames,
        sampling=SamplingParams(sampling.temperature, sampling.top_k, sampling.guidance),
        chord_rhythm=pack.manifest.chord_rhythm,
        soundfont=pack.soundfont,
        loudness=pack.manifest.loudness,
        names=describe_models(pack, pack.manifest.inpaint_references(), where, chosen),
    )


def _language_model(
    pack: Pack, device: torch.device, precision: linear.Precision
) -> tuple[MusicGen, AdapterBank | None]:
    on_cpu = device.type == "cpu"
    lm = load_lm(pack.lm, dtype=None)
    if not on_cpu:
        linear.prepare(lm, precision, device)
    lm.prepare(2 * pack.manifest.window_frames + lm.config.codebooks)
    paths = {control: pack.adapter(control) for control in get_args(Control)}
    adapters = {control: load_adapter(path) for control, path in paths.items() if path is not None}
    # From the plain weights, which packing replaces.
    bank = build_bank(lm, adapters, torch.float32 if on_cpu else None) if adapters else None
    if on_cpu:
        linear.prepare(lm, precision, device)
    return lm, bank
