"""The plug-in, built once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import plugin_build


@pytest.fixture(scope="session")
def binaries() -> Path:
    """Where `Punchin.vst3` and `Punchin.clap` are."""
    return plugin_build.bundles()
