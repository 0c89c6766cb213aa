"""EnCodec: waveforms to tokens and back. Knows nothing about packs, jobs or language models.

The networks (:mod:`.network`) are those of the mono 32 kHz EnCodec of MusicGen (arXiv 2306.05284), from either
checkpoint format. onnxruntime runs them, or torch.

Sounds of any length go through in bounded memory, and exactly: the convolutions run in tiles with all the neighbours
they see (:mod:`.tiles`), and the LSTM, which only looks back, carries its state from one chunk to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import nn

from .backends import Backend, Codes, Recur, codebooks
from .network import Encodec, EncodecLSTM
from .tiles import Chain, Signal, Stage


class Pending(Protocol):
    """A sound that is being made."""

    def ready(self) -> bool:
        """Whether :meth:`sound` need not wait."""
        ...

    def sound(self) -> Signal:
        """`[B, N]`."""
        ...


@dataclass(frozen=True)
class Made:
    """A :class:`Pending` sound that is there already."""

    made: Signal

    def ready(self) -> bool:
        return True

    def sound(self) -> Signal:
        return self.made


class Codec:
    """Mono audio at `sample_rate` to `n_q` token streams of `card` entries, one frame each `hop` samples, and back."""

    def __init__(self, model: Encodec, backend: Backend, *, short: Callable[[], Codec] | None = None) -> None:
        """`short` makes the codec for sounds too short for `backend`; None when it takes any length."""
        config = model.config
        self.sample_rate: int = config.sampling_rate
        self.hop: int = config.hop_length
        self.frame_rate: float = self.sample_rate / self.hop
        self.n_q: int = config.n_q
        self.card: int = config.codebook_size
        self._codebooks = codebooks(model.quantizer)  # [K, card, D]
        self._short = short
        # Reflect padding needs more samples than it pads, in the deepest layer too, where a sample is a frame.
        self._shortest = max(config.kernel_size, config.last_kernel_size) if short else 0

        down, up = list(model.encoder.layers), list(model.decoder.layers)
        size = config.num_residual_layers + 2  # modules that belong to one ratio
        half = len(config.upsampling_ratios) // 2
        inner = 1 + (len(config.upsampling_ratios) - half) * size
        outer = 2 + half * size
        recurrent, listens = next((i, m) for i, m in enumerate(down) if isinstance(m, EncodecLSTM))
        speaks = up[1]
        assert isinstance(speaks, EncodecLSTM)
        chain = partial(_chain, backend)
        self._analyse = chain(down[:inner], down[inner:recurrent])
        self._encoder_lstm = backend.recurrence(listens.lstm)
        self._project = chain(down[recurrent + 1 :])
        self._expand = chain(up[:1])
        self._decoder_lstm = backend.recurrence(speaks.lstm)
        self._synthesise = chain(up[2:outer], up[outer:])
        self._search = backend.search(model.quantizer)
        self._state = (config.num_lstm_layers, speaks.lstm.hidden_size)

    def encode(self, wav: Signal | torch.Tensor) -> torch.Tensor:
        """Tokens of `wav` float32 `[B, N]` in -1..1: int64 `[B, n_q, ceil(N / hop)]` on the CPU."""
        x = np.asarray(wav.numpy(force=True) if isinstance(wav, torch.Tensor) else wav, np.float32)
        frames = -(-x.shape[1] // self.hop)
        if frames == 0:
            return torch.zeros(len(x), self.n_q, 0, dtype=torch.int64)
        if self._short and frames < self._shortest:
            return self._short().encode(x)
        latent = self._project(self._recur(self._encoder_lstm, self._analyse(x[:, None])))  # [B, D, T]
        return torch.from_numpy(self._search(latent))

    def decode(self, codes: Codes | torch.Tensor) -> Signal:
        """Audio of `codes` int64 `[B, n_q, T]`: float32 `[B, T * hop]`."""
        tokens = codes.numpy(force=True) if isinstance(codes, torch.Tensor) else codes
        if tokens.shape[2] == 0:
            return np.zeros((len(tokens), 0), np.float32)
        if self._short and tokens.shape[2] < self._shortest:
            return self._short().decode(tokens)
        assert tokens.min() >= 0, "numpy would count a negative token from the end of the codebook"
        latent = sum(entries[tokens[:, k]] for k, entries in enumerate(self._codebooks))  # [B, T, D]
        latent = np.ascontiguousarray(latent.transpose(0, 2, 1))  # [B, D, T]
        return self._synthesise(self._recur(self._decoder_lstm, self._expand(latent)))[:, 0]

    def decode_soon(self, codes: Codes | torch.Tensor) -> Pending:
        """What :meth:`decode` gives, perhaps later; who asks goes on meanwhile."""
        return Made(self.decode(codes))

    def _recur(self, run: Recur, x: Signal, chunk: int = 500) -> Signal:
        """The LSTM over `x` `[B, C, T]`, `chunk` steps at a time, its state handed on."""
        layers, size = self._state
        h = c = np.zeros((layers, len(x), size), np.float32)
        out = np.empty_like(x)
        for start in range(0, x.shape[2], chunk):
            steps = np.ascontiguousarray(x[:, :, start : start + chunk].transpose(2, 0, 1))  # [t, B, C]
            y, h, c = run(steps, h, c)
            out[:, :, start : start + chunk] = y.transpose(1, 2, 0)
        return out


def _chain(backend: Backend, *parts: Sequence[nn.Module]) -> Chain:
    stages = tuple((Stage.of(part), backend.convolutions(part)) for part in parts)
    return Chain(stages, backend.chunk, backend.pool)
