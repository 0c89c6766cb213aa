"""The daemon over real sockets and processes, with the fake engine: what a client may rely on."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import zmq
from fakes.harness import EXECUTORS, RATE, Client, RunningDaemon, daemon, launch, song, takes, until
from punchin_server.daemon.daemon import WATCHERS
from punchin_wire.frames import unpack_message
from punchin_wire.messages import Accepted, Cancelled, Done, Failed, Ping, Pong, Position, Progress, Refused, Take

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=EXECUTORS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """One daemon for the tests that leave it as they found it. It sees clients vanish after a second."""
    flags = (*request.param, "--queue", "3", "--client-share", "1", "--vanished", "1")
    with daemon(tmp_path_factory.mktemp("home"), *flags) as running:
        running.worker()
        yield running


@pytest.fixture
def client(shared: RunningDaemon) -> Client:
    return shared.client()


def test_a_job_is_accepted_runs_and_ends_with_its_takes(client: Client) -> None:
    answer = client.accepted("simple", "steps=3", takes=2)
    assert answer == Accepted("simple", 0)
    events = client.events("simple")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert takes(events) == [0, 1]
    done = events[-1].body
    assert isinstance(done, Done)
    assert set(done.timings) == {"queue", "load", "decode"}
    first = next(event.body for event in events if isinstance(event.body, Progress))
    assert (first.stage, first.step) == ("load", 0)


def test_audio_comes_back_sample_for_sample(client: Client) -> None:
    client.accepted("samples", takes=2)
    sounds = []
    while not isinstance((packet := client.packet()).message.body, Done):
        if isinstance(packet.message.body, Take):
            sounds.append(packet.of(packet.message.body.audio).copy())
    hole = song()[:1, RATE // 4 : RATE // 2]
    assert np.array_equal(sounds[0], hole)
    assert np.array_equal(sounds[1], hole * np.float32(2))


def test_positions_count_the_jobs_ahead_and_go_down(client: Client) -> None:
    ahead = client.occupy()
    assert client.accepted("second").position == 1
    assert client.accepted("third").position == 2
    for job in ahead:
        client.cancel(job)
    events = client.events("third")
    assert [event.body.position for event in events if isinstance(event.body, Position)] == [1, 0]


def test_a_full_queue_refuses_at_once_and_goes_on(client: Client) -> None:
    busy = client.occupy()
    for number in range(3):
        client.accepted(f"wait{number}")
    refused = client.submit("too-many")
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.job) == ("queue_full", "too-many")
    assert client.state("too-many") == "unknown"
    for job in busy:
        client.cancel(job)
    assert isinstance(client.ending("wait2"), Done)


def test_submitting_twice_is_one_job(client: Client) -> None:
    client.accepted("twice", "steps=20 step=0.02")
    client.accepted("twice", "steps=20 step=0.02")
    assert takes(client.events("twice")) == [0]
    client.accepted("twice", "steps=20 step=0.02")  # it has ended: its results come again
    assert takes(client.events("twice")) == [0]


def test_a_name_in_use_is_refused_to_another_job(client: Client) -> None:
    client.accepted("name", "steps=1")
    client.ending("name")
    refused = client.submit("name", "steps=2")
    assert isinstance(refused, Refused)
    assert refused.error.code == "bad_setting"


def test_a_client_that_comes_back_resumes_behind_what_it_has(shared: RunningDaemon, client: Client) -> None:
    client.accepted("resume", "steps=20 step=0.02", takes=3, keep=True)
    while not isinstance((last := client.packet().message).body, Take):
        pass
    client.close()
    again = shared.client()
    assert isinstance(again.attach("resume", after=last.seq), Accepted)
    events = again.events("resume")
    assert takes(events) == [1, 2]
    assert all(event.seq > last.seq for event in events)


def test_connections_that_follow_a_job_and_fall_silent_make_room_for_others(
    shared: RunningDaemon, client: Client
) -> None:
    client.accepted("followed", "steps=6000 step=0.02")
    for _ in range(WATCHERS):
        shared.client().attach("followed")  # and is not heard again
    newcomer = shared.client()
    until(lambda: client.ask(Ping()) and isinstance(newcomer.attach("followed"), Accepted))
    client.cancel("followed")
    assert [type(each.ending("followed")) for each in (client, newcomer)] == [Cancelled, Cancelled]


def test_results_stay_until_they_are_released(shared: RunningDaemon, client: Client) -> None:
    client.accepted("kept")
    client.ending("kept")
    folder = shared.home / "results" / "kept"
    assert len(list(folder.glob("*.event"))) == 2
    assert client.release("kept") == Accepted("kept")
    assert not folder.exists()
    refused = client.attach("kept")
    assert isinstance(refused, Refused)
    assert refused.error.code == "unknown_job"


def test_a_job_that_has_not_ended_cannot_be_released(client: Client) -> None:
    client.accepted("working", "steps=100 step=0.02")
    refused = client.release("working")
    assert isinstance(refused, Refused)
    client.cancel("working")
    assert isinstance(client.ending("working"), Cancelled)


def test_cancel_is_acknowledged_at_once_and_stops_within_a_step(client: Client) -> None:
    client.accepted("stop", "steps=3000 step=0.02")  # a minute of work
    until(lambda: client.state("stop") == "running")
    time.sleep(0.2)
    started = time.monotonic()
    assert client.cancel("stop") == Accepted("stop")
    assert isinstance(client.ending("stop"), Cancelled)
    assert time.monotonic() - started < 10
    assert "busy" not in {seat.state for seat in client.status().seats}


def test_a_waiting_job_is_cancelled_without_running(client: Client) -> None:
    front = client.occupy()
    client.accepted("behind")
    client.cancel("behind")
    events = client.events("behind")
    assert [type(event.body) for event in events] == [Cancelled]
    for job in front:
        client.cancel(job)


def test_cancelling_what_has_ended_changes_nothing(client: Client) -> None:
    client.accepted("ended")
    assert isinstance(client.ending("ended"), Done)
    assert client.cancel("ended") == Accepted("ended")
    assert client.state("ended") == "done"


def test_cancelling_an_unknown_job_is_refused(client: Client) -> None:
    refused = client.cancel("nobody")
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.job) == ("unknown_job", "nobody")


def test_a_vanished_client_takes_its_jobs_with_it_unless_kept(shared: RunningDaemon, client: Client) -> None:
    lost = shared.client()
    lost.accepted("lost", "steps=1000 step=0.02")
    lost.accepted("wanted", "steps=5", keep=True)
    lost.close()
    until(lambda: client.state("lost") == "cancelled", 5.0)
    until(lambda: client.state("wanted") == "done", 5.0)


def test_a_client_that_only_slept_is_told_that_its_job_was_cancelled(client: Client) -> None:
    client.accepted("asleep", "steps=1000 step=0.02")
    time.sleep(1.5)
    assert isinstance(client.ending("asleep"), Cancelled)


def test_a_client_that_pings_has_not_vanished(client: Client) -> None:
    client.accepted("quiet", "steps=125 step=0.02")
    assert isinstance(client.ending("quiet"), Done)  # 2.5 s, with heartbeats from the waiting client


def test_status_answers_while_a_model_loads_and_computes(client: Client) -> None:
    client.accepted("slow", "block=1.0", pack_name="slow-2")
    until(lambda: client.state("slow") == "running")
    answers = 0
    while (seat := client.seat("slow")).state == "busy":
        assert isinstance(client.ask(Ping()), Pong)
        answers += 1
        time.sleep(0.05)
    assert answers > 5  # none, if it answered only when that was done
    assert seat.packs[-1] == "slow-2:inpaint"


def test_progress_comes_at_most_twenty_times_a_second_with_first_and_last(client: Client) -> None:
    client.accepted("fast", "steps=400 step=0.002")
    events = client.events("fast")
    decode = [event.body.step for event in events if isinstance(event.body, Progress) and event.body.stage == "decode"]
    assert decode[0] == 1
    assert decode[-1] == 400
    assert decode == sorted(set(decode))
    seconds = events[-1].body.timings["decode"]
    assert len(decode) <= seconds * 20 + 3


@pytest.mark.parametrize(
    ("text", "code"),
    [("fail", "adapter_mismatch"), ("bug", "internal"), ("oom", "out_of_memory"), ("nan", "internal")],
)
def test_an_engine_that_fails_says_so_once_and_the_next_job_works(client: Client, text: str, code: str) -> None:
    client.accepted(f"bad-{text}", text)
    failed = client.ending(f"bad-{text}")
    assert isinstance(failed, Failed)
    assert failed.error.code == code
    assert failed.error.next_step
    client.accepted(f"after-{text}")
    assert isinstance(client.ending(f"after-{text}"), Done)


def test_the_log_keeps_where_an_unknown_error_came_from(shared: RunningDaemon, client: Client) -> None:
    if "ray" in shared.process.args:
        pytest.skip("a worker in a cluster logs on its own node")
    client.accepted("trace", "bug")
    assert isinstance(client.ending("trace"), Failed)
    until(lambda: 'raise ZeroDivisionError("a bug")' in shared.log)


def test_observers_see_events_without_audio(shared: RunningDaemon, client: Client) -> None:
    observer = zmq.Context.instance().socket(zmq.SUB)
    observer.linger = 0
    observer.subscribe(b"watched")
    observer.connect(f"tcp://127.0.0.1:{shared.record.events_port}")
    time.sleep(0.2)  # a subscription takes a moment to reach the publisher
    client.accepted("unwatched")
    client.ending("unwatched")
    client.accepted("watched")
    mine = client.events("watched")
    seen = []
    while len(seen) < len(mine):
        assert observer.poll(2000)
        topic, *frames = observer.recv_multipart()
        assert topic == b"watched"
        assert len(frames) == 2
        seen.append(unpack_message(frames))
    observer.close()
    assert seen == mine


def test_takes_survive_a_restart_and_unfinished_jobs_end_clearly(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        client = running.client()
        client.accepted("done-before")
        client.ending("done-before")
        client.accepted("half-way", "steps=50 step=0.02", takes=2, keep=True)
        while not isinstance((last := client.packet().message).body, Take):
            pass
        running.process.kill()  # no chance to say goodbye
        running.process.wait(5)
    with daemon(tmp_path) as running:
        client = running.client()
        client.attach("done-before")
        assert [type(event.body) for event in client.events("done-before")] == [Take, Done]
        client.attach("half-way", after=last.seq)
        failed = client.ending("half-way")
        assert isinstance(failed, Failed)
        client.attach("half-way")
        assert takes(client.events("half-way")) == [0]


def test_results_expire(tmp_path: Path) -> None:
    with daemon(tmp_path, "--results-seconds", "0.5") as running:
        client = running.client()
        client.accepted("brief")
        client.ending("brief")
        until(lambda: client.state("brief") == "unknown", 3.0)
        assert not (tmp_path / "results" / "brief").exists()


def test_results_that_fill_their_space_refuse_new_jobs_and_are_not_lost(tmp_path: Path) -> None:
    with daemon(tmp_path, "--results-bytes", "20000") as running:
        client = running.client()
        client.accepted("large")
        client.ending("large")
        refused = client.submit("next-one")
        assert isinstance(refused, Refused)
        assert refused.error.code == "queue_full"
        client.release("large")
        client.accepted("next-one")


def test_an_idle_worker_gives_its_memory_back_and_returns(tmp_path: Path) -> None:
    with daemon(tmp_path, "--keep-alive", "0.3") as running:
        pid = running.worker()
        client = running.client()
        until(lambda: client.status().seats[0].state == "off", 5.0)
        until(lambda: not psutil.pid_exists(pid), 5.0)
        assert client.status().seats[0].restarts == 0
        client.accepted("wakes")
        assert isinstance(client.ending("wakes"), Done)


def test_an_idle_daemon_stops_when_told_to(tmp_path: Path) -> None:
    with daemon(tmp_path, "--idle-exit", "0.5", "--vanished", "0.5") as running:
        client = running.client()
        client.accepted("only")
        client.ending("only")
        assert running.process.wait(10) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_shutdown_leaves_no_process_and_no_draft(tmp_path: Path, how: signal.Signals) -> None:
    with daemon(tmp_path) as running:
        client = running.client()
        client.accepted("cut-off", "steps=1000 step=0.02", keep=True)
        until(lambda: client.state("cut-off") == "running")
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert len(family) == 1
        assert running.stop(how) == 0
        failed = client.ending("cut-off")  # said before the sockets closed
        assert isinstance(failed, Failed)
        assert failed.error.code == "job_lost"
        assert psutil.wait_procs(family, 2)[1] == []
        left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
        assert [name.split("/")[0] for name in left] == ["log", "results", "results", "runtime"]
        assert left[-1] == "runtime/daemon.lock"


def test_a_killed_daemon_takes_its_worker_along_and_its_record_does_no_harm(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        worker = running.worker()
        running.stop(signal.SIGKILL)
        until(lambda: not psutil.pid_exists(worker), 5.0)
    assert (tmp_path / "runtime" / "daemon.json").exists()
    with daemon(tmp_path) as running:
        assert isinstance(running.client().ask(Ping()), Pong)


def test_a_second_daemon_of_this_user_is_told_of_the_first(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        second = launch(tmp_path)
        errors = second.communicate(timeout=15)[1]
        assert second.returncode == 5
        assert f"process {running.record.pid}, port {running.record.port}" in errors
        assert isinstance(running.client().ask(Ping()), Pong)


@pytest.mark.parametrize("flag", ["--port", "--events-port", "--osc-port"])
def test_a_taken_port_is_one_clear_error(tmp_path: Path, flag: str) -> None:
    with daemon(tmp_path / "first") as running:
        field = flag[2:].replace("-", "_")
        port = msgspec.structs.asdict(running.record)[field]
        second = launch(tmp_path / "second", flag, str(port))
        errors = second.communicate(timeout=15)[1]
        assert second.returncode == 5
        assert f"ort {port} on 127.0.0.1 cannot be used" in errors
        assert "Traceback" not in errors
