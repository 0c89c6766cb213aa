"""A home, a screen, a daemon and a bridge for each module: each starts a real Ardour there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.bridge import RunningBridge, bridge
from fakes.harness import RunningDaemon, daemon
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


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[RunningDaemon]:
    """With the fake engine."""
    with daemon(home) as found:
        yield found


@pytest.fixture(scope="module")
def running(home: Path, served: RunningDaemon) -> Iterator[RunningBridge]:  # noqa: ARG001
    with bridge(home) as found:
        yield found
