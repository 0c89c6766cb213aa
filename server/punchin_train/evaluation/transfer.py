"""`punchin eval transfer`: fidelity against transferability over the parameters, SDEdit, and the paper's first
experiments.

On held-out lines of our own generator beside their bounds, or on clips of the user's own, each to several instruments.
Source: AP-Adapter, arXiv 2407.16564, section 4.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.daemon.settings import Settings as SeatSettings
from punchin_server.engines.transfer.engine import Transfer, load
from punchin_server.engines.transfer.loading import load_transfer_models
from punchin_wire import paths
from punchin_wire.errors import FileMissing
from punchin_wire.frames import Audio

from .. import seats
from ..seats import ON_CPU, Pool
from ..transfer import judge as judges
from ..transfer.evaluate import SECONDS, Trial, resynthesised, sentence, take, trials
from ..transfer.judge import Judge
from ..transfer.lines import Lines
from ..transfer.solos import NAMES, render_lines
from . import transfer_report
from .embeddings import Clap, Points, clap_if_installed
from .fused import fused
from .table import Table
from .transfer_ears import RENDERED, Case, Heard, Listener, distances
from .transfer_rows import FUSED, Run, Settings

HELD_OUT, TRAINING = 9_000_000, 7_000_000  # first seeds; packs are trained on lower ones
LINES, JUDGE_LINES = 104, 64
JUDGE_SHARE = 0.1  # of a run's time, the first time
RESYNTHESISED, RESYNTHESISED_TARGET = (
    "the clip through autoencoder and vocoder", "the target through autoencoder and vocoder",
)  # fmt: skip
WRITTEN = 8
"""Clips after which the report is written anew."""


@dataclass(frozen=True)
class About:
    """What one measures with. Figures of seats that differ in it cannot stand in one table."""

    columns: tuple[str, ...]


class Bounds(NamedTuple):
    """What is known of a case beside its clip: sounds of an unrelated line on the target, and of the target itself."""

    case: Case
    sounds: Sequence[tuple[str, Audio]] = ()
    target: Audio | None = None


class Measurer:
    """The pack on one device, and all ears: the tool of a seat."""

    def __init__(self, pack: str, judge: Judge, device: str) -> None:
        self._pack, self._device, self._engine = pack, device, load(pack, device, "float32")
        self._listener = Listener(judge, clap_if_installed())
        self.about = About(self._listener.columns)

    def bounds(self, given: Bounds) -> list[Heard]:
        """What bounds the rows of a case."""
        sounds = list(given.sounds)
        if given.target is not None:
            sounds.append((RESYNTHESISED_TARGET, resynthesised(self._engine, given.target)))
        clip = given.case.clip
        sounds += [("the clip itself", clip), (RESYNTHESISED, resynthesised(self._engine, clip))]
        return [self._listener.measure(name, sound, given.case) for name, sound in sounds]

    def rows(self, given: tuple[Case, Mapping[str, Settings]]) -> list[Heard]:
        """A case at the settings of each row; rows that are the paper's own settings are made once."""
        case, rows = given
        made: dict[str, Audio] = {}
        found = []
        for name, settings in rows.items():
            key = name if name == FUSED else repr(sorted(settings.items()))
            if key not in made:
                made[key] = self._fused(case, settings) if name == FUSED else self._transferred(case, settings)
            found.append(self._listener.measure(name, made[key], case))
        return found

    def _transferred(self, case: Case, settings: Settings, engine: Transfer | None = None) -> Audio:
        texts = {"prompt": sentence(case.target), "negative_prompt": case.negative}
        return take(engine or self._engine, self._pack, case.clip, case.seed, **texts | dict(settings))

    def _fused(self, case: Case, settings: Settings) -> Audio:
        with fused():
            return self._transferred(case, settings, self._modules)

    @cached_property
    def _modules(self) -> Transfer:
        """The engine whose network is torch's modules, which :func:`.fused.fused` changes, and no graph."""
        return Transfer(load_transfer_models(self._pack, self._device, "float32"))


