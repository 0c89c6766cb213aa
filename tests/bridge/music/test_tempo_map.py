"""Bars, beats and samples agree, whatever the tempo does."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.music.tempo_map import Beat, Curve, Tempo, TempoMap, TimeSignature, steady
from punchin_wire.errors import BadSetting
from scipy.integrate import quad

RATES = st.sampled_from([8000, 22050, 44100, 48000, 96000, 192000])


@st.composite
def tempo_maps(draw: st.DrawFn) -> TempoMap:
    steps = st.floats(0.03, 400)
    quarter, tempos = 0.0, []
    for _ in range(draw(st.integers(1, 8))):
        curve = draw(st.sampled_from(get_args(Curve)))
        tempos.append(Tempo(quarter, draw(st.floats(20, 400)), curve))
        quarter += draw(steps)
    quarter, time_signatures = 0.0, []
    for _ in range(draw(st.integers(1, 4))):
        time_signatures.append(TimeSignature(quarter, draw(st.integers(1, 15)), draw(st.sampled_from([2, 4, 8, 16]))))
        quarter += draw(st.floats(0.5, 100))
    return TempoMap(tuple(tempos), tuple(time_signatures), draw(st.floats(-5, 30)))


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


def test_a_ramp_in_quarters_is_exponential_in_time() -> None:
    """60 to 120 over 6 quarters, evenly over the quarters: 6 ln 2 s; half of the time goes to a factor of √2."""
    ramp = TempoMap((Tempo(0, 60, "quarters"), Tempo(6, 120)))
    assert ramp.seconds(6) == pytest.approx(6 * math.log(2), abs=1e-12)
    assert ramp.bpm(3) == pytest.approx(90, abs=1e-12)
    assert ramp.bpm(ramp.quarters(3 * math.log(2))) == pytest.approx(60 * math.sqrt(2), abs=1e-12)
    assert ramp.seconds(8) == pytest.approx(6 * math.log(2) + 1, abs=1e-12)


def integral(first: float, last: float, curve: Curve, length: float, until: float) -> float:
    """Seconds of the first `until` quarters of a glide over `length`, by quadrature of what the curves are: the tempo,
    or (at a constant acceleration) its square, is linear in quarters."""
    power = {"quarters": 1, "time": 2}[curve]

    def pace(quarter: float) -> float:
        share = quarter / length
        return 60 / float(((1 - share) * first**power + share * last**power) ** (1 / power))

    return float(quad(pace, 0, until, epsabs=1e-12, epsrel=1e-12, limit=200)[0])


@given(
    st.floats(20, 400),
    st.floats(20, 400),
    st.sampled_from(["time", "quarters"]),
    st.floats(0.01, 300),
    st.integers(1, 64),
)
def test_glides_are_the_integral_of_their_tempo(
    first: float, last: float, curve: Curve, length: float, part: int
) -> None:
    at = part / 64
    glide = TempoMap((Tempo(0, first, curve), Tempo(length, last)))
    expected = integral(first, last, curve, length, at * length)
    assert glide.seconds(at * length) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.floats(20, 400), st.integers(-14, -1), st.sampled_from([-1, 1]), st.sampled_from(["time", "quarters"]))
def test_a_glide_that_hardly_moves_is_as_exact_as_a_steady_tempo(
    bpm: float, digits: int, sign: int, curve: Curve
) -> None:
    """As the ramp flattens its form divides nothing by next to nothing."""
    last = bpm * (1 + sign * 10.0**digits)
    glide = TempoMap((Tempo(0, bpm, curve), Tempo(400, last)))
    mean = 60 * 200 / bpm * (1 + (bpm - last) / last / 4)  # to the first order in the change
    assert glide.seconds(200) == pytest.approx(mean, rel=max(1e-14, 10.0 ** (2 * digits)))
    assert glide.quarters(glide.seconds(200)) == pytest.approx(200, rel=1e-14)


@given(tempo_maps())
def test_nothing_jumps_where_a_tempo_changes(tempo_map: TempoMap) -> None:
    for point in tempo_map.tempos:
        before, at, after = (tempo_map.seconds(point.quarter + d) for d in (-1e-7, 0, 1e-7))
        assert before < at < after
        assert after - before < 2e-7 * 60 / 19
        assert tempo_map.bpm(point.quarter) == pytest.approx(point.bpm)


@given(tempo_maps(), st.integers(-3, 400))
def test_a_bar_is_where_it_begins(tempo_map: TempoMap, bar: int) -> None:
    begin, end = tempo_map.bar(bar), tempo_map.bar(bar + 1)
    assert tempo_map.bar_at(begin) == tempo_map.bar_at((begin + end) / 2) == bar
    assert tempo_map.bar_at(begin - 1e-6) == bar - 1


@given(tempo_maps(), st.floats(0, 1000), st.integers(1, 24), RATES)
def test_a_quarter_is_off_by_half_a_sample_at_most(tempo_map: TempoMap, quarter: float, parts: int, rate: int) -> None:
    quarter = round(quarter * parts) / parts
    sample = tempo_map.sample(quarter, rate)
    assert abs(tempo_map.seconds(quarter) * rate - sample) <= 0.5
    near = tempo_map.quarter_of(sample, rate)
    assert abs(near - quarter) <= 0.5 / rate * 401 / 60 + 1e-9


def test_tempo_changes_add_up() -> None:
    steps = TempoMap((Tempo(0, 120), Tempo(4, 60), Tempo(4, 240), Tempo(8, 60)))
    assert [steps.seconds(q) for q in (4, 8, 9)] == pytest.approx([2.0, 3.0, 4.0])
    assert steps.sample(8, 44100) == 3 * 44100


def test_metre_changes_move_the_bars() -> None:
    """Two bars of 4/4, then 6/8 from bar 3, then 3/4 cutting the second 6/8 bar short."""
    time_signatures = TempoMap(time_signatures=(TimeSignature(0), TimeSignature(8, 6, 8), TimeSignature(12.5, 3, 4)))
    assert [time_signatures.bar(n) for n in range(1, 7)] == [0, 4, 8, 11, 12.5, 15.5]
    beats = list(time_signatures.beats(time_signatures.seconds(8), time_signatures.seconds(15.5)))
    assert [b.number for b in beats] == [1, 2, 1, 1, 2, 3]
    assert [time_signatures.quarters(b.time) for b in beats] == [8, 9.5, 11, 12.5, 13.5, 14.5]


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
        lambda: steady(120, signature=(0, 4)),
        lambda: steady(120, signature=(4, 3)),
        lambda: TempoMap(()),
        lambda: TempoMap((Tempo(1, 120),)),
        lambda: TempoMap((Tempo(0, 120), Tempo(8, 90), Tempo(4, 100))),
    ],
)
def test_a_map_that_cannot_be_is_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadSetting):
        build()
