"""The engine as the worker sees it: a request in, emissions out. Toy models, real code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fakes.toys import HOP, RATE, WINDOW, StepCodec, models
from punchin_server.engines.events import Emission
from punchin_server.engines.inpaint import scene
from punchin_server.engines.inpaint.engine import InpaintEngine
from punchin_server.engines.tries import another_seed
from punchin_server.models.musicgen.cache import StepSpan
from punchin_server.models.musicgen.musicgen import MusicGen
from punchin_wire.errors import BadCheckpoint, BadRegion, SilentTake, UnknownChord, Unsupported
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import (
    AudioChunk,
    ChordSegment,
    Done,
    Hole,
    InpaintRequest,
    Note,
    Progress,
    Take,
    TakeSpec,
)
from punchin_wire.params import Sampling

pytestmark = pytest.mark.torch

SONG = (0.5 * np.sin(np.arange(60 * HOP) / 11)).astype(np.float32)[None]
HOLE = Hole(20 * HOP, 24 * HOP)
CHORDS = (ChordSegment(0.0, 1.2, "C:maj"),)


@pytest.fixture(scope="module")
def engine() -> InpaintEngine:
    return InpaintEngine(models())


def request(song: Audio = SONG, rate: int = RATE, **changes: Any) -> InpaintRequest:
    given: dict[str, Any] = {"holes": (HOLE,), "takes": (TakeSpec(seed=1),), "pack": "toy"} | changes
    return InpaintRequest(source=describe(song, rate), **given)


def take_audio(emissions: Iterable[Emission], number: int = 0) -> Audio:
    (found,) = [e.audio for e in emissions if isinstance(e.event, Take) and e.event.take == number]
    assert found is not None
    return found


def frames_of(audio: Audio) -> Any:
    return StepCodec().encode(audio)[0].T.numpy()


def test_a_take_keeps_the_song_around_the_hole(engine: InpaintEngine) -> None:
    """Tokens of kept frames are the originals; the hole's are new; start says where the take lies."""
    emissions = list(engine.run(request(), [SONG]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    got, song = frames_of(take_audio(emissions)), frames_of(SONG)
    assert take.start % HOP == 0
    first = take.start // HOP
    song = song[first : first + len(got)]
    hole = slice(20 - first, 24 - first)
    assert len(got) == WINDOW
    assert not (got[hole] == song[hole]).all()
    got[hole] = song[hole]
    assert (got == song).all()


def test_events_come_in_order_and_progress_is_real(engine: InpaintEngine) -> None:
    emissions = list(engine.run(request(takes=(TakeSpec(1), TakeSpec(2))), [SONG]))
    stages = [e.event.stage if isinstance(e.event, Progress) else type(e.event).__name__ for e in emissions]
    order = list(dict.fromkeys(stages))
    assert order == ["encode", "prefill", "decode", "codec", "Take", "Done"]
    decode = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == "decode"]
    assert [p.step for p in decode] == sorted(p.step for p in decode)
    assert (decode[-1].step, decode[-1].total) == (4, 4)
    prefill = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == "prefill"]
    assert prefill[-1].step == prefill[-1].total
    done = emissions[-1].event
    assert isinstance(done, Done)
    assert done.timings.keys() == {"encode", "prefill", "decode", "codec"}
    assert done.models == {"pack": "toy"}


def test_same_seed_same_take_in_any_company(engine: InpaintEngine) -> None:
    together = list(engine.run(request(takes=tuple(TakeSpec(s) for s in (1, 2, 1))), [SONG]))
    alone = list(engine.run(request(takes=(TakeSpec(2),)), [SONG]))
    assert np.array_equal(take_audio(together, 0), take_audio(together, 2))
    assert np.array_equal(take_audio(together, 1), take_audio(alone))
    assert not np.array_equal(take_audio(together, 0), take_audio(together, 1))


def test_takes_follow_their_own_controls(engine: InpaintEngine) -> None:
    """One request: free, by chord, by drums, by both; each as if it were the only one."""
    drums = np.random.default_rng(0).normal(0, 0.2, SONG.shape).astype(np.float32)
    controls: list[dict[Any, float]] = [{}, {"chord": 1.0}, {"drums": 1.0}, {"chord": 1.0, "drums": 0.5}]
    takes = tuple(TakeSpec(3, c) for c in controls)
    brings: dict[str, Any] = {
        "chords": CHORDS,
        "beats": (0.0, 0.5, 1.0),
        "drums": describe(drums, RATE, frame=1),
    }
    brings["holes"] = (Hole(20 * HOP, 30 * HOP),)
    together = list(engine.run(request(takes=takes, **brings), [SONG, drums]))
    assert len({take_audio(together, i).tobytes() for i in range(4)}) == 4
    for i, take in enumerate(takes):
        alone = list(engine.run(request(takes=(take,), **brings), [SONG, drums]))
        assert np.array_equal(take_audio(together, i), take_audio(alone))


