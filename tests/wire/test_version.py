"""One version, in two places that must agree."""

import tomllib
from pathlib import Path

from punchin_wire import VERSION


def test_the_version_is_that_of_the_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
