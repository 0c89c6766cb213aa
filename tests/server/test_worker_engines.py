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
from punchin_wire.frames import Audio, Sealed, describe, unpack
from punchin_wire.messages import Done, Event, Failed, Hole, InpaintRequest, Progress, Submit, TakeSpec, TransferRequest

SOUND = np.ones((1, 100), np.float32)
TEXTS = {
    "torch": "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to …",
    "cuda": "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which …",
    "onnxruntime": "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : … CUDA failure 2: out of memory ; GPU=0 ; hostname=…",
    "arena": "[ONNXRuntimeError] : 1 : FAIL : … Failed to allocate memory for requested buffer of size 536870912",
    "cublas": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "driver": "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( …`",
    "kernel": "CUDA error: no kernel image is available for execution on the device",
    "other": "shape '[2]' is invalid for input of size 3",
}
"""What the libraries say, by the pack that makes them say it."""
MEMORY = ("torch", "cuda", "onnxruntime", "arena", "cublas")


class Engine:
    """Is done at once, but for the steps of `meanwhile`. A pack of TEXTS fails with its text."""

    def __init__(self, pack: str, meanwhile: Sequence[Callable[[], None]] = ()) -> None:
        self.pack, self.meanwhile = pack, meanwhile

    def run(self, _request: Any, _audio: tuple[Audio, ...]) -> Iterator[FakeEmission]:
        if self.pack in TEXTS:
            raise RuntimeError(TEXTS[self.pack])
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
        self.worker._work(Sealed(Submit("job1", request), (SOUND.data.cast("B"),)))
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


@pytest.mark.parametrize("pack", MEMORY)
def test_without_memory_everything_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch, pack: str) -> None:
    """By the time memory is given back, no engine and nothing that the failed job made is alive; the next job works."""
    bench.work("inpaint", "a")
    alive: list[bool] = []

    def look() -> None:
        gc.collect()
        alive.extend(engine() is not None for engine in bench.alive.values())

    monkeypatch.setattr(module.log, "propagate", False)  # pytest keeps what is logged, tracebacks too
    monkeypatch.setattr(module, "_give_memory_back", look)
    failed = bench.work("transfer", pack)
    assert (failed.error.code, bench.held) == ("out_of_memory", ())
    assert alive == [False, False]
    assert isinstance(bench.work("inpaint", "a"), Done)


@pytest.mark.parametrize(
    ("pack", "says", "next_step"),
    [
        ("driver", "The GPU or its driver failed: RuntimeError: CUDA error: CUBLAS_STATUS_EXEC", "--device cpu"),
        ("kernel", "The GPU or its driver failed", "update the driver"),
        ("other", "The engine failed: RuntimeError: shape", "punchin doctor"),
    ],
)
def test_what_a_library_says_becomes_our_error(bench: Bench, pack: str, says: str, next_step: str) -> None:
    error = bench.work("inpaint", pack).error
    assert error.code == "internal"
    assert error.message.startswith(says)
    assert next_step in error.next_step


def test_an_engine_that_cannot_be_loaded_is_not_held(bench: Bench) -> None:
    bench.work("inpaint")

    def load(*_: str) -> Engine:
        raise Unsupported("The pack transfers nothing.")

    bench.worker._engines = {**bench.worker._engines, "transfer": load}
    assert bench.work("transfer").error.code == "unsupported"
    assert bench.held == ("tiny:inpaint",)
