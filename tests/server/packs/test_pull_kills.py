"""Killed at any point, again and again, a pull serves hardly more bytes than its files have, and ends right."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.sources import Sources, blob
from punchin_server.packs import registry

pytestmark = pytest.mark.slow

PULL = """
import sys
from punchin_server.packs import cli, loadable

loadable.OPENING = ("true",)
sys.exit(cli.main(sys.argv[1:]))
"""


def one_file(sources: Sources, tmp_path: Path, size: int) -> bytes:
    """A catalog with `big`: a soundfont of the hub of so many bytes."""
    sources.files["a/b", "big.sf2"] = content = random.Random(1).randbytes(size)
    part = {"source": "hub:a/b", "licence": "MIT", "licence_url": "x", "files": [{"path": "big.sf2"}]}
    manifest = {"licence": "MIT", "source": "here", "listener": "hub:a/b"}
    entry = {"name": "big", "title": "big", "bytes": size, "parts": [part], "manifest": manifest}
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "big.json").write_text(json.dumps(entry))
    return content


def pulling() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PULL, "pull", "big"], stderr=subprocess.DEVNULL)


def kill_at_points(sources: Sources, tmp_path: Path, size: int, kills: int, rate: float) -> None:
    content = one_file(sources, tmp_path, size)
    sources.faults.rate = rate
    for point in sorted(random.Random(2).sample(range(size // 100, size - size // 20), kills)):
        with pulling() as process:
            late = time.monotonic() + 120
            while sources.served < point and process.poll() is None and time.monotonic() < late:
                time.sleep(0.005)
            process.kill()
    sources.faults.rate = None
    with pulling() as process:
        assert process.wait(120) == 0
    cache = tmp_path / "hf" / "hub" / "models--a--b"
    assert (cache / "blobs" / blob(content)).read_bytes() == content
    assert [path.name for path in (cache / "blobs").iterdir()] == [blob(content)]
    registry.verify(registry.find("big"))
    assert sources.served <= 1.1 * size


def test_five_kills_of_eight_megabytes(sources: Sources, tmp_path: Path) -> None:
    kill_at_points(sources, tmp_path, 8 * 2**20, 5, 8e6)


@pytest.mark.endurance
def test_twenty_kills_of_64_megabytes(sources: Sources, tmp_path: Path) -> None:
    kill_at_points(sources, tmp_path, 64 * 2**20, 20, 3e7)


def kept(folder: Path) -> int:
    """Bytes of the file on its way."""
    return sum(part.stat().st_size for part in (folder / "hf").rglob("*.punchin-part"))


def test_ctrl_c_keeps_the_part(sources: Sources, tmp_path: Path) -> None:
    """And says how to go on."""
    one_file(sources, tmp_path, 2 * 2**20)
    sources.faults.rate = 2e5
    command = [sys.executable, "-m", "punchin_server", "packs", "pull", "big"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        late = time.monotonic() + 60
        while kept(tmp_path) < 100_000 and time.monotonic() < late:
            time.sleep(0.01)
        process.terminate() if os.name == "nt" else process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "What came is kept: the same command goes on." in said
    assert kept(tmp_path) >= 100_000
