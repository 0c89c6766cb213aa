"""What each take follows can be written in a few words."""

import pytest
from punchin_bridge.takes.specs import take_specs
from punchin_wire.errors import BadSetting
from punchin_wire.messages import TakeSpec
from punchin_wire.params import Control

GIVEN: tuple[Control, ...] = ("chord", "drums")


def test_takes_have_seeds_in_order_and_follow_all_that_is_given() -> None:
    assert take_specs(7, 3, GIVEN, {"drums": 0.5}) == tuple(
        TakeSpec(7 + i, {"chord": 1.0, "drums": 0.5}) for i in range(3)
    )
    assert take_specs(0, 1, (), {}) == (TakeSpec(0, {}),)


def test_takes_may_follow_different_things() -> None:
    found = take_specs(7, 1, GIVEN, {"drums": 0.5}, ["chord", "chords=.8 + drums", "free", "drum=2"])
    assert found == (
        TakeSpec(7, {"chord": 1.0}),
        TakeSpec(8, {"chord": 0.8, "drums": 0.5}),
        TakeSpec(9, {}),
        TakeSpec(10, {"drums": 2.0}),
    )


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
        (0, 1, {}, ["chord=0"]),
        (0, 1, {}, ["chord=nan"]),
        (0, 1, {}, ["chord=x"]),
        (0, 1, {}, ["chord=-1"]),
        (0, 1, {}, ["free"] * 17),
    ],
)
def test_takes_that_cannot_be_are_refused(
    seed: int, count: int, weights: dict[Control, float], specs: list[str]
) -> None:
    with pytest.raises(BadSetting):
        take_specs(seed, count, GIVEN, weights, specs)
