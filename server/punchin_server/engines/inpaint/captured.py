"""Decode steps on a GPU: in fixed buffers, recorded once as a CUDA graph, and seldom waited for.

Launched one by one, the kernels of a step take a quick GPU several times as long to be sent as to be run. Here a step
is a function of buffers that stay where they are: its own number, the tokens, the noise and the cache lie on the
device, and no shape depends on how far the window is. So it can be recorded and replayed. The host draws the noise
ahead, as it does without a GPU (a seed gives the same noise on every device), and looks every :data:`AHEAD` steps.

Shapes: B takes, K codebooks, S input steps of a window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...models.musicgen.airgen import AdapterGains
from ...models.musicgen.cache import Cache, StepSpan
from ...models.musicgen.musicgen import TextState
from ..cuda_graph import Work, mark, recorded
from .decode import CachedModel, LanguageModel, SilentControls, Step, TakeBatch, TokenSequence, decode_chunk
from .sampling import Guidance, Noise, SamplingParams, sample
from .windows import Chunk

AHEAD = 8
"""Steps that are sent to the device at once; it is never more than two such lots ahead of what the host shows."""
BUCKET = 512
"""Columns of the cache by which attention looks further: one recording each."""


class Layout(NamedTuple):
    """What a recording is made for: it fits every window and request of the same layout.

    `shape` is that of the tokens `[B, K, S]`, `text` that of a text's keys, `adapters` are names.
    """

    shape: tuple[int, ...]
    guidance: Guidance
    adapters: tuple[str, ...] | None
    text: tuple[int, ...] | None
    sampling: SamplingParams

    @classmethod
    def of(cls, sequence: TokenSequence, takes: TakeBatch) -> Layout:
        adapters = takes.bank.names if takes.bank else None
        text = tuple(takes.text.keys.shape) if takes.text else None
        return cls(tuple(sequence.steps.shape), takes.guidance, adapters, text, takes.sampling)


@dataclass
class Buffers:
    """What the steps of a window read and write, always at the same addresses.

    `index` `[1]` is the step to feed; `tokens` `[B, K, S]`; `unknown` `[S, K]` which outputs are kept; `types` `[S]` of
    the frames; `noise` `[AHEAD, B, K, card]`, that of step s in row s % AHEAD; `cache` of B rows a branch.
    """

    index: Tensor
    tokens: Tensor
    unknown: Tensor
    types: Tensor
    noise: Tensor
    cache: Cache
    text: TextState | None
    gains: AdapterGains | None
    silent: SilentControls | None

    @classmethod
    def new(cls, lm: LanguageModel, sequence: TokenSequence, takes: TakeBatch) -> Buffers:
        """For windows of the layout of `sequence` and `takes`, with the adapters and the text of `takes`."""
        B, K, S = sequence.steps.shape
        device = sequence.steps.device
        silent = SilentControls(torch.zeros_like(sequence.steps), torch.zeros(K, S, dtype=torch.bool, device=device))
        return cls(
            index=torch.zeros(1, dtype=torch.long, device=device),
            tokens=torch.zeros_like(sequence.steps),
            unknown=torch.zeros_like(sequence.unknown),
            types=torch.zeros(S, dtype=torch.long, device=device),
            noise=torch.ones(AHEAD, B, K, lm.config.card, device=device),
            cache=lm.new_cache(B * takes.guidance.branches, bucket(S)),
            text=takes.text_rows(B),
            gains=takes.gains(takes.coefficients),
            silent=None if takes.guidance.control == 1.0 else silent,
        )

    def load(self, model: CachedModel, sequence: TokenSequence, takes: TakeBatch) -> None:
        """Take over a window; `sequence` writes its tokens here from now on."""
        self.unknown.copy_(sequence.unknown)
        self.types.copy_(model.types)
        self.tokens.copy_(sequence.steps)
        sequence.steps = self.tokens
        if self.text is not None and (text := takes.text_rows(len(self.tokens))) is not None:
            self.text.keys.copy_(text.keys)
            self.text.values.copy_(text.values)
        if self.gains is not None and model.gains is not None:
            self.gains.by_type.copy_(model.gains.by_type)
        if self.silent is not None and model.silent is not None:
            self.silent.steps.copy_(model.silent.steps)
            self.silent.prefixed.copy_(model.silent.prefixed)


def bucket(columns: int) -> int:
    """The least multiple of :data:`BUCKET` that is not below `columns`."""
    return -(-columns // BUCKET) * BUCKET


def feed(lm: LanguageModel, buffers: Buffers, sampling: SamplingParams, guidance: Guidance, visible: int) -> None:
    """One decode step: feed input step `index`, sample what is unknown of the next, and make that the one to feed.

    Attention looks at the first `visible` columns of the cache. Nothing here depends on data: it can be recorded.
    """
    index = buffers.index
    codes = buffers.tokens.index_select(2, index)
    adapters = None if buffers.gains is None else buffers.gains.at(buffers.types.index_select(0, index))
    span = StepSpan.at(index, visible, buffers.cache.layers[0].dtype)
    every = guidance.codes(codes, None if buffers.silent is None else buffers.silent.under(codes, index))
    logits = guidance(lm.next_logits(every, span, buffers.cache, buffers.text, adapters).float())
    noise = buffers.noise.index_select(0, index % AHEAD)[0]
    sampled = sample(logits, noise, sampling.temperature, sampling.top_k)  # [B, K]
    following = index + 1
    known = buffers.tokens.index_select(2, following)[..., 0]
    tokens = torch.where(buffers.unknown.index_select(0, index), sampled, known)
    buffers.tokens.index_copy_(2, following, tokens[..., None])
    index.add_(1)


class Recording:
    """The steps of one layout, ready to be replayed."""

    def __init__(self, lm: LanguageModel, layout: Layout, buffers: Buffers) -> None:
        self.layout, self.buffers = layout, buffers
        self._lm = lm
        pinned = buffers.index.device.type == "cuda"
        self._host = deque(torch.ones(buffers.noise.shape, pin_memory=pinned) for _ in range(2))
        self._replays: dict[int, Work] = {}

    def step(self, number: int) -> None:
        """Feed step `number`, which `index` says, too."""
        visible = bucket(number + 1)
        if visible not in self._replays:
            self._replays[visible] = self._record(visible)
        self._replays[visible]()

    def upload(self, noise: Noise, start: int, end: int) -> None:
        """The noise of the steps `[start, end)`. The host's buffer of two lots ago is free: its lot was waited for."""
        self._host.rotate()
        for step in range(start, end):
            self._host[0][step % AHEAD] = noise.next()
        self.buffers.noise.copy_(self._host[0], non_blocking=True)

    def _record(self, visible: int) -> Work:
        def plain() -> None:
            feed(self._lm, self.buffers, self.layout.sampling, self.layout.guidance, visible)

        if self.buffers.index.device.type != "cuda":
            return plain
        index, tokens = self.buffers.index.clone(), self.buffers.tokens.clone()
        replay = recorded(plain)
        # Recording moved on. What it wrote into the cache is written again before it is looked at.
        self.buffers.index.copy_(index)
        self.buffers.tokens.copy_(tokens)
        return replay


