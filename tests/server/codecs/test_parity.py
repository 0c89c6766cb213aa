"""Parity with audiocraft's own EnCodec: same random weights, same codes, same sound. MusicGen's true size."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from fakes.codec_files import TINY, TRUE, random_model, save_audiocraft, xp_cfg
from peers.audiocraft_import import load_audiocraft
from punchin_server.codecs.checkpoint import read_checkpoint
from punchin_server.codecs.loading import load_codec

pytestmark = pytest.mark.model


def audiocraft_codec(path: Path) -> Any:
    """What audiocraft itself makes of the checkpoint, by its own builder and its own strict loading."""
    load_audiocraft()
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    package = torch.load(path, weights_only=True)
    settings = OmegaConf.create(package["xp.cfg"])
    settings.compression_model = "encodec"
    settings.device = "cpu"
    model = builders.get_compression_model(settings)
    model.load_state_dict(package["best_state"])
    return model.eval()


def complete(model: Any) -> dict[str, Any]:
    """Settings that audiocraft's builder insists on and a small test file need not repeat."""
    given = yaml.safe_load(xp_cfg(model))["seanet"]
    return given | {
        "activation": "ELU",
        "activation_params": {"alpha": 1.0},
        "norm_params": {},
        "kernel_size": 7,
        "residual_kernel_size": 3,
        "last_kernel_size": 7,
        "dilation_base": 2,
        "true_skip": True,
        "compress": 2,
        "disable_norm_outer_blocks": 0,
        "decoder": {"trim_right_ratio": 1.0, "final_activation": None, "final_activation_params": None},
        "encoder": {},
    }


@pytest.mark.peer
@pytest.mark.skipif(find_spec("audiocraft") is None, reason="audiocraft is not installed")
@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
@pytest.mark.parametrize("shape", [TINY, TRUE], ids=["tiny", "true"])
def test_equals_audiocraft(tmp_path: Path, shape: dict[str, Any], pad_mode: str, backend: Any) -> None:
    model = random_model(shape, pad_mode=pad_mode)
    path = save_audiocraft(model, tmp_path / "compression_state_dict.bin", **complete(model))
    peer = audiocraft_codec(path)
    codec = load_codec(path, backend=backend)
    generator = torch.Generator().manual_seed(5)
    wav = torch.randn(2, 3 * codec.sample_rate + 1, generator=generator) * 0.2
    with torch.inference_mode():
        expected, scale = peer.encode(wav[:, None])
        assert scale is None
        codes = codec.encode(wav)
        assert torch.equal(codes, expected)
        np.testing.assert_allclose(codec.decode(codes), peer.decode(codes)[:, 0].numpy(), atol=1e-5)


def test_the_true_shape(tmp_path: Path) -> None:
    """116 tensors, 750 frames of 15 s, and one sample more makes one frame more."""
    model = random_model(TRUE)
    path = save_audiocraft(model, tmp_path / "c.bin")
    assert len(read_checkpoint(path)[1]) == 116
    codec = load_codec(path)
    assert (codec.sample_rate, codec.hop, codec.frame_rate, codec.n_q, codec.card) == (32_000, 640, 50.0, 4, 2048)
    silence = np.zeros((1, 480_001), np.float32)
    assert codec.encode(silence[:, :-1]).shape == (1, 4, 750)
    assert codec.encode(silence).shape == (1, 4, 751)
