"""The worker process: takes one job at a time, runs its engine, sends what the engine yields. Knows no clients.

An engine is a generator: it yields emissions (an event body and its audio), the last one `Done`, and closing it is
cancelling it. Between two yields the worker looks whether the daemon has asked for that. Everything that goes wrong
becomes one `Failed`; the worker itself goes on.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import psutil
import zmq
from punchin_wire.errors import InternalError, OutOfMemory, PunchinError, Unsupported, of_import
from punchin_wire.frames import Audio, Sealed, pack, unpack_sealed
from punchin_wire.messages import Cancel, Cancelled, Done, Event, EventBody, Failed, Progress, Request, Submit
from punchin_wire.throttle import ProgressThrottle

from .daemon.link import BEAT_SECONDS, Heartbeat, Orders, ToWorker

log = logging.getLogger(__name__)

PROGRESS_HZ = 20
LOADED = 2
"""Engines held at once, so that a song may be filled and transferred in turn; the one used longest ago makes room."""


class Emission(Protocol):
    """What an engine yields: an event, and the audio `[channels, samples]` that it refers to."""

    @property
    def event(self) -> EventBody: ...
    @property
    def audio(self) -> Audio | None: ...


class Engine(Protocol):
    """A loaded model. `audio` are the frames of the request, each `[channels, samples]`."""

    def run(self, request: Any, audio: tuple[Audio, ...]) -> Generator[Emission]: ...


Loader = Callable[[str, str, str], Engine]
"""From (pack, device, precision) to an engine. Raises PackError."""


def loader(module: str) -> Loader:
    """The `load` of an engine's module, which is imported by name when it is needed: torch takes seconds."""

    def load(pack: str, device: str, precision: str) -> Engine:
        engine: Engine = importlib.import_module(module).load(pack, device, precision)
        return engine

    return load


INPAINT, TRANSFER = "punchin_server.engines.inpaint.engine", "punchin_server.engines.transfer.engine"
ENGINES: Mapping[str, Loader] = {"inpaint": loader(INPAINT), "transfer": loader(TRANSFER)}


def import_inpaint() -> None:
    """Import while there is nothing to do; should it fail, the first job says why. What only transfer needs (diffusers)
    is left until a transfer comes: it would cost everyone else its memory."""
    with suppress(ImportError):
        importlib.import_module(INPAINT)
        importlib.import_module("pyloudnorm")  # behind the engine: a job that waits loads its models meanwhile


class Held(NamedTuple):
    """A loaded engine, and when it was last used (monotonic seconds; infinite while it is)."""

    engine: Engine
    used: float


