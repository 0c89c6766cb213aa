"""From the name of a pack to loaded models on a device. Knows packs, files and devices, no requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

import msgspec
import torch
from punchin_wire.errors import BadCheckpoint
from punchin_wire.frames import Audio
from punchin_wire.params import ChordRhythm, Control
from torch import Tensor

from ...codecs.encodec import Pending
from ...codecs.loading import load_codec, load_model
from ...models.demucs import Demucs, installed
from ...models.musicgen import fused, linear, onnx_step
from ...models.musicgen.airgen import AdapterBank, AdapterWeights, build_bank, check_fit
from ...models.musicgen.musicgen import LMConfig
from ...models.musicgen.weights import load_adapter, load_lm
from ...packs.registry import Pack, find
from ..device import choose_device, choose_precision, describe_models, prepare
from .conditions import Instrument
from .decode import LanguageModel
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

    def decode_soon(self, codes: Tensor) -> Pending:
        """The same, perhaps later."""
        ...


class TextReader(Protocol):
    """What the engine needs of a text encoder (see :mod:`...models.musicgen.text`)."""

    def encode(self, text: str) -> Tensor:
        """`[N, width]`."""
        ...


if TYPE_CHECKING:
    from ...models.musicgen.text import TextEncoder

MUSICGEN = SamplingParams()
DEFAULT_INSTRUMENT = Instrument()


@dataclass(frozen=True)
class Models:
    """Everything that is loaded for a pack. `window` is T, `loudness` that of the music they learned from in
    LUFS; `names` is what `Done` carries of it for the recipe.

    Raises BadCheckpoint where the language model and the codec do not speak the same tokens.
    """

    lm: LanguageModel
    codec: Codec
    bank: AdapterBank | None
    text: TextReader | None
    window: int
    sampling: SamplingParams = MUSICGEN
    chord_rhythm: ChordRhythm = "clean"
    instrument: Instrument = DEFAULT_INSTRUMENT
    separator: Demucs | None = None
    loudness: float | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_tokens(self.lm.config, self.codec.n_q, self.codec.card)


def load_models(name: str, device: str, precision: str) -> Models:
    """The models of the pack `name` on `device` (auto, cpu, cuda, mps) in `precision` (auto, float32, …).

    `auto` is a GPU where there is one, in float16 as the published weights are, else the CPU in float32. Raises
    PackMissing, PackCorrupt, FileMissing, BadCheckpoint, AdapterMismatch, Unsupported.
    """
    pack, where = find(name), choose_device(device)
    chosen = choose_precision(precision, where)
    prepare(where)
    lm, bank = _language_model(pack, where, chosen)
    sampling = pack.manifest.sampling
    codec = load_codec(pack.codec, device=str(where))
    return Models(
        lm=lm,
        codec=codec,
        bank=bank,
        text=LazyText(pack.text, where, lm.config) if pack.text else None,
        window=pack.manifest.window_frames,
        sampling=SamplingParams(*msgspec.structs.astuple(sampling)),
        chord_rhythm=pack.manifest.chord_rhythm,
        instrument=Instrument(pack.soundfont, pack.manifest.conditions),
        separator=_separator(pack, codec.sample_rate, where),
        loudness=pack.manifest.loudness,
        names=describe_models(pack, pack.manifest.inpaint_references(), where, chosen),
    )


def open_models(pack: Pack) -> None:
    """Read all that :func:`load_models` would load of `pack`, without the time and memory to make it ready for work.

    Raises what that raises, and BadCheckpoint for a text encoder of another width.
    """
    lm, codec = load_lm(pack.lm, dtype=None).config, load_model(pack.codec)
    _check_tokens(lm, len(codec.quantizer.layers), codec.config.codebook_size)
    for control, adapter in _adapters(pack).items():
        check_fit(control, adapter, lm)
    if pack.text:
        _text_encoder(pack.text, torch.device("cpu"), lm)


class LazyText:
    """A :class:`TextReader` that reads its files when the first text comes: its library takes longer to import than
    torch, and T5 as much memory as the rest of a small model."""

    def __init__(self, folder: Path, device: torch.device, lm: LMConfig) -> None:
        self._load = cache(lambda: _text_encoder(folder, device, lm))

    def encode(self, text: str) -> Tensor:
        """As :meth:`TextReader.encode`. Raises FileMissing, BadCheckpoint."""
        return self._load().encode(text)


def _text_encoder(folder: Path, device: torch.device, lm: LMConfig) -> TextEncoder:
    from ...models.musicgen.text import TextEncoder

    encoder = TextEncoder(folder, device)
    if encoder.width != lm.text_width:
        raise BadCheckpoint(
            f"The text encoder {folder.name} is {encoder.width} wide; this language model reads {lm.text_width}.",
            "Use the T5 that belongs to it: google-t5/t5-base for the published ones.",
        )
    return encoder


def _check_tokens(lm: LMConfig, n_q: int, card: int) -> None:
    if (lm.codebooks, lm.card) != (n_q, card):
        raise BadCheckpoint(
            f"The language model speaks {lm.codebooks} codebooks of {lm.card}, the codec {n_q} of {card}.",
            "Use the codec that the language model was trained with: compression_state_dict.bin of the same model.",
        )


def _adapters(pack: Pack) -> dict[str, AdapterWeights]:
    paths = {control: pack.adapter(control) for control in get_args(Control)}
    return {control: load_adapter(path) for control, path in paths.items() if path is not None}


def _separator(pack: Pack, rate: int, device: torch.device) -> Demucs | None:
    """What tells the level of rendered conditions, where it is installed and the pack learned with it."""
    manifest = pack.manifest
    rendered = manifest.conditions == "published" and {"chord", "piano"} & manifest.adapters.keys()
    return installed(rate, str(device)) if rendered else None


def _language_model(
    pack: Pack, device: torch.device, precision: linear.Precision
) -> tuple[LanguageModel, AdapterBank | None]:
    on_cpu = device.type == "cpu"
    lm, adapters = load_lm(pack.lm, dtype=None), _adapters(pack)
    replaced = on_cpu or linear.is_eight_bit(precision)
    if not replaced:
        linear.prepare(lm, precision, device)
    # From the plain weights, which packing and 8 bits replace.
    bank = build_bank(lm, adapters, torch.float32 if replaced else None) if adapters else None
    steps = 2 * pack.manifest.window_frames + lm.config.codebooks
    if on_cpu:
        lm.prepare(steps)
        return onnx_step.on_cpu(lm, precision, bank, text=bool(pack.text)), bank
    if replaced:
        linear.prepare(lm, precision, device)
        bank = bank and bank.to(device, torch.float16)
    lm.prepare(steps)
    return fused.on_gpu(lm), bank
