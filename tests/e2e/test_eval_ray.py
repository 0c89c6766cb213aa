"""`punchin eval` on seats of a Ray cluster: the same tables as in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes.cluster import Cluster
from fakes.transfer_pack import write_transfer_pack
from punchin_train.evaluation import transfer
from punchin_train.evaluation.__main__ import main

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.model,
    pytest.mark.ray,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]


@pytest.fixture
def packs(ray_cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Those that all nodes have. This process has what it takes to join the cluster."""
    for name, value in ray_cluster.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PUNCHIN_PACKS", str(ray_cluster.packs))
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return ray_cluster.packs


def report(out: Path, *words: str) -> Any:
    assert main([*words, "--minutes", "0.01", "--out", str(out)]) == 0
    return json.loads((out / "report.json").read_text("utf-8"))


def ray_flags(ray_cluster: Cluster) -> Sequence[str]:
    return "--executor", "ray", "--ray-address", ray_cluster.address, "--seats", "1:2"


@pytest.mark.endurance
@pytest.mark.usefixtures("packs")
def test_holes_have_the_same_figures_on_seats_of_a_cluster(ray_cluster: Cluster, tmp_path: Path) -> None:
    words = ("inpaint", "--masks", "four gaps", "--windows", "2", "--device", "cpu")
    here = report(tmp_path / "here", *words)
    assert here == report(tmp_path / "there", *words, *ray_flags(ray_cluster))
    [table] = here["tables"]
    assert {row["n"] for row in table["rows"].values()} == {2}


def test_transfers_have_the_same_figures_on_seats_of_a_cluster(
    ray_cluster: Cluster, packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_transfer_pack(packs / "moves", steps=1)
    monkeypatch.setattr(transfer, "LINES", 2)
    monkeypatch.setattr(transfer, "JUDGE_LINES", 2)
    clips = tmp_path / "clips"
    clips.mkdir()
    soundfile.write(clips / "a.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 32_000), 16_000)
    words = ("transfer", "--pack", "moves", "--songs", str(clips), "--targets", "harp", "--parameters", "negative")
    here = report(tmp_path / "here", *words)
    assert here == report(tmp_path / "there", *words, "--device", "cpu", *ray_flags(ray_cluster))
