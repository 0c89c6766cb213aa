"""Fills one hole in many windows at once, for evaluation, with the training model itself.

Knows codes and the delay pattern; knows nothing about audio. The product's engine does the same with streaming,
several holes and cancellation; this one measures a checkpoint before there is a pack for the engine to load.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .lm import Cache, LanguageModel, Tuning, delayed, track_types


@torch.no_grad()
def fill(
    lm: LanguageModel,
    adapter: Tuning | None,
    music: Tensor,
    condition: Tensor,
    hole: range,
    *,
    temperature: float,
    top_k: int,
    seed: int,
) -> Tensor:
    """Codes [B, K, T] of the music with the frames of `hole` generated anew under `condition` [B, K, T].

    The context in front of the hole is forced, as the product does. Without an adapter the model has only that
    context: the plain continuation, with the condition left out of sight.
    """
    batch, codebooks, window = music.shape
    special, tail = lm.shape.entries, codebooks - 1
    kept = torch.ones(batch, window, dtype=torch.long)
    kept[:, hole.start : hole.stop] = 0
    if adapter is None:
        sequence, types, offset = delayed(music, special, tail), None, 0
    else:
        prefix = torch.where(kept[:, None].bool(), music, condition)
        types, offset = torch.cat([track_types(kept), kept[:, -1:].expand(-1, tail) + 2], 1), window
        sequence = delayed(torch.cat([prefix, music], 2), special, tail)
    first, last = offset + hole.start, offset + hole.stop  # frames to write
    # Step s holds codebook k of frame s - 1 - k: whatever lies in the hole is unknown until it is drawn.
    for k in range(codebooks):
        sequence[:, k, first + 1 + k : last + 1 + k] = special
    generator = torch.Generator().manual_seed(seed)
    capacity = last + codebooks
    caches = [Cache(lm.shape, batch, capacity) for _ in lm.layers]
    start = 0
    for step in range(first, capacity - 1):  # the output at a step belongs to the step after it
        shown = slice(start, step + 1)
        step_types = None if types is None else types[:, shown]
        features, _ = lm.features(sequence[:, :, shown], adapter, step_types, start, caches)
        drawn = _draw(lm.heads(features[:, -1:])[:, :, 0], temperature, top_k, generator)
        for k in range(codebooks):
            if first <= step - k < last:
                sequence[:, k, step + 1] = drawn[:, k]
        start = step + 1
    filled = music.clone()
    for k in range(codebooks):
        filled[:, k, hole.start : hole.stop] = sequence[:, k, first + 1 + k : last + 1 + k]
    return filled


def _draw(logits: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    """Logits [B, K, entries] -> ids [B, K]."""
    least = logits.topk(min(top_k, logits.shape[-1]), -1).values[..., -1:]
    shares = (logits / temperature).masked_fill(logits < least, -torch.inf).softmax(-1)
    flat = torch.multinomial(shares.flatten(0, 1), 1, generator=generator)
    return flat.view(logits.shape[:2])
