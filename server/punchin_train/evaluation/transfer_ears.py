"""What a transfer is like, to ears that had no part in training: do the clip's notes sound, and is it the target?

Notes are heard by basic-pitch's model (:mod:`punchin_server.listening`). The judge of instruments learned from
originals of our own generator; CLAP is heard where it is on disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.listening import likeness, notes
from punchin_server.listening.likeness import Likeness
from punchin_wire.frames import Audio

from .. import measures
from ..transfer.evaluate import sentence
from ..transfer.judge import Judge
from ..transfer.solos import NAMES
from .embeddings import CLAP, Clap, Points, frechet

TARGET, LIKELY, SOURCE = "target heard", "target's probability", "source heard"
FIDELITY, CHANCE = "chroma to the clip", "CLAP target"
NOTES = "note F1"
LIKENESS = {
    likeness.NOTES: NOTES,
    likeness.FRAMES: "frame F1",
    likeness.TEMPO: "tempo kept",
    likeness.BEATS: "beat F",
}
COLUMNS = (*LIKENESS.values(), TARGET, LIKELY, SOURCE, FIDELITY)
RENDERED = "the target, rendered"


@dataclass(frozen=True, eq=False)
class Case:
    """A clip `[N]` at 16 kHz that instrument `target` shall play, away from the text `negative`. `source` is the
    instrument that plays it, None where nobody says."""

    clip: Audio
    target: int
    seed: int
    negative: str
    source: int | None = None


class Heard(NamedTuple):
    """The sound of a row: its measures, and where it lies as points where CLAP heard it."""

    row: str
    measures: Mapping[str, float]
    points: Points | None


class Listener:
    """What a sound of a row is like; `clap` adds its measures where there is one."""

    def __init__(self, judge: Judge, clap: Clap | None) -> None:
        self.judge, self.clap = judge, clap
        self._transcriber = notes.installed()
        self._sentences = clap.sentences([sentence(number) for number in range(len(NAMES))]) if clap else None
        self._last: tuple[Case, Likeness] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (*COLUMNS, *((CLAP, CHANCE, Clap.fad) if self.clap else ()))

    @torch.inference_mode()
    def measure(self, row: str, sound: Audio, case: Case) -> Heard:
        """Every measure of `sound` `[N]` that is known; NaN where there is nothing to measure."""
        chances = self.judge(torch.from_numpy(sound[None].copy()))[0].softmax(0)
        judged, heard = int(chances.argmax()), self._likeness(case).of(sound)
        points = self.clap.points(sound, SAMPLE_RATE) if self.clap else None
        measures = {
            **{column: heard.get(name, float("nan")) for name, column in LIKENESS.items()},
            TARGET: float(judged == case.target),
            LIKELY: float(chances[case.target]),
            SOURCE: float("nan") if case.source is None else float(judged == case.source),
            FIDELITY: _chroma(sound, case.clip),
            **self._by_clap(points, case),
        }
        return Heard(row, measures, points)

    def _likeness(self, case: Case) -> Likeness:
        """The clip is heard once for all rows of it."""
        if self._last is None or self._last[0] is not case:
            self._last = case, Likeness(self._transcriber, case.clip, SAMPLE_RATE)
        return self._last[1]

    def _by_clap(self, points: Points | None, case: Case) -> dict[str, float]:
        """Cosine with the prompt, and how likely the target's prompt is among those of all instruments."""
        if self.clap is None or self._sentences is None or points is None:
            return {}
        return {
            CLAP: float((points @ self._sentences[case.target]).mean()),
            CHANCE: float(self.clap.chances(points, self._sentences)[case.target]),
        }


def distances(points: Mapping[str, Sequence[Points]]) -> Iterator[tuple[str, float]]:
    """The Fréchet distance of every row that has sounds enough to the targets' own renderings, if there are any."""
    sets = {row: np.concatenate(found) for row, found in points.items()}
    for row, ours in sets.items():
        if RENDERED in sets and row != RENDERED and len(ours) >= Clap.least:
            yield row, frechet(ours, sets[RENDERED])


def _chroma(sound: Audio, clip: Audio) -> float:
    ours, theirs = (torch.from_numpy(wave[None].copy()) for wave in (sound, clip))
    return float(measures.chroma_cosine(ours, theirs, SAMPLE_RATE).mean())
