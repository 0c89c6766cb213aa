"""A region is exact, inside the song, and longer than nothing."""

import pytest
from punchin_bridge.music.region import Region, from_bars, from_seconds
from punchin_bridge.music.tempo_map import Tempo, TempoMap, TimeSignature, steady
from punchin_wire.errors import BadRegion

RATE, TOTAL = 44100, 44100 * 60


def test_seconds_become_the_nearest_samples() -> None:
    assert from_seconds(1.0, 2.5, RATE, TOTAL) == Region(44100, 110250)
    assert from_seconds(0.00001, 60.0, RATE, TOTAL) == Region(0, TOTAL)


def test_bars_include_the_last() -> None:
    """Bars 5 to 8 at 120 in 4/4 are 8 s to 16 s."""
    assert from_bars("5:8", steady(120), RATE, TOTAL) == (Region(8 * RATE, 16 * RATE), 0)
    assert from_bars(" 5 ", steady(120), RATE, TOTAL) == (Region(8 * RATE, 10 * RATE), 0)
    assert from_bars("1:1", steady(120, downbeat=0.5), RATE, TOTAL) == (Region(22050, 22050 + 2 * RATE), 0)


def test_bars_follow_tempo_and_metre_changes() -> None:
    changes = TempoMap((Tempo(0, 120), Tempo(8, 60)), (TimeSignature(0), TimeSignature(4, 3, 4)))
    assert from_bars("2:3", changes, RATE, TOTAL) == (Region(2 * RATE, 6 * RATE), 0)


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (1, 1.000001)])
def test_a_region_without_length_is_refused(start: float, end: float) -> None:
    with pytest.raises(BadRegion, match="has no length"):
        from_seconds(start, end, RATE, TOTAL)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (59, 60.1), (70, 80), (-5, 90)])
def test_a_region_outside_the_song_is_refused(start: float, end: float) -> None:
    with pytest.raises(BadRegion, match=r"outside the song, which is 60\.000000 s long"):
        from_seconds(start, end, RATE, TOTAL)


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), float("-inf")])
def test_edges_are_finite(edge: float) -> None:
    with pytest.raises(BadRegion):
        from_seconds(0, edge, RATE, TOTAL)


@pytest.mark.parametrize("text", ["", "a", "5-8", "0:3", "8:5", "-1:2", "1:2:3", "5:", "30:40", "1.5:2", "9" * 40])
def test_bars_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRegion):
        from_bars(text, steady(120), RATE, TOTAL)


@pytest.mark.parametrize("edge", [1e308, -1e308])
def test_edges_that_no_sample_can_have(edge: float) -> None:
    with pytest.raises(BadRegion, match="no edges on any time line"):
        from_seconds(min(1.0, edge), max(1.0, edge), RATE, TOTAL)


@pytest.mark.parametrize(("short", "is_taken"), [(1, True), (900, True), (1102, True), (1103, False), (44_100, False)])
def test_a_last_bar_may_miss_a_twentieth_of_a_beat(short: int, is_taken: bool) -> None:
    """A beat at 120 is 22050 samples; a song whose last bar misses more is told what there is."""
    total = 8 * RATE - short
    if is_taken:
        assert from_bars("3:4", steady(120), RATE, total) == (Region(4 * RATE, total), short)
        return
    with pytest.raises(BadRegion, match="outside the song") as caught:
        from_bars("3:4", steady(120), RATE, total)
    assert caught.value.next_step.endswith(f"give --start 4.000000 --end {total / RATE:.6f}.")


def test_a_bar_beyond_the_song_is_none() -> None:
    with pytest.raises(BadRegion, match="outside the song") as caught:
        from_bars("5", steady(120), RATE, 8 * RATE - 1)
    assert "--end" not in caught.value.next_step
