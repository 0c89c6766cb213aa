"""Trains the codec for a given number of minutes, on whatever device there is.

Knows the optimiser and its schedule; the model, the loss and the data are their own modules.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from punchin_wire.disk import replacing
from torch import Tensor

from ..songs.corpus import AudioCorpus
from ..spectral import SpectralLoss
from .codec import Codec, CodecShape

PEAK_RATE, WARM_UP, FINAL_SHARE, CLIP = 1.5e-3, 100, 0.03, 2.0
UNQUANTISED_STEPS = 300  # the encoder must spread out before k-means looks at it
KMEANS_CROPS = 48
COMMITMENT = 0.25
CHECKPOINT_SECONDS = 300.0
REFINING_RATE, NOISE_WEIGHT = 8e-4, 0.2
REFINED_SHARE = 0.75  # of the way from the decoder before its refinement to the one after it


def train(songs: Path, checkpoint: Path, minutes: float, shape: CodecShape, batch: int = 6, seed: int = 0) -> Codec:
    """Train, or go on from `checkpoint`, until `minutes` in all are spent; returns the codec in eval mode."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(seed)
    codec, loss_of = Codec(shape).to(device), SpectralLoss(shape.sample_rate).to(device)
    optimiser = torch.optim.AdamW(codec.parameters(), PEAK_RATE, betas=(0.8, 0.99), weight_decay=1e-3)
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        codec.load_state_dict(state["codec"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["seconds"]
    corpus = AudioCorpus(songs, shape.sample_rate, seed + step)
    started, saved = time.monotonic() - spent, spent
    while (spent := time.monotonic() - started) < 60 * minutes:
        rate = PEAK_RATE * min(1.0, (step + 1) / WARM_UP) * _cosine(spent / (60 * minutes))
        for group in optimiser.param_groups:
            group["lr"] = rate
        if step == UNQUANTISED_STEPS:
            with torch.no_grad():  # k-means on more than one batch holds
                codec(corpus.batch(KMEANS_CROPS).to(device))
        audio = corpus.batch(batch).to(device)
        estimate, commitment = codec(audio, quantise=step >= UNQUANTISED_STEPS)
        loss, parts = loss_of(estimate, audio)
        optimiser.zero_grad()
        (loss + COMMITMENT * commitment).backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), CLIP)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            named = " ".join(f"{name} {value:.4f}" for name, value in parts.items())
            print(f"codec step {step} {spent:.0f}s {named} commit {commitment.item():.3f}", flush=True)
            corpus.refresh()
        if spent - saved > CHECKPOINT_SECONDS:
            saved = spent
            save(checkpoint, codec, optimiser, step, spent)
    save(checkpoint, codec, optimiser, step, spent)
    return codec.eval()


def refine_decoder(codec: Codec, songs: Path, checkpoint: Path, minutes: float, batch: int = 6, seed: int = 1) -> Codec:
    """Go on with the decoder alone, until `minutes` in all are spent; returns the codec in eval mode.

    Encoder and codebooks stand still, so tokens mean what they meant, and a language model that was trained on them
    stays valid. The loss gains the noise-to-signal ratio in dB, which is what SI-SDR measures.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    codec = codec.to(device).eval()
    loss_of = SpectralLoss(codec.shape.sample_rate).to(device)
    parameters = list(codec.decoder.parameters())
    optimiser = torch.optim.AdamW(parameters, REFINING_RATE, betas=(0.8, 0.99), weight_decay=1e-3)
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        codec.load_state_dict(state["codec"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["seconds"]
    corpus = AudioCorpus(songs, codec.shape.sample_rate, seed + step)
    started, saved = time.monotonic() - spent, spent
    while (spent := time.monotonic() - started) < 60 * minutes:
        for group in optimiser.param_groups:
            group["lr"] = REFINING_RATE * min(1.0, (step + 1) / WARM_UP) * _cosine(spent / (60 * minutes))
        audio = corpus.batch(batch).to(device)
        with torch.no_grad():
            quantised = codec.quantizer(codec.encoder(audio))[0]
        estimate = codec.decoder(quantised)
        loss, parts = loss_of(estimate, audio)
        noise = _noise_db(estimate, audio)
        optimiser.zero_grad()
        (loss + NOISE_WEIGHT * noise).backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimiser.step()
        step += 1
        if step % 50 == 0:
            named = " ".join(f"{name} {value:.4f}" for name, value in parts.items())
            print(f"decoder step {step} {spent:.0f}s {named} noise_db {noise.item():.2f}", flush=True)
            corpus.refresh()
        if spent - saved > CHECKPOINT_SECONDS:
            saved = spent
            save(checkpoint, codec, optimiser, step, spent)
    save(checkpoint, codec, optimiser, step, spent)
    return codec.eval()


@torch.no_grad()
def blend(before: Codec, after: Codec, share: float = REFINED_SHARE) -> Codec:
    """The codec whose weights lie `share` of the way from one to the other, in eval mode.

    For a decoder before and after its refinement: nearly all of the lower noise, and the harmony of both
    (docs/training.md).
    """
    start, end = before.state_dict(), after.state_dict()
    blended = Codec(before.shape)
    blended.load_state_dict({name: start[name].lerp(end[name], share) for name in start})
    return blended.eval()


def _noise_db(estimate: Tensor, target: Tensor) -> Tensor:
    """Noise to signal `[B, 1, N]` in dB, the mean over the batch."""
    noise, signal = ((audio**2).mean((1, 2)) + 1e-6 for audio in (estimate - target, target))
    return 10 * torch.log10(noise / signal).mean()


def load(checkpoint: Path, shape: CodecShape) -> Codec:
    """The codec of a training checkpoint, in eval mode."""
    codec = Codec(shape)
    codec.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["codec"])
    return codec.eval()


def save(path: Path, codec: Codec, optimiser: torch.optim.Optimizer | None, step: int, seconds: float) -> None:
    """Write a checkpoint atomically."""
    state: dict[str, Any] = {
        "codec": codec.state_dict(),
        "optimiser": optimiser.state_dict() if optimiser else None,
        "step": step,
        "seconds": seconds,
    }
    with replacing(path, durable=False) as file:
        torch.save(state, file)


def _cosine(progress: float) -> float:
    return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
