"""EnCodec's networks (Défossez et al., arXiv 2210.13438; the mono, non-causal edition of MusicGen), inference only.

Modules and tensors have the names that transformers gives them, so that its files and, renamed, audiocraft's load
strictly. Importing transformers itself would take longer than torch. Knows nothing about files and how it is run.

Shapes: B rows, C channels, n samples or frames, D width of a frame, K codebooks.
"""

from __future__ import annotations

from math import ceil, prod
from typing import Annotated, Literal

import msgspec
import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

Count = Annotated[int, Meta(ge=1)]


class EncodecConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a codec, in the words and with the defaults of transformers' config.json; `n_q` is K."""

    n_q: Count
    sampling_rate: Count = 24_000
    num_filters: Count = 32
    upsampling_ratios: Annotated[tuple[Count, ...], Meta(min_length=1)] = (8, 5, 4, 2)
    codebook_size: Count = 1024
    hidden_size: Count = 128
    num_residual_layers: Annotated[int, Meta(ge=0)] = 1
    kernel_size: Count = 7
    last_kernel_size: Count = 7
    residual_kernel_size: Count = 3
    dilation_growth_rate: Count = 2
    compress: Count = 2
    num_lstm_layers: Count = 2
    pad_mode: Literal["constant", "reflect"] = "reflect"

    @property
    def hop_length(self) -> int:
        """Samples of a frame."""
        return prod(self.upsampling_ratios)

    @property
    def frame_rate(self) -> int:
        """Frames a second, as transformers rounds it where it counts codebooks."""
        return ceil(self.sampling_rate / self.hop_length)


