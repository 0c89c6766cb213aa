"""The report of `punchin eval transfer`: what was measured how, the tables, and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import table
from .embeddings import CLAP, CLAP_MODEL, Clap
from .table import Interval, Table
from .transfer_ears import CHANCE, FIDELITY, LIKELY, NOTES, TARGET
from .transfer_rows import ALPHAS, HOLDS, LAMBDAS, OMEGAS, SDEDIT, USUAL, Run

CURVES = {"ω": OMEGAS, "α": ALPHAS, "λ": LAMBDAS, "hold": HOLDS, "SDEdit": SDEDIT}
COLOURS = ("#5e81ac", "#bf616a", "#a3be8c", "#b48ead", "#8a8f98")


def write(run: Run, tables: Sequence[Table]) -> None:
    """`report.md`, `report.json` and `transfer.png` in the folder of the run."""
    table.write(run.out, list(_heading(run, tables)), tables)
    plot(tables[-1], run.out / "transfer.png")


def _heading(run: Run, tables: Sequence[Table]) -> Iterator[str]:
    ours = "held-out lines of our own generator, ten seconds each"
    what = ours if run.songs is None else f"clips of {run.songs.name}, to {', '.join(run.targets)}"
    away = "the source" if run.songs is None else "Low quality"
    yield f"# {run.pack}: transfer"
    yield ""
    yield (
        f"On {what}, seed {run.seed}. Means with half of their 95 % bootstrap interval. Parameters that a row does not "
        f"name are the paper's: ω 2, α 0.5, λ 7.5, {away} as negative prompt; and hold {run.hold:g}."
    )
    yield ""
    yield (
        "Note F1: onsets of the clip's notes that the take has within 70 ms, at their pitch; frame F1: pitches that "
        "sound; both as basic-pitch's model hears them, which no pack learned from. Tempo kept: within 2 %, at any "
        "metrical level, of clips whose halves agree on one. Targets are told by a judge trained on originals of our "
        "own generator. Chroma is kinder than note F1: it hears neither octaves nor onsets."
    )
    yield ""
    yield _about_clap(tables)
    if run.songs is None:
        yield ""
        yield "Fused attention: the same adapter, one softmax."
    for column in (NOTES, FIDELITY):
        if said := at_equal_accuracy(tables[-1], column):
            yield from ("", said)


def _about_clap(tables: Sequence[Table]) -> str:
    if any(CLAP in found.columns for found in tables):
        return (
            f"{CLAP}: cosine of the take's {CLAP_MODEL} embedding with the prompt's. {CHANCE}: the probability of the "
            f"target's prompt among those of all instruments. {Clap.fad}: Fréchet distance to the targets, rendered."
        )
    return f"CLAP: no published model on disk (`hf download {CLAP_MODEL}` brings it)."


def at_equal_accuracy(varied: Table, column: str) -> str:
    """How near SDEdit stays to the clip where it is as often the target as the adapter's default; by interpolation."""
    usual = next((row for row in USUAL if row in varied.values), "")
    default, fidelity = varied.interval(usual, TARGET), varied.interval(usual, column)
    rows = [(varied.interval(name, TARGET), varied.interval(name, column)) for name in SDEDIT]
    points = sorted((target[0], kept[0]) for target, kept in rows if target and kept)
    if default is None or fidelity is None or len(points) < len(rows):
        return ""
    accuracies, kept = zip(*points, strict=True)
    if not accuracies[0] <= default[0] <= accuracies[-1]:
        return f"SDEdit reaches {accuracies[0]:.2f} to {accuracies[-1]:.2f} of targets; the adapter {default[0]:.2f}."
    equal = float(np.interp(default[0], accuracies, kept))
    return (
        f"Where SDEdit is as often the target as the adapter ({default[0]:.2f}), its {column} is {equal:.3f}; the "
        f"adapter's is {fidelity[0]:.3f}."
    )


def plot(varied: Table, path: Path) -> None:
    """Both fidelities over transferability: a curve for each parameter, the intervals as crosses."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.4))
    for panel, column in zip(panels, (NOTES, FIDELITY), strict=True):
        for (name, rows), colour in zip(CURVES.items(), COLOURS, strict=True):
            both = [(row, varied.interval(row, LIKELY), varied.interval(row, column)) for row in rows]
            known = [(row.split()[-1], across, up) for row, across, up in both if across and up]
            if known:
                _curve(panel, name, colour, known)
        panel.set(xlabel=f"{LIKELY} (transferability)", ylabel=f"{column} (fidelity)")
        panel.spines[["top", "right"]].set_visible(False)
    if panels[0].lines:
        panels[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def _curve(panel: Any, name: str, colour: str, points: Sequence[tuple[str, Interval, Interval]]) -> None:
    across, up = [x[0] for _, x, _ in points], [y[0] for _, _, y in points]
    panel.plot(across, up, "o-", color=colour, label=name)
    for value, x, y in points:
        spread = {"xerr": [[x[0] - x[1]], [x[2] - x[0]]], "yerr": [[y[0] - y[1]], [y[2] - y[0]]]}
        panel.errorbar(x[0], y[0], **spread, color=colour, alpha=0.3)
        panel.annotate(value, (x[0], y[0]), textcoords="offset points", xytext=(4, 4), fontsize=7)
