"""Which engines the worker holds: two side by side, each given up when it alone was not used for a while."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import zmq
from fakes.engine import FakeEmission
from punchin_server import worker as module
from punchin_server.daemon.link import FromWorker, Heartbeat, Orders
from punchin_server.worker import LOADED, Worker
from punchin_wire.errors import Unsupported
from punchin_wire.frames import Audio, describe, unpack
from punchin_wire.messages import Done, Event, Failed, Hole, InpaintRequest, Progress, Submit, TakeSpec, TransferRequest

SOUND = np.ones((1, 100), np.float32)


class Engine:
    """Is done at once, but for the steps of `meanwhile`. The pack `oom` has no memory for it."""

    def __init__(self, pack: str, meanwhile: Sequence[Callable[[], None]] = ()) -> None:
        self.pack, self.meanwhile = pack, meanwhile

    def run(self, _request: Any, _audio: tuple[Audio, ...]) -> Iterator[FakeEmission]:
        if self.pack == "oom":
            raise MemoryError
        for number, step in enumerate(self.meanwhile):
            step()
            yield FakeEmission(Progress("denoise", number, len(self.meanwhile)))
        yield FakeEmission(Done({}, {"pack": self.pack}))


class Bench:
    """A worker driven step by step on a clock that stands still, and the supervisor's end of its socket."""

    def __init__(self, supervisor: zmq.Socket[bytes], patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.loads: list[tuple[str, str]] = []
        self.meanwhile: list[Callable[[], None]] = []
        self.alive: dict[tuple[str, str], weakref.ref[Engine]] = {}
        self._supervisor = supervisor
        endpoint = supervisor.getsockopt_string(zmq.LAST_ENDPOINT)
        patch.setattr(module.time, "monotonic", lambda: self.now)
        loaders = {name: self._loader(name) for name in ("inpaint", "transfer")}
        self.worker = Worker(Orders(endpoint, "token", "cpu", "float32", keep_alive=60.0), loaders)

    def _loader(self, name: str) -> Callable[[str, str, str], Engine]:
        def load(pack: str, _device: str, _precision: str) -> Engine:
            engine = Engine(pack, self.meanwhile)
            self.loads.append((name, pack))
            self.alive[name, pack] = weakref.ref(engine)
            return engine

        return load

    def work(self, engine: str, pack: str = "tiny") -> Any:
        """Do one job as the worker's loop does; returns its ending."""
        spec = (TakeSpec(1),)
        source = describe(SOUND, 16_000)
        request = (
            InpaintRequest(source, (Hole(10, 20),), spec, pack=pack)
            if engine == "inpaint"
            else TransferRequest(source, "a violin", spec, pack=pack)
        )
        self.worker._work(Submit("job1", request), (SOUND,))
        self.rest(0.0)
        while self._supervisor.poll(2000):
            _, *frames = self._supervisor.recv_multipart()
            message = unpack(frames, FromWorker).message
            if isinstance(message, Event) and isinstance(message.body, (Done, Failed)):
                return message.body
        raise AssertionError("the job did not end")

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def rest(self, seconds: float) -> None:
        self.pass_time(seconds)
        self.worker._unload()

    @property
    def held(self) -> tuple[str, ...]:
        heartbeat: Heartbeat = self.worker._heartbeat()
        return heartbeat.packs

    def gone(self, engine: str, pack: str = "tiny") -> bool:
        """Whether its memory was given back."""
        gc.collect()
        return self.alive[engine, pack]() is None


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = context.socket(zmq.ROUTER)
    supervisor.bind("tcp://127.0.0.1:*")
    made = Bench(supervisor, monkeypatch)
    gc.freeze()  # the worker collects garbage: what the session has loaded so far is none, and takes a second to walk
    yield made
    gc.unfreeze()
    made.worker._socket.close(0)
    made.worker._context.term()
    supervisor.close(0)
    context.term()


def test_a_song_is_filled_and_transferred_in_turn(bench: Bench) -> None:
    """Both engines stay loaded, and the heartbeat names them."""
    for _ in range(3):
        assert isinstance(bench.work("inpaint"), Done)
        assert isinstance(bench.work("transfer"), Done)
    assert bench.loads == [("inpaint", "tiny"), ("transfer", "tiny")]
    assert bench.held == ("tiny:inpaint", "tiny:transfer")


def test_an_engine_that_rests_is_given_up_while_the_other_works(bench: Bench) -> None:
    bench.work("inpaint")
    bench.work("transfer")
    for _ in range(4):
        bench.rest(20.0)
        bench.work("transfer")
    assert bench.held == ("tiny:transfer",)
    assert bench.gone("inpaint")
    bench.rest(59.0)
    assert bench.held == ("tiny:transfer",)
    bench.rest(2.0)
    assert bench.held == ()
    assert bench.gone("transfer")
    bench.work("inpaint")
    assert bench.loads.count(("inpaint", "tiny")) == 2


def test_a_long_job_is_no_rest_but_for_the_other_engine(bench: Bench) -> None:
    """The time of the one counts from its job's end; the other is given up while that job runs."""
    bench.work("inpaint")
    held: list[tuple[str, ...]] = []
    bench.meanwhile += [lambda: bench.pass_time(50.0), lambda: bench.pass_time(50.0), lambda: held.append(bench.held)]
    assert isinstance(bench.work("transfer"), Done)
    assert held == [("tiny:transfer",)]
    assert bench.gone("inpaint")
    bench.rest(59.0)
    assert bench.held == ("tiny:transfer",)
    bench.rest(2.0)
    assert bench.held == ()


def test_one_more_takes_the_place_of_the_one_used_longest_ago(bench: Bench) -> None:
    assert LOADED == 2
    for engine, pack in (("inpaint", "a"), ("transfer", "a"), ("inpaint", "a"), ("transfer", "b")):
        bench.work(engine, pack)
    assert bench.held == ("a:inpaint", "b:transfer")
    assert bench.gone("transfer", "a")


def test_without_memory_both_are_given_up(bench: Bench) -> None:
    bench.work("inpaint", "a")
    failed = bench.work("transfer", "oom")
    assert (failed.error.code, bench.held) == ("out_of_memory", ())
    assert bench.gone("inpaint", "a")
    assert isinstance(bench.work("inpaint", "a"), Done)


def test_an_engine_that_cannot_be_loaded_is_not_held(bench: Bench) -> None:
    bench.work("inpaint")

    def load(*_: str) -> Engine:
        raise Unsupported("The pack transfers nothing.")

    bench.worker._engines = {**bench.worker._engines, "transfer": load}
    assert bench.work("transfer").error.code == "unsupported"
    assert bench.held == ("tiny:inpaint",)
