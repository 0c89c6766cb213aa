"""Drums out of a mix: by a separation model that is installed, else by the masks of the song's own stems."""

from __future__ import annotations

from typing import Protocol

import torch
from punchin_server.models import demucs
from punchin_wire.frames import Audio

from .excerpts import Excerpt

FFT = 1024
AROUND = 1.0  # seconds on either side of a hole that a model hears, too


class Separator(Protocol):
    """What hears drums. `name` is said in tables."""

    name: str

    def drums(self, audio: Audio, excerpt: Excerpt, hole: tuple[int, int], /) -> Audio:
        """The drums in the hole of a filled excerpt, `[end - start]`."""
        ...


def installed(rate: int) -> Separator:
    """For audio at `rate` Hz: Demucs where it is installed, else oracle masks. Raises Unsupported for weights that
    demucs cannot open."""
    found = demucs.installed(rate)
    return OracleMasks() if found is None else Demucs(found, rate)


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
    """The drums that :mod:`punchin_server.models.demucs` hears."""

    def __init__(self, model: demucs.Demucs, rate: int) -> None:
        self.name = model.name
        self._model, self._around = model, round(AROUND * rate)

    def drums(self, audio: Audio, _excerpt: Excerpt, hole: tuple[int, int], /) -> Audio:
        first = max(0, hole[0] - self._around)
        separated = self._model.stem("drums", audio[first : hole[1] + self._around])
        return separated[hole[0] - first :][: hole[1] - hole[0]]
