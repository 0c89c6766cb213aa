"""Sounds as points: for Fréchet distances between sets of them (FAD), and for CLAP scores.

Published embeddings are used where they lie on this computer, in the Hugging Face cache; nothing is downloaded. Without
them a stand-in gives points for the same distance. It orders the systems of one table and compares with no paper's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from punchin_server.packs import hub
from punchin_server.packs.tensor_files import first_line
from punchin_wire.errors import BadCheckpoint, PackMissing
from punchin_wire.frames import Audio
from transformers import ClapModel, ClapProcessor

from ..spectral import mel_filters

CLAP_MODEL = "laion/clap-htsat-unfused"
CLAP = "CLAP"
FFT, BANDS, PIECE = 1024, 24, 1.0

Points = NDArray[np.float64]
"""`[pieces, width]`, the pieces of a sound in order."""


class Embedding(Protocol):
    """What gives points. `fad` is what tables call distances of its points, `least` how many a distance needs."""

    fad: str
    about: str
    measures: Sequence[str]
    least: int

    def points(self, sound: Audio, rate: int) -> Points: ...

    def compared(self, ours: Points, song: Points, /) -> Mapping[str, float]:
        """`measures` of a sound beside the song that it is a part of."""
        ...


def installed() -> Embedding:
    """CLAP where it is on disk, else the stand-in. Raises BadCheckpoint for a CLAP that cannot be read."""
    return clap_if_installed() or StandIn()


def clap_if_installed() -> Clap | None:
    """None where CLAP is not on disk. Raises BadCheckpoint for one that cannot be read."""
    try:
        return Clap(hub.cached_folder(CLAP_MODEL))
    except PackMissing:
        return None


class StandIn:
    """Means and deviations of 24 log-mel bands over a second."""

    fad = "FAD stand-in"
    about = (
        "FAD stand-in: Fréchet distance of log-mel statistics to the songs themselves, comparable within this table "
        f"only. CLAP: no published model on disk (`hf download {CLAP_MODEL}` brings it)."
    )
    measures: Sequence[str] = ()
    least = 2 * BANDS + 1

    def points(self, sound: Audio, rate: int) -> Points:
        """`[pieces, 48]`, one a second."""
        window, filters = torch.hann_window(FFT), mel_filters(rate, FFT, BANDS)
        size, found = round(PIECE * rate), []
        for at in range(0, max(1, len(sound) - size + 1), size):
            piece = torch.from_numpy(sound[at : at + size].copy())
            spectrum = torch.stft(piece, FFT, window=window, return_complex=True).abs()
            bands = (filters @ spectrum).clamp(min=1e-4).log()
            found.append(torch.cat([bands.mean(1), bands.std(1)]).double().numpy())
        return np.stack(found)

    def compared(self, _ours: Points, _song: Points, /) -> Mapping[str, float]:
        return {}


class Clap:
    """A ClapModel of transformers with its ClapProcessor: sounds and sentences as unit vectors of one space.

    Source: LAION-CLAP, arXiv 2211.06687; weights of laion/clap-htsat-unfused, Apache-2.0.
    """

    fad = "FAD CLAP"
    about = (
        f"FAD CLAP: Fréchet distance of {CLAP_MODEL} embeddings, one a hole, to those of the songs themselves; too "
        "large with fewer than some thousand holes, so compare rows of one table. CLAP: cosine with the song's own."
    )
    measures: Sequence[str] = (CLAP,)
    least = 32

    def __init__(self, folder: Path) -> None:
        try:
            model, info = ClapModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
            self._processor = ClapProcessor.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # transformers raises many kinds for files that are missing or cut off
            raise _unreadable(first_line(error)) from error
        # What a file lacks transformers draws at random, with a warning. Tables of indices are computed, not read.
        if lacking := set(info["missing_keys"]) & {name for name, _ in model.named_parameters()}:
            raise _unreadable(f"it lacks {min(lacking)}")
        self._model = model.eval().requires_grad_(False)

    @torch.inference_mode()
    def points(self, sound: Audio, rate: int) -> Points:
        """`[pieces, width]`: CLAP hears ten seconds at once, and the whole of a sound that is shorter."""
        features = self._processor.feature_extractor
        resampled = soxr.resample(sound, rate, features.sampling_rate, quality="HQ")
        pieces = np.array_split(resampled, ceil(len(resampled) / features.nb_max_samples))
        mels = features(pieces, sampling_rate=features.sampling_rate, return_tensors="pt")
        vectors: Points = self._model.get_audio_features(**mels).pooler_output.double().numpy()
        return vectors

    @torch.inference_mode()
    def sentences(self, texts: Sequence[str]) -> Points:
        """`[texts, width]`"""
        tokens = self._processor.tokenizer(list(texts), padding=True, return_tensors="pt")
        vectors: Points = self._model.get_text_features(**tokens).pooler_output.double().numpy()
        return vectors

    def chances(self, sound: Points, sentences: Points) -> NDArray[np.float64]:
        """How likely each of the sentences is the sound's, as CLAP was trained to tell: sums to 1."""
        logits = float(self._model.logit_scale_a.exp()) * (sentences @ sound.mean(0))
        shares: NDArray[np.float64] = np.exp(logits - logits.max())
        return shares / shares.sum()

    def compared(self, ours: Points, song: Points, /) -> Mapping[str, float]:
        return {CLAP: float((ours * song).sum(1).mean())}


def _unreadable(why: str) -> BadCheckpoint:
    return BadCheckpoint(
        f"{CLAP_MODEL} is on this computer, but cannot be read: {why}",
        f"Download it again: hf download --force-download {CLAP_MODEL}",
    )


def frechet(ours: Points, theirs: Points) -> float:
    """The Fréchet distance of two sets of points `[n, d]`, taken as Gaussians."""
    difference = ours.mean(0) - theirs.mean(0)
    a, b = (np.cov(points, rowvar=False) + 1e-6 * np.eye(points.shape[1]) for points in (ours, theirs))
    # The trace of the root of `a b` by that of a symmetric matrix: sound with fewer points than dimensions, too.
    values, vectors = np.linalg.eigh(a)
    half = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    root = np.sqrt(np.linalg.eigvalsh(half @ b @ half).clip(0)).sum()
    return float(difference @ difference + np.trace(a) + np.trace(b) - 2 * root)
