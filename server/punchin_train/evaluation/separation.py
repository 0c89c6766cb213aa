"""Drums out of a mix: by a separation model that is installed, else by the masks of the song's own stems."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soxr
import torch
from punchin_server.packs.tensor_files import first_line
from punchin_wire.errors import Unsupported
from punchin_wire.frames import Audio

from .excerpts import Excerpt

FFT = 1024
AROUND = 1.0  # seconds on either side of a hole that a model hears, too
DEMUCS_MODEL, DEMUCS_FILE = "htdemucs", "955717e8-8726e21a.th"
"""Its weights as torch's hub keeps them: a pickle, which demucs itself opens, and nothing of ours."""


class Separator(Protocol):
    """What hears drums. `name` is said in tables."""

    name: str

    def drums(self, audio: Audio, excerpt: Excerpt, hole: tuple[int, int], /) -> Audio:
        """The drums in the hole of a filled excerpt, `[end - start]`."""
        ...


def installed(rate: int) -> Separator:
    """For audio at `rate` Hz: Demucs where it can be imported and its weights are on disk, else oracle masks.

    Downloads nothing. Raises Unsupported for weights that demucs cannot open.
    """
    if not (Path(torch.hub.get_dir()) / "checkpoints" / DEMUCS_FILE).is_file():
        return OracleMasks()
    try:
        return Demucs(rate)
    except ImportError:
        return OracleMasks()
    except Exception as error:  # whatever its unpickler meets
        raise Unsupported(
            f"demucs is installed, but cannot open {DEMUCS_FILE}: {first_line(error)}",
            "Update demucs, or delete that file: then drums are told apart by oracle masks.",
        ) from error


class OracleMasks:
    """The drum stem's share of the song in every cell of the spectrum, laid over what fills the hole.

    Needs no model, and the song itself scores the ceiling; but what is louder than the song's drums passes for drums.
    """

    name = "oracle masks"

    def drums(self, audio: Audio, excerpt: Excerpt, hole: tuple[int, int], /) -> Audio:
        inside = slice(*hole)
        window = torch.hann_window(FFT)

        def spectrum(sound: Audio) -> torch.Tensor:
            return torch.stft(torch.from_numpy(sound.copy()), FFT, window=window, return_complex=True)

        stem, rest = spectrum(excerpt.drums[inside]), spectrum(excerpt.mix[inside] - excerpt.drums[inside])
        share = stem.abs().square() / (stem.abs().square() + rest.abs().square() + 1e-9)
        separated = torch.istft(share * spectrum(audio[inside]), FFT, window=window, length=hole[1] - hole[0])
        found: Audio = separated.numpy()
        return found


class Demucs:
    """Hybrid Transformer Demucs by its own package (arXiv 2211.08553; MIT). Raises ImportError without it."""

    name = DEMUCS_MODEL

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._apply = import_module("demucs.apply").apply_model
        self._model: Any = import_module("demucs.pretrained").get_model(DEMUCS_MODEL)

    def drums(self, audio: Audio, _excerpt: Excerpt, hole: tuple[int, int], /) -> Audio:
        around = round(AROUND * self._rate)
        first = max(0, hole[0] - around)
        theirs = self._model.samplerate
        resampled = soxr.resample(audio[first : hole[1] + around], self._rate, theirs, quality="HQ")
        mean, deviation = float(resampled.mean()), float(resampled.std()) + 1e-8  # as demucs' own command does
        mix = torch.from_numpy((resampled - mean) / deviation).expand(1, self._model.audio_channels, -1)
        # Without its random shifts, so that a take has one figure.
        stems = self._apply(self._model, mix, shifts=0, device="cpu")  # [1, sources, channels, samples]
        separated = stems[0, self._model.sources.index("drums")].mean(0).numpy() * deviation + mean
        back = soxr.resample(separated, theirs, self._rate, quality="HQ")
        start, length = hole[0] - first, hole[1] - hole[0]
        found: Audio = np.pad(back, (0, length))[start : start + length].astype(np.float32)
        return found
