"""Filling one window: forced prefill, shared among takes, then one sampled step after another.

Read it from the top: what varies among takes, the sequence of tokens, the model with its cache, one decode step, the
loop, and its entry :func:`fill`. Knows tokens and the language model; knows nothing about audio, requests or songs.

Shapes: B takes, K codebooks, T frames of a window, F = 2T frames of its sequence (prefix, then prediction), and
S = F + K input steps of that sequence in the delay pattern.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ...models.musicgen.airgen import AdapterBank, AdapterGains, AdapterState, frame_types
from ...models.musicgen.cache import StepSpan
from ...models.musicgen.musicgen import LMConfig, TextState
from .sampling import Guidance, Noise, SamplingParams, sample
from .windows import Chunk, Window, sampled_outputs, schedule

PIECE = 256
"""Most steps fed at once: between pieces of a prefill the engine can be cancelled."""


@dataclass(frozen=True)
class TakeBatch:
    """What makes the takes of a batch differ, besides their tokens, and how all of them are sampled.

    `coefficients` `[B, A]` of the adapters in `bank`; `text` has two rows, with the text and without; `noise` is each
    take's own random stream, and runs on from window to window.
    """

    coefficients: Tensor
    noise: Noise
    sampling: SamplingParams
    bank: AdapterBank | None = None
    text: TextState | None = None

    @property
    def guidance(self) -> Guidance:
        """Without text, or without adapters, there is nothing to compare with."""
        text = 1.0 if self.text is None else self.sampling.guidance
        return Guidance(text, 1.0 if self.bank is None else self.sampling.control_guidance)

    def text_rows(self, rows: int) -> TextState | None:
        """The text's row, or that of its absence, for each of `rows` takes in every branch."""
        if self.text is None:
            return None
        index = [row for row in self.guidance.texts() for _ in range(rows)]
        return TextState(self.text.keys[:, index], self.text.values[:, index])

    def gains(self, coefficients: Tensor) -> AdapterGains | None:
        """What the adapters add to rows with `coefficients` `[B, A]`, in each branch."""
        if self.bank is None:
            return None
        return AdapterGains.of(self.bank, coefficients.repeat(self.guidance.branches, 1).to(self.bank.gates))


@dataclass(frozen=True)
class Step:
    """Progress of a window: `fed` of `total` input steps (of the prefill, then of the whole window); its frames
    `[0, done)` are final."""

    fed: int
    total: int
    done: int
    prefill: bool


# ---- the tokens ----------------------------------------------------------------------------------------------


def delay(frames: Tensor, special: int) -> Tensor:
    """`[B, K, F]` to input steps `[B, K, F + K]`: step s holds frame s - 1 - k of codebook k, else `special`."""
    B, K, F = frames.shape
    steps = frames.new_full((B, K, F + K), special)
    for k in range(K):
        steps[:, k, 1 + k : 1 + k + F] = frames[:, k]
    return steps


class SilentControls(NamedTuple):
    """A prefix whose controls are silent: its input steps `[B, K, S]`, and which tokens are the prefix's `[K, S]`."""

    steps: Tensor
    prefixed: Tensor

    @classmethod
    def of(cls, prefix: Tensor, special: int) -> SilentControls:
        """From the prefix's frames `[B, K, T]`."""
        steps = delay(prefix.repeat(1, 1, 2), special)  # what the second half holds is never looked at
        frame = torch.arange(steps.shape[-1], device=steps.device) - 1
        return cls(steps, frame - torch.arange(steps.shape[1], device=steps.device)[:, None] < prefix.shape[-1])

    def rows(self, index: Tensor) -> SilentControls:
        """Those of some takes."""
        return SilentControls(self.steps[index], self.prefixed)

    def under(self, codes: Tensor, at: Tensor) -> Tensor:
        """`codes` `[B, K, n]` of the input steps `at` `[n]`, behind this prefix."""
        return torch.where(self.prefixed.index_select(1, at), self.steps.index_select(2, at), codes)


