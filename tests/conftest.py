"""Settings for every tier, and files that are not even imported when their tier is left out."""

import re
from pathlib import Path

import hypothesis
import pytest

# A busy machine is no failure; pytest's own timeout catches what hangs.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=20)
hypothesis.settings.load_profile("patient")

MARKS = re.compile(r"^pytestmark = (\[.*?^\]|.*?$)", re.MULTILINE | re.DOTALL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose own mark is deselected (`-m "not torch"`) is not read: importing torch alone takes seconds."""
    left_out = re.findall(r"\bnot (\w+)", config.option.markexpr)
    if not left_out or not re.match(r"test_.*\.py$", collection_path.name):
        return None
    own = MARKS.search(collection_path.read_text("utf-8"))
    return (own is not None and any(f"pytest.mark.{mark}" in own[1] for mark in left_out)) or None
