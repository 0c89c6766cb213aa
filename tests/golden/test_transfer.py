"""A transfer that holds nothing of its clip stays the take that it is since version 4 of the built-in pack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from punchin_server.engines.transfer.engine import load
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Take, TakeSpec, TransferRequest

pytestmark = pytest.mark.model

RATE = 16_000


def melody() -> Audio:
    """`[1, 32000]`: four notes of half a second, each of two partials that die away."""
    time = np.arange(RATE // 2) / RATE
    notes = [
        0.4 * np.sin(2 * np.pi * pitch * time) * np.exp(-3 * time)
        + 0.1 * np.sin(4 * np.pi * pitch * time) * np.exp(-5 * time)
        for pitch in (220.0, 277.18, 329.63, 440.0)
    ]
    return np.concatenate(notes)[None].astype(np.float32)


def test_the_take_is_the_one_that_it_was() -> None:
    """To what a processor's sums may differ by; a hold of a twentieth is 30 times as far away."""
    with np.load(Path(__file__).with_name("transfer_reference.npz")) as file:
        expected = file["take"]
    clip, engine = melody(), load("tiny", "cpu", "float32")

    def take(hold: float) -> Audio:
        request = TransferRequest(
            source=describe(clip, RATE),
            prompt="a recording of a violin solo",
            negative_prompt="Low quality",
            takes=(TakeSpec(7),),
            scheduler="ddim",
            steps=4,
            hold=hold,
            loop_short=True,
        )
        [audio] = [e.audio for e in engine.run(request, [clip]) if isinstance(e.event, Take) and e.audio is not None]
        return audio[0, ::32]

    deviation = float(expected.std())
    assert float((take(0.0) - expected).std()) < 0.01 * deviation
    assert float((take(0.05) - expected).std()) > 0.3 * deviation
