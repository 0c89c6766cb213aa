"""The AudioMAE encoder (arXiv 2207.06405): a plain ViT over 1024 frames of 128 filter banks, and the prompt it makes.

The AP-Adapter (arXiv 2407.16564, section 3.1) hears the final-norm output of the last block, pooled. Only the encoder
is here: no masking, no decoder. Sizes come from the file's tensors. Knows nothing about audio or fbank.

Shapes: B rows, T frames, F bands, n patches in a grid of t x f, W width.
"""

from __future__ import annotations

import argparse
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as nnf
from punchin_wire.errors import BadCheckpoint, BadSetting
from torch import Tensor, nn

from ...packs.tensor_files import Tensors, check_fit, only_tensors, read_pickle, read_safetensors

FRAMES, BANDS = 1024, 128
"""What the encoder hears at once: 10.24 s of fbank frames."""
PUBLISHED_WIDTH, PUBLISHED_HEADS = 768, 12


class Size(NamedTuple):
    """Of an encoder: `patch` is the side of a square patch, `tokens` counts the class token."""

    width: int
    depth: int
    hidden: int
    patch: int
    tokens: int

    @property
    def heads(self) -> int:
        """12 in the published size; no file says it, so smaller ones have heads of 32 by agreement."""
        return PUBLISHED_HEADS if self.width == PUBLISHED_WIDTH else max(1, self.width // 32)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B, H, 1+n, W/H]
        return self.proj(nnf.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nnf.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, eps=1e-6)
        self.attn = Attention(size.width, size.heads)
        self.norm2 = nn.LayerNorm(size.width, eps=1e-6)
        self.mlp = Mlp(size.width, size.hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, patch, stride=patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)  # [B, W, t, f] -> [B, n, W], time-major


class AudioMAE(nn.Module):
    """The encoder; its parameters have the names of the published `pretrained.pth`."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.patch_embed = PatchEmbed(size.width, size.patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, size.tokens, size.width))
        self.blocks = nn.ModuleList([Block(size) for _ in range(size.depth)])
        self.norm = nn.LayerNorm(size.width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, 1, 1024, 128]` normalised fbank features to `[B, 1+n, W]`: the class token, then patches time-major."""
        x = self.patch_embed(x) + self.pos_embed[:, 1:]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([first, x], dim=1)  # [B, 1+n, W]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def prompt(self, features: Tensor, pooling: tuple[int, int]) -> Tensor:
        """`[B, N, W]`, the audio prompt of `features` `[B, 1, 1024, 128]`; see :func:`pool`. Raises BadSetting."""
        return pool(self(features), pooling)


def pool(tokens: Tensor, pooling: tuple[int, int]) -> Tensor:
    """Mean of average and maximum over `pooling` (time, frequency) patches: `[B, 1+n, W]` to `[B, N, W]`, time-major.

    The class token is dropped. The published grid is 64 x 8, so w = 1, 2, 4, 8 leaves N = 512, 128, 32, 8 tokens.
    Raises BadSetting when `pooling` does not divide the grid.
    """
    grid = patch_grid(tokens.shape[1] - 1)
    if any(w < 1 or side % w for side, w in zip(grid, pooling, strict=True)):
        raise BadSetting(
            f"A pooling of {pooling[0]} x {pooling[1]} does not divide the prompt's {grid[0]} x {grid[1]} patches.",
            "Choose a pooling of 1, 2, 4 or 8.",
        )
    patches = tokens[:, 1:].transpose(1, 2).unflatten(2, grid)  # [B, W, t, f]
    pooled = (nnf.avg_pool2d(patches, pooling) + nnf.max_pool2d(patches, pooling)) / 2
    return pooled.flatten(2).transpose(1, 2)


def patch_grid(patches: int) -> tuple[int, int]:
    """The sides (time, frequency) of a grid of square patches over 1024 x 128."""
    bands = isqrt(patches * BANDS // FRAMES)
    return patches // bands, bands


# ---- loading -------------------------------------------------------------------------------------------------


def load_audiomae(path: Path, dtype: torch.dtype = torch.float32) -> AudioMAE:
    """The encoder in AudioMAE's `pretrained.pth` (a dict with `model`) or a safetensors file of the same names.

    Its decoder is ignored; the position table is always the file's, since the one the paper's code would compute is
    laid out for the transposed grid. Raises FileMissing, BadCheckpoint.
    """
    state = {n: t for n, t in _read(path).items() if not n.startswith(("decoder", "mask_token"))}
    with torch.device("meta"):
        encoder = AudioMAE(_size(state, path.name))
    check_fit(state, {name: tensor.shape for name, tensor in encoder.state_dict().items()}, path.name)
    encoder.load_state_dict({name: tensor.to(dtype) for name, tensor in state.items()}, assign=True)
    return encoder.eval().requires_grad_(False)


def _read(path: Path) -> Tensors:
    if path.suffix == ".safetensors":
        return only_tensors(read_safetensors(path), path.name)
    with torch.serialization.safe_globals([argparse.Namespace]):  # training scripts store their arguments beside it
        package = read_pickle(path)
    return only_tensors(package.get("model", package), path.name)


def _size(state: Tensors, source: str) -> Size:
    try:
        patch = state["patch_embed.proj.weight"]  # [W, 1, p, p]
        size = Size(
            width=patch.shape[0],
            depth=len({name.split(".")[1] for name in state if name.startswith("blocks.")}),
            hidden=state["blocks.0.mlp.fc1.weight"].shape[0],
            patch=patch.shape[3],
            tokens=state["pos_embed"].shape[1],
        )
    except (KeyError, IndexError) as error:
        raise BadCheckpoint(f"{source} is not an AudioMAE encoder: {error} is missing or of another shape.") from error
    if size.width % size.heads or size.tokens != 1 + (FRAMES // size.patch) * (BANDS // size.patch):
        raise BadCheckpoint(
            f"{source} describes width {size.width}, patches of {size.patch} and {size.tokens} positions; "
            f"AudioMAE hears {FRAMES} x {BANDS} in square patches and one class token."
        )
    return size
