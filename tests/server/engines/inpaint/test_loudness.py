"""The model hears a song as loud as the music it learned from, and what comes out is at the song's own level."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from fakes.toys import HOP, RATE, models
from punchin_server.engines.inpaint import loudness
from punchin_server.engines.inpaint.engine import InpaintEngine
from punchin_server.engines.spans import Span
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import AudioChunk, Done, Hole, InpaintRequest, Take, TakeSpec

pytestmark = pytest.mark.torch

CODEC = 32_000
SONG = (0.5 * np.sin(np.arange(60 * HOP) / 11)).astype(np.float32)[None]


def noise(seconds: float, gain: float = 0.1) -> Audio:
    return (gain * np.random.default_rng(0).standard_normal(round(seconds * CODEC))).astype(np.float32)


@pytest.mark.parametrize("db", [-60, -40, -20, 0, 10])
def test_what_is_heard_has_the_learned_loudness(db: int) -> None:
    """What lies in the hole is not heard and does not count."""
    song = noise(6, 0.1 * 10 ** (db / 20))
    song[CODEC : 2 * CODEC] *= 30
    hole = Span(50, 100)
    gain = loudness.gain_db(song, [hole], CODEC // 50, CODEC, -19.7)
    heard = np.delete(song, slice(CODEC, 2 * CODEC)) * 10 ** (gain / 20)
    assert pyloudnorm.Meter(CODEC).integrated_loudness(heard.astype(np.float64)) == pytest.approx(-19.7, abs=0.1)


def test_silence_and_what_is_not_known_are_left_alone() -> None:
    everything = [Span(0, 50)]
    for song, holes in [
        (np.zeros(CODEC, np.float32), []),
        (noise(1, 1e-5), []),
        (noise(0.3), []),
        (noise(1), everything),
        (np.zeros(0, np.float32), []),
    ]:
        assert loudness.gain_db(song, holes, CODEC // 50, CODEC, -19.7) == 0.0
    assert loudness.gain_db(noise(1), [], CODEC // 50, CODEC, None) == 0.0


def test_a_quiet_song_has_the_takes_of_a_loud_one_as_quiet_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes, previews and drums alike; the report says the gain. Requests from before it are heard as they are."""
    engine, quiet = InpaintEngine(models()), SONG / 10

    def run(song: Audio, learned: bool = False) -> tuple[Audio, Audio, dict[str, str]]:
        source, drums = describe(song, RATE), describe(song, RATE, frame=1)
        request = InpaintRequest(
            source,
            (Hole(20 * HOP, 24 * HOP),),
            (TakeSpec(1, {"drums": 1.0}),),
            "toy",
            drums=drums,
            preview=True,
            at_learned_loudness=learned,
        )
        emissions = list(engine.run(request, [song, song]))
        (take,) = [e.audio for e in emissions if isinstance(e.event, Take)]
        chunks = [e.audio for e in emissions if isinstance(e.event, AudioChunk)]
        (done,) = [e.event for e in emissions if isinstance(e.event, Done)]
        assert take is not None
        return take, np.concatenate([chunk for chunk in chunks if chunk is not None], axis=1), done.models

    loud, preview, said = run(SONG)
    monkeypatch.setattr(loudness, "gain_db", lambda *_: 20.0)
    take, chunk, models_said = run(quiet, learned=True)
    assert np.allclose(take, loud / 10, atol=1e-6)
    assert np.allclose(chunk, preview / 10, atol=1e-6)
    assert take.dtype == np.float32
    assert models_said == said | {"input_gain_db": "+20.0"}
    old, _, nothing = run(quiet)
    assert not np.allclose(old, loud / 10, atol=1e-3)
    assert "input_gain_db" not in nothing
