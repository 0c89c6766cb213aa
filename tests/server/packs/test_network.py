"""What packs ask of the network: nothing where they are told so, and with `hf_xet` no more than without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes.child_python import without_hf_xet, without_sockets
from fakes.sources import Sources

pytestmark = pytest.mark.slow

WEIGHTS, CONFIG = bytes(range(256)) * 500, b'{"a": 1}'
COMMAND = (
    "import sys; from punchin_server.packs import cli, loadable; loadable.OPENING = (sys.executable, '-c', '');"
    "sys.exit(cli.main(sys.argv[1:]))"
)
BY_THE_LIBRARY = "from huggingface_hub import hf_hub_download as get; get('a/lm', 'state_dict.bin', cache_dir=%r)"
CONNECT = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"


@pytest.fixture(autouse=True)
def published(sources: Sources, tmp_path: Path) -> None:
    """`air` is a model of the hub, which offers it by Xet, too."""
    sources.files = {("a/lm", "state_dict.bin"): WEIGHTS, ("a/lm", "config.json"): CONFIG}
    sources.xet = True
    files = [{"path": "state_dict.bin"}, {"path": "config.json"}]
    part = {"source": "hub:a/lm", "licence": "MIT", "licence_url": "x", "files": files}
    manifest = {"licence": "MIT", "source": "here", "base": {"lm": "hub:a/lm", "codec": "hub:a/lm"}}
    (tmp_path / "catalog").mkdir()
    entry = {"name": "air", "title": "a test", "bytes": 1000, "parts": [part], "manifest": manifest}
    (tmp_path / "catalog" / "air.json").write_text(json.dumps(entry))


def python(code: str, *words: object, env: Mapping[str, str], home: Path) -> int:
    """Run `code` on a computer of its own."""
    env = {**env, "PUNCHIN_HOME": str(home), "HF_HOME": str(home / "hf")}
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], env=env, capture_output=True, timeout=120)
    return done.returncode


def test_hf_xet_changes_no_request(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hf_xet", reason="huggingface_hub brings it on every usual processor")
    monkeypatch.delenv("HF_HUB_DISABLE_XET", raising=False)
    envs = {"present": os.environ, "hidden": without_hf_xet(tmp_path / "without")}
    asked, by_the_library = {}, {}
    for name, env in envs.items():
        sources.asked.clear()
        assert python(COMMAND, "pull", "air", env=env, home=tmp_path / name) == 0
        asked[name] = list(sources.asked)
        sources.asked.clear()
        code = python(BY_THE_LIBRARY % str(tmp_path / f"{name}-library"), env=env, home=tmp_path / name)
        by_the_library[name] = (code == 0, any("xet" in line for line in sources.asked))
    # The library asks for Xet, which no fake gives, only where it is: else the two were one.
    assert by_the_library == {"present": (False, True), "hidden": (True, False)}
    assert asked["present"] == asked["hidden"]
    assert sum("/cdn/" in line for line in asked["hidden"]) == 1


def test_offline_no_socket_is_opened(sources: Sources, tmp_path: Path) -> None:
    """An exported pack is imported, verified and pulled again where every socket fails; a refusal opens none."""
    env, tried = without_sockets(tmp_path / "without")
    here, there = tmp_path / "here", tmp_path / "there"
    assert python(COMMAND, "pull", "air", env=os.environ, home=here) == 0
    assert python(COMMAND, "export", "air", tmp_path / "air.tar", env=os.environ, home=here) == 0
    assert python(CONNECT, env=env, home=there) != 0
    assert tried.read_text().split() == ["('127.0.0.1',", "9)"]  # it does say who tries
    tried.unlink()
    env["HF_HUB_OFFLINE"] = "1"
    sources.asked.clear()
    assert python(COMMAND, "pull", "air", env=env, home=there) == 5
    for words in (("import", tmp_path / "air.tar"), ("verify", "air"), ("pull", "air"), ("list",)):
        assert python(COMMAND, *words, env=env, home=there) == 0, words
    assert not tried.exists()
    assert sources.asked == []
