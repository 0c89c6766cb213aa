"""Takes that come out mostly silent are tried again, a few times."""

import pytest
from punchin_server.engines.tries import Tries, another_seed
from punchin_wire.errors import SilentTake
from punchin_wire.messages import TakeSpec

TAKES = (TakeSpec(5), TakeSpec(6, {"chord": 0.5}), TakeSpec(2**53))


def test_good_takes_are_made_once() -> None:
    tries = Tries(TAKES, retries=3)
    rounds = [[(take.spec, tries.passes(take, share)) for take, share in zip(r, (0, 0.5, None), strict=True)]
              for r in tries.rounds()]  # fmt: skip
    assert rounds == [[(spec, True) for spec in TAKES]]


def test_only_silent_takes_are_made_again_and_keep_what_they_follow() -> None:
    tries, made = Tries(TAKES, retries=2), []
    for takes in tries.rounds():
        made.append([(take.number, take.spec) for take in takes])
        assert tries.previewed == (len(made) == 1)
        for take in takes:
            assert tries.passes(take, 0.6 if take.number == 1 and tries.round < 2 else 0.0) == (
                take.number != 1 or tries.round == 2
            )
    second = another_seed(6)
    third = another_seed(second)
    follows: dict[object, float] = {"chord": 0.5}
    assert made == [list(enumerate(TAKES)), [(1, TakeSpec(second, follows))], [(1, TakeSpec(third, follows))]]  # type: ignore[arg-type]
    assert len({5, 6, 7, second, third}) == 5


def test_what_stays_silent_fails() -> None:
    tries = Tries(TAKES[:1], retries=1)
    rounds = tries.rounds()
    assert not tries.passes(next(rounds)[0], 1.0)
    (last,) = next(rounds)
    with pytest.raises(SilentTake, match=r"^Take 1 stayed mostly silent with 2 seeds, one after another\.$"):
        tries.passes(last, 1.0)


def test_without_retries_takes_are_what_they_are() -> None:
    tries = Tries(TAKES, retries=0)
    assert [[tries.passes(take, 1.0) for take in takes] for takes in tries.rounds()] == [[True] * 3]


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2**53])
def test_another_seed_is_a_seed_and_always_the_same(seed: int) -> None:
    assert 0 <= another_seed(seed) < 2**31
    assert another_seed(seed) == another_seed(seed) != seed
