"""The daemon when things go wrong around it: dead and deaf workers, hostile bytes, other versions."""

import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from fakes.harness import EXECUTORS, RunningDaemon, daemon, takes, until
from punchin_wire.frames import MAGIC, pack, unpack
from punchin_wire.messages import Done, Failed, FromDaemon, Ping, Pong, Progress, Refused, Take

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=EXECUTORS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), *request.param) as running:
        running.worker()
        yield running


def test_a_job_whose_worker_was_killed_before_any_audio_runs_again_once(shared: RunningDaemon) -> None:
    client = shared.client()
    client.accepted("again", "steps=50 step=0.02", takes=2)
    until(lambda: client.state("again") == "running")
    before = client.seat("again").pid
    time.sleep(0.2)
    os.kill(before, signal.SIGKILL)
    events = client.events("again")
    assert isinstance(events[-1].body, Done)
    assert takes(events) == [0, 1]
    loads = [event for event in events if event.body == Progress("load", 0, 1)]
    assert len(loads) == 2
    assert client.seat("again").pid != before


def test_a_job_that_kills_every_worker_fails_after_two(shared: RunningDaemon) -> None:
    client = shared.client()
    restarts = sum(seat.restarts for seat in client.status().seats)
    client.accepted("deadly", "die")
    failed = client.ending("deadly")
    assert isinstance(failed, Failed)
    assert failed.error.code == "worker_died"
    assert re.search(r"SIGKILL|an error: The actor died", failed.error.message)
    assert sum(seat.restarts for seat in client.status().seats) == restarts + 2
    client.accepted("after-deadly")
    assert isinstance(client.ending("after-deadly"), Done)


def test_a_job_that_has_sounded_fails_when_its_worker_dies_and_keeps_its_takes(shared: RunningDaemon) -> None:
    client = shared.client()
    client.accepted("sounded", "die after=1", takes=2)
    events = client.events("sounded")
    assert takes(events) == [0]
    assert isinstance(events[-1].body, Failed)
    client.attach("sounded")
    assert [type(event.body) for event in client.events("sounded")] == [Take, Failed]


def test_a_waiting_job_does_not_suffer_from_the_one_before(shared: RunningDaemon) -> None:
    client = shared.client()
    client.accepted("fatal", "die after=1", takes=2)
    client.accepted("patient")
    assert isinstance(client.ending("patient"), Done)


def test_a_worker_that_dies_idle_is_replaced_when_needed(shared: RunningDaemon) -> None:
    pid = shared.worker()
    os.kill(pid, signal.SIGKILL)
    client = shared.client()
    until(lambda: pid not in {seat.pid for seat in client.status().seats})
    client.accepted("replaced")
    assert isinstance(client.ending("replaced"), Done)


def test_a_worker_that_falls_silent_is_killed(tmp_path: Path) -> None:
    with daemon(tmp_path, "--worker-silence", "1.5") as running:
        client = running.client()
        pid = running.worker()
        client.accepted("frozen", "steps=50 step=0.02")
        until(lambda: client.state("frozen") == "running")
        os.kill(pid, signal.SIGSTOP)
        assert isinstance(client.ending("frozen"), Done)  # by the next worker
        assert not psutil.pid_exists(pid)


def test_a_cancelled_job_that_does_not_stop_ends_with_its_worker(tmp_path: Path) -> None:
    with daemon(tmp_path, "--cancel-grace", "0.5") as running:
        client = running.client()
        running.worker()
        client.accepted("stubborn", "block=30")
        until(lambda: client.state("stubborn") == "running")
        client.cancel("stubborn")
        assert client.state("stubborn") == "cancelling"
        assert type(client.ending("stubborn", 5.0)).__name__ == "Cancelled"
        client.accepted("free-again")
        assert isinstance(client.ending("free-again"), Done)


@pytest.mark.parametrize("old", [b"punchin/0", b"punchin/1"])
def test_an_older_peer_can_read_why_it_is_refused(shared: RunningDaemon, old: bytes) -> None:
    client = shared.client()
    client.socket.send_multipart([old, b'{"type":"submit","job":"from-old","much":"unknown"}'])
    assert client.socket.poll(2000)
    magic, header = client.socket.recv_multipart()
    assert magic == old
    refused = msgspec.json.decode(header, type=Refused)
    assert refused.job == "from-old"
    assert refused.error.code == "version_mismatch"
    assert old.decode() in refused.error.message
    assert "Update the older side" in refused.error.next_step


