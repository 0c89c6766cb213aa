"""What a sweep found: a table in Markdown and JSON, and one plot. Knows no daemon and no audio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
from punchin_wire import disk

from . import sweep
from .report import RegionReport, Report, TransferSettings, TransferTake

ENDINGS = ".md", ".json", ".png"
NOTHING = "–"
MEASURES = """Notes is how many of the clip's notes the take plays, at their time and pitch (F1 of onsets within 70 ms,
as a transcription model hears them); tempo is 1 where it is kept within 2 %, and – where the clip has no steady one.
Fidelity is kinder: the mean cosine of their chroma, 1 where they are the same.
Transferability is the likeness of the take's sound and the prompt (cosine of their CLAP embeddings)."""


class Row(msgspec.Struct, frozen=True):
    """One take of one point: the values of what is swept, what the take was made with, and what it measures. `seconds`
    is what the whole point took."""

    swept: dict[str, Any]
    settings: TransferSettings
    seed: int
    path: str
    fidelity: float | None
    transferability: float | None
    notes: float | None
    tempo: float | None
    seconds: float


class SweepReport(msgspec.Struct, frozen=True):
    """A sweep, and what `punchin transfer --sweep --json` prints. `points` of the grid were asked for; `rows` are
    those that were made."""

    clip: str
    region: RegionReport
    pack: str
    points: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    table: str
    data: str
    plot: str


def rows(point: sweep.Point, report: Report) -> list[Row]:
    """The rows of a point's report."""
    assert isinstance(report.settings, TransferSettings)
    return [
        Row(
            point.swept,
            report.settings,
            take.seed,
            take.path,
            fidelity=take.fidelity,
            transferability=take.scores.get("clap"),
            notes=take.scores.get("notes"),
            tempo=take.scores.get("tempo"),
            seconds=report.timings["total"],
        )
        for take in report.takes
        if isinstance(take, TransferTake)
    ]


def write(folder: Path, stem: str, points: int, made: Sequence[tuple[sweep.Point, Report]]) -> SweepReport:
    """Write `stem_sweep.md`, `.json` and `.png` for the points that were `made`, at least one; no file is replaced.

    Raises BadSetting where they cannot be written.
    """
    name = disk.free_stem(folder, f"{stem}_sweep", *ENDINGS)
    table, data, plot = (folder / f"{name}{ending}" for ending in ENDINGS)
    first = made[0][1]
    report = SweepReport(
        clip=first.song,
        region=first.region,
        pack=first.pack,
        points=points,
        rows=tuple(row for point, found in made for row in rows(point, found)),
        notes=tuple(dict.fromkeys(note for _, found in made for note in found.notes)),
        table=str(table.absolute()),
        data=str(data.absolute()),
        plot=str(plot.absolute()),
    )
    with _replacing(table) as file:
        file.write(markdown(report).encode())
    with _replacing(data) as file:
        file.write(msgspec.json.format(msgspec.json.encode(report)))
    with _replacing(plot) as file:
        _draw(report, file)
    return report


def _replacing(path: Path) -> AbstractContextManager[BinaryIO]:
    return disk.replacing(path, durable=True, next_step=disk.ANOTHER_FOLDER)


def markdown(report: SweepReport) -> str:
    """The table."""
    settings, swept = report.rows[0].settings, list(report.rows[0].swept)
    lines = [
        f"# {Path(report.clip).name}: {' × '.join(swept)}",
        "",
        f"To “{settings.prompt}”, away from “{settings.negative_prompt}”, pack {report.pack}.",
        "",
        f"| {' | '.join(swept)} | seed | notes | tempo | fidelity | transferability | seconds | file |",
        "|---" * (len(swept) + 7) + "|",
    ]
    for row in report.rows:
        values = [sweep.text(value) for value in row.swept.values()]
        measures = [number(value) for value in (row.notes, row.tempo, row.fidelity, row.transferability)]
        measures.append(f"{row.seconds:.1f}")
        lines.append(f"| {' | '.join([*values, str(row.seed), *measures, Path(row.path).name])} |")
    return "\n".join([*lines, "", MEASURES, *report.notes, ""])


def number(value: float | None) -> str:
    """A measure for people."""
    return NOTHING if value is None else f"{value:.3f}"


def _draw(report: SweepReport, file: BinaryIO) -> None:
    """Notes (fidelity, where none were heard) against transferability, or against the last parameter where nothing was
    scored; one line for each setting of the others. The takes of a point are one mark, their mean."""
    from matplotlib.figure import Figure  # a second of import that only sweeps need

    last = list(report.rows[0].swept)[-1]
    scored = all(row.transferability is not None for row in report.rows)
    kept = "notes" if all(row.notes is not None for row in report.rows) else "fidelity"
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    lines: dict[str, dict[str, list[Row]]] = {}
    for row in report.rows:
        name = ", ".join(f"{each} {sweep.text(value)}" for each, value in row.swept.items() if each != last)
        lines.setdefault(name, {}).setdefault(sweep.text(row.swept[last]), []).append(row)
    for name, points in lines.items():
        fidelity = [_mean(getattr(row, kept) for row in found) for found in points.values()]
        nearness = [_mean(row.transferability for row in found) for found in points.values()]
        across, up = (fidelity, nearness) if scored else (list(points), fidelity)
        axes.plot(across, up, marker="o", label=name or None)
        for value, x, y in zip(points, across, up, strict=True):
            if scored:
                axes.annotate(f"{last} {value}", (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.set(xlabel=kept if scored else last, ylabel="transferability" if scored else kept)
    axes.set_title(f"{Path(report.clip).name}: “{report.rows[0].settings.prompt}”", fontsize=9)
    axes.grid(alpha=0.3)
    axes.margins(x=0.12)  # room for the labels
    if len(lines) > 1:
        axes.legend(fontsize=7)
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")
