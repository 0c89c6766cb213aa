"""Work spread over seats, each of which holds a tool and does one piece at a time: in this process, in others of this
computer, or in a Ray cluster. Knows nothing of what is made.

The loop is the same everywhere, and so is what comes out: results in the order of their pieces. A piece whose seat died
is done once more, on whichever seat is free first; the seat gets another process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol, Self

from punchin_server.daemon.child import describe_exit
from punchin_server.daemon.executors import need_ray
from punchin_server.daemon.executors.cluster import wanted
from punchin_server.daemon.settings import Settings, load
from punchin_wire import program
from punchin_wire.errors import ErrorInfo, Unsupported, WorkerDied, from_info

HOPELESS = 3
"""Processes of a seat that died in a row without having done a piece."""
AGAIN = "Give the same command again; `punchin doctor` and the end of the kernel's log say what ended it."

ALONE, ON_CPU = Settings(), Settings(device="cpu")
"""One seat, in this process."""

Make = Callable[[str], Any]
"""Makes the tool of a seat, whose device that is; can be pickled, as what its methods take and return. The tool's
attribute `about` is equal on seats whose results may stand side by side."""


class Answer(NamedTuple):
    """What a method returned, or the error of our tree that it raised."""

    value: Any = None
    error: ErrorInfo | None = None


class Holder:
    """Holds the tool of a seat, made with the first question: the name of a method, and what that takes."""

    def __init__(self, make: Make, device: str) -> None:
        self._make = partial(make, device)
        self._tool: Any = None

    def __call__(self, method: str, *given: Any) -> Answer:
        try:
            self._tool = self._tool or self._make()
            return Answer(self._tool.about if method == "about" else getattr(self._tool, method)(*given))
        except Exception as error:
            return Answer(error=program.named(error, train=True).info())


class Seat(Protocol):
    """Where a holder is, with its tool."""

    def ask(self, method: str, *given: Any) -> Answer:
        """Returns when it is answered. Raises WorkerDied where it never will be, and other errors where no seat should
        be opened again."""

    def close(self) -> None:
        """End it at once, also while it works."""


class Here:
    """In this process, whose own errors come as they are."""

    def __init__(self, make: Make, device: str) -> None:
        self._tool = make(device)

    def ask(self, method: str, *given: Any) -> Answer:
        return Answer(self._tool.about if method == "about" else getattr(self._tool, method)(*given))

    def close(self) -> None:
        pass


class Process:
    """In another process of this computer, which ends with ours."""

    def __init__(self, holder: Holder) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_answer, args=(theirs, holder), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, method: str, *given: Any) -> Answer:
        try:
            self._line.send((method, *given))
            answer: Answer = self._line.recv()
        except (EOFError, OSError):
            self._process.join(1.0)
            raise WorkerDied(
                f"A process that worked for this one ended by {describe_exit(self._process.exitcode or 0)}.", AGAIN
            ) from None
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.join(10.0)
        self._line.close()


def _answer(line: Connection, holder: Holder) -> None:
    """What a process does. Ctrl-C is for the one that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            line.send(holder(*line.recv()))
        except (EOFError, OSError):
            return


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*given, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class Piece(NamedTuple):
    """A piece of work: its place among all, and what the method takes."""

    number: int
    given: Any
    died: bool = False


