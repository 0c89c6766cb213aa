"""`punchin eval transfer`: fidelity against transferability over the parameters, SDEdit, and the paper's first
experiments.

Fidelity is the cosine of the take's chroma with the clip's. Transferability is how likely the target instrument is,
to a judge that is trained on originals of our own generator (and kept), and to CLAP where it is on disk; clips of the
user's own are judged by that, or by the pack's own CLAP, if it has one that hears. Source: AP-Adapter, arXiv
2407.16564, section 4.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import soundfile
import soxr
import torch
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.engines.transfer.engine import load
from punchin_server.models.audioldm2.prompted_unet import PromptAttention
from punchin_wire import paths
from punchin_wire.errors import FileMissing
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Take, TakeSpec, TransferRequest
from punchin_wire.params import Pooling
from torch import Tensor
from torch.nn import functional as nnf

from .. import measures
from ..transfer import judge as judges
from ..transfer.evaluate import SECONDS, TransferEvaluation, Trial, sentence
from ..transfer.judge import Judge
from ..transfer.lines import Lines
from ..transfer.solos import NAMES, render_lines
from . import table
from .embeddings import CLAP, CLAP_MODEL, Clap, Points, clap_if_installed, frechet
from .table import Table

FIDELITY, TARGET, LIKELY, SOURCE = "chroma to the clip", "target heard", "target's probability", "source heard"
CHANCE, PACKS_CLAP = "CLAP target", "CLAP of the pack"
RENDERED = "the target, rendered"
HELD_OUT, TRAINING = 9_000_000, 7_000_000  # first seeds; packs are trained on lower ones
LINES, JUDGE_LINES = 104, 64
JUDGE_SHARE = 0.1  # of a run's time, the first time

Settings = Mapping[str, Any]
OMEGAS: dict[str, Settings] = {f"ω {w}": {"pooling": (w, w)} for w in get_args(Pooling)}
ALPHAS: dict[str, Settings] = {f"α {a}": {"alpha": a} for a in (0.3, 0.5, 0.7, 1.0)}
LAMBDAS: dict[str, Settings] = {f"λ {g}": {"guidance": g} for g in (3.0, 7.5, 12.0)}
SDEDIT: dict[str, Settings] = {f"SDEdit {s}": {"method": "sdedit", "strength": s} for s in (0.4, 0.55, 0.7, 0.85)}
USUAL = ("ω 2", "α 0.5", "λ 7.5")
"""Rows that are the paper's settings."""
WITHOUT_NEGATIVE: dict[str, Settings] = {"without negative prompt": {"negative_prompt": ""}}
FUSED = "fused attention"
PARAMETERS: dict[str, dict[str, Settings]] = {
    "omega": OMEGAS,
    "alpha": ALPHAS,
    "lambda": LAMBDAS,
    "sdedit": SDEDIT,
    "negative": WITHOUT_NEGATIVE,
    "fused": {FUSED: {}},
}
"""Rows by the parameter that they vary; whatever they do not name is the paper's."""


@dataclass(frozen=True)
class Run:
    """What was asked for: `minutes` for all `parameters`, at most `windows` clips a row, of `songs` or of our own;
    `full` is the whole grid of ω, α and λ."""

    pack: str
    out: Path
    minutes: float = 10.0
    windows: int = 104
    seed: int = 0
    songs: Path | None = None
    full: bool = False
    parameters: tuple[str, ...] = tuple(PARAMETERS)
    verbose: bool = True


def evaluate(run: Run) -> list[Table]:
    """Measure, write the report, and return its tables."""
    until = time.monotonic() + 60 * run.minutes
    found = _own_clips(run, until) if run.songs is not None else _held_out(run, until)
    table.write(run.out, _heading(run, found), found)
    return found


# ---- our own lines -------------------------------------------------------------------------------------------