NOTE_OF_HOURS = (
    b'{"type":"submit","job":"job-0001","request":{"engine":"inpaint","source":{"frame":0,"sample_rate":4000,'
    b'"channels":1,"samples":16000},"holes":[{"start":0,"end":10}],"takes":[{"seed":0,"controls":{"piano":1}}],'
    b'"piano":[{"start":0,"end":10000,"pitch":60}]}}'
)
"""What would fill the worker's memory."""


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([MAGIC], "bad_message"),
        ([b"", b""], "bad_message"),
        ([b"hello", b"{}"], "bad_message"),
        ([MAGIC, b"no json"], "bad_message"),
        ([MAGIC, b"\xff\xfe\x00"], "bad_message"),
        ([MAGIC, b"[" * 100_000], "bad_message"),
        ([MAGIC, b'{"type":"ping","extra":1}'], "bad_message"),
        ([MAGIC, b'{"type":"cancel","job":"../../etc"}'], "bad_message"),
        ([MAGIC, b'{"type":"ping"}', b"audio nobody named"], "bad_message"),
        ([MAGIC, b" " * (16 * 2**20 + 1)], "too_large"),
        ([MAGIC, NOTE_OF_HOURS, bytes(64_000)], "bad_setting"),
    ],
)
def test_each_malformed_packet_gets_one_refusal(shared: RunningDaemon, frames: list[bytes], code: str) -> None:
    client = shared.client()
    client.socket.send_multipart(frames)
    refused = client.packet().message
    assert isinstance(refused, Refused)
    assert refused.error.code == code
    assert isinstance(client.ask(Ping()), Pong)


def test_random_multipart_garbage_is_survived(shared: RunningDaemon) -> None:
    chance = random.Random(1)
    good = pack(Ping())
    noisy = shared.client()
    for _ in range(2000):
        frames = [chance.randbytes(chance.randrange(64)) for _ in range(chance.randrange(1, 5))]
        if chance.random() < 0.5:
            header = bytearray(b'{"type":"attach","job":"some-job","after":3}')
            header[chance.randrange(len(header))] = chance.randrange(256)
            frames = [good[0], bytes(header)]
        noisy.socket.send_multipart(frames)
    answers = 0
    while answers < 2000 and noisy.socket.poll(2000):
        unpack(noisy.socket.recv_multipart(), FromDaemon)
        answers += 1
    assert answers == 2000
    assert isinstance(shared.client().ask(Ping()), Pong)


def test_raw_bytes_on_the_zeromq_port_do_no_harm(shared: RunningDaemon) -> None:
    chance = random.Random(2)
    peers = [socket.create_connection(("127.0.0.1", shared.record.port), 2) for _ in range(20)]
    for peer in peers[:-1]:
        peer.sendall(chance.randbytes(4096))
    peers[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client = shared.client()
    assert isinstance(client.ask(Ping()), Pong)
    client.accepted("unharmed")
    assert isinstance(client.ending("unharmed"), Done)
    for peer in peers:
        peer.close()


def test_a_client_that_does_not_read_costs_others_nothing(shared: RunningDaemon) -> None:
    deaf, client = shared.client(), shared.client()
    for _ in range(5000):
        deaf.send(Ping())
    client.accepted("hearing")
    assert isinstance(client.ending("hearing"), Done)


def test_a_client_that_reads_late_gets_every_take_in_order(shared: RunningDaemon) -> None:
    """More than may wait in memory: the rest waits on disk. Others notice nothing meanwhile."""
    deaf, client = shared.client(unread=1), shared.client()
    deaf.accepted("unread", "steps=10 step=0.03", takes=16, keep=True, seconds=100)
    until(lambda: client.state("unread") == "done", 30.0)
    client.accepted("hearing")
    assert isinstance(client.ending("hearing"), Done)
    events = deaf.events("unread")
    assert len(events) < events[-1].seq  # progress was left out
    assert takes(events) == list(range(16))
    assert [event.seq for event in events] == sorted({event.seq for event in events})


def test_a_worker_that_cannot_start_fails_the_job_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no module named torch')\n")
    with daemon(tmp_path / "home", env={"FAKE_WORKER": str(broken)}) as running:
        client = running.client()
        client.accepted("hopeless")
        failed = client.ending("hopeless")
        assert isinstance(failed, Failed)
        assert failed.error.code == "internal"
        assert "no module named torch" in failed.error.message
        assert "doctor" in failed.error.next_step