class Worker:
    """Engines by name, and the socket to the supervisor; `pair` are the public and secret key of a line with CURVE."""

    def __init__(
        self, orders: Orders, engines: Mapping[str, Loader] = ENGINES, pair: tuple[bytes, bytes] = (b"", b"")
    ) -> None:
        self._orders = orders
        self._engines = engines
        self._shrink = False  # whether takes of this job are sent in less room
        self._pair = pair
        self._device = orders.device  # as asked for, until an engine has said what it runs on
        self._loaded: dict[tuple[str, str], Held] = {}  # by (engine, pack), the one used last at the end
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._connect(orders.token)

    def run(self, prepare: Callable[[], None]) -> None:
        """Work until the process is ended."""
        self._socket.send_multipart(pack(self._heartbeat()))  # says that this socket is ready for a job
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        # Beside the main thread, so that a job that comes meanwhile says `load` at once and then waits for the import.
        threading.Thread(target=prepare, name="prepare", daemon=True).start()
        while True:
            packet = self._receive(timeout=1.0)
            if packet is not None and isinstance(packet.message, Submit):
                self._work(packet)
            self._unload()

    def _work(self, packet: Sealed) -> None:
        submit: Submit = packet.message
        job, self._shrink = submit.job, submit.shrink
        failure = None
        try:
            self._perform(job, submit.request, packet.opened().audio)
        except Exception as error:
            failure = _explain(error)
        if isinstance(failure, OutOfMemory):  # here, where no traceback holds the engine and what it made any longer
            self._loaded.clear()
            _give_memory_back()
        if failure is not None:
            self._send(job, Failed(failure.info()))
        for key, held in self._loaded.items():
            if held.used == math.inf:
                self._loaded[key] = Held(held.engine, time.monotonic())

    def _perform(self, job: str, request: Request, audio: tuple[Audio, ...]) -> None:
        started = time.monotonic()
        self._send(job, Progress("load", 0, 1))
        engine = self._engine(request)
        self._send(job, Progress("load", 1, 1))
        load = time.monotonic() - started
        throttle = ProgressThrottle(PROGRESS_HZ)
        with closing(engine.run(request, audio)) as emissions:
            while not self._cancelled(job):
                emission = next(emissions, None)
                if emission is None:
                    raise InternalError("The engine stopped before it was done.")
                for event in throttle(emission.event, time.monotonic()):
                    if isinstance(event, Done):
                        self._device = event.models.get("device", self._device)
                        self._send(job, Done({"load": load} | event.timings, event.models))
                        return
                    self._send(job, event, emission.audio if event is emission.event else None)
                self._unload()  # a long transfer holds no memory for an engine that fills holes, or the other way
        self._send(job, Cancelled())

    def _engine(self, request: Request) -> Engine:
        name, pack_name = str(type(request).__struct_config__.tag), request.pack
        if name not in self._engines:
            raise Unsupported(f"This version has no engine for {name!r}.", "Use `punchin inpaint`.")
        held = self._loaded.pop((name, pack_name), None)
        if held is None:
            while len(self._loaded) >= LOADED:
                self._drop(next(iter(self._loaded)))
            with frugal():
                engine = self._engines[name](pack_name, self._orders.device, self._orders.precision)
        else:
            engine = held.engine
        self._loaded[name, pack_name] = Held(engine, math.inf)
        return engine

    def _unload(self) -> None:
        """Give up the engines that were not used for `keep_alive`."""
        now = time.monotonic()
        for key in [key for key, held in self._loaded.items() if now - held.used > self._orders.keep_alive]:
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        del self._loaded[key]
        _give_memory_back()

    def _cancelled(self, job: str) -> bool:
        while (packet := self._receive(timeout=0.0)) is not None:
            if packet.message == Cancel(job):
                return True
        return False

    # ---- the line to the supervisor --------------------------------------------------------------------------

    def _connect(self, identity: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.identity = identity.encode()
        socket.linger = 1000
        if self._orders.server_key:
            socket.curve_serverkey = self._orders.server_key.encode()
            socket.curve_publickey, socket.curve_secretkey = self._pair
        socket.connect(self._orders.endpoint)
        return socket

    def _receive(self, timeout: float) -> Sealed | None:
        if not self._socket.poll(int(timeout * 1000)):
            return None
        return unpack_sealed([frame.buffer for frame in self._socket.recv_multipart(copy=False)], ToWorker)

    def _send(self, job: str, body: EventBody, audio: Audio | None = None) -> None:
        if audio is not None and not np.isfinite(audio).all():
            raise InternalError("The model produced samples that are not numbers.")
        self._socket.send_multipart(pack(Event(job, 0, body), () if audio is None else (audio,), shrink=self._shrink))

    def _beat(self) -> None:
        """Say that the process lives, from a thread and a socket of its own: the other one may load for a minute."""
        socket = self._connect(f"{self._orders.token}.beat")
        while True:
            time.sleep(BEAT_SECONDS)
            socket.send_multipart(pack(self._heartbeat()))

    def _heartbeat(self) -> Heartbeat:
        packs = tuple(f"{pack_name}:{name}" for name, pack_name in list(self._loaded))
        return Heartbeat(self._device, packs, psutil.Process().memory_info().rss, _vram())


@contextmanager
def frugal() -> Iterator[None]:
    """Inside the block, memory goes back to the system as soon as it is freed, and behind it what was freed before.

    Otherwise the C library keeps it: beside the weights of a model up to an eighth of their size, and when int8 weights
    were made of float ones, three times their size.
    """
    _c_library("mallopt", MMAP_THRESHOLD, 2**20)
    try:
        yield
    finally:
        # Where they come to by themselves once large blocks were freed: work is quicker so.
        _c_library("mallopt", MMAP_THRESHOLD, 2**25)
        _c_library("mallopt", TRIM_THRESHOLD, 2**26)
        _c_library("malloc_trim", 0)


TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of `mallopt`, from malloc.h."""


def _c_library(function: str, *arguments: int) -> None:
    """Call a function that only GNU's C library has; elsewhere do nothing."""
    with suppress(OSError, AttributeError):
        getattr(ctypes.CDLL("libc.so.6"), function)(*map(ctypes.c_int, arguments))


def _give_memory_back() -> None:
    gc.collect()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
    _c_library("malloc_trim", 0)


def _vram() -> int:
    """Bytes of the GPU that torch holds in this process; 0 where it has not begun to use one."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)  # None while another thread is still importing it
    return int(cuda.memory_reserved()) if cuda is not None and cuda.is_initialized() else 0


OUT_OF_MEMORY = re.compile(
    r"DefaultCPUAllocator|out of memory|_ALLOC_FAILED|bad_?alloc|failed to allocate memory|cannot allocate memory",
    re.IGNORECASE,
)
"""What torch, cuBLAS, cuDNN, onnxruntime and the system say, in errors of any class."""
GPU_FAILED = re.compile(r"CUDA (error|failure)|CUBLAS_STATUS|CUDNN_STATUS|CUDNN failure|HIP error", re.IGNORECASE)
"""The same where the GPU or its driver is at fault."""


def _explain(error: Exception) -> PunchinError:
    """The error of our tree that `error` is. Unknown ones are our mistake: the log keeps where."""
    if isinstance(error, PunchinError):
        return error
    log.error("a job failed", exc_info=error)
    if isinstance(error, ImportError):
        return of_import(error)
    says = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or OUT_OF_MEMORY.search(says):
        return OutOfMemory("The memory of this machine does not suffice for the job.")
    if GPU_FAILED.search(says):
        return InternalError(
            f"The GPU or its driver failed: {says[:300]}",
            "End `punchin serve` and ask again; if that does not help, update the driver, or serve with --device cpu.",
        )
    return InternalError(f"The engine failed: {says}")


def _leave_with_the_daemon() -> None:
    """Block until standard input ends, then end the process at once: whatever it computes is for nobody."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main(engines: Mapping[str, Loader] = ENGINES, prepare: Callable[[], None] = lambda: None) -> None:
    """Read the orders, `prepare` once the daemon knows that we live, and work. Ends when standard input does."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    threading.Thread(target=_leave_with_the_daemon, name="watch", daemon=True).start()
    with suppress(KeyboardInterrupt):
        Worker(orders, engines).run(prepare)


if __name__ == "__main__":
    main(prepare=import_inpaint)
