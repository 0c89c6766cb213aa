"""A request carries the region with its context, and every input cut and shifted onto that excerpt's time."""

import math

import pytest
from punchin_bridge.music.region import Region
from punchin_bridge.music.tempo_map import steady
from punchin_bridge.takes import excerpt
from punchin_bridge.takes.request import Inputs, inpaint_request
from punchin_wire.errors import BadMidi, BadSetting, InputError
from punchin_wire.messages import AudioRef, ChordSegment, Hole, InpaintRequest, Note, TakeSpec
from punchin_wire.params import Control, InpaintParams, Sampling

RATE = 1000 * 48
CHORDS = (ChordSegment(0, 50, "N"), ChordSegment(50, 104, "C:maj"), ChordSegment(104, 200, "A:min7/b3"))
PIANO = (Note(60, 80, 60, 90, 5), Note(101, 102, 64), Note(170, 171, 67))


def build(
    inputs: Inputs,
    controls: dict[Control, float],
    params: InpaintParams = InpaintParams(),
    region: Region = Region(100, 108),
) -> InpaintRequest:
    """A request for seconds of a 200 s song."""
    region = Region(region.start * RATE, region.end * RATE)
    around = excerpt.around(region, RATE, 200 * RATE)
    source = AudioRef(0, RATE, 2, around.samples)
    return inpaint_request(source, (region,), around, inputs, (TakeSpec(1, controls),), params)


def test_everything_moves_onto_the_excerpts_time() -> None:
    drums = AudioRef(1, 44100, 1, 68 * 44100)
    inputs = Inputs(CHORDS, "midi", steady(60, downbeat=0.5), PIANO, drums)
    params = InpaintParams(pack="big", text="jazz", chord_rhythm="compat", sampling=Sampling(0.5))
    request = build(inputs, {"chord": 1.0, "piano": 0.5, "drums": 2.0}, params)
    assert request.holes == (Hole(30 * RATE, 38 * RATE),)
    assert request.chords == (ChordSegment(0, 34, "C:maj"), ChordSegment(34, 68, "A:min7/b3"))
    assert request.beats == tuple(0.5 + i for i in range(68))
    assert request.piano == (Note(0, 10, 60, 90, 5), Note(31, 32, 64))
    assert request.drums == drums
    assert (request.pack, request.text, request.chord_rhythm) == ("big", "jazz", "compat")
    assert request.sampling == Sampling(0.5)
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
    "params",
    [
        InpaintParams(pack="../etc"),
        InpaintParams(text="x" * 501),
        InpaintParams(sampling=Sampling(temperature=0.0)),
        InpaintParams(sampling=Sampling(temperature=math.nan)),
        InpaintParams(sampling=Sampling(top_k=-1)),
        InpaintParams(sampling=Sampling(guidance=31.0)),
    ],
)
def test_parameters_out_of_range_are_refused_before_anything_is_sent(params: InpaintParams) -> None:
    with pytest.raises(BadSetting, match="out of its range"):
        build(Inputs(), {}, params)
