"""The trainable EnCodec: SEANet autoencoder with a residual vector quantiser, in audiocraft's module layout.

Knows layers and codes; knows nothing about losses, data or files. The product reads the weights with its own
loader; this class exists because training needs what inference does not: straight-through gradients, k-means
initialisation and moving-average codebooks. Sources: EnCodec (arXiv 2210.13438), audiocraft's checkpoint layout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


@dataclass(frozen=True)
class CodecShape:
    """Sizes of a codec. 32 kHz with ratios 8*5*4*4 = hop 640 makes 50 frames a second."""

    sample_rate: int = 32_000
    filters: int = 12
    latent: int = 128
    ratios: tuple[int, ...] = (8, 5, 4, 4)
    lstm_layers: int = 1
    codebooks: int = 4
    entries: int = 512

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return math.prod(self.ratios)


class _Named(nn.Module):
    """Gives its child a name of audiocraft's (`conv` or `convtr`) in the state dict."""

    def __init__(self, name: str, child: nn.Module) -> None:
        super().__init__()
        self.add_module(name, child)
        self.child_name = name

    def forward(self, x: Tensor) -> Tensor:
        child: nn.Module = getattr(self, self.child_name)
        return child(x)


class Conv(nn.Module):
    """Zero-padded non-causal convolution: [B, C, N] -> [B, C', ceil(N / stride)]."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = _Named("conv", weight_norm(nn.Conv1d(channels_in, channels_out, kernel, stride)))
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        total = self.kernel - self.stride
        extra = -x.shape[-1] % self.stride
        return self.conv(F.pad(x, (total - total // 2, total // 2 + extra)))


class ConvTranspose(nn.Module):
    """Upsampling by `stride`, kernel 2 * stride, trimmed to [B, C', N * stride]."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        layer = weight_norm(nn.ConvTranspose1d(channels_in, channels_out, 2 * stride, stride))
        self.convtr = _Named("convtr", layer)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        right = self.stride // 2
        left = self.stride - right
        return self.convtr(x)[..., left : left + x.shape[-1] * self.stride]


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 2
        self.block = nn.Sequential(nn.ELU(), Conv(channels, hidden, 3), nn.ELU(), Conv(hidden, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)


class Lstm(nn.Module):
    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, layers)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.permute(2, 0, 1)
        # oneDNN's LSTM is several times slower than the plain one at these widths on one thread.
        with torch.backends.mkldnn.flags(enabled=x.is_cuda):
            output = self.lstm(steps)[0]
        return (output + steps).permute(1, 2, 0)


class SeaNet(nn.Module):
    """Encoder or decoder: layers numbered as in audiocraft (`model.0`, `model.1`, ...)."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def encoder(shape: CodecShape) -> SeaNet:
    """[B, 1, N] -> [B, latent, ceil(N / hop)]."""
    widths = [shape.filters * 2**stage for stage in range(len(shape.ratios) + 1)]
    layers: list[nn.Module] = [Conv(1, widths[0], 7)]
    for (narrow, wide), ratio in zip(pairwise(widths), reversed(shape.ratios), strict=True):
        layers += [ResidualBlock(narrow), nn.ELU(), Conv(narrow, wide, 2 * ratio, ratio)]
    return SeaNet([*layers, Lstm(widths[-1], shape.lstm_layers), nn.ELU(), Conv(widths[-1], shape.latent, 7)])


def decoder(shape: CodecShape) -> SeaNet:
    """[B, latent, T] -> [B, 1, T * hop]."""
    widths = [shape.filters * 2**stage for stage in reversed(range(len(shape.ratios) + 1))]
    layers: list[nn.Module] = [Conv(shape.latent, widths[0], 7), Lstm(widths[0], shape.lstm_layers)]
    for (wide, narrow), ratio in zip(pairwise(widths), shape.ratios, strict=True):
        layers += [nn.ELU(), ConvTranspose(wide, narrow, ratio), ResidualBlock(narrow)]
    return SeaNet([*layers, nn.ELU(), Conv(shape.filters, 1, 7)])


class Codebook(nn.Module):
    """One codebook, learned by exponential moving averages."""

    embed: Tensor
    embed_avg: Tensor
    cluster_size: Tensor
    inited: Tensor
    DECAY, DEAD, EPSILON, KMEANS_ROUNDS = 0.99, 0.1, 1e-5, 10

    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.register_buffer("embed", torch.zeros(entries, width))
        self.register_buffer("embed_avg", torch.zeros(entries, width))
        self.register_buffer("cluster_size", torch.zeros(entries))
        self.register_buffer("inited", torch.zeros(1))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Entry ids [M] of vectors [M, width]."""
        return (self.embed.pow(2).sum(1) - 2 * vectors @ self.embed.t()).argmin(1)

    def _sums(self, vectors: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        counts = torch.bincount(ids, minlength=len(self.embed)).to(vectors.dtype)
        return counts, torch.zeros_like(self.embed).index_add_(0, ids, vectors)

    @torch.no_grad()
    def start(self, vectors: Tensor) -> None:
        """K-means over vectors [M, width], M >= entries."""
        chosen = torch.randperm(len(vectors), device=vectors.device)[: len(self.embed)]
        self.embed.copy_(vectors[chosen])
        for _ in range(self.KMEANS_ROUNDS):
            counts, sums = self._sums(vectors, self.nearest(vectors))
            means = sums / counts.clamp(min=1)[:, None]
            self.embed.copy_(torch.where(counts[:, None] > 0, means, self.embed))
        self.embed_avg.copy_(self.embed)
        self.cluster_size.fill_(1)
        self.inited.fill_(1)

    @torch.no_grad()
    def learn(self, vectors: Tensor, ids: Tensor) -> None:
        """One moving-average step; entries that fell out of use restart on vectors of this batch."""
        counts, sums = self._sums(vectors, ids)
        self.cluster_size.lerp_(counts, 1 - self.DECAY)
        self.embed_avg.lerp_(sums, 1 - self.DECAY)
        total = self.cluster_size.sum()
        smoothed = (self.cluster_size + self.EPSILON) / (total + len(counts) * self.EPSILON) * total
        self.embed.copy_(self.embed_avg / smoothed[:, None])
        dead = self.cluster_size < self.DEAD
        if dead.any():
            fresh = vectors[torch.randint(len(vectors), (int(dead.sum()),), device=vectors.device)]
            size = self.cluster_size.mean()
            self.embed[dead] = fresh
            self.embed_avg[dead] = fresh * size
            self.cluster_size[dead] = size


class _Layer(nn.Module):
    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self._codebook = Codebook(entries, width)


class _Layers(nn.Module):
    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(shape.entries, shape.latent) for _ in range(shape.codebooks))


class Quantizer(nn.Module):
    """Residual vector quantiser."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.vq = _Layers(shape)

    @property
    def codebooks(self) -> list[Codebook]:
        return [layer._codebook for layer in self.vq.layers]  # type: ignore[misc]

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, C, T] -> (quantised with straight-through gradient, codes [B, K, T], commitment loss)."""
        batch, width, frames = latent.shape
        vectors = latent.transpose(1, 2).reshape(-1, width)
        residual, quantised, commitment = vectors, torch.zeros_like(vectors), vectors.new_zeros(())
        codes = []
        for codebook in self.codebooks:
            detached = residual.detach()
            if self.training and not codebook.inited:
                codebook.start(detached)
            ids = codebook.nearest(detached)
            chosen = codebook.embed[ids]
            if self.training:
                codebook.learn(detached, ids)
            commitment = commitment + F.mse_loss(residual, chosen)
            quantised = quantised + chosen
            residual = residual - chosen
            codes.append(ids.view(batch, frames))
        passed = vectors + (quantised - vectors).detach()
        out = passed.view(batch, frames, width).transpose(1, 2)
        return out, torch.stack(codes, 1), commitment / len(codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, K, T] -> latent [B, C, T]."""
        latents = [book.embed[codes[:, k]] for k, book in enumerate(self.codebooks)]
        return torch.stack(latents).sum(0).transpose(1, 2)


class Codec(nn.Module):
    """Encoder, quantiser, decoder; started so that the latent varies from the first step."""

    def __init__(self, shape: CodecShape) -> None:
        super().__init__()
        self.shape = shape
        self.encoder, self.decoder, self.quantizer = encoder(shape), decoder(shape), Quantizer(shape)
        _start(self)

    def forward(self, audio: Tensor, quantise: bool = True) -> tuple[Tensor, Tensor]:
        """Audio [B, 1, N], N a multiple of the hop -> (reconstruction [B, 1, N], commitment loss)."""
        latent = self.encoder(audio)
        if not quantise:
            return self.decoder(latent), latent.new_zeros(())
        quantised, _, commitment = self.quantizer(latent)
        return self.decoder(quantised), commitment

    @torch.no_grad()
    def encode(self, audio: Tensor) -> Tensor:
        """[B, 1, N] -> int64 codes [B, K, ceil(N / hop)]; the module must be in eval mode."""
        codes: Tensor = self.quantizer(self.encoder(audio))[1]
        return codes

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """[B, K, T] -> [B, 1, T * hop]."""
        return self.decoder(self.quantizer.decode(codes))


@torch.no_grad()
def _start(codec: Codec) -> None:
    """Variance-preserving start: with torch's default the latent is constant and the codebooks collapse."""
    convolutions = [m for m in codec.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]
    for layer in convolutions:
        weight = layer.weight
        if isinstance(layer, nn.ConvTranspose1d):
            fan_in = weight.shape[0] * weight.shape[2] / layer.stride[0]
        else:
            fan_in = weight.shape[1] * weight.shape[2]
        layer.weight = torch.randn_like(weight) * (1.15 / math.sqrt(fan_in))
        assert layer.bias is not None
        layer.bias.zero_()
    # Start near the loudness of music, not at unit variance.
    convolutions[-1].weight = convolutions[-1].weight * 0.12
