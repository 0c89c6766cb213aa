"""Level match: a rendered condition takes the loudness of what it stands in for.

Knows arrays only. Source: AIRGen's condition preparation (scalar mean and unbiased standard deviation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def match(condition: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """`condition` [N] scaled to the mean and standard deviation of `other` [M], both float32.

    `other` is the song's "other" stem (everything but drums, bass and voice). A silent condition stays silent.
    """
    deviation = float(condition.std(ddof=1)) if condition.size > 1 else 0.0
    if deviation == 0.0 or other.size < 2:
        return np.zeros_like(condition)
    scaled = (condition - condition.mean()) / deviation * other.std(ddof=1) + other.mean()
    return scaled.astype(np.float32)
