"""Transfers on a pretended GPU: nothing lies on the wrong device, and a step of the fast solvers waits for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.gpu import Gpu, Graph, pretended
from fakes.transfer_pack import write_transfer_pack
from punchin_server.engines import cuda_graph
from punchin_server.engines.transfer.engine import Transfer, load
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Progress, Take, TakeSpec, TransferRequest

pytestmark = pytest.mark.model

RATE = 16_000


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("packs") / "moves"
    write_transfer_pack(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUNCHIN_PACKS", str(folder))
        yield folder.name


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """Two of them; what is recorded is run once before."""
    monkeypatch.setattr(cuda_graph, "WARM_UPS", 1)
    with pretended(2) as gpu:
        yield gpu


def tone(seconds: float) -> Audio:
    at = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * at * (1 + at // 0.5 % 3)))[None].astype(np.float32)


def request(clip: Audio, **changes: Any) -> TransferRequest:
    given = {"prompt": "a violin", "pack": "moves", "steps": 2, "guidance": 1.0, "scheduler": "dpm++"} | changes
    return TransferRequest(source=describe(clip, RATE), takes=(TakeSpec(1),), **given)


def take(engine: Transfer, clip: Audio, **changes: Any) -> Audio:
    emissions = engine.run(request(clip, **changes), [clip])
    (sound,) = [e.audio for e in emissions if isinstance(e.event, Take) and e.audio is not None]
    return sound


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("device", "seconds", "changes"),
    [("cuda:1", 12.0, {"guidance": 3.0}), ("cuda", 1.0, {"scheduler": "unipc"}), ("cuda", 1.0, {"method": "sdedit"})],
    ids=str,
)
def test_it_makes_the_take_of_the_cpu(pack: str, device: str, seconds: float, changes: dict[str, Any]) -> None:
    """By replays of one recording for each window, of which a long clip has two."""
    clip = tone(seconds)
    expected, made = (take(load(pack, where, "float32"), clip, **changes) for where in ("cpu", device))
    assert Graph.recorded == (1 if seconds < 10 else 2)
    assert Graph.replays >= Graph.recorded
    np.testing.assert_allclose(made, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_makes_a_take(pack: str, precision: str) -> None:
    assert np.isfinite(take(load(pack, "cuda", precision), tone(1.0), steps=1)).all()


@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_no_step_waits_for_the_gpu(gpu: Gpu, pack: str, solver: str) -> None:
    """After the first, which sends there what the others find."""
    clip, engine = tone(1.0), load(pack, "cuda", "float32")
    waits = [
        gpu.waits.total()
        for emission in engine.run(request(clip, steps=4, scheduler=solver), [clip])
        if isinstance(emission.event, Progress) and emission.event.stage == "denoise"
    ]
    assert len(waits) == 4
    assert len(set(waits)) == 1
    assert Graph.replays == 4
