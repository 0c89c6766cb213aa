"""A child process whose output goes to the log, line by line. Knows nothing of jobs or sockets."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO

from punchin_wire.errors import ErrorInfo, InternalError

log = logging.getLogger(__name__)

LINE = 64 * 1024
"""Bytes of one line of output that are kept; the rest becomes the next line."""

WAITING = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
"""How long OpenMP's threads spin before they sleep (GNU: turns; LLVM and Intel: milliseconds). By default they spin as
long as they like, and a DAW wants those cores: a decode of 1.3 s on two idle cores took 107 s beside busy programs.
Asleep at once it takes 4 s on either; this much spinning takes 1.6 s and 5 s. Who knows better sets the variable."""


class Child:
    """A running process. `output` holds the last lines of its standard output, `errors` of its standard error; they are
    logged at `level`.

    Raises InternalError when it cannot be started. Nothing here waits but `join`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        first_line: bytes = b"",
        level: int = logging.INFO,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self._level = name, level
        self.output: deque[str] = deque(maxlen=200)
        self.errors: deque[str] = deque(maxlen=50)
        # A session of its own: Ctrl-C in the daemon's terminal is for the daemon, which then ends its children.
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**WAITING, **os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise InternalError(f"The process {name!r} cannot be started: {error.strerror or error}.") from None
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._stdin, self._pipes = stdin, (stdin, stdout, stderr)
        self._pumps = [
            threading.Thread(target=self._pump, args=pipe, name=name, daemon=True)
            for pipe in ((stdout, self.output), (stderr, self.errors))
        ]
        for pump in self._pumps:
            pump.start()
        self.say(first_line)
        self._reaper: threading.Thread | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code once it has ended, else None."""
        code = self._process.poll()
        if code is not None:
            for pump in self._pumps:
                pump.join(0.1)  # its last words; a grandchild that holds the pipe open must not hold us
        return code

    @property
    def refusal(self) -> ErrorInfo | None:
        """Why it could not be started would have been said at once."""

    def say(self, line: bytes) -> None:
        """Write to its standard input: no more than a pipe holds, so that it need not read."""
        with contextlib.suppress(OSError, ValueError):  # it has died, or has been left: poll() tells
            self._stdin.write(line)
            self._stdin.flush()

    def ended(self) -> str | None:
        """How it ended, in words, once it has; else None."""
        code = self.poll()
        return None if code is None else describe_exit(code)

    @property
    def gone(self) -> bool:
        """Whether it has ended and everything of it is given back, after `leave`."""
        return self._reaper is not None and not self._reaper.is_alive()

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C would."""
        with contextlib.suppress(OSError):  # gone already
            self._process.terminate()

    def leave(self, patience: float = 2.0) -> None:
        """End its input, which asks it to go; after `patience` seconds kill it and whatever it started.

        A process that holds a GPU may take seconds to die, so a thread waits for that, not the caller.
        """
        if self._reaper is None:
            self._reaper = threading.Thread(target=self._end, args=(patience,), name=f"end {self.name}", daemon=True)
            self._reaper.start()

    def join(self) -> None:
        """Wait until it is gone, but not for ever. To be called after `leave`."""
        if self._reaper is not None:
            self._reaper.join(10.0)

    def _end(self, patience: float) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(30.0)
        for pump in self._pumps:
            pump.join(1.0)
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.close()

    def _kill(self) -> None:
        with contextlib.suppress(OSError):  # gone already
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _pump(self, pipe: IO[bytes], lines: deque[str]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed under us by _end()
            while raw := pipe.readline(LINE):
                line = raw.decode("utf-8", "replace").rstrip()
                lines.append(line)
                log.log(self._level, "%s: %s", self.name, line[:1000])


def describe_exit(code: int) -> str:
    """How a process ended, in words: `signal 9 (SIGKILL)` or `exit code 3`."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"
