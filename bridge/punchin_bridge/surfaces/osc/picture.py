"""What every surface shows, as OSC says it. Pure: a view in, addresses and arguments out.

A surface is told what differs from what it was told last, so one that comes late, or lost a packet and listens again,
shows the same as the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from punchin_wire.errors import ErrorInfo
from punchin_wire.osc.packets import plain, spoken
from punchin_wire.osc.table import OscValue
from punchin_wire.parameter import Value
from punchin_wire.params import BY_NAME

from ..console import View

OscMessage: TypeAlias = tuple[str, tuple[OscValue, ...]]
"""An address with its arguments."""
Picture: TypeAlias = Mapping[tuple[str, ...], OscMessage]
"""All that a surface shows, by what it is about: an address, with the job and the take if it is about one."""

PROGRESS = "/punchin/job/progress"
MOVING = frozenset({PROGRESS, "/punchin/now/fraction", "/punchin/now/line", "/punchin/job/state"})
"""What changes by itself while a job runs, and is told at most 20 times a second."""
MAX_JOBS = 16
"""Jobs that surfaces hear of, the last ones."""


def picture(view: View) -> Picture:
    """What a surface shows now."""
    found: dict[tuple[str, ...], OscMessage] = {}
    for name, value in view.values.items():
        for path, args in parameter(name, value):
            found[(path,)] = (path, args)
    job = view.job
    now: dict[str, OscValue] = {
        "host": view.program,
        "line": job.line if job else "",
        "fraction": job.fraction if job else 0.0,
        "takes": len(job.takes) if job else 0,
        "seats": view.seats.line,
        "foot": view.foot,
        "chord": view.chord,
    }
    for word, shown in now.items():
        path = f"/punchin/now/{word}"
        found[(path,)] = (path, (plain(shown) if isinstance(shown, str) else shown,))
    for path, args in seats(view):
        found["seat", str(args[0])] = (path, args)
    for each in view.jobs[-MAX_JOBS:]:
        found["state", each.job] = ("/punchin/job/state", (each.job, each.phase, plain(each.line)))
        found["progress", each.job] = (PROGRESS, (each.job, each.fraction))
        for number, take in enumerate(each.takes):
            found["take", each.job, str(number)] = (
                "/punchin/job/take",
                (each.job, number, take.seed, plain(take.name)),
            )
        if each.phase == "failed":
            error = ErrorInfo(each.code, each.line, each.next_step)
            found["error", each.job] = ("/punchin/job/error", (each.job, *spoken(error)))
    return found


def seats(view: View) -> Iterator[OscMessage]:
    """Each of the daemon's seats, as far as they are known."""
    every = view.seats.seats
    for number, seat in enumerate(every, 1):
        yield "/punchin/seat/here", (number, len(every), seat.state, plain(seat.device), seat.job)


def parameter(name: str, value: Value) -> Iterator[OscMessage]:
    """A parameter's value, and where its fader stands."""
    yield f"/punchin/control/{name}", (value,)
    if BY_NAME[name].is_fader:
        yield f"/punchin/fader/{name}", (BY_NAME[name].normalized(value),)
