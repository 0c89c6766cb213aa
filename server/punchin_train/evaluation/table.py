"""Figures with their intervals, as Markdown, JSON and plots. Knows no audio."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..measures import interval

Interval = tuple[float, float, float]


@dataclass
class Table:
    """Values by row and column, gathered one by one; `units` of columns that have one."""

    title: str
    columns: Sequence[str]
    units: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    single: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, row: str, measured: Mapping[str, float]) -> None:
        kept = self.values.setdefault(row, {})
        for column, value in measured.items():
            kept.setdefault(column, []).append(value)

    def set(self, row: str, column: str, value: float) -> None:
        """A figure of a whole set, which has no interval."""
        self.single.setdefault(row, {})[column] = value

    def interval(self, row: str, column: str) -> Interval | None:
        """Mean with its 95 % bootstrap interval, None where nothing could be measured."""
        known = [value for value in self.values.get(row, {}).get(column, []) if not np.isnan(value)]
        return interval(known) if known else None

    def count(self, row: str) -> int:
        return max((len(values) for values in self.values.get(row, {}).values()), default=0)

    def markdown(self) -> str:
        """Rows as `mean ± half the 95 % interval`."""
        names = [f"{c} ({self.units[c]})" if c in self.units else c for c in self.columns]
        lines = [f"## {self.title}", "", f"| | n | {' | '.join(names)} |", f"|---|---|{'---|' * len(names)}"]
        for row in self.values:
            cells = [self._cell(row, column) for column in self.columns]
            lines.append(f"| {row} | {self.count(row)} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def _cell(self, row: str, column: str) -> str:
        if column in self.single.get(row, {}):
            return f"{self.single[row][column]:.2f}"
        found = self.interval(row, column)
        return "" if found is None else f"{found[0]:.3f} ± {(found[2] - found[1]) / 2:.3f}"

    def json(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for row in self.values:
            figures: dict[str, Any] = {column: self.interval(row, column) for column in self.columns}
            rows[row] = {"n": self.count(row), **figures, **self.single.get(row, {})}
        return {"title": self.title, "rows": rows}

    def plot(self, path: Path, columns: Sequence[str]) -> None:
        """Bars of some columns, one panel each, with their intervals."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, panels = pyplot.subplots(
            1, len(columns), figsize=(3.2 * len(columns) + 2, 3.4), sharey=True, squeeze=False
        )
        rows = list(reversed(self.values))
        for panel, column in zip(panels[0], columns, strict=True):
            for place, row in enumerate(rows):
                if (found := self.interval(row, column)) is not None:
                    mean, low, high = found
                    panel.barh(
                        place, mean, xerr=[[mean - low], [high - mean]], color="#5e81ac", ecolor="#2e3440", height=0.7
                    )
            panel.set(title=f"{column} ({self.units[column]})" if column in self.units else column)
            panel.set_yticks(range(len(rows)), rows)
            panel.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        figure.savefig(path, dpi=80)
        pyplot.close(figure)


def write(out: Path, heading: Sequence[str], tables: Sequence[Table]) -> None:
    """`report.md` and `report.json` in the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*heading, "", *(table.markdown() for table in tables)])
    (out / "report.md").write_text(text, encoding="utf-8")
    whole = {"about": list(heading), "tables": [table.json() for table in tables]}
    (out / "report.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")
