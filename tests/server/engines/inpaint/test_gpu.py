"""The whole engine on a pretended GPU: nothing lies on the wrong device, no decode step waits, none has a new shape."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes.gpu import Gpu, Graph, Kernel, MixedDevices, OnGpu, pretended
from fakes.pack import write_random_pack
from punchin_server.engines import cuda_graph
from punchin_server.engines.inpaint import captured
from punchin_server.engines.inpaint.engine import InpaintEngine, load
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import ChordSegment, Hole, InpaintRequest, Progress, Take, TakeSpec

pytestmark = pytest.mark.torch

HOP = 8
SONG: Audio = (0.3 * np.sin(np.arange(60 * HOP) / 5)).astype(np.float32)[None]


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "mini"))
    return write_random_pack(tmp_path / "mini", 32, 32)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """Two of them; attention looks at buckets of 16 columns, and three steps are sent at once."""
    monkeypatch.setattr(captured, "BUCKET", 16)
    monkeypatch.setattr(captured, "AHEAD", 3)
    with pretended(2) as gpu:
        yield gpu


def request(
    holes: tuple[Hole, ...] = (Hole(20 * HOP, 27 * HOP),), takes: int = 2, preview: bool = False
) -> InpaintRequest:
    specs = (TakeSpec(1, {"chord": 1.0}), TakeSpec(2), TakeSpec(3))
    return InpaintRequest(
        source=describe(SONG, 32_000),
        holes=holes,
        takes=specs[:takes],
        chords=(ChordSegment(0.0, 1.0, "A:min"),),
        beats=(0.0,),
        pack="mini",
        preview=preview,
    )


def takes(engine: InpaintEngine, asked: InpaintRequest) -> list[Audio]:
    emissions = engine.run(asked, [SONG])
    return [e.audio for e in emissions if isinstance(e.event, Take) and e.audio is not None]


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16", "int8", "float8"])
def test_it_makes_takes(pack: str, device: str, precision: str) -> None:
    """Those of the CPU in float32, with previews on the way; every tensor on the GPU that was named."""
    asked = request(holes=(Hole(20 * HOP, 24 * HOP), Hole(28 * HOP, 31 * HOP)), preview=True)
    expected = takes(load(pack, "cpu", "float32"), asked)
    engine = load(pack, device, precision)
    lm = engine._m.lm
    assert isinstance(lm, torch.nn.Module)
    index = torch.device(device).index or 0
    assert {weight.device for weight in (*lm.parameters(), *lm.buffers())} == {torch.device("cuda", index)}
    made = takes(engine, asked)
    assert Graph.replays
    for one, other in zip(expected, made, strict=True):
        assert np.isfinite(other).all()
        if precision == "float32":
            np.testing.assert_allclose(other, one, atol=1e-5)


def test_it_is_noticed_when_devices_mix(gpu: Gpu) -> None:
    """The pretended GPU refuses what a real one would: else the test above could not fail."""
    with torch.inference_mode():
        here, other = OnGpu(torch.ones(2)), OnGpu(torch.ones(2), 1)
        for stranger in (torch.ones(2), other):
            with pytest.raises(MixedDevices):
                here + stranger
        assert (here + here).tolist() == [2.0, 2.0]
        waited = gpu.waits.total()
        assert float(here.sum()) == 2.0
        assert gpu.waits.total() > waited


def test_no_step_waits_for_the_gpu(gpu: Gpu, pack: str) -> None:
    """From the end of the prefill to the last step: the host sends noise, replays, and copies tokens on the GPU. Nor do
    previews wait."""
    engine = load(pack, "cuda", "float32")
    waits = [
        (emission.event.step, gpu.waits.total())
        for emission in engine.run(request(preview=True), [SONG])
        if isinstance(emission.event, Progress) and emission.event.stage == "decode"
    ]
    frames, counts = zip(*waits, strict=True)
    assert len(set(frames)) >= 3
    assert len(set(counts)) == 1


def test_a_window_waits_a_fixed_number_of_times(gpu: Gpu, pack: str) -> None:
    """However long the hole is; and the recording of the first serves the second."""
    engine, counts = load(pack, "cuda", "float32"), []
    for length in (4, 4, 9):
        gpu.clear()
        recorded = Graph.recorded
        takes(engine, request((Hole(20 * HOP, (20 + length) * HOP),)))
        counts.append((gpu.waits.total(), Graph.recorded - recorded))
    (_, first), (again, none), (longer, _) = counts
    assert first >= 1
    assert none == 0
    assert longer == again


def steps(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> list[list[Kernel]]:
    """The kernels of each plain run of a step from now on."""
    seen: list[list[Kernel]] = []
    plain = captured.feed

    def feed(*args: object) -> None:
        gpu.kernels.clear()
        plain(*args)  # type: ignore[arg-type]
        seen.append(list(gpu.kernels))

    monkeypatch.setattr(captured, "feed", feed)
    return seen


def test_every_step_has_the_shapes_of_the_one_before(gpu: Gpu, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = steps(gpu, monkeypatch)
    takes(load(pack, "cuda", "float16"), request(takes=3))
    assert len(seen) == cuda_graph.WARM_UPS + 1  # one bucket: what follows is replayed
    assert all(kernels == seen[0] for kernels in seen[1:])


def test_a_layer_has_few_kernels(gpu: Gpu, pack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody adds a handful to each of 48 layers unnoticed."""
    seen = steps(gpu, monkeypatch)
    engine = load(pack, "cuda", "float16")
    takes(engine, request())
    names = [kernel.name for kernel in seen[0]]
    layers = engine._m.lm.config.layers
    attention = [i for i, name in enumerate(names) if "scaled_dot_product" in name]
    assert len(attention) == layers
    assert attention[1] - attention[0] <= 20
    assert len(names) - layers * (attention[1] - attention[0]) <= 36


@pytest.mark.usefixtures("gpu")
def test_what_cannot_be_recorded_is_launched(
    pack: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A driver that cannot record costs time, not the take."""

    def record(*_: object) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    expected = takes(load(pack, "cpu", "float32"), request())
    monkeypatch.setattr(cuda_graph, "_record", record)
    with caplog.at_level(logging.WARNING):
        made = takes(load(pack, "cuda", "float32"), request())
    assert "not recorded" in caplog.text
    for one, other in zip(expected, made, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
