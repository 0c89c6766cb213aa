"""Trains one tuning on a frozen base and measures it: likelihood of what is hidden, and chords of the takes.

Knows the schedule and the measures; every method sees the same batches in the same order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..inpaint.evaluate_takes import Interval, TakeEvaluation, Window
from ..inpaint.lm import LanguageModel, Tuning, delayed, track_types
from ..inpaint.tokens import TOKEN_TRACKS
from ..inpaint.train_lm import CODEBOOK_WEIGHTS, KEPT_WEIGHT, frame_losses, prediction_losses
from ..inpaint.windows import TokenCorpus
from ..measures import interval

WARM_UP, FINAL_SHARE, CLIP, BATCH = 20, 0.05, 1.0, 4
GATE_FACTOR = 2.0  # gates learn this much faster than tokens, as in the joint training
REPORT_STEPS = 20


@dataclass(frozen=True)
class Tuned:
    """A base with one tuning, which serves the condition that it was trained for."""

    lm: LanguageModel
    tuning: Tuning

    def adapter(self, condition: str) -> Tuning:  # noqa: ARG002
        """The tuning."""
        return self.tuning


def train(
    lm: LanguageModel, tuning: Tuning, corpus: TokenCorpus, condition: str, steps: int, rate: float, title: str
) -> list[float]:
    """Train `tuning` alone for `steps` batches of the corpus; the loss of each step.

    The loss is the hidden frames' and half the repeated frames'. Learning rate: warm-up, then a cosine.
    """
    lm.requires_grad_(False)
    groups = [
        {"params": [p], "rate": rate * (GATE_FACTOR if name == "gates" else 1)} for name, p in tuning.named_parameters()
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), weight_decay=0.0)
    curve: list[float] = []
    started = time.monotonic()
    for step in range(steps):
        cosine = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = group["rate"] * min(1.0, (step + 1) / WARM_UP) * cosine
        with torch.autocast("cpu", torch.bfloat16):
            inpaint, repeat, _ = prediction_losses(lm, tuning, corpus.controlled(BATCH, condition))
        loss = inpaint + KEPT_WEIGHT * repeat
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuning.parameters(), CLIP)
        optimiser.step()
        curve.append(loss.item())
        if (step + 1) % REPORT_STEPS == 0:
            mean = sum(curve[-REPORT_STEPS:]) / REPORT_STEPS
            seconds = time.monotonic() - started
            print(f"{title} step {step + 1} {seconds:.0f}s loss {mean:.3f} inpaint {inpaint.item():.3f}", flush=True)
    return curve


@torch.no_grad()
def surprise(tuned: Tuned, excerpts: list[Window], condition: str, hole: range) -> tuple[list[float], list[float]]:
    """Mean negative log-likelihood in nats of the hidden and of the repeated frames, one value a window each.

    The original music is forced; codebooks are weighted as in training.
    """
    hidden_means, kept_means = [], []
    for excerpt in excerpts:
        mix, control = (excerpt.codes[TOKEN_TRACKS.index(name)] for name in ("mix", condition))
        kept = torch.ones(1, mix.shape[1], dtype=torch.long)
        kept[:, hole.start : hole.stop] = 0
        codes = torch.cat([torch.where(kept.bool(), mix, control), mix], 1)[None]
        sequence, window = delayed(codes, tuned.lm.shape.entries), mix.shape[1]
        features, _ = tuned.lm.features(sequence, tuned.tuning, track_types(kept))
        found = list(frame_losses(tuned.lm.heads(features[:, window:]), codes, window))
        hidden_means.append(_weighted([loss[kept[:, :count] == 0].mean() for loss, count in found]))
        kept_means.append(_weighted([loss[kept[:, :count] == 1].mean() for loss, count in found]))
    return hidden_means, kept_means


def _weighted(losses: list[Tensor]) -> float:
    return sum(weight * loss.item() for weight, loss in zip(CODEBOOK_WEIGHTS, losses, strict=True))


def figures(
    tuned: Tuned, evaluation: TakeEvaluation, condition: str, variants: tuple[str, ...]
) -> Iterator[tuple[str, Interval]]:
    """Likelihoods, then the figures of the takes, each with its 95 % interval."""
    hidden, kept = surprise(tuned, evaluation.excerpts, condition, evaluation.hole)
    yield "hidden frames, nats", interval(hidden)
    yield "repeated frames, nats", interval(kept)
    for variant in variants:
        yield from evaluation.takes(condition, variant)
