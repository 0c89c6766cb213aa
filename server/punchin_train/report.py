"""Training logs and figures as text and as one picture.

Knows the lines that training prints; knows nothing about models.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

Interval = tuple[float, float, float]
_ENTRY = re.compile(r"^(\w+) step (\d+) (\d+)s (.*)$")


def line(name: str, interval: Interval) -> str:
    """One figure as a row of a Markdown table: mean with its 95 % interval."""
    mean, low, high = interval
    return f"| {name} | {mean:.3f} | {low:.3f} .. {high:.3f} |"


def curves(log: str) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Printed losses by stage and name, as (minutes, value)."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for entry in filter(None, map(_ENTRY.match, log.splitlines())):
        words = entry[4].split()
        for name, value in zip(words[::2], words[1::2], strict=True):
            found[entry[1]][name].append((int(entry[3]) / 60, float(value)))
    return {stage: dict(named) for stage, named in found.items()}


def draw(logs: list[Path], picture: Path) -> None:
    """Plot the losses of training logs into a PNG, one panel a stage."""
    import matplotlib  # only for this: not needed where packs are trained or used

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = curves("\n".join(log.read_text() for log in logs))
    figure, panels = pyplot.subplots(1, len(found), figsize=(5 * len(found), 3), squeeze=False, dpi=80)
    for panel, (stage, named) in zip(panels[0], found.items(), strict=True):
        for name, points in named.items():
            panel.plot(*zip(*points, strict=True), label=name, linewidth=1)
        panel.set(title=stage, xlabel="minutes")
        panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(picture)
    pyplot.close(figure)
