"""A screen for each module, and a home that is this process's own, too: each starts a real Ardour there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts.ardour import missing, screen


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if missing():
        pytest.skip(f"not installed: {', '.join(missing())}")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with screen() as name:
        yield name


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUNCHIN_HOME", str(folder))
        yield folder
