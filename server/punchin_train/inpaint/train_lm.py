"""Trains the language model and its adapters: jointly first, then each adapter on the frozen base.

Knows losses, optimiser and schedule; model and data are their own modules. Adapters trained alone on a base this
small neither copy nor follow; trained together they do both, and the base still plays on its own.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from punchin_wire.disk import replacing
from punchin_wire.params import Control
from torch import Tensor, nn

from .lm import Adapter, LanguageModel, LmShape, Tuning, delayed, track_types
from .windows import Batch, TokenCorpus

CONDITIONS: tuple[Control, ...] = ("drums", "chord", "piano")
TURNS: tuple[Control, ...] = ("chord", "drums", "chord", "piano")  # harmony is harder to follow than drums
PLAIN_SHARE = 0.1  # of the joint training's batches
KEPT_WEIGHT, CHORD_WEIGHT = 0.5, 0.5
CODEBOOK_WEIGHTS = (0.4, 0.275, 0.2, 0.125)  # the first codebook carries the notes, the last mostly noise
CHORD_LAYER, CHORD_CLASSES = 2, 24
RATES = {"base": 1.5e-3, "chord_head": 3e-3, "adaptor": 1e-2, "gates": 2e-2}
REFINE_RATES = {"adaptor": 3e-3, "gates": 6e-3}
GOING_ON = 0.6  # of these rates where the training goes on from a finished pack
WEIGHT_DECAY, WARM_UP, FINAL_SHARE, CLIP = 0.02, 40, 0.05, 1.0
CHECKPOINT_SECONDS, REPORT_STEPS = 240.0, 25


class Trainee(nn.Module):
    """Everything that learns: the base, one adapter a condition, and a chord classifier that never ships.

    The classifier reads a middle layer and must name the chord; it is what makes so small a model hear harmony.
    """

    def __init__(self, shape: LmShape) -> None:
        super().__init__()
        self.lm = LanguageModel(shape)
        self.adapters = nn.ModuleDict({name: Adapter(shape) for name in CONDITIONS})
        self.chord_head = nn.Linear(shape.width, CHORD_CLASSES)

    def adapter(self, condition: str) -> Adapter:
        """The adapter of one condition."""
        return self.adapters[condition]  # type: ignore[return-value]


def frame_losses(logits: Tensor, codes: Tensor, first: int) -> Iterable[tuple[Tensor, int]]:
    """Cross-entropy of each codebook's frames from `first` on, [B, frames]; later codebooks end sooner.

    `logits` [B, K, S, entries] start at step `first` of the delay pattern: step s predicts frame s - k.
    """
    frames = codes.shape[2]
    for k in range(codes.shape[1]):
        count = frames - k - first
        predicted = logits[:, k, k : k + count].float()
        yield F.cross_entropy(predicted.transpose(1, 2), codes[:, k, first : frames - k], reduction="none"), count


def prediction_losses(lm: LanguageModel, tuning: Tuning | None, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of the prediction's hidden frames, of those repeated, and the output [B, S, D] of CHORD_LAYER.

    The losses are means over codebooks (CODEBOOK_WEIGHTS), each of all frames of its kind in the batch.
    """
    window = batch.kept.shape[1]
    sequence = delayed(batch.codes, lm.shape.entries)
    features, middle = lm.features(sequence, tuning, track_types(batch.kept), tap=CHORD_LAYER)
    logits = lm.heads(features[:, window:])
    masked, kept = [], []
    for losses, count in frame_losses(logits, batch.codes, window):
        weight = batch.kept[:, :count].float()
        masked.append((losses * (1 - weight)).sum() / (1 - weight).sum().clamp(min=1))
        kept.append((losses * weight).sum() / weight.sum().clamp(min=1))
    assert middle is not None
    return _weighted(masked), _weighted(kept), middle


def controlled_loss(trainee: Trainee, batch: Batch, condition: str) -> tuple[Tensor, dict[str, float]]:
    """Prediction loss, inpainted mean + half the repeated mean, plus the chord classifier's."""
    window = batch.kept.shape[1]
    inpaint, repeat, middle = prediction_losses(trainee.lm, trainee.adapter(condition), batch)
    # Step s + 1 holds codebook 0 of prefix frame s; step `window` + s predicts prediction frame s.
    chords = inpaint.new_zeros(())
    for start in (1, window):
        named = trainee.chord_head(middle[:, start : start + window]).float().transpose(1, 2)
        chords = chords + F.cross_entropy(named, batch.chords, ignore_index=-1)
    hidden = (batch.kept == 0) & (batch.chords >= 0)
    right = (named.argmax(1) == batch.chords)[hidden].float().mean()
    loss = inpaint + KEPT_WEIGHT * repeat + CHORD_WEIGHT * chords
    return loss, {"inpaint": inpaint.item(), "repeat": repeat.item(), "chords": right.item()}