class EncodecConv1d(nn.Module):
    """A convolution that gives `ceil(n / stride)` outputs: both sides are padded, the right by what a stride lacks."""

    def __init__(
        self, config: EncodecConfig, channels: int, out: int, kernel: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.pad_mode = config.pad_mode
        self.conv = nn.Conv1d(channels, out, kernel, stride, dilation=dilation)
        # Plain numbers: as tensors, which `.to` would move, each call would wait for a GPU to tell them.
        self.stride, self.padding = stride, (kernel - 1) * dilation + 1 - stride

    def forward(self, x: Tensor) -> Tensor:
        right = self.padding // 2
        return self.conv(pad(x, self.padding - right, right + -x.shape[-1] % self.stride, self.pad_mode))


def pad(x: Tensor, left: int, right: int, mode: str) -> Tensor:
    """`x` `[B, C, n]` padded; where it is too short to be reflected, zeros lengthen it first, as in both originals."""
    lack = max(0, max(left, right) - x.shape[-1] + 1) if mode == "reflect" else 0
    padded = F.pad(F.pad(x, (0, lack)) if lack else x, (left, right), mode)
    return padded[..., : padded.shape[-1] - lack]


class EncodecConvTranspose1d(nn.Module):
    """A transposed convolution of two strides' width whose `n * stride` outputs are those inside."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.ConvTranspose1d(channels, out, 2 * stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        right = self.stride // 2
        y: Tensor = self.conv(x)
        return y[..., self.stride - right : y.shape[-1] - right]


class EncodecLSTM(nn.Module):
    """An LSTM over frames, with a skip: `[B, D, n]` to the same."""

    def __init__(self, config: EncodecConfig, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, config.num_lstm_layers)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.permute(2, 0, 1)
        y: Tensor = self.lstm(steps)[0] + steps
        return y.permute(1, 2, 0)


class EncodecResnetBlock(nn.Module):
    def __init__(self, config: EncodecConfig, width: int, dilation: int) -> None:
        super().__init__()
        hidden = width // config.compress
        self.block = nn.ModuleList(
            [
                nn.ELU(),
                EncodecConv1d(config, width, hidden, config.residual_kernel_size, dilation=dilation),
                nn.ELU(),
                EncodecConv1d(config, hidden, width, 1),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.block:
            y = layer(y)
        return x + y


class Stack(nn.Module):
    """Layers one after the other."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def encoder(config: EncodecConfig) -> Stack:
    """Sound `[B, 1, n]` to frames `[B, D, n / hop]`."""
    layers: list[nn.Module] = [EncodecConv1d(config, 1, config.num_filters, config.kernel_size)]
    width = config.num_filters
    for ratio in reversed(config.upsampling_ratios):
        layers += [*_residual(config, width), nn.ELU(), EncodecConv1d(config, width, 2 * width, 2 * ratio, ratio)]
        width *= 2
    last = EncodecConv1d(config, width, config.hidden_size, config.last_kernel_size)
    return Stack([*layers, EncodecLSTM(config, width), nn.ELU(), last])


def decoder(config: EncodecConfig) -> Stack:
    """Frames `[B, D, n]` to sound `[B, 1, n * hop]`."""
    width = config.num_filters * 2 ** len(config.upsampling_ratios)
    layers: list[nn.Module] = [EncodecConv1d(config, config.hidden_size, width, config.kernel_size)]
    layers += [EncodecLSTM(config, width)]
    for ratio in config.upsampling_ratios:
        layers += [nn.ELU(), EncodecConvTranspose1d(width, width // 2, ratio), *_residual(config, width // 2)]
        width //= 2
    return Stack([*layers, nn.ELU(), EncodecConv1d(config, width, 1, config.last_kernel_size)])


def _residual(config: EncodecConfig, width: int) -> list[nn.Module]:
    return [
        EncodecResnetBlock(config, width, config.dilation_growth_rate**k) for k in range(config.num_residual_layers)
    ]


class Codebook(nn.Module):
    """`embed` `[card, D]`, and what training kept beside it, which files carry along."""

    embed: Tensor

    def __init__(self, config: EncodecConfig) -> None:
        super().__init__()
        card, width = config.codebook_size, config.hidden_size
        for name, shape in (
            ("inited", (1,)),
            ("cluster_size", (card,)),
            ("embed", (card, width)),
            ("embed_avg", (card, width)),
        ):
            self.register_buffer(name, torch.empty(shape))

    def nearest(self, x: Tensor) -> Tensor:
        """`[B, n, D]` to the indices `[B, n]` of the nearest entries."""
        rows = x.reshape(-1, x.shape[-1])
        entries = self.embed.t()
        distance = rows.pow(2).sum(1, keepdim=True) - 2 * rows @ entries + entries.pow(2).sum(0, keepdim=True)
        return (-distance).max(dim=-1).indices.view(x.shape[:-1])


class VectorQuantizer(nn.Module):
    def __init__(self, config: EncodecConfig) -> None:
        super().__init__()
        self.codebook = Codebook(config)


class ResidualVectorQuantizer(nn.Module):
    """K codebooks, each for what the one before left over."""

    def __init__(self, config: EncodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(VectorQuantizer(config) for _ in range(config.n_q))

    def encode(self, x: Tensor) -> Tensor:
        """`[B, D, n]` to int64 `[K, B, n]`."""
        found = []
        for codebook in self.codebooks:
            codes = codebook.nearest(x.permute(0, 2, 1))
            x = x - F.embedding(codes, codebook.embed).permute(0, 2, 1)
            found.append(codes)
        return torch.stack(found)

    @property
    def codebooks(self) -> list[Codebook]:
        return [layer.codebook for layer in self.layers if isinstance(layer, VectorQuantizer)]


class Encodec(nn.Module):
    """The three networks of a codec."""

    def __init__(self, config: EncodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = encoder(config), decoder(config)
        self.quantizer = ResidualVectorQuantizer(config)


# ---- weight norm ---------------------------------------------------------------------------------------------

NORMED = ("parametrizations.weight.original0", "parametrizations.weight.original1")
"""A convolution's weight in a file: the length of each row, and its direction."""


def stored_shapes(model: Encodec) -> dict[str, torch.Size]:
    """The tensors that a file of `model` has, by name: each weight of a convolution in two pieces."""
    shapes = {}
    for name, tensor in model.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if stem.endswith(".conv") and kind == "weight":
            rows = (len(tensor), *[1] * (tensor.dim() - 1))
            for part, shape in zip(NORMED, (torch.Size(rows), tensor.shape), strict=True):
                shapes[f"{stem}.{part}"] = shape
        else:
            shapes[name] = tensor.shape
    return shapes


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of the networks, out of that of a file."""
    plain = {name: tensor for name, tensor in state.items() if not name.endswith(NORMED)}
    for name in state:
        stem, found, _ = name.partition(NORMED[0])
        if found:
            plain[f"{stem}weight"] = torch._weight_norm(state[stem + NORMED[1]], state[name], 0)
    return plain
