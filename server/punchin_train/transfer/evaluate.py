"""How well a pack transfers: fidelity (chroma to the clip) and transferability (does the target instrument play?).

Runs the product's own engine on held-out lines. Beside it the bounds: the clip itself, an unrelated line, the target
instrument's own rendering as it is and through the pack's autoencoder and vocoder, and SDEdit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from punchin_server.codecs.mel import SAMPLE_RATE, log_mel
from punchin_server.engines.transfer.engine import Transfer, load
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Take, TakeSpec, TransferRequest

from ..measures import chroma_cosine, interval
from .judge import Judge
from .lines import Lines
from .solos import NAMES, SOLO_CAPTIONS

SECONDS = 10


@dataclass(frozen=True)
class Trial:
    """Line `line` on instrument `source`, to be played on `target`."""

    line: int
    source: int
    target: int


Figures = dict[str, tuple[float, float, float]]
"""Means with their 95 % intervals."""


def trials(count: int, lines: Lines) -> list[Trial]:
    """`count` trials, in which every instrument is the source and the target equally often."""
    found = []
    for i in range(count):
        source = i % len(NAMES)
        target = (source + 1 + i // len(NAMES) % (len(NAMES) - 1)) % len(NAMES)
        found.append(Trial(i % len(lines), source, target))
    return found


def sentence(instrument: int) -> str:
    """The caption of an instrument in the paper's words."""
    text = SOLO_CAPTIONS[0].format(NAMES[instrument])
    return text.replace("a a", "an a").replace("a o", "an o")


def take(engine: Transfer, pack: str, clip: Audio, seed: int, **settings: Any) -> Audio:
    """What `engine` makes of a clip `[N]` at 16 kHz, as long; `settings` are those of the request."""
    source, takes = describe(clip[None], SAMPLE_RATE), (TakeSpec(seed),)
    for emission in engine.run(TransferRequest(source=source, takes=takes, pack=pack, **settings), [clip[None]]):
        if isinstance(emission.event, Take) and emission.audio is not None:
            return emission.audio[0]
    raise AssertionError("the engine ended without a take")


@torch.inference_mode()
def resynthesised(engine: Transfer, wave: Audio) -> Audio:
    """`[N]` at 16 kHz through the pack's autoencoder and vocoder, as long."""
    base = engine.models.base
    mel = log_mel(torch.from_numpy(wave)[None])[:, None]
    frames = mel.shape[2] // base.scale * base.scale
    encoded = base.vae.encode(mel[:, :, :frames].to(engine.models.device)).latent_dist.mode()
    decoded = base.vae.decode(encoded).sample[:, 0]
    sound = engine.models.refined(base.vocoder(decoded), decoded)[0].cpu().numpy()
    return np.pad(sound, (0, max(0, len(wave) - len(sound))))[: len(wave)]


class TransferEvaluation:
    """A pack's engine on held-out lines."""

    def __init__(self, pack: str, lines: Lines, judge: Judge, count: int, precision: str = "float32") -> None:
        self.engine: Transfer = load(pack, "cpu", precision)
        self.pack, self.lines, self.judge = pack, lines, judge
        self.trials = trials(count, lines)

    def clip(self, trial: Trial, instrument: int) -> Audio:
        """`[160000]`"""
        return self.lines.wave(trial.line, instrument)[: SECONDS * SAMPLE_RATE]

    def take(self, trial: Trial, **settings: Any) -> Audio:
        """What the engine makes of a trial, `[160000]`; `settings` are those of the request."""
        usual: dict[str, Any] = {"prompt": sentence(trial.target), "negative_prompt": sentence(trial.source)}
        return take(self.engine, self.pack, self.clip(trial, trial.source), trial.line, **(usual | settings))

    def figures(self, name: str, sounds: list[Audio]) -> Figures:
        """Fidelity and accuracy of one sound a trial."""
        waves = torch.from_numpy(np.stack(sounds))
        clips = torch.from_numpy(np.stack([self.clip(t, t.source) for t in self.trials[: len(sounds)]]))
        with torch.no_grad():
            judged = self.judge(waves).argmax(1).tolist()
        trials = self.trials[: len(sounds)]
        return {
            f"{name}: chroma to the clip": interval(chroma_cosine(waves, clips, SAMPLE_RATE).mean(1).tolist()),
            f"{name}: target instrument": interval([float(a == t.target) for a, t in zip(judged, trials, strict=True)]),
            f"{name}: source instrument": interval([float(a == t.source) for a, t in zip(judged, trials, strict=True)]),
        }

    def bounds(self) -> Iterator[Figures]:
        """What the measures say of sounds that no transfer made."""
        sources = [self.clip(trial, trial.source) for trial in self.trials]
        targets = [self.clip(trial, trial.target) for trial in self.trials]
        yield self.figures("the clip itself", sources)
        yield self.figures("an unrelated line", [*targets[1:], targets[0]])
        yield self.figures("target rendered", targets)
        yield self.figures(
            "target through autoencoder and vocoder", [resynthesised(self.engine, wave) for wave in targets]
        )

    def grid(self, name: str, count: int, settings: list[dict[str, Any]]) -> Iterator[Figures]:
        """One row for each of `settings`, on the first `count` trials."""
        for row in settings:
            label = ", ".join(f"{key} {value}" for key, value in row.items())
            yield self.figures(f"{name} {label}", [self.take(trial, **row) for trial in self.trials[:count]])
