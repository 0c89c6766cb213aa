"""Bars, beats and samples agree, whatever the tempo does."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.tempo_map import Beat, Curve, Metre, Tempo, TempoMap, steady
from punchin_wire.errors import BadSetting

RATES = st.sampled_from([8000, 22050, 44100, 48000, 96000, 192000])


@st.composite
def tempo_maps(draw: st.DrawFn) -> TempoMap:
    steps = st.floats(0.03, 400)
    quarter, tempos = 0.0, []
    for _ in range(draw(st.integers(1, 8))):
        curve = draw(st.sampled_from(get_args(Curve)))
        tempos.append(Tempo(quarter, draw(st.floats(20, 400)), curve))
        quarter += draw(steps)
    quarter, metres = 0.0, []
    for _ in range(draw(st.integers(1, 4))):
        metres.append(Metre(quarter, draw(st.integers(1, 15)), draw(st.sampled_from([2, 4, 8, 16]))))
        quarter += draw(st.floats(0.5, 100))
    return TempoMap(tuple(tempos), tuple(metres), draw(st.floats(-5, 30)))


@given(tempo_maps(), st.integers(0, 7 * 3600 * 192000), RATES)
def test_a_sample_comes_back_exactly(tempo_map: TempoMap, sample: int, rate: int) -> None:
    assert tempo_map.sample(tempo_map.quarter_of(sample, rate), rate) == sample


@given(tempo_maps(), st.floats(0, 2000), st.floats(1e-6, 50))
def test_music_runs_forward(tempo_map: TempoMap, quarter: float, more: float) -> None:
    assert tempo_map.seconds(quarter) < tempo_map.seconds(quarter + more)
    assert math.isclose(tempo_map.quarters(tempo_map.seconds(quarter)), quarter, rel_tol=1e-9, abs_tol=1e-9)


@given(tempo_maps(), st.integers(1, 400))
def test_bars_follow_each_other_and_start_on_downbeats(tempo_map: TempoMap, bar: int) -> None:
    here, there = tempo_map.bar(bar), tempo_map.bar(bar + 1)
    assert here < there
    assert tempo_map.bar(1) == 0
    time = tempo_map.seconds(here)
    first = next(tempo_map.beats(time - 1e-7, time + 60), None)
    assert first is not None
    assert first.number == 1
    assert math.isclose(first.time, time, abs_tol=1e-6)


@given(tempo_maps(), st.floats(-5, 200), st.floats(0.1, 60), st.floats(0.1, 0.9))
def test_beats_of_two_parts_are_the_beats_of_the_whole(
    tempo_map: TempoMap, start: float, length: float, at: float
) -> None:
    middle, end = start + at * length, start + length
    whole = list(tempo_map.beats(start, end))
    parts = [*tempo_map.beats(start, middle), *tempo_map.beats(middle, end)]
    assert parts == whole
    assert all(start <= beat.time < end for beat in whole)


def test_a_glide_takes_the_mean_tempo() -> None:
    """60 to 120 over 6 quarters, linear in time: mean 90, so 4 s; after 2 s, 90 bpm and 2.5 quarters."""
    glide = TempoMap((Tempo(0, 60, "time"), Tempo(6, 120)))
    assert glide.seconds(6) == pytest.approx(4.0, abs=1e-12)
    assert glide.quarters(2.0) == pytest.approx(2.5, abs=1e-12)
    assert glide.seconds(8) == pytest.approx(5.0, abs=1e-12)


def test_tempo_changes_add_up() -> None:
    steps = TempoMap((Tempo(0, 120), Tempo(4, 60), Tempo(4, 240), Tempo(8, 60)))
    assert [steps.seconds(q) for q in (4, 8, 9)] == pytest.approx([2.0, 3.0, 4.0])
    assert steps.sample(8, 44100) == 3 * 44100


def test_metre_changes_move_the_bars() -> None:
    """Two bars of 4/4, then 6/8 from bar 3, then 3/4 cutting the second 6/8 bar short."""
    metres = TempoMap(metres=(Metre(0), Metre(8, 6, 8), Metre(12.5, 3, 4)))
    assert [metres.bar(n) for n in range(1, 7)] == [0, 4, 8, 11, 12.5, 15.5]
    beats = list(metres.beats(metres.seconds(8), metres.seconds(15.5)))
    assert [b.number for b in beats] == [1, 2, 1, 1, 2, 3]
    assert [metres.quarters(b.time) for b in beats] == [8, 9.5, 11, 12.5, 13.5, 14.5]


def test_a_song_may_start_before_its_first_downbeat() -> None:
    pickup = steady(120, downbeat=0.6)
    assert list(pickup.beats(0.0, 1.2)) == [Beat(pytest.approx(0.1), 4), Beat(0.6, 1), Beat(1.1, 2)]
    assert pickup.sample(pickup.bar(2), 48000) == round(2.6 * 48000)


@pytest.mark.parametrize(
    "build",
    [
        lambda: steady(0),
        lambda: steady(math.nan),
        lambda: steady(math.inf),
        lambda: steady(-120),
        lambda: steady(120, math.nan),
        lambda: steady(120, metre=(0, 4)),
        lambda: steady(120, metre=(4, 3)),
        lambda: TempoMap(()),
        lambda: TempoMap((Tempo(1, 120),)),
        lambda: TempoMap((Tempo(0, 120), Tempo(8, 90), Tempo(4, 100))),
    ],
)
def test_a_map_that_cannot_be_is_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadSetting):
        build()
