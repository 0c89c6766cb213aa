"""What audio is here: arrays of samples, spans of them, decibels. Pure."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Samples: TypeAlias = npt.NDArray[np.float64]
"""`[channels, samples]` or `[samples]`; full scale is 1."""
Span: TypeAlias = tuple[int, int]
"""Samples `[start, end)`."""


def decibels(ratio: float) -> float | None:
    """20·log10, or `None` for nothing at all (JSON has no infinity)."""
    return 20.0 * math.log10(ratio) if ratio > 0.0 else None
