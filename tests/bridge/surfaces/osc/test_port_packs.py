"""Model packs on surfaces, through real sockets: what is here, what can be fetched, and how a pull goes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fakes.surfaces import Stage, Surface, no_midi
from punchin_bridge.packs import listing
from punchin_bridge.packs.pulls import Pulls
from punchin_bridge.packs.question import Question
from punchin_bridge.surfaces.osc.port import SurfacePort
from punchin_wire.osc.packets import parse
from punchin_wire.osc.table import check


def packs_from(stage: Stage, program: str) -> list[tuple[str, list[Any]]]:
    """What a surface hears that asks twice for the packs that a Python program lists."""
    port = SurfacePort(
        stage.console, no_midi, 0, packs=Question(partial(listing.listed, [sys.executable, "-c", program]))
    )
    tablet = Surface(stage, port)
    try:
        tablet.say("/punchin/pack/list")
        tablet.say("/punchin/pack/list")
        said: list[tuple[str, list[Any]]] = []
        deadline = time.monotonic() + 30
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
            port.step(stage.room.now)
            said = [parse(data)[0] for data in tablet.packets()]
        return said
    finally:
        tablet.socket.close()
        port.close()


def test_packs_are_listed_once_to_whoever_asks(stage: Stage) -> None:
    good = {"name": "tiny", "state": "ok", "version": "2", "engines": ["inpaint", "transfer"], "bytes": 5}
    said = packs_from(stage, f"print({json.dumps({'packs': [good, {'name': 'old', 'state': 'pack_corrupt'}]})!r})")
    assert said == [
        ("/punchin/pack/here", [0, 2, "tiny", "2", "inpaint, transfer", "ok"]),
        ("/punchin/pack/here", [1, 2, "old", "", "", "pack_corrupt"]),
    ]


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import sys; sys.exit(1)", "daemon"),
        ("print('no json')", "daemon"),
        ("""print('{"error": {"code": "bad_setting", "message": "No.", "next_step": "Do."}}')""", "bad_setting"),
    ],
)
def test_packs_that_are_not_known_are_one_error(stage: Stage, program: str, code: str) -> None:
    [(path, args)] = packs_from(stage, program)
    assert (path, args[0]) == ("/punchin/error", code)


def test_packs_that_can_be_fetched_are_offered(stage: Stage) -> None:
    row = {"name": "airgen", "title": "chords", "size": "7.7 GB", "memory": "It fits.", "bytes": 1, "need": {}}
    command = [sys.executable, "-c", f"print({json.dumps({'catalog': [row]})!r})"]
    port = SurfacePort(stage.console, no_midi, 0, offers=Question(partial(listing.offered, command)))
    with contextlib.closing(port):
        tablet = Surface(stage, port)
        tablet.say("/punchin/pack/catalog")
        said = hear_until(tablet, lambda said: bool(said))
        tablet.socket.close()
    assert said == [("/punchin/pack/offer", [0, 1, "airgen", "chords", "7.7 GB", "It fits."])]


def hear_until(surface: Surface, is_all: Callable[[list[tuple[str, list[Any]]]], bool]) -> list[tuple[str, list[Any]]]:
    """All that a surface is told until `is_all`, each as the table has it."""
    said: list[tuple[str, list[Any]]] = []
    deadline = time.monotonic() + 30
    while not is_all(said) and time.monotonic() < deadline:
        time.sleep(0.01)
        surface.port.step(surface.stage.room.now)
        said += [found for data in surface.packets() for found in parse(data)]
    for path, args in said:
        check(path, args, "from", "surfaces")
    return said


PULL = """
import json, sys, time
def say(**line): print(json.dumps(line), flush=True)
say(plan={"name": "airgen"})
say(progress={"file": "a.bin", "done": 1000000, "total": 4000000})
say(waiting="the connection was cut")
say(progress={"file": "a.bin", "done": 500000, "total": 4000000})
"""


def pull_by(stage: Stage, program: str, *args: str) -> tuple[list[tuple[str, list[Any]]], SurfacePort, Surface]:
    port = SurfacePort(stage.console, no_midi, 0, pulls=Pulls([sys.executable, "-c", PULL + program]))
    tablet = Surface(stage, port)
    tablet.say("/punchin/pack/pull", *args)
    until = "running" if "sleep" in program else "done failed stopped"
    return hear_until(tablet, lambda said: _states(said)[-1:] and _states(said)[-1] in until.split()), port, tablet


def _states(said: list[tuple[str, list[Any]]]) -> list[str]:
    return [args[1] for path, args in said if path == "/punchin/pack/pulling"]


def test_a_pull_is_told_as_it_goes(stage: Stage) -> None:
    said, port, tablet = pull_by(
        stage, "say(note=' '.join(sys.argv[1:])); say(packs=[{}])", "airgen", "A-1.0 none-stated"
    )
    port.close()
    tablet.socket.close()
    assert [args for _, args in said] == [
        ["airgen", "running", 0.25, "a.bin, 1 of 4 MB"],
        ["airgen", "running", 0.25, "the connection was cut"],
        ["airgen", "running", 0.25, "a.bin, 0 of 4 MB"],
        ["airgen", "running", 0.25, "airgen --accept=A-1.0 --accept=none-stated --json"],
        ["airgen", "done", 1.0, "airgen is here."],
    ]


def test_a_licence_that_was_not_accepted_is_an_error(stage: Stage) -> None:
    error = {"code": "not_accepted", "message": "It comes under X.", "next_step": "Read it."}
    said, port, tablet = pull_by(stage, f"say(error={error!r}); sys.exit(2)", "airgen")
    port.close()
    tablet.socket.close()
    assert _states(said)[-1] == "failed"
    assert ("/punchin/error", ["not_accepted", "It comes under X.", "Read it."]) in said


def test_a_pull_is_stopped_and_there_is_but_one(stage: Stage) -> None:
    _, port, tablet = pull_by(stage, "time.sleep(60)", "airgen")
    tablet.say("/punchin/pack/pull", "airgen")
    assert tablet.hear()["/punchin/error"][0] == "queue_full"
    tablet.say("/punchin/pack/stop")
    said = hear_until(tablet, lambda said: _states(said)[-1:] == ["stopped"])
    assert said[-1][1][3] == "airgen is not whole; what came is kept."
    tablet.say("/punchin/pack/pull", "airgen")
    assert "/punchin/error" not in tablet.hear()
    port.close()  # ends the other one
    tablet.socket.close()


@pytest.mark.parametrize("args", [("--into=/tmp",), ("",), ("air gen",), ("airgen", "--into=/x")])
def test_a_name_is_no_option(stage: Stage, args: tuple[str, ...]) -> None:
    port = SurfacePort(stage.console, no_midi, 0, pulls=Pulls([sys.executable, "-c", "raise SystemExit"]))
    tablet = Surface(stage, port)
    tablet.say("/punchin/pack/pull", *args)
    assert tablet.hear()["/punchin/error"][0] == "bad_setting"
    tablet.socket.close()
    port.close()
