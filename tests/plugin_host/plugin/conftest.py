"""The plug-in, built once in a run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hosts.plugin import built


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the run have."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def binaries(shared: Path) -> Path:
    """Where `Punchin.vst3` and `Punchin.clap` are."""
    return built(shared, "plugin") / "bin"
