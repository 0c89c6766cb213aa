"""What a DAW shows of an error names no command, no option and none of our processes."""

from __future__ import annotations

import re

import pytest
from punchin_bridge.daemon import client
from punchin_bridge.hosts import words
from punchin_wire.errors import BY_CODE, ErrorInfo

TERMINAL = re.compile(r"`|--\w|daemon|punchin [a-z]")


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_the_usual_next_step_of_every_error(code: str) -> None:
    step = words.in_host(ErrorInfo(code, "", BY_CODE[code].default_next_step)).next_step
    assert step
    assert not TERMINAL.search(step), step


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("unsupported", "Choose another pack with --pack; see `punchin packs list`."),
        ("daemon_unreachable", "Run `punchin serve` to see why."),
        ("daemon_unreachable", client.AGAIN),
        ("bad_setting", "Choose fewer --steps."),
        ("internal", "Run `punchin doctor` and send its report to the developers."),
    ],
)
def test_next_steps_of_a_terminal_are_others(code: str, step: str) -> None:
    assert not TERMINAL.search(words.in_host(ErrorInfo(code, "", step)).next_step)


@pytest.mark.parametrize("step", ["Select a longer region.", "Make room on the disk, and ask again."])
def test_what_fits_stays(step: str) -> None:
    assert words.in_host(ErrorInfo("bad_region", "It is short.", step)).next_step == step


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("The daemon did not start (exit code 1).", "Punchin's engine did not start (exit code 1)."),
        ("No daemon answers at 10.0.0.1:5.", "No engine of Punchin's answers at 10.0.0.1:5."),
        ("The daemon ended before the job did.", "Punchin's engine ended before the job did."),
        ("127.0.0.1:5 is no Punchin daemon.", "127.0.0.1:5 is no engine of Punchin's."),
    ],
)
def test_the_daemon_is_called_what_it_is_to_a_musician(said: str, shown: str) -> None:
    assert words.in_host(ErrorInfo("job_lost", said, "Ask again.")).message == shown