class TokenSequence:
    """The tokens of a window as the model reads them: `steps` `[B, K, S]`, and when which of them are sampled."""

    def __init__(self, prefix: Tensor, frames: Tensor, window: Window, config: LMConfig) -> None:
        self._frames, self._codebooks = frames, config.codebooks
        self._written = window.written()
        self._diagonal = torch.arange(config.codebooks, device=frames.device)
        prefix_half = np.zeros(window.length, bool)
        unknown = sampled_outputs(np.concatenate([prefix_half, ~window.kept()]), config.codebooks)
        self.unknown = torch.from_numpy(unknown).to(frames.device)  # [S, K]
        self.steps = delay(torch.cat([prefix, frames], dim=-1), config.special)
        self.chunks: list[Chunk] = schedule(np.concatenate([prefix_half, self._written]), config.codebooks)

    def write(self, step: int, tokens: Tensor) -> int:
        """Put `tokens` `[B, K]` into input step `step` where they are not known, and the frame that they complete into
        the window's; returns how many of its frames are final."""
        self.steps[..., step] = torch.where(self.unknown[step - 1], tokens, self.steps[..., step])
        half = len(self._written)
        complete = step - self._codebooks - half  # its last codebook was the output of step - 1
        if complete >= 0 and self._written[complete]:
            delayed = half + complete + 1 + self._diagonal
            self._frames[..., complete] = self.steps[:, self._diagonal, delayed]
        return max(complete + 1, 0)

    def collect(self, start: int, end: int) -> int:
        """Put the frames that the input steps `start` to `end` completed into the window's; returns how many of its
        frames are final."""
        half, K = len(self._written), self._codebooks
        first, done = max(start - K - half, 0), max(end - K - half + 1, 0)
        edges = np.flatnonzero(np.diff(self._written[first:done], prepend=False, append=False)) + first
        for a, b in edges.reshape(-1, 2).tolist():
            for k in range(K):
                self._frames[:, k, a:b] = self.steps[:, k, half + a + 1 + k : half + b + 1 + k]
        return done


# ---- the model -----------------------------------------------------------------------------------------------


