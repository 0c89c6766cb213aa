"""The AudioMAE encoder is a ViT over 64 x 8 patches, time-major, and its prompt is pooled as section 3.1 says."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from fakes.audioldm2 import randomize, write_audiomae
from punchin_server.models.audioldm2.audiomae import AudioMAE, Size, load_audiomae, pool
from punchin_wire.errors import BadCheckpoint, BadSetting, FileMissing
from safetensors.torch import save_file
from torch import Tensor
from transformers import ViTConfig, ViTModel

pytestmark = pytest.mark.torch

PUBLISHED = Size(width=768, depth=12, hidden=3072, patch=16, tokens=513)


def encoder(size: Size) -> AudioMAE:
    torch.manual_seed(0)
    model = AudioMAE(size).eval().requires_grad_(False)
    randomize(model)
    return model


@pytest.fixture
def state(tmp_path: Path) -> dict[str, Tensor]:
    return torch.load(write_audiomae(tmp_path / "pretrained.pth"))["model"]


def save(state: dict[str, Tensor], tmp_path: Path) -> Path:
    torch.save({"model": state}, tmp_path / "changed.pth")
    return tmp_path / "changed.pth"


def vit_state(ours: dict[str, Tensor], depth: int) -> dict[str, Tensor]:
    """Our tensors under the names of transformers' ViT."""
    theirs = {
        "embeddings.cls_token": ours["cls_token"],
        "embeddings.position_embeddings": ours["pos_embed"],
    }
    for kind in ("weight", "bias"):
        theirs[f"embeddings.patch_embeddings.projection.{kind}"] = ours[f"patch_embed.proj.{kind}"]
        theirs[f"layernorm.{kind}"] = ours[f"norm.{kind}"]
        for i in range(depth):
            block, layer = f"blocks.{i}", f"layers.{i}"
            for name, rows in zip("qkv", ours[f"{block}.attn.qkv.{kind}"].chunk(3), strict=True):
                theirs[f"{layer}.attention.{name}_proj.{kind}"] = rows
            theirs[f"{layer}.attention.o_proj.{kind}"] = ours[f"{block}.attn.proj.{kind}"]
            theirs[f"{layer}.layernorm_before.{kind}"] = ours[f"{block}.norm1.{kind}"]
            theirs[f"{layer}.layernorm_after.{kind}"] = ours[f"{block}.norm2.{kind}"]
            theirs[f"{layer}.mlp.fc1.{kind}"] = ours[f"{block}.mlp.fc1.{kind}"]
            theirs[f"{layer}.mlp.fc2.{kind}"] = ours[f"{block}.mlp.fc2.{kind}"]
    return theirs


@pytest.mark.model
def test_it_computes_what_transformers_vit_computes_at_the_published_width() -> None:
    size = PUBLISHED._replace(depth=3)
    ours = encoder(size)
    config = ViTConfig(
        hidden_size=768, num_hidden_layers=3, image_size=(1024, 128), patch_size=16, num_channels=1, layer_norm_eps=1e-6
    )
    theirs = ViTModel(config, add_pooling_layer=False).eval()
    theirs.load_state_dict(vit_state(ours.state_dict(), 3))
    x = torch.randn(1, 1, 1024, 128)
    with torch.no_grad():
        expected = theirs(x).last_hidden_state
    got = ours(x)
    assert got.shape == (1, 513, 768)
    torch.testing.assert_close(got, expected, atol=2e-4, rtol=0)


