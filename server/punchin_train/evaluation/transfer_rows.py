"""What a run of `punchin eval transfer` varies: rows of settings by their names. Knows no audio and no models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from punchin_wire.params import HOLD, Pooling

from ..transfer.solos import NAMES

Settings = Mapping[str, Any]
OMEGAS: dict[str, Settings] = {f"ω {w}": {"pooling": (w, w)} for w in get_args(Pooling)}
ALPHAS: dict[str, Settings] = {f"α {a}": {"alpha": a} for a in (0.3, 0.5, 0.7, 1.0)}
LAMBDAS: dict[str, Settings] = {f"λ {g}": {"guidance": g} for g in (3.0, 7.5, 12.0)}
HOLDS: dict[str, Settings] = {f"hold {h}": {"hold": h} for h in (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)}
SDEDIT: dict[str, Settings] = {f"SDEdit {s}": {"method": "sdedit", "strength": s} for s in (0.4, 0.55, 0.7, 0.85)}
WITHOUT_NEGATIVE: dict[str, Settings] = {"without negative prompt": {"negative_prompt": ""}}
USUAL = ("ω 2", "α 0.5", "λ 7.5", "hold 0.0")
"""Rows that are the paper's settings."""
FUSED = "fused attention"
PARAMETERS: dict[str, dict[str, Settings]] = {
    "omega": OMEGAS,
    "alpha": ALPHAS,
    "lambda": LAMBDAS,
    "hold": HOLDS,
    "sdedit": SDEDIT,
    "negative": WITHOUT_NEGATIVE,
    "fused": {FUSED: {}},
}
"""Rows by the parameter that they vary; whatever they do not name is the paper's."""


@dataclass(frozen=True)
class Run:
    """What was asked for: `minutes` for all `parameters`, at most `windows` clips a row, of `songs` (each to all of
    `targets`) or of our own. Rows that do not vary `hold` have this one. `full` is the whole grid."""

    pack: str
    out: Path
    minutes: float = 10.0
    windows: int = 104
    seed: int = 0
    songs: Path | None = None
    targets: tuple[str, ...] = NAMES
    hold: float = HOLD.default
    full: bool = False
    parameters: tuple[str, ...] = tuple(PARAMETERS)
    verbose: bool = True

    @property
    def rows(self) -> dict[str, Settings]:
        """Settings by the names of their rows."""
        found = {name: settings for each in self.parameters for name, settings in PARAMETERS[each].items()}
        if self.full:
            found |= {
                f"ω {w}, α {a}, λ {g}, hold {h}": {"pooling": (w, w), "alpha": a, "guidance": g, "hold": h}
                for w in get_args(Pooling)
                for a in (0.3, 0.5, 0.7)
                for g in (3.0, 7.5, 12.0)
                for h in (0.0, 0.3, 0.5)
            }
        return {name: self._whole(settings) for name, settings in found.items()}

    def _whole(self, settings: Settings) -> Settings:
        """With the paper's where they say nothing, so that equal rows are known as such."""
        usual = {"pooling": (2, 2), "alpha": 0.5, "guidance": 7.5, "hold": self.hold}
        return settings if settings.get("method") == "sdedit" else usual | dict(settings)
