"""The project's clock as the host tells it counts to the sample."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.hosts.protocol import TempoPoint, Timeline, TimeSignaturePoint
from punchin_bridge.hosts.timeline import tempo_map
from punchin_wire.errors import BadSetting


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    def ascending(step: st.SearchStrategy[float]) -> list[float]:
        found = [0.0]
        for _ in range(draw(st.integers(0, 6))):
            found.append(found[-1] + draw(step))
        return found

    curves = st.sampled_from(["steady", "time", "quarters"])
    tempos = [TempoPoint(q, draw(st.floats(20, 400)), draw(curves)) for q in ascending(st.floats(0, 200))]
    denominators = st.sampled_from([2, 4, 8, 16])
    time_signatures = [
        TimeSignaturePoint(q, draw(st.integers(1, 15)), draw(denominators)) for q in ascending(st.floats(0.5, 100))
    ]
    rate = draw(st.sampled_from([22050, 44100, 48000, 96000, 192000]))
    return Timeline(rate, tuple(tempos), tuple(time_signatures), draw(st.floats(-1e7, 1e7)))


@given(timelines(), st.integers(-(10**9), 10**10))
def test_every_sample_comes_back(timeline: Timeline, sample: int) -> None:
    grid = tempo_map(timeline)
    assert grid.sample(grid.quarter_of(sample, timeline.rate), timeline.rate) == sample


@given(timelines())
def test_quarter_0_sounds_at_the_origin_and_every_point_has_its_tempo(timeline: Timeline) -> None:
    grid = tempo_map(timeline)
    assert grid.seconds(0.0) * timeline.rate == pytest.approx(timeline.origin, abs=1e-3)
    last = {point.quarter: point for point in timeline.tempos}
    for quarter, point in last.items():
        assert grid.bpm(quarter) == pytest.approx(point.bpm)
    assert grid.bpm(-1.0) == pytest.approx(timeline.tempos[0].bpm)


def test_each_curve_is_its_own() -> None:
    """60 to 120 over 4 quarters: 8/3 s at the mean, 4 ln 2 s evenly in quarters, 4 s where it jumps."""
    ends = {
        curve: tempo_map(
            Timeline(48000, (TempoPoint(0, 60, curve), TempoPoint(4, 120)), (TimeSignaturePoint(0),))
        ).seconds(4)
        for curve in ("steady", "time", "quarters")
    }
    assert ends == pytest.approx({"steady": 4.0, "time": 8 / 3, "quarters": 2.772588722239781})


@pytest.mark.parametrize("curve", ["time", "quarters"])
def test_points_that_all_but_coincide_are_a_jump(curve: Literal["time", "quarters"]) -> None:
    tempos = (TempoPoint(0, 60, curve), TempoPoint(1e-300, 120))
    assert tempo_map(Timeline(48000, tempos, (TimeSignaturePoint(0),))).seconds(4) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "timeline",
    [
        Timeline(48000, (TempoPoint(1, 120),), (TimeSignaturePoint(0),)),
        Timeline(48000, (TempoPoint(0, 120),), (TimeSignaturePoint(4),)),
        Timeline(48000, (TempoPoint(0, 120), TempoPoint(8, 60), TempoPoint(4, 60)), (TimeSignaturePoint(0),)),
        Timeline(48000, (TempoPoint(0, 120),), (TimeSignaturePoint(0),), float("inf")),
    ],
)
def test_a_clock_that_cannot_be_is_refused(timeline: Timeline) -> None:
    with pytest.raises(BadSetting):
        tempo_map(timeline)
