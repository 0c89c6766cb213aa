"""The Triton kernels run by Triton's interpreter: in numpy, on the CPU, without a compiler or a GPU."""

from __future__ import annotations

import os
from types import ModuleType

import pytest

if not os.path.exists("/dev/nvidiactl"):  # else they run on the GPU in earnest
    os.environ["TRITON_INTERPRET"] = "1"  # Triton looks at it when it is imported


def interpreted_kernels() -> ModuleType:
    """:mod:`punchin_server.models.musicgen.kernels`; skips the test where Triton is missing."""
    pytest.importorskip("triton")
    from punchin_server.models.musicgen import kernels

    return kernels
