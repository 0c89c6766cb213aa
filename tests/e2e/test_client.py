"""The client against the real daemon: what it hears, what it raises, and what a broken connection costs (nothing)."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import zmq
from fakes.harness import RATE, SERVE, RunningDaemon, daemon, song, until
from fakes.proxy import Proxy
from punchin_bridge.daemon import launch
from punchin_bridge.daemon.client import Client
from punchin_bridge.settings import Settings
from punchin_wire import VERSION, paths
from punchin_wire.errors import (
    BadMessage,
    BadSetting,
    DaemonUnreachable,
    JobCancelled,
    PunchinError,
    QueueFull,
    UnknownJob,
    VersionMismatch,
)
from punchin_wire.frames import Packet, describe, pack
from punchin_wire.messages import Accepted, Done, Event, Hole, InpaintRequest, Progress, Refused, Submit, Take, TakeSpec

pytestmark = pytest.mark.e2e
SOUND = song()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), "--queue", "1", "--vanished", "7") as found:
        yield found


@pytest.fixture
def client(running: RunningDaemon) -> Iterator[Client]:
    with Client(f"tcp://127.0.0.1:{running.record.port}") as found:
        yield found


def submit(job: str, text: str = "", takes: int = 2) -> Submit:
    holes = (Hole(RATE // 4, RATE // 2),)
    specs = tuple(TakeSpec(seed) for seed in range(takes))
    return Submit(job, InpaintRequest(describe(SOUND, RATE), holes, specs, text=text))


def bodies(packets: list[Packet]) -> list[object]:
    return [p.message.body for p in packets if isinstance(p.message, Event)]


def test_a_job_from_acceptance_to_done(client: Client) -> None:
    heard = list(client.run(submit("whole", "steps=3"), [SOUND]))
    assert isinstance(heard[0].message, Accepted)
    assert [p.message.seq for p in heard[1:]] == sorted({p.message.seq for p in heard[1:]})
    found = bodies(heard)
    assert [b.take for b in found if isinstance(b, Take)] == [0, 1]
    steps = [b.step for b in found if isinstance(b, Progress) and b.stage == "decode"]
    assert steps == sorted(set(steps))
    assert steps[-1] == 6
    assert isinstance(found[-1], Done)
    client.release("whole")
    with pytest.raises(UnknownJob):
        client.release("whole")


def test_questions(client: Client) -> None:
    assert client.ping().version == VERSION
    assert client.status().queue_limit == 1


@pytest.mark.parametrize(("text", "error"), [("fail", "adapter_mismatch"), ("oom", "out_of_memory")])
def test_a_failed_job_raises_its_error_and_the_next_one_works(client: Client, text: str, error: str) -> None:
    with pytest.raises(PunchinError) as caught:
        list(client.run(submit(f"fails-{error}", text), [SOUND]))
    assert caught.value.code == error
    assert isinstance(bodies(list(client.run(submit(f"after-{error}"), [SOUND])))[-1], Done)


def test_a_cancelled_job_says_so(running: RunningDaemon, client: Client) -> None:
    job = client.run(submit("stop-me", "steps=1000 step=0.02"), [SOUND])
    next(p for p in job if isinstance(p.message, Event) and isinstance(p.message.body, Progress))
    with Client(f"tcp://127.0.0.1:{running.record.port}") as other:
        other.cancel("stop-me")
    with pytest.raises(JobCancelled):
        list(job)


def test_a_full_queue_and_a_name_taken_are_refused(running: RunningDaemon, client: Client) -> None:
    endpoint = f"tcp://127.0.0.1:{running.record.port}"
    slow = client.run(submit("slow", "steps=1000 step=0.02"), [SOUND])
    next(p for p in slow if isinstance(p.message, Event) and isinstance(p.message.body, Progress))
    with Client(endpoint) as second, Client(endpoint) as third:
        waiting = second.run(submit("waiting"), [SOUND])
        assert next(waiting).message == Accepted("waiting", 1)
        with pytest.raises(QueueFull):
            list(third.run(submit("too-many"), [SOUND]))
        with pytest.raises(BadSetting):
            list(third.run(submit("slow", "another"), [SOUND]))
        client.cancel("slow")
        assert isinstance(bodies(list(waiting))[-1], Done)


def test_a_long_job_is_not_taken_for_abandoned(client: Client) -> None:
    """10 s of work without an event: heartbeats alone keep the job (the daemon waits 7 s)."""
    heard = list(client.run(submit("patient", "block=10", takes=1), [SOUND]))
    assert isinstance(bodies(heard)[-1], Done)


def test_nothing_is_lost_and_nothing_comes_twice_when_the_wire_breaks(running: RunningDaemon) -> None:
    with Proxy(running.record.port) as proxy, Client(f"tcp://127.0.0.1:{proxy.port}") as client:
        heard: list[Packet] = []
        cuts = 0
        for packet in client.run(submit("rough", "steps=40 step=0.05"), [SOUND]):
            heard.append(packet)
            if len(heard) in (10, 30):
                cuts += proxy.cut()
    assert cuts == 2
    sequence = [p.message.seq for p in heard if isinstance(p.message, Event)]
    assert sequence == sorted(set(sequence))
    found = bodies(heard)
    assert [b.take for b in found if isinstance(b, Take)] == [0, 1]
    assert isinstance(found[-1], Done)


def test_a_daemon_that_dies_is_missed_within_the_time_allowed(tmp_path: Path) -> None:
    settings = Settings(silence_seconds=1.0, give_up_seconds=3.0, reply_seconds=1.0)
    with daemon(tmp_path) as mortal, Client(f"tcp://127.0.0.1:{mortal.record.port}", settings) as client:
        job = client.run(submit("orphan", "steps=1000 step=0.02"), [SOUND])
        next(job)
        mortal.process.kill()
        began = time.monotonic()
        with pytest.raises(DaemonUnreachable, match=r"not answered|has ended"):
            list(job)
        assert time.monotonic() - began < 30  # the job would have gone on without end


def test_a_daemon_whose_port_is_closed_is_not_waited_for(tmp_path: Path) -> None:
    settings = Settings(give_up_seconds=600.0, refused_seconds=0.5)
    with daemon(tmp_path) as mortal, Client(f"tcp://127.0.0.1:{mortal.record.port}", settings) as client:
        job = client.run(submit("orphan", "steps=1000 step=0.02"), [SOUND])
        next(job)
        mortal.process.kill()
        with pytest.raises(DaemonUnreachable, match="nobody listens at its port"):
            list(job)


# ---- finding and starting ------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # it shall outlive us
def test_a_daemon_is_started_once_and_found_again() -> None:
    command = (sys.executable, str(SERVE), "--osc-port=0")
    assert launch.find(Settings()) is None
    endpoint = launch.find_or_start(Settings(), command)
    record = paths.read_daemon_record()
    assert record is not None
    try:
        assert endpoint.address == f"tcp://127.0.0.1:{record.port}"
        assert endpoint == launch.find(Settings())
        assert launch.find_or_start(Settings(), ("false",)) == endpoint
        assert launch.find(Settings(daemon=f"127.0.0.1:{record.port}")) == endpoint
    finally:
        process = psutil.Process(record.pid)
        process.terminate()
    until(lambda: not paths.daemon_file().exists())
    assert launch.find(Settings()) is None
    process.wait(10)


def test_a_daemon_that_cannot_start_is_quoted() -> None:
    stale = paths.DaemonRecord(pid=1, port=1, osc_port=1, version="0.0.1")
    paths.write_daemon_record(stale)
    command = (sys.executable, "-c", "import sys; sys.exit('no room for a worker')")
    with pytest.raises(DaemonUnreachable, match=r"(?s)exit code 1.*no room for a worker"):
        launch.find_or_start(Settings(), command)


def test_a_daemon_elsewhere_is_not_started_here(home: Path) -> None:
    with pytest.raises(DaemonUnreachable, match="No daemon answers at 127"):
        launch.find_or_start(Settings(daemon="127.0.0.1:1"), ("false",))
    assert not home.exists()


@contextmanager
def stranger(*answer: bytes) -> Iterator[int]:
    """A port where every message gets this answer."""
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.linger = 0
    port = router.bind_to_random_port("tcp://127.0.0.1")
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            if router.poll(50):
                router.send_multipart([router.recv_multipart()[0], *answer])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield port
    finally:
        ended.set()
        thread.join()
        context.destroy(linger=0)


@pytest.mark.parametrize(
    "answer",
    [
        [b"punchin/99", b"{}"],
        pack(Refused(VersionMismatch("The peer speaks punchin/1, this side punchin/99.").info())),
    ],
)
def test_a_daemon_of_another_version_is_named_and_no_second_one_started(answer: list[bytes]) -> None:
    with stranger(*answer) as port:
        paths.write_daemon_record(paths.DaemonRecord(1, port, 0, "9.0"))
        with pytest.raises(VersionMismatch, match="punchin/99") as caught:
            launch.find_or_start(Settings(), ("false",))
        assert caught.value.exit_code == 4


def test_another_program_at_the_port_is_no_daemon() -> None:
    with stranger(b"hello") as port:
        paths.write_daemon_record(paths.DaemonRecord(1, port, 0, "0.1.0"))
        assert launch.find(Settings()) is None
        with Client(f"tcp://127.0.0.1:{port}") as client, pytest.raises(BadMessage, match="is no Punchin daemon"):
            client.ping()