def _held_out(run: Run, until: float) -> list[Table]:
    lines, judge = prepared(60 * run.minutes * JUDGE_SHARE)
    evaluation = TransferEvaluation(run.pack, lines, judge, min(run.windows, len(lines)))
    listener = _Listener(evaluation, judge, clap_if_installed())
    columns = (FIDELITY, TARGET, LIKELY, SOURCE, *((CLAP, CHANCE, Clap.fad) if listener.clap else ()))
    bounds, varied = Table("Bounds", columns), Table("Parameters", columns)
    for trial in evaluation.trials:
        for name, sound in _bounds(evaluation, trial):
            bounds.add(name, listener.measure(name, sound, trial))
    rows = {name: settings for parameter in run.parameters for name, settings in PARAMETERS[parameter].items()}
    if run.full:
        rows |= {
            f"ω {w}, α {a}, λ {g}": {"pooling": (w, w), "alpha": a, "guidance": g}
            for w in get_args(Pooling)
            for a in (0.3, 0.5, 0.7)
            for g in (3.0, 7.5, 12.0)
        }
    for number, trial in enumerate(evaluation.trials):
        if number and time.monotonic() > until:
            break
        made: dict[str, Audio] = {}  # rows that are the paper's own settings are made once
        for name, settings in rows.items():
            key = name if name == FUSED else repr(sorted(_whole(settings).items()))
            if key not in made:
                with fused() if name == FUSED else nullcontext():
                    made[key] = evaluation.take(trial, **settings)
            varied.add(name, listener.measure(name, made[key], trial))
        if run.verbose:
            print(f"\r{number + 1} clips, {len(rows)} settings", end="", flush=True)
    if run.verbose:
        print()
    for row, distance in listener.distances():
        (bounds if row in bounds.values else varied).set(row, Clap.fad, distance)
    plot(varied, run.out / "transfer.png")
    return [bounds, varied]


def prepared(seconds: float) -> tuple[Lines, Judge]:
    """Held-out lines, and a judge of instruments that is trained for so long if there is none yet; both are kept."""
    home = paths.cache_folder() / "eval"
    render_lines(home / "heldout", range(HELD_OUT, HELD_OUT + LINES), held_out=True)
    if not (home / "judge.pt").exists():
        render_lines(home / "lines", range(TRAINING, TRAINING + JUDGE_LINES))
        judges.train(home / "lines", home / "heldout", home / "judge.pt", seconds / 60)
    return Lines(home / "heldout"), judges.load(home / "judge.pt")


class _Listener:
    """What a sound of a row is like; `clap` adds its measures where there is one."""

    def __init__(self, evaluation: TransferEvaluation, judge: Judge, clap: Clap | None) -> None:
        self.evaluation, self.judge, self.clap = evaluation, judge, clap
        self._sentences = clap.sentences([sentence(number) for number in range(len(NAMES))]) if clap else None
        self._points: dict[str, list[Points]] = {}

    @torch.inference_mode()
    def measure(self, row: str, sound: Audio, trial: Trial) -> dict[str, float]:
        wave = torch.from_numpy(sound[None].copy())
        clip = torch.from_numpy(self.evaluation.clip(trial, trial.source)[None].copy())
        chances = self.judge(wave)[0].softmax(0)
        judged = int(chances.argmax())
        return {
            FIDELITY: float(measures.chroma_cosine(wave, clip, SAMPLE_RATE).mean()),
            TARGET: float(judged == trial.target),
            LIKELY: float(chances[trial.target]),
            SOURCE: float(judged == trial.source),
            **self._by_clap(row, sound, trial),
        }

    def _by_clap(self, row: str, sound: Audio, trial: Trial) -> dict[str, float]:
        """Cosine with the prompt, and how likely the target's prompt is among those of all instruments."""
        if self.clap is None or self._sentences is None:
            return {}
        points = self.clap.points(sound, SAMPLE_RATE)
        self._points.setdefault(row, []).append(points)
        return {
            CLAP: float((points @ self._sentences[trial.target]).mean()),
            CHANCE: float(self.clap.chances(points, self._sentences)[trial.target]),
        }

    def distances(self) -> Iterator[tuple[str, float]]:
        """The Fréchet distance of every row that has sounds enough to the targets' own renderings."""
        sets = {row: np.concatenate(points) for row, points in self._points.items()}
        for row, points in sets.items():
            if row != RENDERED and len(points) >= Clap.least:
                yield row, frechet(points, sets[RENDERED])


