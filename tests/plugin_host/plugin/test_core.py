"""The core's own tests, in C++: as it is built (with a trap for what a real-time thread must not do), under
AddressSanitizer and UndefinedBehaviorSanitizer, and what has threads under ThreadSanitizer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes import plugin_build

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("core")
TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)
NAMES = sorted(name for file in SOURCE.glob("test_*.cpp") for name in TEST.findall(file.read_text()))
THREADED = TEST.findall((SOURCE / "test_realtime.cpp").read_text())
FLAGS = {
    "plain": "-O2",
    "address": "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
    "thread": "-O1 -g -fsanitize=thread",
}
CASES = [(kind, name) for kind in ("plain", "address") for name in NAMES] + [("thread", name) for name in THREADED]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not plugin_build.DPF.is_dir() or shutil.which("cmake") is None:
        pytest.skip("DPF and CMake are not installed")
    return tmp_path_factory.mktemp("core")


def program(folder: Path, kind: str) -> Path:
    """Built by the first test that asks."""
    build = folder / kind
    if not (build / "engine_test").exists():
        flags = (f"-DCMAKE_CXX_FLAGS={FLAGS[kind]}", "-DCMAKE_CXX_FLAGS_RELEASE=")
        for command in (
            ["cmake", "-S", str(SOURCE), "-B", str(build), *flags],
            ["cmake", "--build", str(build), "-j", str(os.cpu_count() or 1)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return build / "engine_test"


@pytest.mark.timeout(1500)  # the first of a kind builds
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_core(programs: Path, kind: str, name: str) -> None:
    done = subprocess.run([program(programs, kind), name], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
