"""Whose turn it is: nobody starves, a client's jobs keep their order, and passing over has a bound."""

from collections import deque
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_server.daemon.fair import PASSES, PATIENCE, FairQueue
from punchin_server.daemon.jobs import Job, Jobs
from punchin_wire.messages import Done


@dataclass(eq=False)
class Asked:
    """A job, as far as the queue is concerned."""

    client: str
    wants: str = ""
    avoids: int = 0


def queue(*asked: Asked) -> FairQueue[Asked]:
    made: FairQueue[Asked] = FairQueue()
    for job in asked:
        made.add(job)
    return made


def test_clients_take_turns_and_each_keeps_its_order() -> None:
    a1, a2, a3, b1, c1, c2 = (Asked(name) for name in "aaabcc")
    turns = queue(a1, a2, a3, b1, c1, c2)
    order = [a1, b1, c1, a2, c2, a3]
    assert list(turns) == order
    assert [turns.take({1: ()}, 0.0)[1] for _ in order] == order
    assert len(turns) == 0


def test_who_queues_one_job_waits_for_one_of_the_client_with_ten() -> None:
    turns = queue(*(Asked("a") for _ in range(10)))
    turns.take({1: ()}, 0.0)
    late = Asked("b")
    turns.add(late)
    taken = [turns.take({1: ()}, 0.0)[1] for _ in range(2)]
    assert taken[1] is late


def test_a_seat_takes_what_it_holds_but_passes_nobody_over_more_than_twice() -> None:
    first = Asked("a", "other")
    turns = queue(first, *(Asked(name, "held") for name in "bcde"))
    taken = [turns.take({1: {"held"}}, 0.0)[1] for _ in range(3)]
    assert [job.client for job in taken] == ["b", "c", "a"]


def test_nobody_is_passed_over_when_the_patience_is_spent() -> None:
    turns = queue(Asked("a", "other"), *(Asked(name, "held") for name in "bc"))
    assert turns.take({1: {"held"}}, 0.0)[1].client == "b"
    assert turns.take({1: {"held"}}, PATIENCE)[1].client == "a"


def test_a_job_gets_the_seat_that_holds_its_engine_else_the_one_with_the_least_to_lose() -> None:
    assert queue(Asked("a", "x")).take({1: {"y"}, 2: {"x"}}, 0.0)[0] == 2
    assert queue(Asked("a", "x")).take({1: {"y"}, 2: ()}, 0.0)[0] == 2
    assert queue(Asked("a", "x", avoids=1)).take({1: {"x"}, 2: {"y"}}, 0.0)[0] == 2
    assert queue(Asked("a", "x", avoids=1)).take({1: {"x"}}, 0.0)[0] == 1


def test_what_is_put_back_is_next_and_not_passed_over() -> None:
    first = Asked("a", "other")
    turns = queue(first, Asked("a", "held"), Asked("b", "held"))
    assert turns.take({1: ()}, 0.0)[1] is first
    turns.put_back(first)
    assert next(iter(turns)) is first
    assert turns.take({1: {"held"}}, 0.0)[1] is first


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_removed_is_gone(which: int) -> None:
    jobs = [Asked("a"), Asked("a"), Asked("b")]
    turns = queue(*jobs)
    turns.remove(jobs.pop(which))
    turns.remove(jobs.pop())
    assert list(turns) == jobs
    assert (turns.of("a"), turns.of("b"), len(turns)) == (1, 0, 1)


def test_three_packs_in_turn_on_three_seats_are_loaded_once_each() -> None:
    jobs = Jobs(limit=100, seats=3)
    for number in range(30):
        jobs.submit(Job(f"job{number}", "inpaint", f"pack{number % 3}", False, 0.0, client="room"))
    holds: dict[int, set[str]] = {1: set(), 2: set(), 3: set()}
    loads, now = 0, 0.0
    while jobs.waiting:
        idle = dict(holds)
        while (started := jobs.start(idle, now)) is not None:
            loads += started.job.wants not in holds[started.seat]
            holds[started.seat] = {started.job.wants}
            del idle[started.seat]
        now += 1.0
        for job in list(jobs.running.values()):
            jobs.report(job.seat, job.id, Done({}, {}), now)
    assert loads == 3


Actions = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 4), st.integers(0, 3)),
        st.tuples(st.just("take"), st.sets(st.integers(1, 3), min_size=1), st.integers(0, 3)),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(Actions)
def test_nobody_starves_order_is_kept_and_passing_over_is_bounded(actions: list[tuple[str, object, int]]) -> None:
    turns: FairQueue[Asked] = FairQueue()
    mine: dict[str, deque[Asked]] = {}
    ring: list[str] = []  # whose head is whose turn, told apart from the queue's own
    passed: dict[str, int] = {}
    for now, (action, who, pack) in enumerate(actions):
        if action == "add":
            job = Asked(f"client{who}", f"pack{pack}")
            turns.add(job)
            mine.setdefault(job.client, deque()).append(job)
            if job.client not in ring:
                ring.append(job.client)
        elif ring:
            assert isinstance(who, set)
            seat, job = turns.take({seat: {f"pack{pack}"} for seat in who}, now / 100)
            assert seat in who
            assert mine[job.client].popleft() is job  # first in, first out
            before = ring[: ring.index(job.client)]
            if before:
                assert job.wants == f"pack{pack}"
            for client in before:
                passed[client] = passed.get(client, 0) + 1
                assert passed[client] <= PASSES
            passed.pop(job.client, None)
            ring.remove(job.client)
            if mine[job.client]:
                ring.append(job.client)
        assert len(turns) == sum(map(len, mine.values()))
    # Nobody starves: with all that waits now, every head starts after those before it and PASSES more.
    heads = {client: (place, mine[client][0]) for place, client in enumerate(ring)}
    for taken in range(len(heads) + PASSES):
        if not len(turns):
            break
        _, job = turns.take({1: {"pack0"}}, len(actions) / 100)
        place, head = heads.get(job.client, (0, None))
        if job is head:
            assert taken <= place + PASSES
            del heads[job.client]
    assert not heads
