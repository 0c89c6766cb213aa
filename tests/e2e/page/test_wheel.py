"""What is installed serves the page: a wheel, without node, gives every file of it as it is in the repository."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fakes.script import ROOT
from peers.opened import end

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STATIC = ROOT / "bridge" / "punchin_bridge" / "page" / "static"


def test_a_wheel_serves_the_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=280)
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("pip reaches no registry for hatchling")
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("punchin-*.whl")
    installed, home = tmp_path / "installed", tmp_path / "home"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(installed)
    bare = tmp_path / "bin"
    bare.mkdir()
    env = os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": str(installed), "PATH": str(bare)}
    said = "import punchin_bridge; print(punchin_bridge.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", said], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)
    command = [sys.executable, "-m", "punchin_bridge.cli", "open", "--no-browser", "--json"]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        port = int(json.loads(done.stdout)["address"].split(":")[2].split("/")[0])
        for path in STATIC.rglob("*"):
            if path.suffix in (".html", ".js", ".css", ".svg"):
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                link.request("GET", f"/{path.relative_to(STATIC).as_posix()}")
                answer = link.getresponse()
                assert answer.read() == path.read_bytes(), path.name
                link.close()
        lock = installed / "punchin_bridge" / "page" / "static" / "vendor" / "vendor.lock"
        assert lock.read_bytes() == (STATIC / "vendor" / "vendor.lock").read_bytes()
    finally:
        end(home)
