"""At most so many a second, and the last one always comes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from punchin_wire.messages import Done, EventBody, Progress
from punchin_wire.throttle import ProgressThrottle, Throttle

DONE = Done({}, {})


def run(steps: list[tuple[EventBody, float]]) -> list[EventBody]:
    throttle = ProgressThrottle(20)
    return [event for body, now in steps for event in throttle(body, now)]


def stage(
    name: str, steps: range, total: int, step_seconds: float, start: float = 0.0
) -> list[tuple[EventBody, float]]:
    return [(Progress(name, n, total), start + i * step_seconds) for i, n in enumerate(steps)]  # type: ignore[arg-type]


def test_the_first_and_the_last_of_a_stage_always_pass() -> None:
    said = run(
        [*stage("encode", range(1, 4), 3, 1e-4), *stage("decode", range(1, 101), 100, 1e-4, 0.001), (DONE, 0.02)]
    )
    assert said == [
        Progress("encode", 1, 3),
        Progress("encode", 3, 3),
        Progress("decode", 1, 100),
        Progress("decode", 100, 100),
        DONE,
    ]


def test_a_stage_that_stops_early_tells_its_latest_before_what_follows() -> None:
    assert run([*stage("decode", range(1, 8), 100, 1e-4), (DONE, 0.01)])[-2:] == [Progress("decode", 7, 100), DONE]


def test_slow_progress_passes_whole() -> None:
    steps = stage("decode", range(1, 10), 9, 0.06)
    assert run(steps) == [body for body, _ in steps]


@given(st.lists(st.tuples(st.sampled_from(["encode", "decode"]), st.floats(0, 0.03)), max_size=200))
def test_it_never_says_more_than_its_rate_within_a_stage_and_keeps_order(moves: list[tuple[str, float]]) -> None:
    now, steps = 0.0, []
    for number, (name, pause) in enumerate(moves):
        now += pause
        steps.append((Progress(name, number, 10_000), now))  # type: ignore[arg-type]
    said = run([*steps, (DONE, now)])  # type: ignore[list-item]
    numbers = [body.step for body in said if isinstance(body, Progress)]
    assert numbers == sorted(set(numbers))
    changes = sum(a[0] != b[0] for a, b in pairwise(moves))
    assert len(numbers) <= now / 0.05 + 2 * (changes + 1)


@pytest.mark.parametrize("pause", [0.0, 0.01])
def test_nothing_comes_from_nothing(pause: float) -> None:
    assert run([(DONE, pause)]) == [DONE]


@given(st.lists(st.tuples(st.floats(0, 0.03), st.booleans()), max_size=200))
def test_what_looks_again_and_again_passes_at_its_rate(looks: list[tuple[float, bool]]) -> None:
    throttle, now, passed = Throttle(20), 0.0, [-1.0]
    for pause, urgent in looks:
        now += pause
        due = now - passed[-1] >= 0.05
        assert throttle.is_due(now) is due
        assert throttle.passes(now, urgent) is (due or urgent)
        if due or urgent:
            passed.append(now)
