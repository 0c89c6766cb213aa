"""The paper's other design, for comparison: adapted layers that attend to text and audio in one softmax."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from punchin_server.models.audioldm2.prompted_unet import PromptAttention
from torch import Tensor
from torch.nn import functional as nnf


@contextmanager
def fused() -> Iterator[None]:
    """While this lasts, adapted layers of torch's modules attend to text and audio in one softmax, as the paper's other
    design does; the adapter is the one that was trained for two. A graph in a network's place knows nothing of it."""
    apart = PromptAttention.forward
    PromptAttention.forward = _fused  # type: ignore[method-assign]
    try:
        yield
    finally:
        PromptAttention.forward = apart  # type: ignore[method-assign]


def _fused(self: PromptAttention, attn: Any, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
    text, bias, audio, _alpha = self.prompt
    rows, width = len(text.k), text.k.shape[3]
    q = attn.to_q(hidden_states).view(rows, -1, attn.heads, width).transpose(1, 2)
    k, v = text.k, text.v
    if audio is not None:
        k, v = torch.cat([text.k, audio.k], 2), torch.cat([text.v, audio.v], 2)
        if bias is not None:
            bias = nnf.pad(bias, (0, audio.k.shape[2]))
    out = nnf.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    merged: Tensor = attn.to_out[0](out.transpose(1, 2).reshape(*hidden_states.shape[:2], -1))
    return merged
