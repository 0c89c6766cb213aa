"""How each of our programs ends: with an exit code, its error in one line, and quietly where nobody reads any more."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import msgspec

from . import disk
from .errors import INTERRUPTED, InternalError, PunchinError, of_import


def run(main: Callable[[], int]) -> int:
    """The exit code of `main`; 0 where its reader left before the end, as in `punchin … | head`."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]  # Windows may start us without
    try:
        try:
            return main()
        except SystemExit as left:
            if isinstance(left.__context__, BrokenPipeError):  # click takes it for a failure
                raise left.__context__ from None
            raise
        finally:
            for stream in streams:
                stream.flush()  # here, not when the interpreter ends: nobody could catch it there
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in streams:
            os.dup2(nowhere, stream.fileno())
        return 0


def guarded(main: Callable[[], int], as_json: bool, train: bool = False) -> int:
    """The exit code of `main`. No error, nor Ctrl-C, leaves this function but as a line and a code, except that nobody
    reads.

    With `train`, packages that are not there are wanted for training or measuring.
    """
    try:
        if os.name == "posix":
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return main()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return interrupted()
    except Exception as error:
        return fail(named(error, train), as_json)


def hold_interrupts() -> None:
    """Let Ctrl-C wait for the program that this process becomes next, until that is :func:`guarded`: while Python
    starts, it would be answered by a traceback. POSIX."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside the block SIGTERM is as Ctrl-C: what is under way is ended in order, and what came is kept."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def interrupted() -> int:
    """Say that Ctrl-C was heard, where there is nothing else to say of it. Returns the exit code."""
    print("Interrupted.", file=sys.stderr)
    return INTERRUPTED


def named(error: Exception, train: bool = False) -> PunchinError:
    """Any error as one of our tree. Called where it was caught; shows where our own mistakes were made."""
    if isinstance(error, PunchinError):
        return error
    if isinstance(error, ImportError):
        return of_import(error, train)
    if isinstance(error, OSError) and error.filename is not None:  # nobody's mistake, but it has a name
        return disk.unusable(error)
    traceback.print_exc()
    return InternalError(f"{type(error).__name__}: {error}")


def fail(error: PunchinError, as_json: bool) -> int:
    """Say what is wrong and what to do: in one line for people and, where asked for, as an object. Returns the exit
    code."""
    print(f"punchin: {error} {error.next_step}", file=sys.stderr)
    if as_json:
        print(msgspec.json.encode({"error": error.info()}).decode())
    return error.exit_code