def evaluate(run: Run, where: SeatSettings = ON_CPU) -> list[Table]:
    """Measure on the seats that `where` says, write the report, and return its tables."""
    until = time.monotonic() + 60 * run.minutes
    lines, judge = prepared(60 * run.minutes * JUDGE_SHARE)
    with seats.opened(where, partial(Measurer, run.pack, judge)) as pool:
        return _evaluate(run, pool, lines, until)


def _evaluate(run: Run, pool: Pool, lines: Lines, until: float) -> list[Table]:
    """Bounds of all cases, then every row on one case after another while there is time; the report is written now and
    then, so that a run which is stopped has what it measured."""
    columns, rows = pool.about.columns, run.rows
    tables = [Table("Bounds", columns), Table("Parameters", columns)]
    points: dict[str, list[Points]] = {}

    def add(table: Table, found: Iterable[Heard]) -> None:
        for row, measures, at in found:
            table.add(row, measures)
            if at is not None:
                points.setdefault(row, []).append(at)

    bounds = _of_lines(run, lines) if run.songs is None else _of_folder(run)
    for found in pool.map("bounds", bounds):
        add(tables[0], found)

    def pieces() -> Iterator[tuple[Case, Mapping[str, Settings]]]:
        for number, each in enumerate(bounds):
            if number and time.monotonic() > until:
                return
            yield each.case, rows

    number = 0
    for number, found in enumerate(pool.map("rows", pieces()), start=1):
        add(tables[1], found)
        if run.verbose:
            print(f"\r{number} clips, {len(rows)} settings", end="", flush=True)
        if number % WRITTEN == 0:
            _report(run, tables, points)
    if number % WRITTEN:
        _report(run, tables, points)
    if run.verbose:
        print()
    return tables


def _report(run: Run, tables: Sequence[Table], points: Mapping[str, Sequence[Points]]) -> None:
    for row, distance in distances(points):
        next(each for each in tables if row in each.values).set(row, Clap.fad, distance)
    transfer_report.write(run, tables)


# ---- our own lines -------------------------------------------------------------------------------------------


def prepared(seconds: float) -> tuple[Lines, Judge]:
    """Held-out lines, and a judge of instruments that is trained for so long if there is none yet; both are kept."""
    home = paths.cache_folder() / "eval"
    render_lines(home / "heldout", range(HELD_OUT, HELD_OUT + LINES), held_out=True)
    if not (home / "judge.pt").exists():
        render_lines(home / "lines", range(TRAINING, TRAINING + JUDGE_LINES))
        judges.train(home / "lines", home / "heldout", home / "judge.pt", seconds / 60)
    return Lines(home / "heldout"), judges.load(home / "judge.pt")


def _of_lines(run: Run, lines: Lines) -> list[Bounds]:
    """Every trial, with the bounds that only those know who have the line on the target, too."""
    return [_of_trial(trial, lines) for trial in trials(min(run.windows, len(lines)), lines)]


def _of_trial(trial: Trial, lines: Lines) -> Bounds:
    def clip(line: int, instrument: int) -> Audio:
        return lines.wave(line, instrument)[: SECONDS * SAMPLE_RATE]

    case = Case(clip(trial.line, trial.source), trial.target, trial.line, sentence(trial.source), trial.source)
    target, other = clip(trial.line, trial.target), clip((trial.line + 1) % len(lines), trial.target)
    return Bounds(case, (("an unrelated line on the target", other), (RENDERED, target)), target)


# ---- the user's clips ----------------------------------------------------------------------------------------


def _of_folder(run: Run) -> list[Bounds]:
    """Every clip to every target. Raises FileMissing."""
    assert run.songs is not None
    found = sorted(path for path in run.songs.iterdir() if path.suffix.lower() in (".wav", ".flac"))
    if not found:
        raise FileMissing(f"{run.songs} holds no .wav or .flac files.")
    clips = [_read(path) for path in found[: run.windows]]
    return [Bounds(Case(clip, NAMES.index(to), run.seed, "Low quality")) for to in run.targets for clip in clips]


def _read(path: Path) -> Audio:
    """The first ten seconds of a clip, `[N]` at 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=-1)
    mono = soxr.resample(audio.mean(1), rate, SAMPLE_RATE, quality="HQ")[: SECONDS * SAMPLE_RATE]
    return np.ascontiguousarray(mono, np.float32)
