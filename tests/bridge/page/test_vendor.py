"""What the page brings of others is what its lock says, with its licences, and what npm delivers for these versions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from fakes.script import ROOT

STATIC = ROOT / "bridge" / "punchin_bridge" / "page" / "static"
VENDOR = STATIC / "vendor"
LOCK = json.loads((VENDOR / "vendor.lock").read_text())


def test_the_files_are_those_of_the_lock() -> None:
    assert {name: sha256((VENDOR / name).read_bytes()).hexdigest() for name in LOCK["sha256"]} == LOCK["sha256"]
    assert {path.name for path in VENDOR.iterdir()} == {*LOCK["sha256"], "vendor.lock"}


def test_versions_are_pinned_and_licences_go_along() -> None:
    wanted = json.loads((ROOT / "scripts" / "page" / "package.json").read_text())
    for name, version in wanted["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert LOCK["packages"][name]["version"] == version
    licences = (VENDOR / "LICENSES.txt").read_text("utf-8")
    for name, package in LOCK["packages"].items():
        assert package["licence"] in ("MIT", "Apache-2.0", "BSD-3-Clause")
        assert f"{name} {package['version']}\n" in licences


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css") or (path.suffix == ".js" and path.parent != VENDOR):
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|\beval\(|innerHTML|dangerouslySetInnerHTML|\bon[a-z]+=\"", text), path.name
            sources = re.findall(r'(?:src|href|from)="?([^"\s>]+)"', text)
            assert all(source.startswith("/") for source in sources), path.name


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--check", "--types"])
def test_npm_delivers_the_same_and_the_types_hold(flag: str, tmp_path: Path) -> None:
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    reach = subprocess.run(["npm", "view", "htm", "version"], capture_output=True, timeout=60, cwd=tmp_path)
    if reach.returncode:
        pytest.skip("npm reaches no registry")
    command = [sys.executable, str(ROOT / "scripts" / "vendor_page.py"), flag]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