def plain_loss(trainee: Trainee, codes: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Loss of uncontrolled music without adapters."""
    features, _ = trainee.lm.features(delayed(codes, trainee.lm.shape.entries))
    loss = _weighted([frame.mean() for frame, _ in frame_losses(trainee.lm.heads(features), codes, 0)])
    return loss, {"plain": loss.item()}


def _weighted(losses: list[Tensor]) -> Tensor:
    return (torch.stack(losses) * torch.tensor(CODEBOOK_WEIGHTS, device=losses[0].device)).sum()


def train(
    corpus: TokenCorpus, checkpoint: Path, minutes: float, shape: LmShape, start: Trainee | None = None, batch: int = 8
) -> Trainee:
    """Joint training; goes on from `checkpoint` where there is one, else from `start`, else from nothing.

    Returns the trainee in eval mode.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    trainee = (start or Trainee(shape)).to(device)
    share = 1.0 if start is None else GOING_ON
    adapters = [trainee.adapter(name) for name in CONDITIONS]
    lm_parameters = [p for n, p in trainee.lm.named_parameters() if not _textual(n)]
    optimiser = torch.optim.AdamW(
        [
            {"params": lm_parameters, "rate": share * RATES["base"], "weight_decay": WEIGHT_DECAY},
            {"params": list(trainee.chord_head.parameters()), "rate": RATES["chord_head"]},
            {"params": [adapter.adaptor for adapter in adapters], "rate": share * RATES["adaptor"]},
            {"params": [adapter.gates for adapter in adapters], "rate": share * RATES["gates"]},
        ],
        betas=(0.9, 0.95),
        weight_decay=0.0,
        fused=True,
    )
    step, spent = _resume(checkpoint, trainee, optimiser)
    started, saved = time.monotonic() - spent, spent
    report = _Report()
    while (spent := time.monotonic() - started) < 60 * minutes:
        _set_rates(optimiser, step, spent / (60 * minutes))
        with torch.autocast(device, torch.bfloat16):
            if corpus.random.random() < PLAIN_SHARE:
                loss, parts = plain_loss(trainee, corpus.plain(batch).to(device))
            else:
                condition = TURNS[step % len(TURNS)]
                drawn = _to(corpus.controlled(batch, condition), device)
                loss, parts = controlled_loss(trainee, drawn, condition)
        _descend(optimiser, loss)
        step += 1
        report.add(step, spent, parts)
        if spent - saved > CHECKPOINT_SECONDS:
            saved = spent
            save(checkpoint, trainee, optimiser, step, spent)
            corpus.refresh()
    save(checkpoint, trainee, optimiser, step, spent)
    return trainee.eval()


def refine(trainee: Trainee, corpus: TokenCorpus, minutes: float, batch: int = 8) -> None:
    """Train each adapter on the frozen base, `minutes` in all."""
    device = next(trainee.parameters()).device
    trainee.requires_grad_(False)
    for condition in CONDITIONS:
        adapter = trainee.adapter(condition).requires_grad_()
        optimiser = torch.optim.AdamW(
            [
                {"params": [adapter.adaptor], "rate": REFINE_RATES["adaptor"]},
                {"params": [adapter.gates], "rate": REFINE_RATES["gates"]},
            ],
            betas=(0.9, 0.95),
            weight_decay=0.0,
        )
        started, step, report = time.monotonic(), 0, _Report(f"{condition} ")
        while (spent := time.monotonic() - started) < 60 * minutes / len(CONDITIONS):
            _set_rates(optimiser, step, spent / (60 * minutes / len(CONDITIONS)))
            with torch.autocast(device.type, torch.bfloat16):
                drawn = _to(corpus.controlled(batch, condition), device)
                loss, parts = controlled_loss(trainee, drawn, condition)
            _descend(optimiser, loss)
            step += 1
            report.add(step, spent, parts)
        adapter.requires_grad_(False)


def load(checkpoint: Path, shape: LmShape) -> Trainee:
    """The trainee of a checkpoint, in eval mode."""
    trainee = Trainee(shape)
    trainee.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["trainee"])
    return trainee.eval()


def save(path: Path, trainee: Trainee, optimiser: torch.optim.Optimizer | None, step: int, seconds: float) -> None:
    """Write a checkpoint atomically."""
    state: dict[str, Any] = {
        "trainee": trainee.state_dict(),
        "optimiser": optimiser.state_dict() if optimiser else None,
        "step": step,
        "seconds": seconds,
    }
    with replacing(path, durable=False) as file:
        torch.save(state, file)


class _Report:
    """Means of the last steps, printed now and then."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.parts: dict[str, list[float]] = defaultdict(list)

    def add(self, step: int, seconds: float, parts: dict[str, float]) -> None:
        for name, value in parts.items():
            if not math.isnan(value):  # a batch without hidden labelled frames names no chord
                self.parts[name].append(value)
        if step % REPORT_STEPS == 0:
            means = " ".join(f"{name} {sum(v) / len(v):.3f}" for name, v in sorted(self.parts.items()))
            print(f"lm {self.title}step {step} {seconds:.0f}s {means}", flush=True)
            self.parts.clear()


def _textual(name: str) -> bool:
    """Whether a parameter only matters with text, which training has none of."""
    return "cross" in name or name.startswith("condition_provider")


def _resume(checkpoint: Path, trainee: Trainee, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    if not checkpoint.exists():
        return 0, 0.0
    device = next(trainee.parameters()).device
    state = torch.load(checkpoint, map_location=device, weights_only=True)
    trainee.load_state_dict(state["trainee"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"], state["seconds"]


def _set_rates(optimiser: torch.optim.Optimizer, step: int, progress: float) -> None:
    """Linear warm-up, then a cosine down to FINAL_SHARE."""
    cosine = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * min(1.0, (step + 1) / WARM_UP) * cosine


def _descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, CLIP)
    optimiser.step()


def _to(batch: Batch, device: torch.device | str) -> Batch:
    return Batch(batch.codes.to(device), batch.kept.to(device), batch.chords.to(device))
