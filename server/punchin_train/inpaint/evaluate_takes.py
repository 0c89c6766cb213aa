"""Do takes follow their control? Chords, drums and piano in the hole, against silent and foreign controls.

Knows tokens, songs and measures. Held-out seeds with held-out progressions; the hole is the middle half of the
window; every figure comes with its 95 % bootstrap interval.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import measures
from ..songs.rendering import TRACKS
from ..songs.songs import Song, compose
from .codec import Codec
from .generate import fill
from .lm import LanguageModel, Tuning
from .tokens import TOKEN_TRACKS
from .windows import FRAME_RATE, chord_frames

Interval = tuple[float, float, float]
MARGIN = 2  # chroma frames left out at the hole's edges, where the analysis window sees both sides
VARIANTS = ("own", "silent", "foreign", "none")


@dataclass(frozen=True)
class Window:
    """One held-out excerpt: codes [tracks, K, T], audio [tracks, N], where it starts (seconds), and its song."""

    song: Song
    start: float
    codes: Tensor
    audio: Tensor


@dataclass(frozen=True)
class Sampling:
    """How takes are drawn. MusicGen's own values; lower ones cost harmony (see docs/training.md)."""

    temperature: float = 1.0
    top_k: int = 250
    seed: int = 0


def windows(songs: Path, tokens: Path, frames: int, count: int) -> list[Window]:
    """`count` excerpts spread over the held-out songs, each song's first ones in different places."""
    paths = sorted(tokens.glob("*.npy"))
    found = []
    for index in range(count):
        path = paths[index % len(paths)]
        codes = np.load(path)
        start = (200 + 137 * index + 61 * (index // len(paths))) % (codes.shape[2] - frames)
        audio = np.load(songs / path.name, mmap_mode="r")
        hop = audio.shape[1] // codes.shape[2]
        part = audio[:, start * hop : (start + frames) * hop].astype(np.float32) / np.float32(32767)
        song = compose(int(path.stem), codes.shape[2] / FRAME_RATE, held_out=True)
        chosen = torch.from_numpy(codes[:, :, start : start + frames].astype(np.int64))
        found.append(Window(song, start / FRAME_RATE, chosen, torch.from_numpy(part)))
    return found


class Adapted(Protocol):
    """A language model with a way to adapt it to each condition, such as a :class:`.train_lm.Trainee`."""

    @property
    def lm(self) -> LanguageModel:
        """The base."""
        ...

    def adapter(self, condition: str) -> Tuning:
        """What adapts the base to a condition."""
        ...


class TakeEvaluation:
    """Generates and measures the takes of one set of windows."""

    def __init__(
        self, trainee: Adapted, codec: Codec, excerpts: list[Window], silence: Tensor, sampling: Sampling
    ) -> None:
        self.trainee, self.codec, self.excerpts, self.sampling = trainee, codec, excerpts, sampling
        self.rate, frames = codec.shape.sample_rate, excerpts[0].codes.shape[2]
        self.hole = range(frames // 4, 3 * frames // 4)
        self.silence = silence[:, :frames]
        scale = measures.CHROMA_RATE / FRAME_RATE
        self.inside = slice(int(self.hole.start * scale) + MARGIN, int(self.hole.stop * scale) - MARGIN)
        self.original = torch.stack([excerpt.audio[0] for excerpt in excerpts])

    def run(self) -> Iterator[tuple[str, Interval]]:
        """Every figure with its name, as it is found."""
        yield from self._figures("original audio", self.original)
        yield from self._figures("codec only", self._decode(self._tokens("mix")))
        yield from self._figures("unrelated song", self.original.roll(1, 0))
        for condition in ("chord", "drums", "piano"):
            for variant in VARIANTS if condition == "chord" else VARIANTS[:2]:
                yield from self.takes(condition, variant)

    def takes(self, condition: str, variant: str) -> Iterator[tuple[str, Interval]]:
        """The figures of takes under one condition, in one of VARIANTS."""
        audio = self._decode(self._takes(condition, variant))
        yield from self._figures(f"{condition}, {variant} control", audio, foreign=variant == "foreign")

    def _tokens(self, track: str) -> Tensor:
        return torch.stack([e.codes[TOKEN_TRACKS.index(track)] for e in self.excerpts])

    def _takes(self, condition: str, variant: str) -> Tensor:
        control = self._tokens(condition)
        if variant == "foreign":
            control = control.roll(1, 0)
        elif variant == "silent":
            control = self.silence.expand_as(control)
        adapter = None if variant == "none" else self.trainee.adapter(condition)
        s = self.sampling
        return fill(
            *(self.trainee.lm, adapter, self._tokens("mix"), control, self.hole),
            temperature=s.temperature,
            top_k=s.top_k,
            seed=s.seed,
        )

    def _decode(self, codes: Tensor) -> Tensor:
        return torch.cat([self.codec.decode(part)[:, 0] for part in codes.split(8)])

    def _figures(self, name: str, audio: Tensor, foreign: bool = False) -> Iterator[tuple[str, Interval]]:
        """What each take's hole has in common with the song, and its context with the original."""
        ours = measures.triads(audio, self.rate)[:, self.inside]
        for shift, title in ((0, "chords"), *(((1, "foreign chords"),) if foreign else ())):
            scores = [_agreement(row, self._chords(index - shift)) for index, row in enumerate(ours)]
            yield f"{name}: {title}", measures.interval(scores)
        scores = [
            measures.onset_f1(self._inside_seconds(measures.onsets(row, self.rate)), self._drum_onsets(index))
            for index, row in enumerate(audio)
        ]
        yield f"{name}: drum onset F1", measures.interval(scores)
        piano = torch.stack([e.audio[TRACKS.index("piano")] for e in self.excerpts])
        cosine = measures.chroma_cosine(audio, piano, self.rate)[:, self.inside]
        yield f"{name}: chroma of the piano", measures.interval(cosine.mean(1).tolist())
        cosine = measures.chroma_cosine(audio, self.original, self.rate)
        before, after = cosine[:, 3 : self.inside.start - 8], cosine[:, self.inside.stop + 8 : -3]
        yield f"{name}: kept chroma", measures.interval(torch.cat([before, after], 1).mean(1).tolist())

    def _chords(self, index: int) -> NDArray[np.int64]:
        excerpt = self.excerpts[index % len(self.excerpts)]
        frames = int((excerpt.start + 60) * measures.CHROMA_RATE)
        start = round(excerpt.start * measures.CHROMA_RATE)
        return chord_frames(excerpt.song.chords, frames, measures.CHROMA_RATE)[start:][self.inside]

    def _inside_seconds(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self.hole.start / FRAME_RATE, self.hole.stop / FRAME_RATE
        return times[(times > low) & (times < high)]

    def _drum_onsets(self, index: int) -> NDArray[np.float64]:
        excerpt = self.excerpts[index]
        times = np.unique([round(note.start, 2) for note in excerpt.song.stems["drums"]]) - excerpt.start
        return self._inside_seconds(times)


def _agreement(ours: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of labelled frames that agree; NaN where nothing is labelled."""
    labelled = labels >= 0
    return float((ours == labels)[labelled].mean()) if labelled.any() else float("nan")
