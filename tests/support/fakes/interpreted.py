"""The Triton kernels run by Triton's interpreter: in numpy, on the CPU, without a compiler or a GPU.

`tests/conftest.py` tells Triton so, unless there is a GPU.
"""

from __future__ import annotations

from types import ModuleType

import pytest


def interpreted_kernels() -> ModuleType:
    """:mod:`punchin_server.models.musicgen.kernels`; skips the test where Triton is missing."""
    pytest.importorskip("triton")
    from punchin_server.models.musicgen import kernels

    return kernels
