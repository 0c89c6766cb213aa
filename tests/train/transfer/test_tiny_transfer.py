"""The shipped transfer half does its job on lines that training never had: the clip's notes, on what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.engines.transfer.engine import Transfer, load
from punchin_server.listening import notes
from punchin_server.listening.likeness import Likeness
from punchin_server.packs import registry
from punchin_train.measures import chroma_cosine
from punchin_train.transfer import solos
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import Take, TakeSpec, TransferRequest

pytestmark = pytest.mark.torch

SEEDS = (9_300_001, 9_300_002, 9_300_003)
"""Not among the lines that anything was chosen by."""


@pytest.fixture(scope="module")
def engine() -> Transfer:
    return load("tiny", "cpu", "float32")


def test_the_pack_fills_and_transfers() -> None:
    """It has both halves."""
    assert registry.find("tiny").manifest.engines == ("inpaint", "transfer")


@pytest.mark.model
@pytest.mark.parametrize("target", ["violin", "flute", "harp"])
def test_a_piano_is_handed_to_another_instrument(engine: Transfer, target: str) -> None:
    """Takes play the clip's notes rather than another clip's, and sound more like the target than like the piano as
    the pack's own CLAP hears them. (It hardly tells an acoustic guitar from a piano.)"""
    kept, chance, nearer = [], [], []
    clips = [solos.play(solos.compose(seed, held_out=True).melody, "piano")[:160_000] for seed in SEEDS]
    for clip, other in zip(clips, clips[1:] + clips[:1], strict=True):
        sound = take(engine, clip, f"a recording of a {target} solo")
        kept.append(likeness(sound, clip))
        chance.append(likeness(sound, other))
        scored = [
            engine.models.base.text.similarity(sound, SAMPLE_RATE, f"a {name} solo") for name in (target, "piano")
        ]
        nearer.append(scored[0] > scored[1])
    assert np.mean(kept) > 0.5
    assert np.mean(kept) > np.mean(chance) + 0.2
    assert sum(nearer) >= 2


@pytest.mark.model
def test_a_clip_that_is_held_keeps_its_notes_at_their_time(engine: Transfer) -> None:
    """As basic-pitch's model hears them, which had no part in training."""
    free, held = [], []
    for seed in SEEDS:
        clip = solos.play(solos.compose(seed, held_out=True).melody, "piano")[:160_000]
        like = Likeness(notes.installed(), clip, SAMPLE_RATE)
        for found, hold in ((free, 0.0), (held, 0.7)):
            found.append(like.of(take(engine, clip, "a recording of a violin solo", hold)))
    for measure in ("notes", "frames", "beats"):
        assert np.mean([one[measure] for one in held]) > np.mean([one[measure] for one in free]) + 0.05, measure


def take(engine: Transfer, clip: Audio, prompt: str, hold: float | None = None) -> Audio:
    request = TransferRequest(
        describe(clip[None], SAMPLE_RATE),
        prompt,
        (TakeSpec(1),),
        negative_prompt="a recording of a piano solo",
        hold=hold,
    )
    emissions = [e for e in engine.run(request, [clip[None]]) if isinstance(e.event, Take)]
    assert emissions[0].audio is not None
    return emissions[0].audio[0]


def likeness(ours: Audio, theirs: Audio) -> float:
    return float(chroma_cosine(*(torch.from_numpy(a)[None] for a in (ours, theirs)), SAMPLE_RATE).mean())
