"""Transfers on a pretended GPU: nothing lies on the wrong device, and a step of the fast solvers waits for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.gpu import Gpu, Graph, pretended
from fakes.transfer_pack import write_transfer_pack
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
def gpu() -> Iterator[Gpu]:
    with pretended(2) as gpu:
        yield gpu


def tone(seconds: float) -> Audio:
    at = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * at * (1 + at // 0.5 % 3)))[None].astype(np.float32)


def request(clip: Audio, **changes: Any) -> TransferRequest:
    given = {"prompt": "a violin", "pack": "moves", "steps": 3, "guidance": 3.0, "scheduler": "dpm++"} | changes
    return TransferRequest(source=describe(clip, RATE), takes=(TakeSpec(1), TakeSpec(2)), **given)


def takes(engine: Transfer, clip: Audio, **changes: Any) -> list[Audio]:
    emissions = engine.run(request(clip, **changes), [clip])
    return [e.audio for e in emissions if isinstance(e.event, Take) and e.audio is not None]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("device", "seconds", "changes"),
    [
        ("cuda", 1.0, {}),
        ("cuda:1", 12.0, {}),
        ("cuda", 1.0, {"scheduler": "ddim"}),
        ("cuda", 1.0, {"scheduler": "unipc"}),
        ("cuda", 1.0, {"guidance": 1.0}),
        ("cuda", 1.0, {"method": "sdedit"}),
    ],
    ids=str,
)
def test_it_makes_the_takes_of_the_cpu(pack: str, device: str, seconds: float, changes: dict[str, Any]) -> None:
    """By replays, after the first step of each window; a long clip has several."""
    clip = tone(seconds)
    expected = takes(load(pack, "cpu", "float32"), clip, **changes)
    made = takes(load(pack, device, "float32"), clip, **changes)
    assert Graph.replays
    for one, other in zip(expected, made, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-4 * np.abs(one).max())


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_makes_takes(pack: str, precision: str) -> None:
    made = takes(load(pack, "cuda", precision), tone(1.0))
    assert len(made) == 2
    assert all(np.isfinite(take).all() for take in made)


@pytest.mark.parametrize("solver", ["dpm++", "ddim"])
def test_no_step_waits_for_the_gpu(gpu: Gpu, pack: str, solver: str) -> None:
    clip, engine = tone(12.0), load(pack, "cuda", "float32")
    waits = [
        gpu.waits.total()
        for emission in engine.run(request(clip, steps=4, scheduler=solver), [clip])
        if isinstance(emission.event, Progress) and emission.event.stage == "denoise"
    ]
    assert len(waits) == 4 * 2  # two windows
    assert len(set(waits[2:])) == 1  # the first step records, and sends each window what it needs


@pytest.mark.usefixtures("gpu")
def test_a_window_is_recorded_once(pack: str) -> None:
    takes(load(pack, "cuda", "float32"), tone(12.0), steps=5)
    assert (Graph.recorded, Graph.replays) == (2, 2 * 5)