def _bounds(evaluation: TransferEvaluation, trial: Trial) -> Iterator[tuple[str, Audio]]:
    target = evaluation.clip(trial, trial.target)
    other = Trial((trial.line + 1) % len(evaluation.lines), trial.source, trial.target)
    yield "the clip itself", evaluation.clip(trial, trial.source)
    yield "an unrelated line on the target", evaluation.clip(other, trial.target)
    yield RENDERED, target
    yield "the target through autoencoder and vocoder", evaluation.resynthesised(target)


def _whole(settings: Settings) -> dict[str, Any]:
    """Settings with the paper's where they say nothing, so that equal rows are known as such."""
    usual = {"pooling": (2, 2), "alpha": 0.5, "guidance": 7.5}
    return {**usual, **settings} if settings.get("method") != "sdedit" else dict(settings)


@contextmanager
def fused() -> Iterator[None]:
    """While this lasts, adapted layers attend to text and audio in one softmax, as the paper's other design does; the
    adapter is the one that was trained for two."""
    apart = PromptAttention.forward
    PromptAttention.forward = _fused  # type: ignore[method-assign]
    try:
        yield
    finally:
        PromptAttention.forward = apart  # type: ignore[method-assign]


def _fused(self: PromptAttention, attn: Any, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
    text, bias, audio, _alpha = self.prompt
    rows, width = len(text.k), text.k.shape[3]
    q = attn.to_q(hidden_states).view(rows, -1, attn.heads, width).transpose(1, 2)
    k, v = text.k, text.v
    if audio is not None:
        k, v = torch.cat([text.k, audio.k], 2), torch.cat([text.v, audio.v], 2)
        if bias is not None:
            bias = nnf.pad(bias, (0, audio.k.shape[2]))
    out = nnf.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    merged: Tensor = attn.to_out[0](out.transpose(1, 2).reshape(*hidden_states.shape[:2], -1))
    return merged


# ---- the user's clips ----------------------------------------------------------------------------------------


def _own_clips(run: Run, until: float) -> list[Table]:
    """Every clip to every instrument that a pack of ours knows, as long as there is time."""
    assert run.songs is not None
    paths = sorted(path for path in run.songs.iterdir() if path.suffix.lower() in (".wav", ".flac"))[: run.windows]
    if not paths:
        raise FileMissing(f"{run.songs} holds no .wav or .flac files.")
    engine, clap = load(run.pack, "auto", "auto"), clap_if_installed()
    column = CLAP if clap else PACKS_CLAP
    found = Table("Clips", (FIDELITY, column))
    for number, target in enumerate(NAMES):
        if number and time.monotonic() > until:
            break
        for path in paths:
            clip = _read(path)
            for name, settings in {**OMEGAS, **SDEDIT}.items():
                request = TransferRequest(
                    source=describe(clip[None], SAMPLE_RATE),
                    prompt=sentence(NAMES.index(target)),
                    negative_prompt="Low quality",
                    takes=(TakeSpec(run.seed),),
                    pack=run.pack,
                    score=True,
                    **settings,
                )
                for emission in engine.run(request, [clip[None]]):
                    if isinstance(emission.event, Take) and emission.audio is not None:
                        ours, theirs = (torch.from_numpy(wave.copy()) for wave in (emission.audio[:1], clip[None]))
                        chroma = float(measures.chroma_cosine(ours, theirs, SAMPLE_RATE).mean())
                        score = emission.event.scores.get("clap", float("nan"))
                        if clap is not None:
                            points = clap.points(emission.audio[0], SAMPLE_RATE)
                            score = float((points @ clap.sentences([request.prompt])[0]).mean())
                        found.add(name, {FIDELITY: chroma, column: score})
        if run.verbose:
            print(f"\r{number + 1} targets of {len(paths)} clips", end="", flush=True)
    if run.verbose:
        print()
    return [found]


def _read(path: Path) -> Audio:
    """The first ten seconds of a clip, `[N]` at 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=-1)
    mono = soxr.resample(audio.mean(1), rate, SAMPLE_RATE, quality="HQ")[: SECONDS * SAMPLE_RATE]
    return np.ascontiguousarray(mono, np.float32)


# ---- the report ----------------------------------------------------------------------------------------------


def at_equal_accuracy(varied: Table) -> str:
    """How near SDEdit stays to the clip where it is as often the target as the adapter's default; by interpolation."""
    usual = next((row for row in USUAL if row in varied.values), "")
    default, rows = varied.interval(usual, TARGET), [varied.interval(name, TARGET) for name in SDEDIT]
    fidelity = varied.interval(usual, FIDELITY)
    if default is None or fidelity is None or any(row is None for row in rows):
        return ""
    points = sorted((row[0], varied.interval(name, FIDELITY)[0]) for name, row in zip(SDEDIT, rows, strict=True))  # type: ignore[index]
    accuracies, chromas = zip(*points, strict=True)
    if not accuracies[0] <= default[0] <= accuracies[-1]:
        return f"SDEdit reaches {accuracies[0]:.2f} to {accuracies[-1]:.2f} of targets; the adapter {default[0]:.2f}."
    equal = float(np.interp(default[0], accuracies, chromas))
    return (
        f"Where SDEdit is as often the target as the adapter ({default[0]:.2f}), its chroma to the clip is "
        f"{equal:.3f}; the adapter's is {fidelity[0]:.3f}."
    )


def plot(varied: Table, path: Path) -> None:
    """Fidelity over transferability: a curve for each parameter, the intervals as crosses."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, panel = pyplot.subplots(figsize=(6.4, 4.4))
    curves = {"ω": OMEGAS, "α": ALPHAS, "λ": LAMBDAS, "SDEdit": SDEDIT}
    for (name, rows), colour in zip(curves.items(), ("#5e81ac", "#bf616a", "#a3be8c", "#8a8f98"), strict=True):
        points = [(row, varied.interval(row, LIKELY), varied.interval(row, FIDELITY)) for row in rows]
        known = [(row, target, chroma) for row, target, chroma in points if target and chroma]
        if known:
            panel.plot([t[0] for _, t, _ in known], [c[0] for _, _, c in known], "o-", color=colour, label=name)
        for row, target, chroma in known:
            panel.errorbar(
                target[0],
                chroma[0],
                xerr=[[target[0] - target[1]], [target[2] - target[0]]],
                yerr=[[chroma[0] - chroma[1]], [chroma[2] - chroma[0]]],
                color=colour,
                alpha=0.3,
            )
            panel.annotate(
                row.split()[-1], (target[0], chroma[0]), textcoords="offset points", xytext=(4, 4), fontsize=7
            )
    panel.set(xlabel=f"{LIKELY} (transferability)", ylabel="chroma to the clip (fidelity)")
    panel.legend(fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _heading(run: Run, tables: list[Table]) -> list[str]:
    what = (
        "held-out lines of our own generator, ten seconds each" if run.songs is None else f"clips of {run.songs.name}"
    )
    lines = [
        f"# {run.pack}: transfer",
        "",
        f"On {what}, seed {run.seed}. Means with half of their 95 % bootstrap interval. Parameters that a row does not "
        "name are the paper's: ω 2, α 0.5, λ 7.5, the source as negative prompt.",
    ]
    lines += ["", _about_clap(tables)]
    if run.songs is None:
        lines += [
            "",
            "Targets are told by a judge trained on originals. Fused attention: the same adapter, one softmax.",
        ]
        lines += ["", at_equal_accuracy(tables[-1])]
    return lines


def _about_clap(tables: list[Table]) -> str:
    if any(CLAP in found.columns for found in tables):
        return (
            f"{CLAP}: cosine of the take's {CLAP_MODEL} embedding with the prompt's. {CHANCE}: the probability of the "
            f"target's prompt among those of all instruments. {Clap.fad}: Fréchet distance to the targets, rendered."
        )
    return f"CLAP: no published model on disk (`hf download {CLAP_MODEL}` brings it)."