def test_piano_is_followed(engine: InpaintEngine) -> None:
    piano = tuple(Note(t / 4, t / 4 + 0.2, 60 + t) for t in range(5))
    a, b = (take_audio(engine.run(request(piano=piano, takes=(TakeSpec(3, c),)), [SONG])) for c in ({"piano": 1.0}, {}))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("hole", [(0, 3), (57, 60), (0, 60), (10, 45)], ids=["start", "end", "all", "longer than T"])
def test_holes_anywhere_and_of_any_length(engine: InpaintEngine, hole: tuple[int, int]) -> None:
    """The take covers the hole; around it every token is the song's."""
    holes = (Hole(hole[0] * HOP, hole[1] * HOP),)
    emissions = list(engine.run(request(holes=holes), [SONG]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    first, got, song = take.start // HOP, frames_of(take_audio(emissions)), frames_of(SONG)
    assert first <= hole[0]
    assert first + len(got) >= hole[1]
    kept = [f for f in range(first, first + len(got)) if not hole[0] <= f < hole[1]]
    assert all((got[f - first] == song[f]).all() for f in kept)


def test_a_later_window_sees_what_an_earlier_one_wrote(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a region longer than the window every prefix holds, where known, exactly what the take has there."""
    fed: list[torch.Tensor] = []
    plain = MusicGen.forward

    def spy(self: MusicGen, codes: torch.Tensor, span: StepSpan, *args: Any) -> torch.Tensor:
        if span.start == 0:
            fed.append(codes[0])
        return plain(self, codes, span, *args)

    monkeypatch.setattr(MusicGen, "forward", spy)
    emissions = list(engine.run(request(holes=(Hole(10 * HOP, 45 * HOP),)), [SONG]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    got = frames_of(take_audio(emissions))
    assert len(fed) == 3
    # Pieces [10, 21), [21, 33), [33, 45) with their windows' ends at 21, 33 and 52 or so.
    second = torch.stack([fed[1][k, 1 + k : 1 + k + WINDOW] for k in range(4)]).T.numpy()  # its prefix, undelayed
    start = 33 - WINDOW - take.start // HOP
    assert (second[: 21 - (33 - WINDOW)] == got[start : start + 21 - (33 - WINDOW)]).all()


def test_two_holes_are_filled_and_what_lies_between_is_kept(engine: InpaintEngine) -> None:
    holes = (Hole(20 * HOP, 22 * HOP), Hole(25 * HOP, 27 * HOP))
    emissions = list(engine.run(request(holes=holes), [SONG]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    first, got, song = take.start // HOP, frames_of(take_audio(emissions)), frames_of(SONG)
    assert (got[22 - first : 25 - first] == song[22:25]).all()
    assert not (got[20 - first : 22 - first] == song[20:22]).all()


def test_song_shorter_than_a_window(engine: InpaintEngine) -> None:
    """The take ends with the song, even in the middle of a frame."""
    song = SONG[:, : 7 * HOP + 3]
    emissions = list(engine.run(request(song=song, holes=(Hole(4 * HOP, 7 * HOP + 3),)), [song]))
    assert take_audio(emissions).shape == song.shape


def test_other_rates_and_stereo_are_folded(engine: InpaintEngine) -> None:
    """Stereo at twice the rate: the same place in the model's samples, mono."""
    stereo = np.repeat(np.repeat(SONG, 2, axis=1), 2, axis=0)
    emissions = list(engine.run(request(song=stereo, rate=2 * RATE, holes=(Hole(40 * HOP, 48 * HOP),)), [stereo]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    assert take.audio.channels == 1
    assert take.audio.sample_rate == RATE
    assert take.start // HOP <= 20
    assert take.start + take.audio.samples >= 24 * HOP


def test_preview_leaves_while_decoding_goes_on(engine: InpaintEngine) -> None:
    """Chunks of each take cover the hole once, in order, sound like the take, and begin before decoding ends."""
    holes = (Hole(2 * HOP, 58 * HOP),)
    wanted = request(holes=holes, takes=(TakeSpec(1), TakeSpec(2)), preview=True)
    emissions = list(engine.run(wanted, [SONG]))
    events = [e.event for e in emissions]
    chunks = [(e.event, e.audio) for e in emissions if isinstance(e.event, AudioChunk)]
    last_decode = max(i for i, e in enumerate(events) if isinstance(e, Progress) and e.stage == "decode")
    assert events.index(chunks[0][0]) < last_decode
    for number in range(2):
        mine = [(c.start, a) for c, a in chunks if c.take == number and a is not None]
        starts = [start for start, _ in mine]
        assert starts == sorted(starts)
        joined = np.concatenate([a for _, a in mine], axis=1)
        (take,) = [e for e in events if isinstance(e, Take) and e.take == number]
        whole = take_audio(emissions, number)
        assert mine[0][0] == 2 * HOP
        assert np.array_equal(joined, whole[:, 2 * HOP - take.start : 58 * HOP - take.start])


def test_closing_the_generator_stops_the_work(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After close() no further step is computed, and the engine works again."""
    calls: list[int] = []
    plain = MusicGen.forward
    monkeypatch.setattr(MusicGen, "forward", lambda self, *args: (calls.append(1), plain(self, *args))[1])
    run = engine.run(request(), [SONG])
    for emission in run:
        if isinstance(emission.event, Progress) and emission.event.stage == "decode":
            break
    before = len(calls)
    run.close()
    assert len(calls) == before
    assert take_audio(engine.run(request(), [SONG])).size


def test_text_needs_a_reader_and_guides(engine: InpaintEngine) -> None:
    with pytest.raises(Unsupported, match="text encoder"):
        list(engine.run(request(text="warm pads"), [SONG]))
    reading = InpaintEngine(models(text=True))
    plain, warm, unguided = (
        take_audio(reading.run(request(text=text, sampling=Sampling(guidance=guidance)), [SONG]))
        for text, guidance in (("", None), ("warm pads", None), ("warm pads", 1.0))
    )
    assert not np.array_equal(plain, warm)
    assert not np.array_equal(warm, unguided)


def test_guided_controls_are_followed_otherwise_and_no_controls_cost_nothing(
    engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 is as without; takes that follow nothing have nothing to be compared with."""
    rows: list[int] = []
    plain = MusicGen.forward
    monkeypatch.setattr(
        MusicGen, "forward", lambda self, codes, *args: (rows.append(len(codes)), plain(self, codes, *args))[1]
    )

    def take(scale: float | None, **controls: float) -> Audio:
        rows.clear()
        asked = request(takes=(TakeSpec(1, controls),), chords=CHORDS, sampling=Sampling(control_guidance=scale))
        return take_audio(engine.run(asked, [SONG]))

    usual = take(None, chord=1.0)
    assert set(rows) == {1}
    assert np.array_equal(take(1.0, chord=1.0), usual)
    assert not np.array_equal(take(3.0, chord=1.0), usual)
    assert set(rows) == {2}
    free = take(3.0)
    assert set(rows) == {1}
    assert np.array_equal(take(None), free)


def test_pack_without_adapters_continues_the_song() -> None:
    """No adapters: the prefix is the past, so what follows the hole cannot change the take; controls are refused."""
    bare = InpaintEngine(models(adapters=()))
    future = SONG.copy()
    future[:, 30 * HOP :] = 0.3
    a, b = (take_audio(bare.run(request(song=song), [song])) for song in (SONG, future))
    assert np.array_equal(a[:, : 8 * HOP], b[:, : 8 * HOP])
    with pytest.raises(Unsupported, match="no adapter for chord"):
        list(bare.run(request(takes=(TakeSpec(1, {"chord": 1.0}),), chords=CHORDS), [SONG]))


def test_unknown_chord_is_one_clear_error(engine: InpaintEngine) -> None:
    wrong = request(takes=(TakeSpec(1, {"chord": 1.0}),), chords=(ChordSegment(0.0, 1.0, "H:major"),))
    with pytest.raises(UnknownChord):
        list(engine.run(wrong, [SONG]))
    assert take_audio(engine.run(request(), [SONG])).size


def test_codec_and_language_model_must_speak_the_same_tokens() -> None:
    class Other(StepCodec):
        card = 16

    with pytest.raises(BadCheckpoint, match="4 codebooks of 8"):
        replace(models(), codec=Other())


def test_distant_holes_cost_nothing_between_them(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between windows far apart nothing is encoded or decoded; a take holds the song itself there."""
    song = (0.5 * np.sin(np.arange(300 * HOP) / 11)).astype(np.float32)[None]
    heard: list[int] = []
    plain = StepCodec.encode
    monkeypatch.setattr(StepCodec, "encode", lambda self, wav: (heard.append(wav.size // HOP), plain(self, wav))[1])
    holes = (Hole(20 * HOP, 24 * HOP), Hole(280 * HOP, 284 * HOP))
    emissions = list(engine.run(request(song=song, holes=holes), [song]))
    assert heard == [WINDOW] * 4  # two windows, of the song and of the condition
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    got = take_audio(emissions)
    first = take.start // HOP
    assert np.array_equal(got[:, (60 - first) * HOP : (250 - first) * HOP], song[:, 60 * HOP : 250 * HOP])
    tokens = frames_of(got)
    for a, b in ((20, 24), (280, 284)):
        assert not (tokens[a - first : b - first] == frames_of(song)[a:b]).all()


def test_long_stretches_are_translated_in_parts(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a long region can be cancelled while it is encoded; the take is the same."""
    wanted = request(holes=(Hole(2 * HOP, 58 * HOP),))
    whole = take_audio(engine.run(wanted, [SONG]))
    monkeypatch.setattr(scene, "PART", 7)
    emissions = list(engine.run(wanted, [SONG]))
    assert np.array_equal(take_audio(emissions), whole)
    encodes = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == "encode"]
    assert [p.step for p in encodes] == list(range(1, 19))
    assert {p.total for p in encodes} == {18}


@pytest.mark.parametrize("samples", [1, 2, HOP + 1])
def test_the_shortest_songs(engine: InpaintEngine, samples: int) -> None:
    """A sample or two at a high rate may be none at the model's; that is said, and nothing breaks."""
    song = SONG[:, :samples]
    whole = (Hole(0, samples),)
    assert take_audio(engine.run(request(song=song, holes=whole), [song])).shape == song.shape
    try:
        audio = take_audio(engine.run(request(song=song, rate=48_000, holes=whole), [song]))
    except BadRegion:
        return
    assert audio.size


# ---- silence -------------------------------------------------------------------------------------------------


def shares(monkeypatch: pytest.MonkeyPatch, *found: float) -> None:
    """Takes are silent for these shares of their time, in the order in which they are made."""
    each = iter(found)
    monkeypatch.setattr("punchin_server.engines.inpaint.engine.silent_share", lambda *_: next(each))


def test_a_silent_take_is_made_again_with_another_seed(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the take that the other seed gives by itself; it is not previewed, and progress never goes back."""
    shares(monkeypatch, 0.0, 0.6, 0.7, 0.5)
    wanted = request(takes=tuple(map(TakeSpec, (1, 2))), retries=2, preview=True)
    emissions = list(engine.run(wanted, [SONG]))
    found = [(e.event.take, e.event.seed) for e in emissions if isinstance(e.event, Take)]
    third = another_seed(another_seed(2))
    assert found == [(0, 1), (1, third)]
    monkeypatch.undo()
    for number, seed in found:
        assert np.array_equal(
            take_audio(emissions, number), take_audio(engine.run(request(takes=(TakeSpec(seed),)), [SONG]))
        )
    previews = [e.event.take for e in emissions if isinstance(e.event, AudioChunk)]
    assert previews == [0, 1]
    for stage, total in (("decode", 3 * 4), ("codec", 4)):
        progress = [e.event for e in emissions if isinstance(e.event, Progress) and e.event.stage == stage]
        assert [p.step for p in progress] == sorted(p.step for p in progress)
        assert (progress[-1].step, progress[-1].total) == (total, total)


def test_a_take_that_stays_silent_fails(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    shares(monkeypatch, 0.6, 0.6)
    with pytest.raises(SilentTake, match="with 2 seeds"):
        list(engine.run(request(retries=1), [SONG]))


def test_silence_is_looked_for_in_every_hole(engine: InpaintEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the places of the holes in song and take; the worst counts."""
    heard: list[tuple[Audio, Audio]] = []

    def share(song: Audio, take: Audio, rate: int, around: Audio) -> float | None:
        assert (rate, around.ndim) == (RATE, 1)
        heard.append((song.copy(), take.copy()))
        return (None, 0.9)[len(heard) % 2 - 1] if len(heard) <= 2 else 0.0

    monkeypatch.setattr("punchin_server.engines.inpaint.engine.silent_share", share)
    holes = (Hole(20 * HOP, 24 * HOP), Hole(30 * HOP, 33 * HOP))
    emissions = list(engine.run(request(holes=holes, retries=1), [SONG]))
    (take,) = [e.event for e in emissions if isinstance(e.event, Take)]
    assert take.seed == another_seed(1)
    for (song, made), hole in zip(heard[2:], holes, strict=True):
        assert np.array_equal(song, SONG[0, hole.start : hole.end])
        assert np.array_equal(made, take_audio(emissions)[0, hole.start - take.start : hole.end - take.start])
