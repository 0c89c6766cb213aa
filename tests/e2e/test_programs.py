"""Every command in a poor place: what it needs is not installed, or nobody reads what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakes.script import ROOT
from fakes.songs import write_song

pytestmark = pytest.mark.e2e
PATIENCE = 120.0
"""Seconds that a process may take on a busy machine."""
SERVER = "torch onnxruntime diffusers transformers pretty_midi safetensors sentencepiece yaml huggingface_hub onnx"
OURS = "punchin_server punchin_train"
WITHOUT = """
import importlib.machinery as machinery, os
gone, found = os.environ["WITHOUT"].split(), machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] in gone else found(name, *more)
"""
"""Python runs it when it starts, also in what our programs start: these modules are as if they were not installed."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home, whose daemon is stopped at the end."""
    home = tmp_path / "home"
    yield home
    record = home / "runtime" / "daemon.json"
    if record.exists():
        os.kill(json.loads(record.read_bytes())["pid"], 15)


def environment(home: Path, *, without: str = "") -> dict[str, str]:
    (folder := home.parent / "without").mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(WITHOUT if without else "")
    paths = [str(folder), *filter(None, sys.path)]
    mine = {"PUNCHIN_HOME": str(home), "WITHOUT": without, "PUNCHIN_SERVE_OSC_PORT": "0", "COLUMNS": "400"}
    return os.environ | mine | {"PYTHONPATH": os.pathsep.join(paths)}


def punchin(words: Sequence[object], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "punchin_bridge.cli", *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("without", [SERVER, OURS], ids=["packages", "ours"])
def test_without_the_server_part_one_sentence_says_how_it_is_installed(home: Path, without: str) -> None:
    env, song = environment(home, without=without), write_song(home.parent)
    takes = [song, "--start", 4, "--end", 5, "--out", home.parent / "takes", "--json"]
    for words in (["inpaint", *takes], ["transfer", *takes, "--to", "violin"], ["eval", "inpaint", "--json"]):
        done = punchin(words, env)
        assert done.returncode == 3, done.stderr
        error = json.loads(done.stdout)["error"]
        assert error["code"] == "not_installed"
        assert "pip install 'punchin[server" in error["next_step"]
        assert done.stderr == f"punchin: {error['message']} {error['next_step']}\n"


def test_without_what_trains_a_script_says_how_that_is_installed(home: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "train_adapter.py", "--help"]
    done = subprocess.run(
        command, env=environment(home, without="accelerate"), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 3
    assert done.stderr.startswith("punchin: accelerate is not installed.")
    assert "punchin[server,train]" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "--help", "--version", "inpaint --help", "serve --help", "eval --help", "packs list", "packs list --json",
        "doctor --help", "host check reaper --json", "inpaint gone.wav --json", "surface show",
    ],
)  # fmt: skip
def test_a_reader_that_leaves_ends_a_command_quietly(home: Path, words: str) -> None:
    """As in `punchin … | head -0`."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "punchin_bridge.cli", *words.split()]
    done = subprocess.run(
        command, env=environment(home), stdout=write, stderr=subprocess.PIPE, text=True, timeout=PATIENCE
    )
    os.close(write)
    assert done.returncode in (0, 2)
    assert len(done.stderr.splitlines()) <= 1, done.stderr
    assert "ipe" not in done.stderr
