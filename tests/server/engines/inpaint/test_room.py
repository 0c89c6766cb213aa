"""Takes that do not fit into the memory that is free are refused before they are begun."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from fakes.pack import write_random_pack
from punchin_server.engines.inpaint import room
from punchin_server.engines.inpaint.decode import TakeBatch
from punchin_server.engines.inpaint.engine import load
from punchin_server.engines.inpaint.room import BESIDE, check_room, free_memory
from punchin_server.engines.inpaint.sampling import Noise, SamplingParams
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_wire.errors import OutOfMemory
from punchin_wire.frames import describe
from punchin_wire.messages import Hole, InpaintRequest, Progress, Take, TakeSpec

pytestmark = pytest.mark.torch

LM = MusicGen(LMConfig(layers=3, width=64, heads=4, card=8, text_width=8), 40)
STEPS = 40
ROW = 2 * 3 * 64 * 4 * STEPS
"""Bytes of a take's keys and values in float32."""


def batch(coefficients: list[list[float]], text: bool = False) -> TakeBatch:
    state = LM.read_text(torch.zeros(2, 8)) if text else None
    noise = Noise(range(len(coefficients)), 4, 8)
    return TakeBatch(torch.tensor(coefficients), noise, SamplingParams(guidance=3.0), None, state)


@pytest.mark.parametrize(
    ("takes", "rows"),
    [
        (batch([[1.0]]), 2),
        (batch([[1.0]] * 4), 5),
        (batch([[1.0], [0.5], [1.0]]), 5),
        (batch([[1.0]] * 4, text=True), 10),
    ],
    ids=["one", "four alike", "two kinds", "with guidance"],
)
def test_the_last_byte_decides(takes: TakeBatch, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each take and for each beginning that they share, in each branch."""
    monkeypatch.setattr(room, "free_memory", lambda _: BESIDE + rows * ROW)
    check_room(LM, takes, STEPS)
    monkeypatch.setattr(room, "free_memory", lambda _: BESIDE + rows * ROW - 1)
    with pytest.raises(OutOfMemory):
        check_room(LM, takes, STEPS)


def test_it_says_how_many_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda _: BESIDE + 4 * ROW)
    with pytest.raises(OutOfMemory, match=r"6 takes need 0\.3 GiB beside the model") as refused:
        check_room(LM, batch([[1.0]] * 6), STEPS)
    assert "Ask for 3 takes" in refused.value.next_step
    monkeypatch.setattr(room, "free_memory", lambda _: BESIDE)
    with pytest.raises(OutOfMemory, match="1 take needs") as refused:
        check_room(LM, batch([[1.0]]), STEPS)
    assert "--precision int8" in refused.value.next_step


def test_what_is_free() -> None:
    assert 0 < free_memory(torch.device("cpu")) <= psutil.virtual_memory().total


def test_a_job_is_refused_and_the_next_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "mini"))
    engine = load(write_random_pack(tmp_path / "mini", 32, 32), "cpu", "float32")
    song = (0.3 * np.sin(np.arange(480) / 5)).astype(np.float32)[None]
    request = InpaintRequest(describe(song, 32_000), (Hole(160, 200),), tuple(map(TakeSpec, range(4))), pack="mini")
    with monkeypatch.context() as patch:
        patch.setattr(room, "free_memory", lambda _: BESIDE)
        events = []
        with pytest.raises(OutOfMemory):
            events.extend(emission.event for emission in engine.run(request, [song]))
        assert not [e for e in events if isinstance(e, Progress) and e.stage in {"prefill", "decode"}]
    assert sum(isinstance(emission.event, Take) for emission in engine.run(request, [song])) == 4
