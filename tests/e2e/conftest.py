"""A home, a daemon and a bridge for each module that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.bridge import RunningBridge, bridge
from fakes.cluster import Cluster, cluster
from fakes.harness import RunningDaemon, daemon


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[RunningDaemon]:
    """With the fake engine."""
    with daemon(home) as found:
        yield found


@pytest.fixture(scope="module")
def running(home: Path, served: RunningDaemon) -> Iterator[RunningBridge]:  # noqa: ARG001
    with bridge(home) as found:
        yield found


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes. Files whose names end in `_ray` are run by one process, and so there is one such cluster."""
    with cluster(tmp_path_factory.mktemp("packs")) as found:
        found.add()
        found.add()
        yield found
