"""EnCodec on a GPU: a sound goes there once and comes back once, and need not be waited for meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .backends import Codes, TorchBackend
from .encodec import Codec, Pending
from .network import Encodec
from .tiles import Signal

WHOLE = TorchBackend.chunk
"""Frames up to which a sound goes through in one piece; a longer one in tiles, each there and back."""


@dataclass(frozen=True)
class Coming:
    """A sound `[B, N]` on its way from the GPU to `there`, where it writes by itself; `event` is when it has."""

    there: Tensor
    event: Any

    def ready(self) -> bool:
        return bool(self.event.query())

    def sound(self) -> Signal:
        self.event.synchronize()
        return self.there.numpy().copy()  # the memory is the GPU's, and scarce


class GpuCodec(Codec):
    """A codec on the GPU `device`."""

    def __init__(self, model: Encodec, device: str) -> None:
        super().__init__(model, TorchBackend(device))
        self._model, self._device = model.to(device), torch.device(device)

    @torch.inference_mode()
    def encode(self, wav: Signal | Tensor) -> Tensor:
        """As :meth:`.encodec.Codec.encode`."""
        if not 0 < wav.shape[1] <= WHOLE * self.hop:
            return super().encode(wav)
        sound = torch.as_tensor(wav, dtype=torch.float32).to(self._device)
        return self._model.quantizer.encode(self._model.encoder(sound[:, None])).transpose(0, 1).cpu()

    def decode(self, codes: Codes | Tensor) -> Signal:
        """As :meth:`.encodec.Codec.decode`."""
        if not 0 < codes.shape[2] <= WHOLE:
            return super().decode(codes)
        return self._sound(codes).numpy(force=True)

    def decode_soon(self, codes: Codes | Tensor) -> Pending:
        """As :meth:`.encodec.Codec.decode_soon`, beside what the GPU does meanwhile. `codes` must not change until it
        is ready."""
        if not 0 < codes.shape[2] <= WHOLE or self._device.type != "cuda":
            return super().decode_soon(codes)
        self._beside.wait_stream(torch.cuda.current_stream(self._device))  # which writes the codes
        with torch.cuda.stream(self._beside):
            sound = self._sound(codes)
            there = torch.empty(sound.shape, pin_memory=True)
            there.copy_(sound, non_blocking=True)
            event = torch.cuda.Event(blocking=True)
            event.record(self._beside)
        return Coming(there, event)

    @cached_property
    def _beside(self) -> Any:
        return torch.cuda.Stream(self._device)

    @torch.inference_mode()
    def _sound(self, codes: Codes | Tensor) -> Tensor:
        """`[B, N]` on the GPU."""
        tokens = torch.as_tensor(np.ascontiguousarray(codes) if isinstance(codes, np.ndarray) else codes)
        tokens = tokens.to(self._device)
        books = self._model.quantizer.codebooks
        latent = sum(F.embedding(tokens[:, k], book.embed) for k, book in enumerate(books))  # [B, T, D]
        assert isinstance(latent, Tensor)
        return self._model.decoder(latent.transpose(1, 2))[:, 0]
