"""How each of our programs ends: with an exit code, its error in one line, and quietly where nobody reads any more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import msgspec

from .errors import PunchinError


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


def fail(error: PunchinError, as_json: bool) -> int:
    """Say what is wrong and what to do: in one line for people and, where asked for, as an object. Returns the exit
    code."""
    print(f"punchin: {error} {error.next_step}", file=sys.stderr)
    if as_json:
        print(msgspec.json.encode({"error": error.info()}).decode())
    return error.exit_code
