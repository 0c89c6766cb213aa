"""The core's own tests, in C++: as it is built (with a trap for what a real-time thread must not do), under
AddressSanitizer and UndefinedBehaviorSanitizer, and what has threads under ThreadSanitizer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hosts.plugin import CORE_TESTS, built

pytestmark = pytest.mark.slow

TEST = re.compile(r"^TEST\((\w+)\)", re.MULTILINE)
NAMES = sorted(name for file in CORE_TESTS.glob("test_*.cpp") for name in TEST.findall(file.read_text()))
THREADED = TEST.findall((CORE_TESTS / "test_realtime.cpp").read_text())
FLAGS = {
    "plain": "-O2",
    "address": "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all",
    "thread": "-O1 -g -fsanitize=thread",
}
CASES = [(kind, name) for kind in ("plain", "address") for name in NAMES] + [("thread", name) for name in THREADED]


@pytest.mark.timeout(1500)  # the first of a kind builds
@pytest.mark.parametrize(("kind", "name"), CASES)
def test_core(shared: Path, kind: str, name: str) -> None:
    options = ("-DCMAKE_CXX_FLAGS_RELEASE=", f"-DCMAKE_CXX_FLAGS={FLAGS[kind]}")
    program = built(shared, f"core-{kind}", CORE_TESTS, *options) / "engine_test"
    done = subprocess.run([program, name], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
