"""How much music survives the codec, on held-out songs.

Knows the codec and the measures; knows nothing about the language model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import measures
from ..songs.rendering import TRACKS
from .codec import Codec

SECONDS = 5
Interval = tuple[float, float, float]


@torch.no_grad()
def evaluate_codec(codec: Codec, songs: Path, windows: int = 104) -> dict[str, Interval]:
    """Chroma cosine, onset F1 and SI-SDR of input against output, and what an unrelated song would score."""
    rate = codec.shape.sample_rate
    found: dict[str, list[float]] = {}

    def note(name: str, values: list[float]) -> None:
        found.setdefault(name, []).extend(values)

    paths = sorted(songs.glob("*.npy"))
    for first in range(0, windows, 8):
        for track in ("mix", "drums", "chord"):
            audio = torch.stack([_window(paths, index, track, rate) for index in range(first, first + 8)])
            decoded = codec.decode(codec.encode(audio[:, None]))[:, 0]
            if track == "drums":
                note("drums onset F1", _onset_f1(decoded, audio, rate))
                continue
            note(f"{track} chroma", measures.chroma_cosine(decoded, audio, rate).mean(1).tolist())
            if track == "mix":
                note("mix onset F1", _onset_f1(decoded, audio, rate))
                note("mix SI-SDR", measures.si_sdr(decoded, audio).tolist())
                other = audio.roll(1, 0)
                note("floor: chroma", measures.chroma_cosine(other, audio, rate).mean(1).tolist())
                note("floor: onset F1", _onset_f1(other, audio, rate))
    return {name: measures.interval(values) for name, values in found.items()}


@torch.no_grad()
def codebook_use(codec: Codec, songs: Path, windows: int = 24) -> list[float]:
    """Perplexity of each codebook over held-out mixes: how many entries are effectively in use."""
    paths = sorted(songs.glob("*.npy"))
    rate = codec.shape.sample_rate
    audio = torch.stack([_window(paths, index, "mix", rate) for index in range(windows)])
    codes = codec.encode(audio[:, None])
    shares = [torch.bincount(codes[:, k].flatten(), minlength=codec.shape.entries) / codes[:, k].numel()
              for k in range(codes.shape[1])]  # fmt: skip
    return [float(torch.exp(torch.special.entr(share).sum())) for share in shares]


def _window(paths: list[Path], index: int, track: str, rate: int) -> Tensor:
    song = np.load(paths[index % len(paths)], mmap_mode="r")
    start = (4 + 9 * (index // len(paths)) + index % 7) * rate % (song.shape[1] - SECONDS * rate)
    crop = song[TRACKS.index(track), start : start + SECONDS * rate]
    return torch.from_numpy(crop.astype(np.float32) / np.float32(32767))


def _onset_f1(ours: Tensor, theirs: Tensor, rate: int) -> list[float]:
    return [
        measures.onset_f1(measures.onsets(a, rate), measures.onsets(b, rate)) for a, b in zip(ours, theirs, strict=True)
    ]
