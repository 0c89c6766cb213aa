"""How programs end: whatever happens, with a code and a line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import NoReturn

import pytest
from punchin_wire import program
from punchin_wire.errors import BadRegion


def named(number: int) -> OSError:
    return OSError(number, os.strerror(number), "song.wav")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BadRegion("It is none.", "Select one."), 2, "punchin: It is none. Select one."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (named(errno.ENAMETOOLONG), 2, "punchin: song.wav cannot be used: File name too long. Give a shorter name."),
        (named(errno.ENOSPC), 2, "punchin: song.wav cannot be used: No space left on device. Make room on the disk."),
        (ModuleNotFoundError("", name="torch"), 3, "punchin: torch is not installed. Install the server part: "
         "pip install 'punchin[server]'."),
        (ZeroDivisionError("by us"), 70, "punchin: ZeroDivisionError: by us Run `punchin doctor` and send its report "
         "to the developers."),
    ],
)  # fmt: skip
def test_an_end_is_a_code_and_a_line(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> NoReturn:
        raise error

    assert program.guarded(fails, as_json=False) == code
    *before, last = capsys.readouterr().err.splitlines()
    assert last == said
    assert bool(before) == (code == 70)  # where the mistake was made is shown where it was ours


def test_that_nobody_reads_is_left_to_whoever_runs_it() -> None:
    def fails() -> NoReturn:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        program.guarded(fails, as_json=False)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are masked on POSIX")
@pytest.mark.parametrize("words", ["punchin_server packs list", "punchin_train.evaluation inpaint"])
def test_ctrl_c_while_a_program_starts_is_answered_by_a_line(words: str) -> None:
    """As by `punchin packs`, which becomes another program: what was pressed meanwhile waits for it."""
    code = f"""
import os, signal, sys
from punchin_wire import program
program.hold_interrupts()
os.kill(os.getpid(), signal.SIGINT)
os.execv(sys.executable, [sys.executable, "-m", *{words.split()}])"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.returncode) == ("Interrupted.\n", 130)
