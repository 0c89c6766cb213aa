"""Filling one window: forced prefill, shared among takes, then one sampled step after another.

Knows tokens and the language model; knows nothing about audio, requests or songs.

Shapes: B takes, K codebooks, T frames of a window, F = 2T frames of its sequence (prefix, then prediction), and
S = F + K input steps of that sequence in the delay pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...models.musicgen.airgen import AdapterBank, Steer, frame_types
from ...models.musicgen.cache import Cache, KVCache
from ...models.musicgen.musicgen import MusicGen, TextState
from .sampling import Draw, Noise, guide, race
from .windows import Window, sampled_outputs, schedule

PIECE = 256
"""Most steps fed at once: between pieces of a prefill the engine can be cancelled."""


def delay(frames: Tensor, special: int) -> Tensor:
    """`[B, K, F]` to input steps `[B, K, F + K]`: step s holds frame s - 1 - k of codebook k, else `special`."""
    B, K, F = frames.shape
    steps = frames.new_full((B, K, F + K), special)
    for k in range(K):
        steps[:, k, 1 + k : 1 + k + F] = frames[:, k]
    return steps


@dataclass(frozen=True)
class Voices:
    """What makes the takes of a batch differ, besides their tokens.

    `coefficients` `[B, A]` of the adapters in `bank`; `text` has two rows, with the text and without; `noise` is each
    take's own random stream, and runs on from window to window.
    """

    coefficients: Tensor
    noise: Noise
    draw: Draw
    bank: AdapterBank | None = None
    text: TextState | None = None

    @property
    def branches(self) -> int:
        """2 where guidance compares with the unconditional model. Without text both would be the same."""
        return 2 if self.text is not None and self.draw.cfg != 1.0 else 1


@dataclass(frozen=True)
class Step:
    """Progress of a window: `fed` of `total` input steps (of the prefill, then of the whole window); its frames
    `[0, done)` are final."""

    fed: int
    total: int
    done: int
    prefill: bool


def fill(lm: MusicGen, prefix: Tensor, frames: Tensor, window: Window, voices: Voices) -> Iterator[Step]:
    """Sample the frames that `window` writes, into `frames` in place as they are done; yields after every forward.

    `prefix` and `frames` are `[B, K, T]` tokens on the model's device: the first and the second half of the sequence.
    Frames of `window` that are known are forced; takes that begin alike share the forward over their beginning.
    """
    T, K = window.length, lm.config.codebooks
    device = lm.offsets.device
    diagonal = torch.arange(K, device=device)
    before, write = np.zeros(T, bool), window.written()
    chunks = schedule(np.concatenate([before, write]), K)
    unknown = np.concatenate([before, ~window.kept()])
    accept = torch.from_numpy(sampled_outputs(unknown, K)).to(device)  # [S, K]
    steps = delay(torch.cat([prefix, frames], dim=-1), lm.config.special)  # [B, K, S]
    rows, inverse = _distinct(steps[..., : chunks[0].end], voices.coefficients)
    feed = _Feed(lm, voices, window, rows, chunks[-1].end)
    total = chunks[-1].end
    for start, end in chunks:
        first = start == 0
        for a in range(start, end, PIECE):
            b = min(a + PIECE, end)
            logits = feed(steps[rows, :, a:b] if first else steps[..., a:b], a)
            if b < end:
                yield Step(b, end, 0, prefill=True)
        if first:
            logits = logits[inverse]
            feed.share(inverse, end)
        tokens = race(logits, voices.noise.next().to(device), voices.draw.temperature, voices.draw.top_k)  # [B, K]
        steps[..., end] = torch.where(accept[end - 1], tokens, steps[..., end])
        complete = end - K - T  # its last codebook was the output of step end - 1
        if complete >= 0 and write[complete]:
            frames[..., complete] = steps[:, diagonal, T + complete + 1 + diagonal]
        yield Step(end, end if first else total, max(complete + 1, 0), prefill=first)


def _distinct(steps: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of takes that begin differently, and for each take which of those it begins like."""
    keys = [(s.tobytes(), tuple(c)) for s, c in zip(steps.cpu().numpy(), coefficients.tolist(), strict=True)]
    first = {key: keys.index(key) for key in keys}
    rows = sorted(first.values())
    inverse = [rows.index(first[key]) for key in keys]
    return torch.tensor(rows, device=steps.device), torch.tensor(inverse, device=steps.device)


class _Feed:
    """The model with its cache: tokens of some steps in, guided logits of the last one out."""

    def __init__(self, lm: MusicGen, voices: Voices, window: Window, rows: Tensor, steps: int) -> None:
        self._lm, self._voices = lm, voices
        self._coefficients = voices.coefficients.to(rows.device)[rows]
        self._types = frame_types(torch.from_numpy(window.kept())).to(rows.device)
        self._cache: KVCache = lm.new_cache(len(rows) * voices.branches, steps)
        self._text = self._text_for(len(rows))

    def share(self, inverse: Tensor, filled: int) -> None:
        """Go on with one row for each take, where takes with the same beginning had one among them."""
        distinct, branches = len(self._coefficients), self._voices.branches
        if inverse.tolist() == list(range(distinct)):
            return
        rows = torch.cat([inverse + i * distinct for i in range(branches)])
        assert isinstance(self._cache, Cache)  # shared once, at its beginning
        self._cache = self._cache.expand(rows, filled)
        self._coefficients = self._coefficients[inverse]
        self._text = self._text_for(len(inverse))

    def __call__(self, codes: Tensor, start: int) -> Tensor:
        """`[B, K, card]` after `codes` `[B, K, n]` at the steps from `start` on."""
        branches, end = self._voices.branches, start + codes.shape[-1]
        positions = torch.arange(start, end, device=codes.device)
        hidden = self._lm(codes.repeat(branches, 1, 1), positions, self._cache, end, self._text, self._steer(positions))
        logits = self._lm.logits(hidden[:, -1:])[:, :, 0].float()
        return guide(logits, self._voices.draw.cfg) if branches == 2 else logits

    def _steer(self, positions: Tensor) -> Steer | None:
        bank = self._voices.bank
        if bank is None:
            return None
        coefficients = self._coefficients.repeat(self._voices.branches, 1).to(bank.gates.dtype)
        return Steer.at(bank, coefficients, self._types, positions)

    def _text_for(self, rows: int) -> TextState | None:
        """The text's row for each take, and with guidance its absence for each; `cfg` 1 needs the text alone."""
        text, branches = self._voices.text, self._voices.branches
        if text is None:
            return None
        index = [0] * rows + ([1] * rows if branches == 2 else [])
        return TextState(text.keys[:, index], text.values[:, index])
