"""Stems of a mix by Hybrid Transformer Demucs (arXiv 2211.08553; MIT), where its own package is installed.

Knows audio only. Downloads nothing: weights are those that demucs keeps in torch's hub once it has separated a song.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soxr
import torch
from punchin_wire.errors import Unsupported
from punchin_wire.frames import Audio

from ..packs.tensor_files import first_line

MODEL, FILE = "htdemucs", "955717e8-8726e21a.th"
"""The file is a pickle, which demucs itself opens, and nothing of ours."""


def installed(rate: int, device: str = "cpu") -> Demucs | None:
    """For audio at `rate` Hz, where demucs can be imported and its weights are on disk.

    Raises Unsupported for weights that demucs cannot open.
    """
    if not (Path(torch.hub.get_dir()) / "checkpoints" / FILE).is_file():
        return None
    try:
        return Demucs(rate, device)
    except ImportError:
        return None
    except Exception as error:  # whatever its unpickler meets
        raise Unsupported(
            f"demucs is installed, but cannot open {FILE}: {first_line(error)}",
            "Update demucs, or delete that file: Punchin does without.",
        ) from error


class Demucs:
    """The model, loaded. Raises ImportError without its package."""

    name = MODEL

    def __init__(self, rate: int, device: str) -> None:
        self._rate, self._device = rate, device
        self._apply = import_module("demucs.apply").apply_model
        self._model: Any = import_module("demucs.pretrained").get_model(MODEL)

    def stem(self, name: Literal["bass", "drums", "other", "vocals"], mix: Audio) -> Audio:
        """One stem of `mix` `[N]`, as long."""
        theirs = self._model.samplerate
        resampled = soxr.resample(mix, self._rate, theirs, quality="HQ")
        mean, deviation = float(resampled.mean()), float(resampled.std()) + 1e-8  # as demucs' own command does
        normal = torch.from_numpy((resampled - mean) / deviation).expand(1, self._model.audio_channels, -1)
        # Without its random shifts, so that the same mix has the same stem.
        stems = self._apply(self._model, normal, shifts=0, device=self._device)  # [1, sources, channels, samples]
        stem = stems[0, self._model.sources.index(name)].mean(0).cpu().numpy() * deviation + mean
        back = soxr.resample(stem, theirs, self._rate, quality="HQ")
        found: Audio = np.pad(back, (0, len(mix)))[: len(mix)].astype(np.float32)
        return found
