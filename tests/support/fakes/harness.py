"""A real daemon process in a folder of its own, and a bare client that speaks the wire to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import numpy as np
import psutil
import pytest
import zmq
from punchin_wire import paths
from punchin_wire.frames import Audio, Packet, describe, pack, unpack
from punchin_wire.messages import (
    FINAL,
    Accepted,
    Attach,
    Cancel,
    Cancelled,
    Event,
    FromDaemon,
    Hole,
    InpaintRequest,
    Message,
    Ping,
    Pong,
    Refused,
    Release,
    SeatStatus,
    Status,
    StatusQuery,
    Submit,
    Take,
    TakeSpec,
)
from punchin_wire.remote.keys import KeyPair
from zmq.utils import z85

SERVE = Path(__file__).with_name("serve.py")
WORKER = Path(__file__).with_name("worker.py")
RATE = 32_000
EXECUTORS = (
    pytest.param(("--device", "cpu"), id="one seat"),
    pytest.param(("--device", "cpu,cpu"), id="two seats"),
    pytest.param(("--executor", "ray", "--seats", "1:2"), id="ray", marks=[pytest.mark.ray, pytest.mark.endurance]),
)
"""What daemons with one seat, two seats, and two in a Ray cluster are started with."""
MODEL_EXECUTORS = (
    pytest.param(*EXECUTORS[0].values, id="one seat", marks=pytest.mark.endurance),
    *EXECUTORS[1:],
)
"""The same for what loads real models, which takes long."""
T = TypeVar("T")


def until(condition: Callable[[], T], seconds: float = 90.0) -> T:
    """The first true value of `condition`, asked every 10 ms."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing for {seconds} s"
        time.sleep(0.01)
    return value


def song(seconds: float = 1.0) -> Audio:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, int(RATE * seconds))).astype(np.float32)


def new_pair() -> KeyPair:
    public, secret = (z85.decode(half).hex() for half in zmq.curve_keypair())
    return KeyPair(public, secret)


def lock(socket: zmq.Socket[bytes], pair: KeyPair, server: str) -> None:
    """Let a client's socket speak with these keys."""
    socket.curve_publickey, socket.curve_secretkey = bytes.fromhex(pair.public), bytes.fromhex(pair.secret)
    socket.curve_serverkey = bytes.fromhex(server)


