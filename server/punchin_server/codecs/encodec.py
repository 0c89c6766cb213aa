"""EnCodec: waveforms to tokens and back. Knows nothing about packs, jobs or language models.

The network is transformers' EncodecModel (Défossez et al., arXiv 2210.13438; the mono 32 kHz edition of MusicGen,
arXiv 2306.05284), from either checkpoint format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from punchin_wire.errors import BadCheckpoint
from torch import nn
from torch.nn.utils import parametrize
from transformers import EncodecModel

from .checkpoint import Tensors, read_checkpoint

Audio = npt.NDArray[np.float32]


def load_model(path: Path) -> EncodecModel:
    """The network of the checkpoint at `path`, float32, weight norm folded into the weights, ready to infer.

    Raises FileMissing, PackMissing, or BadCheckpoint that says which tensor does not fit.
    """
    config, state = read_checkpoint(path)
    model = EncodecModel(config)
    _check(model.state_dict(), state, path.name)
    model.load_state_dict(state, strict=True)
    for module in model.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            parametrize.remove_parametrizations(module, "weight")
    return model.eval().requires_grad_(False)


def _check(expected: Tensors, found: Tensors, source: str) -> None:
    """Every tensor there, none too many, each in its shape; else BadCheckpoint with the first of each kind."""
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    shapes = [
        f"{name} is {list(found[name].shape)}, not {list(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    faults = [
        *([f"{len(missing)} tensors are missing, first {missing[0]}"] if missing else []),
        *([f"{len(extra)} tensors are unknown, first {extra[0]}"] if extra else []),
        *([f"{len(shapes)} tensors have other shapes, first: {shapes[0]}"] if shapes else []),
    ]
    if faults:
        raise BadCheckpoint(f"The codec in {source} is not the one its settings describe: {'; '.join(faults)}.")


class Codec:
    """Mono audio at `sample_rate` to `n_q` token streams of `card` entries, one frame each `hop` samples, and back."""

    def __init__(self, model: EncodecModel, device: str = "cpu") -> None:
        config = model.config
        self._model = model.to(device)
        self._device = device
        self.sample_rate: int = config.sampling_rate
        self.hop: int = config.hop_length
        self.frame_rate: float = self.sample_rate / self.hop
        self.n_q: int = len(model.quantizer.layers)
        self.card: int = config.codebook_size

    @torch.inference_mode()
    def encode(self, wav: Audio | torch.Tensor) -> torch.Tensor:
        """Tokens of `wav` float32 `[B, N]` in -1..1: int64 `[B, n_q, ceil(N / hop)]` on the CPU."""
        x = torch.as_tensor(wav, dtype=torch.float32, device=self._device)  # [B, N]
        latent = self._model.encoder(x[:, None])  # [B, D, T]
        return self._model.quantizer.encode(latent).transpose(0, 1).cpu()  # [B, K, T]

    @torch.inference_mode()
    def decode(self, codes: npt.NDArray[np.int64] | torch.Tensor) -> Audio:
        """Audio of `codes` int64 `[B, n_q, T]`: float32 `[B, T * hop]`."""
        tokens = torch.as_tensor(codes, device=self._device).transpose(0, 1)  # [K, B, T]
        audio: Audio = self._model.decoder(self._model.quantizer.decode(tokens))[:, 0].cpu().numpy()
        return audio


def load_codec(path: Path, backend: Literal["auto", "onnx", "torch"] = "auto", device: str = "cpu") -> Codec:
    """The codec of the checkpoint at `path` (see :func:`.checkpoint.read_checkpoint` for what it may be)."""
    del backend
    return Codec(load_model(path), device)
