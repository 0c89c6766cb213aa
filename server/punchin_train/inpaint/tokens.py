"""Rendered songs to codec tokens.

Knows the codec's encoder and the file layout; knows nothing about language models.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from punchin_wire.disk import replacing
from torch import Tensor

from ..songs.rendering import FEWEST_SONGS, TRACKS
from .codec import Codec

TOKEN_TRACKS = ("mix", "drums", "chord", "piano")
# Encoding is the dearest part of the data, so a training song comes with one control: more songs, same cost.
CONTROL_TURNS = ("chord", "drums", "chord", "piano")
CHUNK, CONTEXT = 250, 10  # frames; short chunks keep the convolutions in cache, context hides their edges


def encode(codec: Codec, audio: Tensor) -> Tensor:
    """Audio [B, N] -> codes [B, K, N // hop], chunk by chunk."""
    hop, frames = codec.shape.hop, audio.shape[1] // codec.shape.hop
    parts = []
    for start in range(0, frames, CHUNK):
        first, last = max(0, start - CONTEXT), min(frames, start + CHUNK + CONTEXT)
        codes = codec.encode(audio[:, None, first * hop : last * hop])
        parts.append(codes[:, :, start - first :][:, :, : min(CHUNK, frames - start)])
    return torch.cat(parts, 2)


def silence(codec: Codec, frames: int) -> Tensor:
    """Codes of silence, [K, frames]."""
    return encode(codec, torch.zeros(1, frames * codec.shape.hop))[0]


def control_of(seed: int) -> str:
    """The control that a training song is encoded with."""
    return CONTROL_TURNS[seed % len(CONTROL_TURNS)]


def encode_corpus(
    codec: Codec,
    songs: Path,
    folder: Path,
    *,
    every_control: bool,
    backwards: bool = False,
    minutes: float = math.inf,
) -> None:
    """Write int16 [tracks, K, T] for every song the folder lacks: all of TOKEN_TRACKS, or mix and its one control.

    Two processes may share the work, one of them going backwards. Stops after `minutes`, but not before there is a
    song for each control.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * minutes
    for done, path in enumerate(sorted(songs.glob("*.npy"), reverse=backwards)):
        target = folder / path.name
        if not target.exists() and (done < FEWEST_SONGS or time.monotonic() < deadline):
            audio: NDArray[np.int16] = np.load(path, mmap_mode="r")
            names = TOKEN_TRACKS if every_control else ("mix", control_of(int(path.stem)))
            chosen = audio[[TRACKS.index(name) for name in names]].astype(np.float32) / np.float32(32767)
            codes = encode(codec, torch.from_numpy(chosen))
            with replacing(target, durable=False) as file:
                np.save(file, codes.numpy().astype(np.int16))
