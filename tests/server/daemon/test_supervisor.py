"""The worker's life as a list of named events, deaths included, with a real worker process and the fake engine."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import zmq
from fakes.harness import WORKER, until
from punchin_server.daemon.executors.local import Local
from punchin_server.daemon.settings import Settings
from punchin_server.daemon.supervisor import Life, Supervisor
from punchin_wire.errors import ErrorInfo
from punchin_wire.frames import pack
from punchin_wire.messages import Ping

pytestmark = pytest.mark.e2e

COMMAND = (sys.executable, str(WORKER))
Make = Callable[..., Supervisor]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    made = []

    def one(command: tuple[str, ...] = COMMAND, **settings: float) -> Supervisor:
        executor = Local(command)
        supervisor = Supervisor(executor, Settings(**settings))  # type: ignore[arg-type]
        made.append((supervisor, executor))
        return supervisor

    yield one
    for supervisor, executor in made:
        stop(supervisor)
        executor.close()


def stop(supervisor: Supervisor) -> None:
    supervisor.leave(time.monotonic())
    supervisor.join()


def step(supervisor: Supervisor) -> ErrorInfo | None:
    for _ in supervisor.read(time.monotonic()):
        pass
    return supervisor.tick(time.monotonic())


def up(supervisor: Supervisor) -> int:
    """Wake it until it is idle."""

    def idle() -> bool:
        supervisor.wake(time.monotonic())
        step(supervisor)
        return supervisor.idle

    until(idle)
    return supervisor.status().pid


def test_a_life_with_a_death_and_a_rest(make: Make) -> None:
    supervisor = make(keep_alive=0.3)
    assert supervisor.status().state == "off"
    pid = up(supervisor)
    os.kill(pid, signal.SIGKILL)
    died = until(lambda: step(supervisor))
    assert died.code == "worker_died"
    assert "SIGKILL" in died.message
    assert up(supervisor) != pid
    until(lambda: step(supervisor) or supervisor.status().state == "off")
    up(supervisor)
    stop(supervisor)
    assert list(supervisor.lives) == [
        *(Life.STARTED, Life.READY, Life.DIED),
        *(Life.STARTED, Life.READY, Life.RESTED),
        *(Life.STARTED, Life.READY, Life.STOPPED),
    ]
    assert supervisor.restarts == 1


def test_a_stopped_supervisor_leaves_no_process(make: Make) -> None:
    supervisor = make()
    pid = up(supervisor)
    stop(supervisor)
    assert not psutil.pid_exists(pid)


def test_the_next_worker_waits_for_the_backoff(make: Make) -> None:
    supervisor = make()
    os.kill(up(supervisor), signal.SIGKILL)
    until(lambda: step(supervisor))
    supervisor.wake(time.monotonic())
    assert supervisor.status().state == "off"


@pytest.mark.parametrize("command", [(sys.executable, "-c", "raise SystemExit('broken')"), ("/no/such/program",)])
def test_a_worker_that_never_comes_up_is_hopeless_after_three(make: Make, command: tuple[str, ...]) -> None:
    supervisor = make(command)

    def death(clock: float) -> str:
        return until(lambda: supervisor.wake(clock) or supervisor.tick(clock)).code

    now = time.monotonic()
    assert [death(now + 60 * n) for n in range(3)] == ["worker_died", "worker_died", "internal"]
    assert supervisor.hopeless
    supervisor.forgive()
    assert not supervisor.hopeless


def test_a_stranger_on_the_workers_line_is_not_heard(make: Make) -> None:
    supervisor = make()
    with zmq.Context() as context:
        stranger = context.socket(zmq.DEALER)
        stranger.linger = 0
        stranger.identity = b".beat"
        stranger.connect(supervisor.socket.getsockopt_string(zmq.LAST_ENDPOINT))
        stranger.send_multipart(pack(Ping()))
        assert supervisor.socket.poll(2000)
        assert list(supervisor.read(0.0)) == []
        assert supervisor.status().state == "off"
        stranger.close()
