"""The codec is transformers' EncodecModel, whatever runs it, however long the sound, however it is tiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.codec_files import TINY, random_model, save_audiocraft
from fakes.gpu import pretended
from punchin_server.codecs import on_gpu, tiles
from punchin_server.codecs.encodec import Codec
from punchin_server.codecs.loading import load_codec, load_model
from punchin_server.codecs.on_gpu import GpuCodec

pytestmark = pytest.mark.torch

DEEP = TINY | {"upsampling_ratios": [5, 4, 3], "num_residual_layers": 2, "num_lstm_layers": 2}


def both_ways(codec: Codec, model: torch.nn.Module, samples: int, batch: int = 2) -> None:
    """`codec` gives `model`'s codes, and its sound of any codes."""
    wav = torch.randn(batch, samples, generator=torch.Generator().manual_seed(samples)) * 0.3
    expected = model.quantizer.encode(model.encoder(wav[:, None])).transpose(0, 1)
    codes = codec.encode(wav)
    assert codes.shape == (batch, codec.n_q, -(-samples // codec.hop))
    assert torch.equal(codes, expected)
    heard = codec.decode(codes)
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, model.decoder(model.quantizer.decode(codes.transpose(0, 1)))[:, 0], atol=2e-6)


@pytest.mark.model
@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize("shape", [TINY, DEEP], ids=["tiny", "deep"])
def test_equals_transformers(tmp_path: Path, backend: str, pad_mode: str, shape: dict[str, object]) -> None:
    model = random_model(shape, pad_mode=pad_mode)
    codec = load_codec(save_audiocraft(model, tmp_path / "c.bin"), backend=backend, threads=2)
    for frames in (1, 2, 3, 6, 7, 8, 40):
        for odd in (0, 1, -1):
            both_ways(codec, model, frames * codec.hop + odd)


@pytest.mark.model
@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_tiles_change_nothing(tmp_path: Path, backend: str, pad_mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Smallest tiles, chunks of 16 frames, several to a sound: still the one pass over the whole sound."""
    monkeypatch.setattr(tiles, "_TILE_BYTES", 1)
    monkeypatch.setattr("punchin_server.codecs.backends.OnnxBackend.chunk", 16)
    monkeypatch.setattr("punchin_server.codecs.backends.TorchBackend.chunk", 16)
    model = random_model(DEEP, pad_mode=pad_mode)
    codec = load_codec(save_audiocraft(model, tmp_path / "c.bin"), backend=backend, threads=2)
    for samples in (60 * 100, 60 * 100 + 1, 60 * 97 - 1, 60 * 48):
        both_ways(codec, model, samples)


def test_the_lstm_carries_its_state(tmp_path: Path) -> None:
    """A sound of several LSTM chunks, so long that its start is no longer in reach of any window."""
    model = random_model(TINY)
    both_ways(load_codec(save_audiocraft(model, tmp_path / "c.bin"), threads=1), model, 8 * 1203, batch=1)


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_nothing_in_nothing_out(tmp_path: Path, backend: str) -> None:
    codec = load_codec(save_audiocraft(random_model(TINY), tmp_path / "c.bin"), backend=backend)
    assert codec.encode(np.zeros((2, 0), "f4")).shape == (2, 4, 0)
    assert codec.decode(torch.zeros(2, 4, 0, dtype=torch.int64)).shape == (2, 0)


def test_halo_is_enough_and_not_much_more() -> None:
    """What lies beyond the halo never reaches an output; what lies at its edge is not far from doing so."""
    model = random_model(DEEP)
    layers = list(model.decoder.layers)[2:]
    stage, net = tiles.Stage.of(layers), torch.nn.Sequential(*layers)
    x = torch.randn(1, 8 * TINY["num_filters"], 8 * stage.halo)
    middle = 4 * stage.halo
    touched = x.clone()
    touched[..., middle + stage.halo + 1 :] += 1.0
    changed = (net(x) - net(touched)).abs().amax(dim=1)[0].nonzero().min().item()
    assert middle + 1 <= changed / stage.up <= middle + stage.halo + 1


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
def test_in_one_piece(tmp_path: Path, pad_mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, on the CPU: up to a length in one piece, then in tiles."""
    monkeypatch.setattr(on_gpu, "WHOLE", 40)
    model = random_model(DEEP, pad_mode=pad_mode)
    codec = GpuCodec(load_model(save_audiocraft(model, tmp_path / "c.bin")), "cpu")
    for frames in (1, 2, 7, 40, 41):
        for odd in (0, 1, -1):
            both_ways(codec, model, frames * codec.hop + odd)
    assert codec.encode(torch.zeros(2, 0)).shape == (2, codec.n_q, 0)
    assert codec.decode(torch.zeros(2, codec.n_q, 0, dtype=torch.long)).shape == (2, 0)


def test_a_gpu_is_seldom_waited_for(tmp_path: Path) -> None:
    """For a sound to get there, and for tokens or a sound to come back; for one that is made beside other work not
    before it is asked for."""
    model = random_model(DEEP)
    path = save_audiocraft(model, tmp_path / "c.bin")
    wav = torch.randn(2, 3000, generator=torch.Generator().manual_seed(1))
    expected = load_codec(path, "torch")
    codes = expected.encode(wav)
    with pretended(2) as gpu:
        codec, there = load_codec(path, device="cuda:1"), codes.to("cuda:1")
        for work, waits in (
            (lambda: codec.encode(wav), 2),
            (lambda: codec.decode(there), 1),
            (lambda: codec.decode_soon(there), 0),
        ):
            gpu.clear()
            work()
            assert gpu.waits.total() == waits, gpu.waits
        assert torch.equal(codec.encode(wav), codes)
        soon = codec.decode_soon(there)
        assert soon.ready()
        np.testing.assert_allclose(soon.sound(), expected.decode(codes), atol=2e-6)
