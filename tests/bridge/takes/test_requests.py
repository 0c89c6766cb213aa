"""A request carries the region with its context, and every input cut and shifted onto that excerpt's time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.music.region import Region
from punchin_bridge.music.tempo_map import steady
from punchin_bridge.takes.requests import Inputs, Options, at_rate, cut_chords, excerpt, inpaint, parse_weights, takes
from punchin_wire.errors import BadMidi, BadRegion, BadSetting, InputError
from punchin_wire.messages import AudioRef, ChordSegment, Control, Hole, InpaintRequest, Note, Sampling, TakeSpec

RATE = 1000 * 48
CHORDS = (ChordSegment(0, 50, "N"), ChordSegment(50, 104, "C:maj"), ChordSegment(104, 200, "A:min7/b3"))
PIANO = (Note(60, 80, 60, 90, 5), Note(101, 102, 64), Note(170, 171, 67))


def build(
    inputs: Inputs, controls: dict[Control, float], options: Options = Options(), region: Region = Region(100, 108)
) -> InpaintRequest:
    """A request for seconds of a 200 s song."""
    region = Region(region.start * RATE, region.end * RATE)
    around = excerpt(region, RATE, 200 * RATE)
    source = AudioRef(0, RATE, 2, around.samples)
    return inpaint(source, region, around, inputs, (TakeSpec(1, controls),), options)


def test_the_excerpt_has_context_on_both_sides_and_stays_in_the_song() -> None:
    assert excerpt(Region(100 * RATE, 108 * RATE), RATE, 200 * RATE) == Region(70 * RATE, 138 * RATE)
    assert excerpt(Region(0, RATE), RATE, 200 * RATE) == Region(0, 31 * RATE)
    assert excerpt(Region(190 * RATE, 200 * RATE), RATE, 200 * RATE) == Region(160 * RATE, 200 * RATE)


def test_a_region_too_long_for_one_request_is_refused() -> None:
    assert excerpt(Region(60 * RATE, 900 * RATE), RATE, 3600 * RATE).samples == 900 * RATE
    with pytest.raises(BadRegion, match="901 s long") as caught:
        excerpt(Region(60 * RATE, 961 * RATE), RATE, 3600 * RATE)
    assert "840 s" in caught.value.next_step


@given(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(4000, 768000), st.integers(4000, 768000))
def test_the_same_time_at_another_rate(start: int, length: int, rate: int, other: int) -> None:
    span = Region(start, start + length)
    there = at_rate(span, rate, other)
    assert abs(there.start / other - start / rate) <= 0.5 / other + 1e-9
    assert abs(there.samples / other - length / rate) <= 0.5 / other + 1e-9
    assert at_rate(span, rate, rate) == span


def test_everything_moves_onto_the_excerpts_time() -> None:
    drums = AudioRef(1, 44100, 1, 68 * 44100)
    inputs = Inputs(CHORDS, "midi", steady(60, downbeat=0.5), PIANO, drums)
    request = build(inputs, {"chord": 1.0, "piano": 0.5, "drums": 2.0}, Options("big", "jazz", "compat"))
    assert request.holes == (Hole(30 * RATE, 38 * RATE),)
    assert request.chords == (ChordSegment(0, 34, "C:maj"), ChordSegment(34, 68, "A:min7/b3"))
    assert request.beats == tuple(0.5 + i for i in range(68))
    assert request.piano == (Note(0, 10, 60, 90, 5), Note(31, 32, 64))
    assert request.drums == drums
    assert (request.pack, request.text, request.strikes) == ("big", "jazz", "compat")
    assert request.takes == (TakeSpec(1, {"chord": 1.0, "piano": 0.5, "drums": 2.0}),)


def test_what_no_take_follows_does_not_travel() -> None:
    inputs = Inputs(CHORDS, "midi", steady(60), PIANO, AudioRef(1, 44100, 1, 100))
    request = build(inputs, {})
    assert (request.chords, request.beats, request.piano, request.drums) == ((), (), (), None)


def test_without_a_tempo_there_are_no_beats() -> None:
    assert build(Inputs(CHORDS), {"chord": 1.0}).beats == ()


def test_an_input_that_is_silent_in_the_region_is_refused() -> None:
    with pytest.raises(BadMidi, match=r"plays nothing from 10.000 to 18.000 s"):
        build(Inputs(CHORDS, "midi"), {"chord": 1.0}, region=Region(10, 18))
    with pytest.raises(BadMidi, match="no note"):
        build(Inputs(piano=PIANO), {"piano": 1.0}, region=Region(110, 118))
    with pytest.raises(InputError, match="says nothing"):
        build(Inputs(CHORDS[:1]), {"chord": 1.0})


def test_a_chord_file_may_say_that_there_is_no_chord() -> None:
    assert build(Inputs(CHORDS), {"chord": 1.0}, region=Region(10, 18)).chords[0].label == "N"


@pytest.mark.parametrize(
    "options",
    [
        Options(pack="../etc"),
        Options(text="x" * 501),
        Options(sampling=Sampling(temperature=0.0)),
        Options(sampling=Sampling(temperature=math.nan)),
        Options(sampling=Sampling(top_k=-1)),
        Options(sampling=Sampling(cfg=31.0)),
    ],
)
def test_options_out_of_range_are_refused_before_anything_is_sent(options: Options) -> None:
    with pytest.raises(BadSetting, match="out of its range"):
        build(Inputs(), {}, options)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=20), st.floats(0, 100), st.floats(0.1, 60))
def test_cut_chords_lie_in_the_excerpt_and_lose_nothing_of_it(
    spans: list[tuple[float, float]], start: float, length: float
) -> None:
    chords = [ChordSegment(a, a + b, "C:maj") for a, b in spans]
    cut = cut_chords(chords, start, start + length)
    assert all(0 <= c.start <= c.end <= length + 1e-9 for c in cut)
    inside = sum(max(0.0, min(c.end, start + length) - max(c.start, start)) for c in chords)
    assert math.isclose(sum(c.end - c.start for c in cut), inside, abs_tol=1e-6)


# ---- takes ---------------------------------------------------------------------------------------------------

GIVEN: tuple[Control, ...] = ("chord", "drums")


def test_takes_have_seeds_in_order_and_follow_all_that_is_given() -> None:
    assert takes(7, 3, GIVEN, {"drums": 0.5}) == tuple(TakeSpec(7 + i, {"chord": 1.0, "drums": 0.5}) for i in range(3))
    assert takes(0, 1, (), {}) == (TakeSpec(0, {}),)


def test_takes_may_follow_different_things() -> None:
    found = takes(7, 1, GIVEN, {"drums": 0.5}, ["chord", "chords=.8 + drums", "free", "drum=2"])
    assert found == (
        TakeSpec(7, {"chord": 1.0}),
        TakeSpec(8, {"chord": 0.8, "drums": 0.5}),
        TakeSpec(9, {}),
        TakeSpec(10, {"drums": 2.0}),
    )


def test_weights() -> None:
    assert parse_weights("chord=1.0, drums=.5") == {"chord": 1.0, "drums": 0.5}
    assert parse_weights("") == {}


@pytest.mark.parametrize("text", ["chord", "chord=0", "chord=5", "chord=nan", "chord=x", "bass=1", "=1", "chord=-1"])
def test_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadSetting):
        parse_weights(text)


@pytest.mark.parametrize(
    ("seed", "count", "weights", "specs"),
    [
        (0, 0, {}, ()),
        (0, 17, {}, ()),
        (-1, 1, {}, ()),
        (2**53, 2, {}, ()),
        (0, 1, {"piano": 1.0}, ()),
        (0, 1, {}, ["piano"]),
        (0, 1, {}, ["bass"]),
        (0, 1, {}, [""]),
        (0, 1, {}, ["chord=9"]),
        (0, 1, {}, ["free"] * 17),
    ],
)
def test_takes_that_cannot_be_are_refused(
    seed: int, count: int, weights: dict[Control, float], specs: list[str]
) -> None:
    with pytest.raises(BadSetting):
        takes(seed, count, GIVEN, weights, specs)
