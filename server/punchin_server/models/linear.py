"""The one linear layer of the language model, `y = x W^T (+ b)`: the seam where packed fast backends go in.

The language model multiplies weights only through this class, so a backend may replace its instances after loading.
Knows no model.
"""

from __future__ import annotations

from torch import nn


class Linear(nn.Linear):
    """`[..., in_features]` to `[..., out_features]`, without bias unless asked (MusicGen has none but in text)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = False) -> None:
        super().__init__(in_features, out_features, bias=bias)