class Client:
    """A DEALER whose every wait ends. `unread` packets wait on its side until it reads them. With a `pair` of keys it
    speaks to the daemon whose key is `server`, as `identity` where it chooses one."""

    def __init__(
        self, port: int, unread: int = 1000, pair: KeyPair | None = None, server: str = "", identity: bytes = b""
    ) -> None:
        self._unread: deque[Packet] = deque()
        self._beaten = time.monotonic()
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvhwm = unread
        if pair is not None:
            lock(self.socket, pair, server)
        if identity:
            self.socket.identity = identity
        self.socket.connect(f"tcp://127.0.0.1:{port}")

    def send(self, message: Message, audio: Sequence[Audio] = ()) -> None:
        self.socket.send_multipart(pack(message, audio))

    def packet(self, seconds: float = 10.0) -> Packet:
        """The next packet that no question was answered by."""
        return self._unread.popleft() if self._unread else self._receive(seconds)

    def _receive(self, seconds: float, pong: bool = False) -> Packet:
        """The next packet. Sends heartbeats meanwhile, whose answers are not packets."""
        deadline = time.monotonic() + seconds
        while (now := time.monotonic()) < deadline:
            if now - self._beaten > 0.3:
                self.send(Ping())
                self._beaten = now
            if not self.socket.poll(100):
                continue
            packet = unpack(self.socket.recv_multipart(), FromDaemon)
            if pong or not isinstance(packet.message, Pong):
                return packet
        raise AssertionError(f"no answer for {seconds} s")

    def ask(self, message: Message, audio: Sequence[Audio] = (), seconds: float = 10.0) -> Any:
        """The answer to a message; events that come before it are read later."""
        self.send(message, audio)
        while isinstance((packet := self._receive(seconds, isinstance(message, Ping))).message, Event):
            self._unread.append(packet)
        return packet.message

    def submit(
        self, job: str, text: str = "", keep: bool = False, takes: int = 1, pack_name: str = "tiny", seconds: float = 1
    ) -> Any:
        """Ask for the second quarter of a song of so many seconds."""
        audio = song(seconds)
        hole = Hole(audio.shape[1] // 4, audio.shape[1] // 2)
        seeds = tuple(TakeSpec(seed) for seed in range(takes))
        request = InpaintRequest(describe(audio, RATE), (hole,), seeds, pack=pack_name, text=text)
        return self.ask(Submit(job, request, keep), [audio])

    def accepted(self, job: str, text: str = "", **more: Any) -> Accepted:
        answer = self.submit(job, text, **more)
        assert isinstance(answer, Accepted), answer
        return answer

    def attach(self, job: str, after: int = 0) -> Any:
        return self.ask(Attach(job, after))

    def cancel(self, job: str) -> Any:
        return self.ask(Cancel(job))

    def release(self, job: str) -> Any:
        return self.ask(Release(job))

    def status(self) -> Status:
        answer = self.ask(StatusQuery())
        assert isinstance(answer, Status)
        return answer

    def state(self, job: str) -> str:
        return next((j.state for j in self.status().jobs if j.job == job), "unknown")

    def seat(self, job: str) -> SeatStatus:
        """The seat that a job runs or ran on."""
        status = self.status()
        return status.seats[next(j.seat for j in status.jobs if j.job == job) - 1]

    def occupy(self, text: str = "steps=6000 step=0.02") -> list[str]:
        """Have a job run on every seat, for two minutes or until they are cancelled, and say which."""
        jobs = [f"{uuid4().hex[:8]}-{number}" for number in range(len(self.status().seats))]
        for job in jobs:
            self.accepted(job, text)
            until(lambda job=job: self.state(job) == "running", 60.0)
        return jobs

    def stop(self, *jobs: str) -> None:
        """Cancel jobs and wait for their endings."""
        for job in jobs:
            self.cancel(job)
            assert isinstance(self.ending(job, 60.0), Cancelled)

    def events(self, job: str, seconds: float = 20.0) -> list[Event]:
        """The job's events up to its ending."""
        found: list[Event] = []
        while not (found and isinstance(found[-1].body, FINAL)):
            message = self.packet(seconds).message
            assert not isinstance(message, Refused), message
            if isinstance(message, Event) and message.job == job:
                found.append(message)
        return found

    def ending(self, job: str, seconds: float = 20.0) -> Any:
        return self.events(job, seconds)[-1].body

    def close(self) -> None:
        self.socket.close()


def takes(events: list[Event]) -> list[int]:
    return [event.body.take for event in events if isinstance(event.body, Take)]


class RunningDaemon:
    """The process, its record, and what it leaves behind."""

    def __init__(self, home: Path, process: subprocess.Popen[str], record: paths.DaemonRecord) -> None:
        self.home = home
        self.process = process
        self.record = record
        self._clients: list[Client] = []

    def client(self, unread: int = 1000, pair: KeyPair | None = None, identity: bytes = b"") -> Client:
        client = Client(self.record.port, unread, pair, self.record.key, identity)
        self._clients.append(client)
        return client

    @property
    def log(self) -> str:
        return (self.home / "log" / "daemon.log").read_text()

    def worker(self) -> int:
        """Process id of a worker that is ready."""
        client = self.client()

        def ready() -> list[int]:
            return [seat.pid for seat in client.status().seats if seat.state in ("idle", "busy")]

        return until(ready, 60.0)[0]

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(15)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            for child in family:
                child.kill()
        self.process.communicate()


def launch(
    home: Path, *flags: str, env: Mapping[str, str] | None = None, at: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start the daemon; `at` is a command that runs it elsewhere, as the same process."""
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [*at, sys.executable, str(SERVE), "--osc-port", "0", *flags],
        env=os.environ | {"PUNCHIN_HOME": str(home), "PYTHONPATH": paths} | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def daemon(
    home: Path, *flags: str, env: Mapping[str, str] | None = None, at: Sequence[str] = ()
) -> Iterator[RunningDaemon]:
    """A daemon that is ready to serve, with the fake engine."""
    process = launch(home, *flags, env=env, at=at)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        path = home / "runtime" / "daemon.json"
        until(path.exists)
        record = msgspec.json.decode((home / "runtime" / "daemon.json").read_bytes(), type=paths.DaemonRecord)
        assert record.pid == process.pid
        running = RunningDaemon(home, process, record)
        try:
            yield running
        finally:
            running.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
