"""`punchin eval transfer`: fidelity against transferability over the parameters, SDEdit, and the paper's first
experiments.

On held-out lines of our own generator beside their bounds, or on clips of the user's own, each to several instruments.
Source: AP-Adapter, arXiv 2407.16564, section 4.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import soundfile
import soxr
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.engines.transfer.engine import Transfer
from punchin_wire import paths
from punchin_wire.errors import FileMissing
from punchin_wire.frames import Audio

from ..transfer import judge as judges
from ..transfer.evaluate import SECONDS, TransferEvaluation, Trial, sentence, take
from ..transfer.judge import Judge
from ..transfer.lines import Lines
from ..transfer.solos import NAMES, render_lines
from . import transfer_report
from .embeddings import Clap, clap_if_installed
from .fused import fused
from .table import Table
from .transfer_ears import RENDERED, Case, Listener
from .transfer_rows import FUSED, Run, Settings

HELD_OUT, TRAINING = 9_000_000, 7_000_000  # first seeds; packs are trained on lower ones
LINES, JUDGE_LINES = 104, 64
JUDGE_SHARE = 0.1  # of a run's time, the first time
RESYNTHESISED = "the clip through autoencoder and vocoder"
WRITTEN = 8
"""Clips after which the report is written anew."""


def evaluate(run: Run) -> list[Table]:
    """Measure, write the report, and return its tables."""
    until = time.monotonic() + 60 * run.minutes
    lines, judge = prepared(60 * run.minutes * JUDGE_SHARE)
    listener = Listener(judge, clap_if_installed())
    evaluation = TransferEvaluation(run.pack, lines, judge, min(run.windows, len(lines)))
    tables = [Table("Bounds", listener.columns), Table("Parameters", listener.columns)]
    if run.songs is not None:
        cases = _of_folder(run)
    else:
        cases = [_of_line(evaluation, trial) for trial in evaluation.trials]
        for trial, case in zip(evaluation.trials, cases, strict=True):
            for name, sound in _of_target(evaluation, trial):
                tables[0].add(name, listener.measure(name, sound, case))
    for case in cases:
        for name, sound in (("the clip itself", case.clip), (RESYNTHESISED, evaluation.resynthesised(case.clip))):
            tables[0].add(name, listener.measure(name, sound, case))
    _vary(run, evaluation.engine, cases, listener, tables, until)
    return tables


def _vary(
    run: Run, engine: Transfer, cases: Sequence[Case], listener: Listener, tables: list[Table], until: float
) -> None:
    """Every row of the last of `tables`, on one case after another while there is time; the report is written now and
    then, so that a run which is stopped has what it measured."""
    rows, varied = run.rows, tables[-1]
    for number, case in enumerate(cases, start=1):
        made: dict[str, Audio] = {}  # rows that are the paper's own settings are made once
        for name, settings in rows.items():
            key = name if name == FUSED else repr(sorted(settings.items()))
            if key not in made:
                with fused() if name == FUSED else nullcontext():
                    made[key] = _transferred(engine, run.pack, case, settings)
            varied.add(name, listener.measure(name, made[key], case))
        if run.verbose:
            print(f"\r{number} clips, {len(rows)} settings", end="", flush=True)
        late = time.monotonic() > until
        if number % WRITTEN == 0 or late or number == len(cases):
            for row, distance in listener.distances():
                next(each for each in tables if row in each.values).set(row, Clap.fad, distance)
            transfer_report.write(run, tables)
        if late:
            break
    if run.verbose:
        print()


def _transferred(engine: Transfer, pack: str, case: Case, settings: Settings) -> Audio:
    texts = {"prompt": sentence(case.target), "negative_prompt": case.negative}
    return take(engine, pack, case.clip, case.seed, **texts | dict(settings))


# ---- our own lines -------------------------------------------------------------------------------------------


def prepared(seconds: float) -> tuple[Lines, Judge]:
    """Held-out lines, and a judge of instruments that is trained for so long if there is none yet; both are kept."""
    home = paths.cache_folder() / "eval"
    render_lines(home / "heldout", range(HELD_OUT, HELD_OUT + LINES), held_out=True)
    if not (home / "judge.pt").exists():
        render_lines(home / "lines", range(TRAINING, TRAINING + JUDGE_LINES))
        judges.train(home / "lines", home / "heldout", home / "judge.pt", seconds / 60)
    return Lines(home / "heldout"), judges.load(home / "judge.pt")


def _of_line(evaluation: TransferEvaluation, trial: Trial) -> Case:
    clip = evaluation.clip(trial, trial.source)
    return Case(clip, trial.target, trial.line, sentence(trial.source), trial.source)


def _of_target(evaluation: TransferEvaluation, trial: Trial) -> Iterator[tuple[str, Audio]]:
    """Bounds that only those know who have the line on the target, too."""
    target = evaluation.clip(trial, trial.target)
    other = Trial((trial.line + 1) % len(evaluation.lines), trial.source, trial.target)
    yield "an unrelated line on the target", evaluation.clip(other, trial.target)
    yield RENDERED, target
    yield "the target through autoencoder and vocoder", evaluation.resynthesised(target)


# ---- the user's clips ----------------------------------------------------------------------------------------


def _of_folder(run: Run) -> list[Case]:
    """Every clip to every target. Raises FileMissing."""
    assert run.songs is not None
    found = sorted(path for path in run.songs.iterdir() if path.suffix.lower() in (".wav", ".flac"))
    if not found:
        raise FileMissing(f"{run.songs} holds no .wav or .flac files.")
    clips = [_read(path) for path in found[: run.windows]]
    return [Case(clip, NAMES.index(name), run.seed, "Low quality") for name in run.targets for clip in clips]


def _read(path: Path) -> Audio:
    """The first ten seconds of a clip, `[N]` at 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=-1)
    mono = soxr.resample(audio.mean(1), rate, SAMPLE_RATE, quality="HQ")[: SECONDS * SAMPLE_RATE]
    return np.ascontiguousarray(mono, np.float32)
