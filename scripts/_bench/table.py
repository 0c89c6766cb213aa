"""A benchmark's rows, printed as they come and kept: one Markdown table, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch

from . import Row


def machine(cores: int) -> str:
    return f"{platform.machine()}, {cores} of {os.cpu_count()} cores, torch {torch.__version__}"


def show(row: Row) -> str:
    goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:g}"
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    return f"| {row.section} | {row.name} | {row.value:.4g} {row.unit} | {goal} | {met} |"


def publish(name: str, title: str, rows: Iterable[Row], folder: Path) -> int:
    """Print `rows` under `title` as they come and keep them in `NAME.md` and `NAME.json` of `folder`, after each: a run
    that is cut off leaves what it measured. 1 where a goal is not met."""
    folder.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [title, "", "| part | what | value | goal | met |", "|-|-|-|-|-|"]
    print("\n".join(lines), flush=True)
    kept: list[Row] = []
    for row in rows:
        kept.append(row)
        lines.append(show(row))
        print(lines[-1], flush=True)
        (folder / f"{name}.md").write_text("\n".join([when, "", *lines, ""]), "utf-8")
        table = [asdict(each) | {"met": each.met} for each in kept]
        report = json.dumps({"when": when, "title": title, "rows": table}, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(report, "utf-8")
    return int(any(row.met is False for row in kept))
