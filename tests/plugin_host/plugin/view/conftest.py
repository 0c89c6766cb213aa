"""The window's model, compiled by itself: no toolkit, no host, no bridge."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from .window import Window

VIEW = Path(__file__).parents[4] / "plugin_host" / "plugin" / "view"
PURE = ("facts", "timeline", "parameters", "words", "controls", "model")


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of driver.cpp, with warnings as errors and the sanitizers on."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path_factory.mktemp("view") / "driver"
    sources = [VIEW / f"{name}.cpp" for name in PURE]
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-I", VIEW]
    subprocess.run(
        [compiler, *flags, Path(__file__).with_name("driver.cpp"), *sources, "-o", program], check=True, timeout=300
    )
    return program


@pytest.fixture
def window(driver: Path) -> Window:
    return Window(driver)
