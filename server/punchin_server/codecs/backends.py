"""How EnCodec's networks are run: by torch, or by onnxruntime. Knows nothing of tokens, files or audio.

A backend is two functions: one that makes a runnable out of a stack of convolutions, one that does so with an LSTM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from torch import nn

from . import onnx_graph
from .network import ResidualVectorQuantizer
from .tiles import Run, Signal

Recur: TypeAlias = Callable[[Signal, Signal, Signal], tuple[Signal, Signal, Signal]]
"""x `[t, B, D]`, h and c `[layers, B, D]` to y `[t, B, D]`, h and c after the last step."""


Codes: TypeAlias = npt.NDArray[np.int64]
Search: TypeAlias = Callable[[Signal], Codes]
"""Latents `[B, D, T]` to the nearest entries, codebook after codebook, `[B, K, T]`."""

_SHARED_STEP = 2**20
"""Weights of an LSTM step from which more than one thread works on it: 4 MB, a core's time for 50 µs."""


class Backend(Protocol):
    """Makes runnables; `pool` runs tiles side by side, or is None where one tile already uses every core."""

    @property
    def pool(self) -> Executor | None: ...

    @property
    def chunk(self) -> int:
        """Frames that go through the convolutions at once."""

    def convolutions(self, layers: Sequence[nn.Module]) -> Run: ...

    def recurrence(self, lstm: nn.LSTM) -> Recur: ...

    def search(self, quantizer: ResidualVectorQuantizer) -> Search: ...


class TorchBackend:
    """Runs the modules themselves. The reference, and what runs on a GPU that onnxruntime cannot use."""

    chunk = 1500  # MusicGen's own window: up to there torch sees the whole sound

    def __init__(self, device: str) -> None:
        self.pool: Executor | None = None
        self._device = device

    def convolutions(self, layers: Sequence[nn.Module]) -> Run:
        network = nn.Sequential(*layers).to(self._device)

        def run(x: Signal) -> Signal:
            with torch.inference_mode():
                return network(torch.from_numpy(np.ascontiguousarray(x)).to(self._device)).numpy(force=True)

        return run

    def recurrence(self, lstm: nn.LSTM) -> Recur:
        lstm = lstm.to(self._device)

        def run(x: Signal, h: Signal, c: Signal) -> tuple[Signal, Signal, Signal]:
            with torch.inference_mode():
                given, h_0, c_0 = (torch.from_numpy(a).to(self._device) for a in (x, h, c))
                y, (h_n, c_n) = lstm(given, (h_0, c_0))
                return (y + given).numpy(force=True), h_n.numpy(force=True), c_n.numpy(force=True)

        return run

    def search(self, quantizer: ResidualVectorQuantizer) -> Search:
        quantizer = quantizer.to(self._device)

        def run(latent: Signal) -> Codes:
            with torch.inference_mode():
                codes = quantizer.encode(torch.from_numpy(latent).to(self._device))  # [K, B, T]
                return codes.transpose(0, 1).numpy(force=True)

        return run


class _Session(ort.InferenceSession):
    """A session that keeps its weights, which onnxruntime only refers to."""

    def __init__(self, model: onnx_graph.Model, options: ort.SessionOptions, providers: list[str]) -> None:
        self._weights = [ort.OrtValue.ortvalue_from_numpy(weight) for weight in model.weights.values()]
        options.add_external_initializers(list(model.weights), self._weights)
        super().__init__(model.graph, options, providers=providers)


class OnnxBackend:
    """Runs the graphs of :mod:`.onnx_graph` on the CPU, a tile to each thread."""

    chunk = 500

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.pool: Executor | None = None if threads == 1 else ThreadPoolExecutor(threads, "codec")

    def _session(self, model: onnx_graph.Model, threads: int) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return _Session(model, options, providers=["CPUExecutionProvider"])

    def convolutions(self, layers: Sequence[nn.Module]) -> Run:
        session = self._session(onnx_graph.convolutions(layers), 1)

        def run(x: Signal) -> Signal:
            y: Signal = session.run(["y"], {"x": x[:, :, None]})[0]
            return y[:, :, 0]

        return run

    def recurrence(self, lstm: nn.LSTM) -> Recur:
        # Two threads meet at every step, which costs more than a small step itself, most of all on a busy computer.
        alone = 4 * lstm.hidden_size**2 < _SHARED_STEP
        session = self._session(onnx_graph.recurrence(lstm), 1 if alone else self._threads)

        def run(x: Signal, h: Signal, c: Signal) -> tuple[Signal, Signal, Signal]:
            y, h_n, c_n = session.run(["y", "h_n", "c_n"], {"x": x, "h": h, "c": c})
            return y, h_n, c_n

        return run

    def search(self, quantizer: ResidualVectorQuantizer) -> Search:
        session = self._session(onnx_graph.nearest(codebooks(quantizer)), 1)
        tile = self.chunk if self.pool is None else 64

        def one(latent: Signal) -> Codes:
            found: Codes = session.run(["codes"], {"x": latent})[0]
            return found

        def run(latent: Signal) -> Codes:
            tiles = [latent[:, :, start : start + tile] for start in range(0, latent.shape[2], tile)]
            return np.concatenate(list(self.pool.map(one, tiles) if self.pool else map(one, tiles)), axis=2)

        return run


def codebooks(quantizer: ResidualVectorQuantizer) -> Signal:
    """The entries of every codebook, `[K, card, D]`."""
    return np.stack([codebook.embed.numpy(force=True) for codebook in quantizer.codebooks])