class GraphDecoder:
    """A :class:`.decode.Decoder` for GPUs. It keeps the recording of the last layout, with its cache."""

    def __init__(self) -> None:
        self._recording: Recording | None = None

    def begin(self, lm: LanguageModel, sequence: TokenSequence, takes: TakeBatch) -> Cache:
        """As :meth:`.decode.Decoder.begin`."""
        layout = Layout.of(sequence, takes)
        if self._recording is None or self._recording.layout != layout:
            self.forget()  # its memory first
            self._recording = Recording(lm, layout, Buffers.new(lm, sequence, takes))
        return self._recording.buffers.cache

    def decode(self, model: CachedModel, sequence: TokenSequence, takes: TakeBatch) -> Iterator[Step]:
        """As :meth:`.decode.Decoder.decode`; a step is told of every :data:`AHEAD`."""
        recording, chunks = self._recording, deque(sequence.chunks[1:])
        assert recording is not None
        recording.buffers.load(model, sequence, takes)
        while chunks:
            if steps := _leading_steps(chunks):
                yield from _single_steps(recording, sequence, takes, steps)
            else:
                yield from decode_chunk(model, sequence, takes, chunks.popleft())

    def forget(self) -> None:
        """As :meth:`.decode.Decoder.forget`."""
        self._recording = None


def _leading_steps(chunks: deque[Chunk]) -> range:
    """The single steps with which `chunks` begins, taken from it."""
    start = end = chunks[0].start
    while chunks and chunks[0] == (end, end + 1):
        chunks.popleft()
        end += 1
    return range(start, end)


def _single_steps(recording: Recording, sequence: TokenSequence, takes: TakeBatch, steps: range) -> Iterator[Step]:
    recording.buffers.index.fill_(steps.start)
    marks = deque([mark(sequence.steps.device)])
    for start in steps[::AHEAD]:
        end = min(start + AHEAD, steps.stop)
        recording.upload(takes.noise, start, end)
        for step in range(start, end):
            recording.step(step)
        done = sequence.collect(start, end)
        marks.append(mark(sequence.steps.device))
        marks.popleft()()
        yield Step(end, sequence.chunks[-1].end, done, prefill=False)
    marks.popleft()()  # whoever measures the time of steps measures that they were done
