"""Fixtures for every tier. `shared_eval` is the folder of real clips beside the repository; skips without it."""

from pathlib import Path

import hypothesis
import pytest

# A busy machine is no failure; pytest's own timeout catches what hangs.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_eval() -> Path:
    folder = Path(__file__).resolve().parents[1].parent / "shared" / "eval"
    if not folder.is_dir():
        pytest.skip("the evaluation clips are not beside this checkout")
    return folder