def test_the_published_size_has_the_published_tensors() -> None:
    """85.65 million parameters, in these names and shapes."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in AudioMAE(PUBLISHED).state_dict().items()}
    expected = {
        "cls_token": (1, 1, 768),
        "pos_embed": (1, 513, 768),
        "patch_embed.proj.weight": (768, 1, 16, 16),
        "patch_embed.proj.bias": (768,),
        "norm.weight": (768,),
        "norm.bias": (768,),
    }
    for i in range(12):
        for name, shape in {
            "norm1": (768,),
            "norm2": (768,),
            "attn.qkv": (2304, 768),
            "attn.proj": (768, 768),
            "mlp.fc1": (3072, 768),
            "mlp.fc2": (768, 3072),
        }.items():
            expected[f"blocks.{i}.{name}.weight"] = shape
            expected[f"blocks.{i}.{name}.bias"] = shape[:1]
    assert shapes == expected
    assert round(sum(torch.Size(shape).numel() for shape in shapes.values()) / 1e6, 2) == 85.65


@pytest.mark.parametrize(("t", "f"), [(0, 0), (0, 7), (1, 0), (40, 3), (63, 7)])
def test_patch_t_f_is_token_1_plus_8t_plus_f(t: int, f: int) -> None:
    """Without blocks only that token hears a change of that patch."""
    bare = encoder(Size(width=32, depth=0, hidden=1, patch=16, tokens=513))
    x = torch.randn(1, 1, 1024, 128)
    changed = x.clone()
    changed[..., 16 * t : 16 * (t + 1), 16 * f : 16 * (f + 1)] += 1
    differs = (bare(x) != bare(changed)).any(-1)[0]
    assert differs.nonzero().flatten().tolist() == [1 + 8 * t + f]


@pytest.mark.parametrize(("w", "count"), [(1, 512), (2, 128), (4, 32), (8, 8)])
def test_pooling_leaves_the_published_number_of_tokens(w: int, count: int) -> None:
    assert pool(torch.randn(2, 513, 5), (w, w)).shape == (2, count, 5)


@pytest.mark.parametrize(("wt", "wf"), [(2, 2), (8, 1), (1, 4), (64, 8)])
def test_pooling_is_the_mean_of_average_and_maximum_time_major(wt: int, wf: int) -> None:
    tokens = torch.randn(1, 513, 3)
    grid = tokens[0, 1:].view(64, 8, 3)
    expected = []
    for t in range(0, 64, wt):
        for f in range(0, 8, wf):
            cell = grid[t : t + wt, f : f + wf].reshape(-1, 3)
            expected.append((cell.mean(0) + cell.amax(0)) / 2)
    torch.testing.assert_close(pool(tokens, (wt, wf))[0], torch.stack(expected))


@pytest.mark.parametrize("pooling", [(3, 2), (2, 16), (0, 1)])
def test_pooling_that_does_not_divide_the_grid_is_refused(pooling: tuple[int, int]) -> None:
    with pytest.raises(BadSetting, match="does not divide"):
        pool(torch.randn(1, 513, 3), pooling)


def test_the_checkpoint_loads_without_its_decoder(tmp_path: Path, state: dict[str, Tensor]) -> None:
    """`pretrained.pth` and its safetensors twin give the same encoder, with every tensor of the file."""
    loaded = load_audiomae(tmp_path / "pretrained.pth")
    x = torch.randn(1, 1, 1024, 128)
    assert all(torch.equal(tensor, state[name]) for name, tensor in loaded.state_dict().items())
    save_file(state, tmp_path / "audiomae.safetensors")
    assert torch.equal(load_audiomae(tmp_path / "audiomae.safetensors")(x), loaded(x))
    assert not any(p.requires_grad for p in loaded.parameters())


def test_arguments_that_training_left_in_the_file_do_no_harm(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save({"model": state, "args": argparse.Namespace(lr=1e-3), "epoch": 3}, tmp_path / "args.pth")
    assert load_audiomae(tmp_path / "args.pth").size.width == 32


def test_a_lower_precision_is_used_where_it_is_asked_for(tmp_path: Path, state: dict[str, Tensor]) -> None:
    loaded = load_audiomae(save(state, tmp_path), torch.bfloat16)
    prompt = loaded.prompt(torch.zeros(1, 1, 1024, 128, dtype=torch.bfloat16), (8, 8))
    assert prompt.dtype == torch.bfloat16
    assert prompt.abs().max() > 0  # an encoded silence, not zeros


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pos_embed": None}, "pos_embed"),
        ({"blocks.0.attn.qkv.bias": None}, "lacks blocks.0.attn.qkv.bias"),
        ({"blocks.0.mlp.fc2.weight": torch.zeros(32, 63)}, "another shape"),
        ({"head.weight": torch.zeros(2)}, "head.weight"),
        ({"pos_embed": torch.zeros(1, 512, 32)}, "512 positions"),
        ({"norm.weight": torch.full((32,), torch.nan)}, "NaN"),
    ],
)
def test_other_tensors_are_refused(
    tmp_path: Path, state: dict[str, Tensor], change: dict[str, Tensor | None], message: str
) -> None:
    changed = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    with pytest.raises(BadCheckpoint, match=message):
        load_audiomae(save(changed, tmp_path))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        load_audiomae(tmp_path / "pretrained.pth")
