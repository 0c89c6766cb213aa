"""Regions, takes and undo steps are called by their bars where they have some, and by seconds elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.hosts import naming
from punchin_bridge.hosts.naming import Ruler
from punchin_bridge.music.region import Region
from punchin_bridge.music.tempo_map import Tempo, TempoMap, TimeSignature, steady
from punchin_wire.messages import TakeSpec

RATE = 48000
RAMPS = TempoMap(
    (Tempo(0, 90, "quarters"), Tempo(13, 131.7, "time"), Tempo(40, 77)),
    (TimeSignature(0, 4, 4), TimeSignature(8, 7, 8), TimeSignature(22, 3, 4)),
    origin=-3.21,
)


@given(st.integers(1, 60), st.integers(1, 8), st.sampled_from([44100, 48000, 96000]), st.integers(-20, 20))
def test_bars_are_found_however_a_host_rounds(first: int, count: int, rate: int, off: int) -> None:
    start, end = (RAMPS.sample(RAMPS.bar(bar), rate) for bar in (first, first + count))
    assert naming.bars(Region(start + off, end - off), Ruler(RAMPS, rate)) == (first, first + count - 1)


@given(st.integers(1, 60), st.integers(100, 20000))
def test_a_region_off_the_bar_lines_has_none(first: int, off: int) -> None:
    start, end = (RAMPS.sample(RAMPS.bar(bar), RATE) for bar in (first, first + 2))
    assert naming.bars(Region(start + off, end), Ruler(RAMPS, RATE)) is None
    assert naming.bars(Region(start, end + off), Ruler(RAMPS, RATE)) is None


@pytest.mark.parametrize(
    ("start", "end", "scene", "place"),
    [
        (8.0, 16.0, "bars5-8", "bars 5-8"),
        (8.0, 10.0, "bars5", "bar 5"),
        (8.5, 10.0, "8.500-10.000s", "8.500-10.000 s"),
        (-2.0, 2.0, "-2.000-2.000s", "-2.000-2.000 s"),
        (0.0, 0.0005, "0.000-0.001s", "0.000-0.001 s"),
    ],
)
def test_places(start: float, end: float, scene: str, place: str) -> None:
    region = Region(round(start * RATE), round(end * RATE))
    assert naming.scene((region,), Ruler(steady(120), RATE)) == scene
    assert naming.place((region,), Ruler(steady(120), RATE)) == place


@pytest.mark.parametrize(
    ("first_bar", "scene", "place"),
    [(-3, "bars1-4", "bars 1-4"), (0, "bars4-7", "bars 4-7"), (17, "bars21-24", "bars 21-24"),
     (-6, "bars-2to1", "bars -2 to 1")],
)  # fmt: skip
def test_bars_are_called_as_the_ruler_calls_them(first_bar: int, scene: str, place: str) -> None:
    ruler, region = Ruler(steady(120), RATE, first_bar), Region(8 * RATE, 16 * RATE)
    assert (naming.scene((region,), ruler), naming.place((region,), ruler)) == (scene, place)


@pytest.mark.parametrize(
    ("bars", "scene", "place"),
    [
        ([(5, 6), (9, 9)], "bars5-6+9", "bars 5-6 and 9"),
        ([(5, 5), (7, 7)], "bars5+7", "bars 5 and 7"),
        ([(5, 5), (7, 7), (9, 10)], "bars5-10", "3 places in bars 5-10"),
        ([(5, 5.5), (7, 7)], "8.000-11.000s+12.000-14.000s", "8.000-11.000 and 12.000-14.000 s"),
    ],
)
def test_places_of_several_holes(bars: list[tuple[float, float]], scene: str, place: str) -> None:
    ruler = Ruler(steady(120), RATE)
    regions = [Region(round((first - 1) * 2 * RATE), round(last * 2 * RATE)) for first, last in bars]
    assert (naming.scene(regions, ruler), naming.place(regions, ruler)) == (scene, place)


def test_takes_and_undo_steps() -> None:
    assert naming.take(1, "bars 5-8", TakeSpec(7, {"chord": 1.0})) == "Punchin 1 · bars 5-8 · chord · seed 7"
    assert naming.take(2, "bar 5", TakeSpec(8)) == "Punchin 2 · bar 5 · free · seed 8"
    assert naming.take(3, "bar 5", TakeSpec(9), "violin") == "Punchin 3 · bar 5 · violin · seed 9"
    assert len(naming.take(3, "bar 5", TakeSpec(9), "a very long sentence " * 20)) < 80
    assert (naming.undo(1, "bar 5"), naming.undo(4, "bars 5-8")) == (
        "Punchin: 1 take of bar 5", "Punchin: 4 takes of bars 5-8"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Lead/Guitar: 1", "Lead-Guitar- 1"),
        ("  Bass  ", "Bass"),
        ("..", ""),
        ("Gitarre ö 'ff'", "Gitarre ö 'ff'"),
        ("a\0b\n", "a-b"),
        ("x" * 300, "x" * 80),
        ("歌" * 300, "歌" * 26),
    ],
)
def test_titles_are_file_names_on_any_system(name: str, title: str) -> None:
    assert naming.title(name) == title
