"""Two seats: two jobs at once, each stopped and mended for itself, turns taken between clients, and packs kept."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.harness import Client, RunningDaemon, daemon, until
from fakes.studio import studio
from punchin_wire.messages import Done, Failed, Position, Refused

pytestmark = pytest.mark.e2e

TWO = ("--device", "cpu,cpu")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), *TWO) as running:
        running.worker()
        yield running


@pytest.fixture
def client(shared: RunningDaemon) -> Client:
    return shared.client()


def test_two_seats_work_at_the_same_time(client: Client, tmp_path: Path) -> None:
    """Two jobs that meet in each of their 20 steps: both are done in the steps of one. A single seat would need twice
    as many, and wait for ever in the first."""
    jobs = ["meets1", "meets2"]
    for job in jobs:
        client.accepted(job, f"steps=20 meet={tmp_path}")
    until(lambda: [client.state(job) for job in jobs] == ["done"] * 2, 120.0)
    status = client.status()
    assert sorted(job.seat for job in status.jobs if job.job in jobs) == [1, 2]
    met = Counter(path.name.split("-")[2] for path in tmp_path.iterdir())
    assert sorted(met.values()) == [20, 20]
    assert {int(pid) for pid in met} == {seat.pid for seat in status.seats}


def test_cancelling_stops_its_own_seat_alone(client: Client) -> None:
    stop, stay = client.occupy()
    pids = [client.seat(job).pid for job in (stop, stay)]
    client.stop(stop)
    assert client.state(stay) == "running"
    client.stop(stay)
    assert [client.seat(job).pid for job in (stop, stay)] == pids


def test_the_death_of_a_worker_hurts_its_own_job_alone_which_goes_on_elsewhere(client: Client) -> None:
    dies, ends = client.occupy()
    killed, other = client.seat(dies), client.seat(ends)
    client.stop(ends)
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: client.seat(dies).pid == other.pid, 60.0)  # where a seat was idle
    assert client.state(dies) == "running"
    client.stop(dies)


def test_a_job_that_kills_its_workers_leaves_the_other_seat_in_peace(client: Client) -> None:
    gone, stays = client.occupy()
    pid = client.seat(stays).pid
    client.stop(gone)
    client.accepted("deadly", "die")
    failed = client.ending("deadly", 60.0)
    assert isinstance(failed, Failed)
    assert failed.error.code == "worker_died"
    assert (client.state(stays), client.seat(stays).pid) == ("running", pid)
    client.stop(stays)


def test_a_client_with_one_job_waits_for_one_more_of_the_client_with_ten_per_seat(shared: RunningDaemon) -> None:
    greedy, modest = shared.client(), shared.client()
    ahead = greedy.occupy()
    for number in range(10):
        greedy.accepted(f"greedy{number}", "steps=1")
    assert modest.accepted("modest", "steps=1").position == 2  # of greedy one is before it in the ring
    for job in ahead:
        greedy.cancel(job)
    assert isinstance(modest.ending("modest", 60.0), Done)
    positions = [event.body.position for event in greedy.events("greedy9", 60.0) if isinstance(event.body, Position)]
    assert positions[0] == 11  # behind the nine others, the newcomer, and one of two that run


def test_a_room_is_one_client_however_many_connections_its_daw_makes(tmp_path: Path) -> None:
    with studio(tmp_path, *TWO, "--queue", "8") as found:
        for room in ("verse", "chorus"):
            found.computer(room, allowed=True)
        own = found.bare("box")
        busy = own.occupy()
        verse = [found.bare("verse") for _ in range(5)]
        for number, connection in enumerate(verse[:4]):
            connection.accepted(f"verse{number}", "steps=1")
        refused = verse[4].submit("verse4")
        assert isinstance(refused, Refused)  # half of the queue is theirs
        assert refused.error.code == "queue_full"
        chorus = found.bare("chorus")
        assert chorus.accepted("chorus", "steps=1").position == 2  # behind one of verse's, and of two that run one
        own.stop(*busy)
        assert isinstance(chorus.ending("chorus", 60.0), Done)


def test_each_room_keeps_its_pack_loaded(tmp_path: Path) -> None:
    """Two rooms with a pack each, on two seats: after ten jobs each seat still holds one pack alone."""
    with daemon(tmp_path, *TWO) as running:
        rooms = [running.client(), running.client()]
        for number, room in enumerate(rooms):
            room.accepted(f"first{number}", "steps=6000 step=0.02", pack_name=f"pack{number}")
        for number, room in enumerate(rooms):
            until(lambda room=room, number=number: room.state(f"first{number}") == "running", 60.0)
        for number, room in enumerate(rooms):
            room.stop(f"first{number}")
        for turn in range(5):
            for number, room in enumerate(rooms):
                room.accepted(f"room{number}-{turn}", pack_name=f"pack{number}")
            for number, room in enumerate(rooms):
                assert isinstance(room.ending(f"room{number}-{turn}", 60.0), Done)
        client = running.client()
        held = [("pack0:inpaint",), ("pack1:inpaint",)]
        until(lambda: sorted(seat.packs for seat in client.status().seats) == held)  # with the next heartbeat
        for job in client.status().jobs:
            assert client.seat(job.job).packs == (f"{job.pack}:inpaint",)


def test_one_client_fills_its_share_and_no_more(tmp_path: Path) -> None:
    with daemon(tmp_path, *TWO, "--queue", "4", "--results-bytes", "100000") as running:
        one, other = running.client(), running.client()
        busy = one.occupy()
        for number in range(2):
            one.accepted(f"mine{number}")
        refused = one.submit("too-many")
        assert isinstance(refused, Refused)
        assert refused.error.code == "queue_full"
        other.accepted("theirs", takes=2)
        for job in ("mine0", "mine1", *busy):
            one.cancel(job)
        assert isinstance(other.ending("theirs", 60.0), Done)  # 64 kB of takes, more than half of the room
        refused = other.submit("another")
        assert isinstance(refused, Refused)
        assert "nobody fetched" in refused.error.message
        one.accepted("still-mine")


def test_a_seat_is_started_when_it_is_needed(tmp_path: Path) -> None:
    with daemon(tmp_path, *TWO) as running:
        running.worker()
        client = running.client()
        assert [seat.state for seat in client.status().seats] == ["idle", "off"]
        client.stop(*client.occupy())
        until(lambda: [seat.state for seat in client.status().seats] == ["idle", "idle"])
