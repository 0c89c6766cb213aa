"""What every tier shares: patience, files that are not read when their tier is left out, and who runs beside whom."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

if not Path("/dev/nvidiactl").exists():  # kernels for a GPU are interpreted: Triton asks when it is first imported
    os.environ.setdefault("TRITON_INTERPRET", "1")

# A busy machine is no failure; pytest's own timeout catches what hangs.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=20)
hypothesis.settings.load_profile("patient")

MARKS = re.compile(r"^pytestmark = (\[.*?^\]|.*?$)", re.MULTILINE | re.DOTALL)
LONGEST_FIRST = ("host", "endurance", "e2e", "model", "torch")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What a test writes need not survive the machine; what its child processes write is synced as always."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)  # noqa: ARG005
        yield


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose own mark is deselected (`-m "not torch"`) is not read: importing torch alone takes seconds."""
    left_out = re.findall(r"\bnot (\w+)", config.option.markexpr)
    if not left_out or not re.match(r"test_.*\.py$", collection_path.name):
        return None
    own = MARKS.search(collection_path.read_text("utf-8"))
    return True if own and any(f"pytest.mark.{mark}" in own[1] for mark in left_out) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process is left with one of them at the end."""

    def rank(item: pytest.Item) -> int:
        return next((i for i, mark in enumerate(LONGEST_FIRST) if item.get_closest_marker(mark)), len(LONGEST_FIRST))

    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(rank(item), ranks.get(item.path, len(LONGEST_FIRST)))
    items.sort(key=lambda item: ranks[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A process has a whole file, and one process has every file that starts an Ardour, or a Ray cluster: two share no
    machine well."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            heavy = (name for name, mark in {"ardour": "/ardour/", "ray": "_ray.py"}.items() if mark in nodeid)
            return next(heavy, None) or super()._split_scope(nodeid)

    return ByFile(config, log)
