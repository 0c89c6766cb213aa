"""Clips as training meets them: an endless stream of items, each a crop with what is said of it. Knows no models.

All that is random about item k is a function of (seed, k): its clip, its crop, its caption, what is dropped, its noise.
So a run goes on from nothing but a number, worker processes need no care, and several processes that share the stream
see what one would.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from punchin_server.codecs.fbank import prompt_features
from punchin_server.codecs.mel import SAMPLE_RATE, log_mel
from punchin_wire.errors import BadAudio
from punchin_wire.frames import Audio
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from .captions import Clip
from .diffusion import POOLINGS, dropped

SAMPLES = 163_840
"""Of a crop, at 16 kHz: 10.24 s."""
PEAK, QUIET = 0.5, 1e-4
"""Peak to which a crop is levelled, and below which (-80 dB) it is silence that nothing should raise."""
TRIES = 100
"""Clips that may prove unreadable one after another before that ends the run."""
ITEM, ORDER, POOLING = range(3)
"""What numbers are drawn for."""


class Crop(NamedTuple):
    """A crop `wave` `[N]` of a clip; `random` goes on from there, `unreadable` are files that were met before it."""

    clip: Clip
    wave: Audio
    random: np.random.Generator
    unreadable: tuple[str, ...]


class Item(NamedTuple):
    """`mel` `[1, 1024, 64]` for the VAE, `features` `[1, 1024, 128]` for AudioMAE (zeros where audio is dropped), the
    caption (empty where text is), and the `seed` of its time and noise."""

    mel: Tensor
    features: Tensor
    caption: str
    seed: int
    unreadable: tuple[str, ...]


class Batch(NamedTuple):
    """Items side by side: `mel` `[B, 1, 1024, 64]`, `features` `[B, 1, 1024, 128]`."""

    mel: Tensor
    features: Tensor
    captions: list[str]
    seeds: list[int]
    unreadable: set[str]


class Clips(Dataset[Item]):
    """The stream of items made of `clips`, every clip once before any comes again."""

    def __init__(self, clips: list[Clip], seed: int) -> None:
        self.clips, self.seed = clips, seed

    def __getitem__(self, number: int) -> Item:
        """Item `number` of the stream. Raises BadAudio as :meth:`crop`."""
        clip, wave, random, unreadable = self.crop(number)
        caption, drop = clip.choose_caption(random), dropped(random.random())
        mel = log_mel(torch.from_numpy(levelled(wave))[None])
        features = prompt_features(torch.from_numpy(wave)[None])[0]
        if drop.audio:
            features = torch.zeros_like(features)
        return Item(mel, features, "" if drop.text else caption, int(random.integers(2**63)), unreadable)

    def crop(self, number: int) -> Crop:
        """The crop of item `number`. Another clip takes the place of one that cannot be read.

        Raises BadAudio when there is nothing but unreadable files.
        """
        random = drawn(self.seed, ITEM, number)
        epoch, position = divmod(number, len(self.clips))
        chosen = int(shuffled(self.seed, epoch, len(self.clips))[position])
        unreadable: list[str] = []
        while len(unreadable) < TRIES:
            clip = self.clips[chosen]
            try:
                return Crop(clip, read_crop(clip.path, random), random, tuple(unreadable))
            except Exception as error:  # a damaged file can fail in any way; each means the same
                unreadable.append(f"{clip.path}: {error}")
                chosen = int(random.integers(len(self.clips)))
        raise BadAudio(f"None of {TRIES} files could be read, the last being {unreadable[-1]}", "Look at these files.")


@lru_cache(maxsize=2)
def shuffled(seed: int, epoch: int, clips: int) -> NDArray[np.int64]:
    """The order of an epoch. (Two are remembered: a batch may lie across their border.)"""
    return drawn(seed, ORDER, epoch).permutation(clips)


def pooling_of(seed: int, first: int) -> int:
    """The pooling of the batch, of all processes together, whose first item is number `first`."""
    return POOLINGS[int(drawn(seed, POOLING, first).integers(len(POOLINGS)))]


def drawn(seed: int, purpose: int, number: int) -> np.random.Generator:
    """The random numbers of one item, epoch or batch."""
    return np.random.default_rng((seed, purpose, number))


def read_crop(path: Path, random: np.random.Generator) -> Audio:
    """The first channel of up to 10.24 s from a random place of a file, `[N]` at 16 kHz, its level as it is.

    Raises what soundfile raises, BadAudio for a file without samples or with some that are no numbers.
    """
    with soundfile.SoundFile(path) as file:
        length = ceil(SAMPLES * file.samplerate / SAMPLE_RATE)
        file.seek(int(random.integers(max(0, file.frames - length) + 1)))
        audio = file.read(length, dtype="float32", always_2d=True)[:, 0]
    if not len(audio) or not np.isfinite(audio).all():
        raise BadAudio("it holds no samples, or some that are no numbers")
    wave: Audio = soxr.resample(audio, file.samplerate, SAMPLE_RATE)[:SAMPLES]
    return wave


def levelled(wave: Audio) -> Audio:
    """`wave` `[N]` as AudioLDM2's VAE was trained to hear it: no mean, peak 0.5, silence up to 10.24 s."""
    centred = wave - wave.mean()
    return np.pad(centred * np.float32(PEAK / max(np.abs(centred).max(), QUIET)), (0, SAMPLES - len(wave)))


# ---- batches -------------------------------------------------------------------------------------------------


class Turns(Sampler[list[int]]):
    """Which items are whose: batches of one of `processes` from item `first` of the stream on, without end."""

    def __init__(self, first: int, size: int, process: int, processes: int) -> None:
        self.first, self.size, self.stride = first + process * size, size, processes * size

    def __iter__(self) -> Iterator[list[int]]:
        for start in count(self.first, self.stride):
            yield list(range(start, start + self.size))


def stream(clips: Clips, turns: Turns, workers: int) -> Iterator[Batch]:
    """The batches of one process, read ahead by `workers` processes, or when asked for if there are none."""
    return iter(DataLoader(clips, batch_sampler=turns, num_workers=workers, collate_fn=_batch, worker_init_fn=_worker))


def _batch(items: list[Item]) -> Batch:
    mels, features, captions, seeds, unreadable = zip(*items, strict=True)
    return Batch(torch.stack(mels), torch.stack(features), list(captions), list(seeds), set().union(*unreadable))


def _worker(_: int) -> None:
    """Ctrl-C reaches all processes; the one that trains asks the others to end when it has saved its state."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