class Pool:
    """So many seats, opened by their number; `threads` wait for their answers."""

    def __init__(self, open_seat: Callable[[int], Seat], count: int, threads: Executor) -> None:
        self._open, self._threads = open_seat, threads
        self._seats: dict[int, Seat] = {}
        self._failures = dict.fromkeys(range(count), 0)
        self._idle: list[int] = []
        self._asked: dict[Future[Answer], tuple[int, Piece | None]] = {}
        self._about: Any = None
        for number in range(count):
            self._start(number)

    @property
    def about(self) -> Any:
        """What the tools say of themselves, as soon as there is one."""
        while self._about is None:
            self._hear(deque(), {})
        return self._about

    def map(self, method: str, work: Iterable[Any]) -> Iterator[Any]:
        """What the tools' `method` makes of each piece of the work, in order. One is taken when a seat is free.

        Raises the first error of a tool, and WorkerDied where a piece has ended two seats or none is left."""
        pieces = (Piece(number, given) for number, given in enumerate(work))
        again: deque[Piece] = deque()
        made: dict[int, Any] = {}
        told = 0
        while True:
            while self._idle and (piece := again.popleft() if again else next(pieces, None)) is not None:
                self._ask(self._idle.pop(0), piece, method, piece.given)
            if self._idle and not any(piece for _, piece in self._asked.values()):
                return
            self._hear(again, made)
            while told in made:
                yield made.pop(told)
                told += 1

    def close(self) -> None:
        for seat in self._seats.values():
            seat.close()
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, number: int) -> None:
        self._seats[number] = self._open(number)
        self._ask(number, None, "about")

    def _ask(self, number: int, piece: Piece | None, method: str, *given: Any) -> None:
        self._asked[self._threads.submit(self._seats[number].ask, method, *given)] = number, piece

    def _hear(self, again: deque[Piece], made: dict[int, Any]) -> None:
        """Wait for an answer, of a tool about itself or what it made of a piece."""
        for future in wait(self._asked, return_when=FIRST_COMPLETED).done:
            number, piece = self._asked.pop(future)
            try:
                answer = future.result()
            except WorkerDied as died:
                self._died(number, piece, died, again)
                continue
            if answer.error is not None:
                raise from_info(answer.error)
            if piece is None:
                self._compare(answer.value)
            else:
                self._failures[number] = 0
                made[piece.number] = answer.value
            self._idle.append(number)

    def _died(self, number: int, piece: Piece | None, died: WorkerDied, again: deque[Piece]) -> None:
        self._seats.pop(number).close()
        self._failures[number] += 1
        if piece is not None:
            if piece.died:
                raise died
            again.append(piece._replace(died=True))
        if self._failures[number] < HOPELESS:
            self._start(number)
        elif not self._seats:
            raise died

    def _compare(self, about: Any) -> None:
        self._about = self._about or about
        if about != self._about:
            raise Unsupported(
                "Two seats differ in what they measure with: their figures cannot stand in one table.",
                "Install the same packs and the same published models on all nodes.",
            )


def add_options(parser: argparse.ArgumentParser, device: str) -> None:
    """The words that say where seats are; `device` is what the usual one is called in the help."""
    parser.add_argument(
        "--device", help=f"what to work on; several with commas share the work (default: {device})", metavar="DEVICE"
    )
    parser.add_argument(
        "--executor",
        choices=("local", "ray"),
        default="local",
        help="work on this computer, or on seats in a Ray cluster (default: local)",
    )
    parser.add_argument("--ray-address", metavar="HOST:PORT", help="of the cluster; without it Ray starts here")
    parser.add_argument("--seats", metavar="MIN:MAX", help="seats in the cluster at most (default: one for each GPU)")


def chosen(options: argparse.Namespace, device: str) -> Settings:
    """What those words say, with the usual `device`. Raises BadSetting."""
    names = ("executor", "device", "ray_address", "seats")
    said = {name: getattr(options, name) for name in names} | {"device": options.device or device}
    return load([f"--{name.replace('_', '-')}={value}" for name, value in said.items() if value])


@contextmanager
def opened(settings: Settings, make: Make) -> Iterator[Pool]:
    """Seats as the daemon's settings say it, with a tool each. Raises BadSetting, DaemonError."""
    if settings.executor == "ray":
        need_ray()
        from punchin_server.daemon.executors.ray import Cluster

        with Cluster(settings.ray_address) as cluster:
            _, most, gpu, patience = wanted(settings, cluster.gpus)

            def open_seat(_number: int) -> Seat:
                return cluster.place(gpu, patience, Holder(make, settings.device))

            with Pool(open_seat, most, ThreadPoolExecutor(most)) as pool:
                yield pool
    elif len(settings.devices) == 1:
        with Pool(lambda _: Here(make, settings.device), 1, AtOnce()) as pool:
            yield pool
    else:
        devices = settings.devices
        with Pool(lambda n: Process(Holder(make, devices[n])), len(devices), ThreadPoolExecutor(len(devices))) as pool:
            yield pool
