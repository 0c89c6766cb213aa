"""A line between two computers that goes dead without a word: network namespaces, where root may make them."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fakes.harness import song
from fakes.script import load
from fakes.studio import Studio, studio
from punchin_bridge.daemon.endpoint import Endpoint
from punchin_bridge.settings import Settings
from punchin_wire.errors import RemoteUnreachable
from punchin_wire.frames import describe
from punchin_wire.messages import Done, Event, Hole, InpaintRequest, Progress, Submit, Take, TakeSpec

pytestmark = pytest.mark.e2e
lines: ModuleType = load("_bench/line")
QUICK = Settings(silence_seconds=2.0, give_up_seconds=60.0)


@pytest.fixture
def laid() -> Iterator[lines.Line]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(lines.line(100))
        except (OSError, subprocess.SubprocessError):
            pytest.skip("only root on Linux can make network namespaces")


@pytest.fixture
def far(laid: lines.Line, tmp_path: Path) -> Iterator[Studio]:
    """A box at the other end of the line, and a room at this one."""
    with studio(tmp_path, "--bind", laid.address, "--vanished", "2", at=laid.there()) as found:
        found.computer("room", allowed=True)
        yield found


def endpoint(far: Studio) -> Endpoint:
    return Endpoint(f"tcp://{far.running.record.host}:{far.running.record.port}", far.running.record.key, "box")


def submit(text: str, takes: int) -> tuple[Submit, np.ndarray]:
    audio = song(4.0)
    specs = tuple(TakeSpec(seed) for seed in range(takes))
    request = InpaintRequest(describe(audio, 32_000), (Hole(0, 32_000),), specs, text=text)
    return Submit("by-cable", request, keep=True, shrink=True), audio


def test_a_job_outlives_a_line_that_was_dead_for_a_while(far: Studio, laid: lines.Line) -> None:
    """Neither end is told; nothing is lost and nothing comes twice."""
    asked, audio = submit("steps=60 step=0.05", 3)
    playing = threading.Event()

    def interrupt() -> None:
        assert playing.wait(60)
        laid.cut()
        time.sleep(6.0)  # longer than either end waits in silence, and than the first take takes
        laid.mend()

    thread = threading.Thread(target=interrupt)
    thread.start()
    heard = []
    with far.client("room", endpoint(far), QUICK) as client:
        for packet in client.run(asked, [audio]):
            heard.append(packet.message)
            if isinstance(packet.message, Event) and isinstance(packet.message.body, Progress):
                playing.set()
    thread.join()
    events = [message for message in heard if isinstance(message, Event)]
    assert isinstance(events[-1].body, Done)
    assert [event.body.take for event in events if isinstance(event.body, Take)] == [0, 1, 2]
    assert [event.seq for event in events] == sorted({event.seq for event in events})


def test_a_line_that_stays_dead_is_given_up_in_a_sentence(far: Studio, laid: lines.Line) -> None:
    asked, audio = submit("steps=2000 step=0.05", 1)
    settings = Settings(silence_seconds=1.0, give_up_seconds=3.0)
    with far.client("room", endpoint(far), settings) as client:
        job = client.run(asked, [audio])
        next(p for p in job if isinstance(p.message, Event) and isinstance(p.message.body, Progress))
        laid.cut()
        with pytest.raises(RemoteUnreachable):
            list(job)