def distinct_beginnings(steps: Tensor, coefficients: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of takes that begin differently, and for each take which of those it begins like."""
    keys = [(s.tobytes(), tuple(c)) for s, c in zip(steps.cpu().numpy(), coefficients.tolist(), strict=True)]
    first = {key: keys.index(key) for key in keys}
    rows = sorted(first.values())
    inverse = [rows.index(first[key]) for key in keys]
    return torch.tensor(rows, device=steps.device), torch.tensor(inverse, device=steps.device)


class LanguageModel(Protocol):
    """What fills a window: :class:`...models.musicgen.musicgen.MusicGen`, or what stands in for it.

    A cache serves the model that made it, one text and one set of adapters; one without shared rows has `expand`.
    """

    @property
    def config(self) -> LMConfig: ...

    @property
    def offsets(self) -> Tensor: ...

    @property
    def max_steps(self) -> int: ...

    def prepare(self, max_steps: int) -> None: ...

    def read_text(self, encoded: Tensor) -> TextState: ...

    def new_cache(self, rows: int, steps: int | None = None) -> Any: ...

    def next_logits(
        self,
        codes: Tensor,
        span: StepSpan,
        cache: Any,
        text: TextState | None = None,
        adapters: AdapterState | None = None,
    ) -> Tensor: ...


class CachedModel:
    """The model with the cache of one window: tokens of some steps in, guided logits of the last one out."""

    def __init__(
        self,
        lm: LanguageModel,
        takes: TakeBatch,
        window: Window,
        rows: Tensor,
        steps: int,
        silent: SilentControls | None = None,
    ) -> None:
        """For the takes `rows` of the batch, and at most `steps` input steps."""
        self._lm, self._takes, self._guidance = lm, takes, takes.guidance
        self._coefficients = takes.coefficients.to(rows.device)[rows]
        self.silent = None if silent is None else silent.rows(rows)
        self.types = frame_types(torch.from_numpy(window.kept()), lm.config.codebooks).to(rows.device)
        self.cache = lm.new_cache(len(rows) * self._guidance.branches, steps)
        self._text, self.gains = takes.text_rows(len(rows)), takes.gains(self._coefficients)

    def __call__(self, codes: Tensor, start: int) -> Tensor:
        """`[B, K, card]` after `codes` `[B, K, n]` at the steps from `start` on."""
        steps = codes.shape[-1]
        adapters = None if self.gains is None else self.gains.at(self.types[start : start + steps])
        span = StepSpan.of(start, steps, codes.device)
        at = torch.arange(start, start + steps, device=codes.device)
        every = self._guidance.codes(codes, None if self.silent is None else self.silent.under(codes, at))
        return self._guidance(self._lm.next_logits(every, span, self.cache, self._text, adapters).float())

    def expand(self, inverse: Tensor, filled: int, into: Any = None) -> None:
        """Go on with one row for each take, where takes with the same beginning had one among them.

        With the cache `into`, which has these rows, what is known so far is copied there.
        """
        distinct = len(self._coefficients)
        alike = inverse.tolist() == list(range(distinct))
        if alike and into is None:
            return
        rows = torch.cat([inverse + i * distinct for i in range(self._guidance.branches)])
        self.cache = self.cache.expand(rows, filled) if into is None else self.cache.expand(rows, filled, into)
        if not alike:
            self._coefficients = self._coefficients[inverse]
            self.silent = None if self.silent is None else self.silent.rows(inverse)
            self._text, self.gains = self._takes.text_rows(len(inverse)), self._takes.gains(self._coefficients)


# ---- one step, the loop, the entry ---------------------------------------------------------------------------


def prefill(model: CachedModel, steps: Tensor, chunk: Chunk) -> Generator[Step, None, Tensor]:
    """Logits `[B, K, card]` after the steps of `chunk` of `steps` `[B, K, S]`; yields between pieces of a long one."""
    for start in range(chunk.start, chunk.end, PIECE):
        end = min(start + PIECE, chunk.end)
        logits = model(steps[..., start:end], start)
        if end < chunk.end:
            yield Step(end, chunk.end, 0, prefill=True)
    return logits


def decode_step(sequence: TokenSequence, step: int, logits: Tensor, takes: TakeBatch) -> int:
    """Sample the tokens of input step `step` from `logits` `[B, K, card]`; returns how many frames are final."""
    noise = takes.noise.next().to(logits.device)
    tokens = sample(logits, noise, takes.sampling.temperature, takes.sampling.top_k)  # [B, K]
    return sequence.write(step, tokens)


class Decoder(Protocol):
    """What decodes a window after its beginning."""

    def begin(self, lm: LanguageModel, sequence: TokenSequence, takes: TakeBatch) -> Any:
        """The cache to go on in, or None where that is the model's own."""
        ...

    def decode(self, model: CachedModel, sequence: TokenSequence, takes: TakeBatch) -> Iterator[Step]:
        """Every chunk after the first: single steps inside a hole, what is known between two holes at once."""
        ...

    def forget(self) -> None:
        """Give up what is kept for the next window."""
        ...


class PlainDecoder:
    """Step by step, each as it is needed."""

    def begin(self, lm: LanguageModel, sequence: TokenSequence, takes: TakeBatch) -> None:
        """As :meth:`Decoder.begin`."""

    def decode(self, model: CachedModel, sequence: TokenSequence, takes: TakeBatch) -> Iterator[Step]:
        """As :meth:`Decoder.decode`."""
        for chunk in sequence.chunks[1:]:
            yield from decode_chunk(model, sequence, takes, chunk)

    def forget(self) -> None:
        """As :meth:`Decoder.forget`."""


def decode_chunk(model: CachedModel, sequence: TokenSequence, takes: TakeBatch, chunk: Chunk) -> Iterator[Step]:
    """Feed `chunk` and sample what follows it."""
    logits = yield from prefill(model, sequence.steps, chunk)
    done = decode_step(sequence, chunk.end, logits, takes)
    yield Step(chunk.end, sequence.chunks[-1].end, done, prefill=False)


PLAIN = PlainDecoder()


def fill(
    lm: LanguageModel,
    prefix: Tensor,
    frames: Tensor,
    window: Window,
    takes: TakeBatch,
    decoder: Decoder = PLAIN,
    silent: Tensor | None = None,
) -> Iterator[Step]:
    """Sample the frames that `window` writes, into `frames` in place as they are done; yields after every forward.

    `prefix` and `frames` are `[B, K, T]` tokens on the model's device: the first and the second half of the sequence.
    Frames of `window` that are known are forced; takes that begin alike share the forward over their beginning.
    `silent` is the prefix with silent controls, needed where guidance compares with those.
    """
    sequence = TokenSequence(prefix, frames, window, lm.config)
    beginning = sequence.chunks[0]
    rows, inverse = distinct_beginnings(sequence.steps[..., : beginning.end], takes.coefficients)
    silenced = None if silent is None else SilentControls.of(silent, lm.config.special)
    model = CachedModel(lm, takes, window, rows, sequence.chunks[-1].end, silenced)
    logits = yield from prefill(model, sequence.steps[rows], beginning)
    model.expand(inverse, beginning.end, decoder.begin(lm, sequence, takes))
    done = decode_step(sequence, beginning.end, logits[inverse], takes)
    yield Step(beginning.end, beginning.end, done, prefill=True)
    yield from decoder.decode(model, sequence, takes)
