"""A console with a host, for each test."""

from __future__ import annotations

import pytest
from fakes.surfaces import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
