"""Work over seats: the same results in the same order wherever they stand, and what the death of one means."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes.tool import Doubler
from hypothesis import given
from hypothesis import strategies as st
from punchin_server.daemon.settings import Settings
from punchin_train.seats import ALONE, HOPELESS, Answer, AtOnce, Pool, opened
from punchin_wire.errors import BadAudio, Unsupported, WorkerDied

TWO = Settings(device="cpu,cpu")
either = pytest.mark.parametrize(
    "settings", [ALONE, pytest.param(TWO, marks=pytest.mark.slow)], ids=["here", "two processes"]
)


class Scripted:
    """A seat that dies at the questions `deaths`, counted over all seats."""

    def __init__(self, asked: Iterator[int], deaths: set[int]) -> None:
        self._asked, self._deaths = asked, deaths

    def ask(self, method: str, *given: Any) -> Answer:
        if method == "about":
            return Answer("doubles")
        if next(self._asked) in self._deaths:
            raise WorkerDied("dead")
        return Answer(2 * given[0])

    def close(self) -> None:
        pass


@given(count=st.integers(0, 12), seats=st.integers(1, 4), deaths=st.sets(st.integers(0, 20), max_size=3))
def test_every_result_comes_once_and_in_order_or_it_is_said(count: int, seats: int, deaths: set[int]) -> None:
    asked = iter(range(1000))
    with Pool(lambda _: Scripted(asked, deaths), seats, AtOnce()) as pool:
        found = []
        try:
            for result in pool.map("double", range(count)):
                found.append(result)
        except WorkerDied:
            assert len(deaths) > 1
        else:
            assert found == [2 * number for number in range(count)]
        assert found == [2 * number for number in range(len(found))]


def test_results_wait_for_those_before_them() -> None:
    first = threading.Event()

    class Seat:
        def ask(self, method: str, *given: Any) -> Answer:
            if method != "about" and given[0] == 0:
                assert first.wait(60)  # until all others have been done
            elif method != "about" and given[0] == 5:
                first.set()
            return Answer(given)

        def close(self) -> None:
            pass

    with Pool(lambda _: Seat(), 2, ThreadPoolExecutor(2)) as pool:
        assert list(pool.map("is", range(6))) == [(number,) for number in range(6)]


@either
def test_work_is_taken_when_a_seat_is_free(settings: Settings, tmp_path: Path) -> None:
    taken = []

    def work() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    with opened(settings, partial(Doubler, tmp_path)) as pool:
        results = pool.map("double", work())
        assert next(results) == 0
        assert len(taken) <= len(settings.devices) + 1
        assert list(results) == [2 * number for number in range(1, 9)]
        assert list(pool.map("double", [])) == []
        assert list(pool.map("double", [7])) == [14]  # seats stay for the next work


@either
def test_what_a_tool_refuses_comes_as_it_is(settings: Settings, tmp_path: Path) -> None:
    with opened(settings, partial(Doubler, tmp_path)) as pool, pytest.raises(BadAudio, match="4 is no sound") as error:
        list(pool.map("fail", [4]))
    assert error.value.next_step == "Give another."


@pytest.mark.slow
def test_processes_share_the_work_and_end_with_it(tmp_path: Path) -> None:
    with opened(TWO, partial(Doubler, tmp_path)) as pool:
        assert pool.about == "doubles"
        pids = {pid for _, pid in pool.map("where", range(20))}
        assert pids <= {child.pid for child in psutil.Process().children()}
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.slow
def test_a_piece_whose_process_died_is_done_once_more(tmp_path: Path) -> None:
    with opened(TWO, partial(Doubler, tmp_path)) as pool:
        assert list(pool.map("die_once", range(8))) == [2 * number for number in range(8)]
        assert list(pool.map("double", range(8))) == [2 * number for number in range(8)]


@pytest.mark.slow
def test_a_piece_that_ends_two_processes_ends_the_work(tmp_path: Path) -> None:
    with opened(TWO, partial(Doubler, tmp_path)) as pool, pytest.raises(WorkerDied, match="SIGKILL"):
        list(pool.map("die", range(8)))


def test_seats_that_never_come_up_are_given_up() -> None:
    opened_seats = []

    class Stillborn:
        def ask(self, *_: Any) -> Answer:
            raise WorkerDied("The cluster has no node.")

        def close(self) -> None:
            pass

    def open_seat(number: int) -> Stillborn:
        opened_seats.append(number)
        return Stillborn()

    about: Callable[[], Any] = lambda: Pool(open_seat, 2, AtOnce()).about  # noqa: E731
    with pytest.raises(WorkerDied, match="no node"):
        about()
    assert sorted(opened_seats) == [0] * HOPELESS + [1] * HOPELESS


@pytest.mark.slow
def test_seats_that_differ_are_refused(tmp_path: Path) -> None:
    settings = Settings(device="cpu,cuda:1")
    with opened(settings, partial(Doubler, tmp_path)) as pool, pytest.raises(Unsupported, match="differ"):
        for _ in pool.map("double", itertools.count()):
            pass
