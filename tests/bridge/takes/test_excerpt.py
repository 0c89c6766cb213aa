"""A request carries the region with its context, and what lies in it, cut and shifted onto the excerpt's time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_bridge.music.region import Region
from punchin_bridge.takes.excerpt import around, at_rate, cut_chords
from punchin_wire.errors import BadRegion
from punchin_wire.messages import ChordSegment

RATE = 1000 * 48


def test_the_excerpt_has_context_on_both_sides_and_stays_in_the_song() -> None:
    assert around(Region(100 * RATE, 108 * RATE), RATE, 200 * RATE) == Region(70 * RATE, 138 * RATE)
    assert around(Region(0, RATE), RATE, 200 * RATE) == Region(0, 31 * RATE)
    assert around(Region(190 * RATE, 200 * RATE), RATE, 200 * RATE) == Region(160 * RATE, 200 * RATE)


def test_a_region_too_long_for_one_request_is_refused() -> None:
    assert around(Region(60 * RATE, 900 * RATE), RATE, 3600 * RATE).samples == 900 * RATE
    with pytest.raises(BadRegion, match="901 s long") as caught:
        around(Region(60 * RATE, 961 * RATE), RATE, 3600 * RATE)
    assert "840 s" in caught.value.next_step


@given(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(4000, 768000), st.integers(4000, 768000))
def test_the_same_time_at_another_rate(start: int, length: int, rate: int, other: int) -> None:
    span = Region(start, start + length)
    there = at_rate(span, rate, other)
    assert abs(there.start / other - start / rate) <= 0.5 / other + 1e-9
    assert abs(there.samples / other - length / rate) <= 0.5 / other + 1e-9
    assert at_rate(span, rate, rate) == span


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=20), st.floats(0, 100), st.floats(0.1, 60))
def test_cut_chords_lie_in_the_excerpt_and_lose_nothing_of_it(
    spans: list[tuple[float, float]], start: float, length: float
) -> None:
    chords = [ChordSegment(a, a + b, "C:maj") for a, b in spans]
    cut = cut_chords(chords, start, start + length)
    assert all(0 <= c.start <= c.end <= length + 1e-9 for c in cut)
    inside = sum(max(0.0, min(c.end, start + length) - max(c.start, start)) for c in chords)
    assert math.isclose(sum(c.end - c.start for c in cut), inside, abs_tol=1e-6)
