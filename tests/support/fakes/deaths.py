"""Many jobs while things are killed: none of their takes is lost or comes twice."""

from __future__ import annotations

import os
import random
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from punchin_wire.messages import FINAL, Done, Event, Failed, Take

from .harness import Client, RunningDaemon, takes, until

EVENTS = 5
"""Events between two deaths."""
Kill = Callable[[Client, random.Random], None]
"""Kills something that chance chooses, and asks the daemon what there is."""


def kill_worker(client: Client, chance: random.Random) -> None:
    """One of those that have come up."""

    def killed() -> bool:
        pids = [seat.pid for seat in client.status().seats if seat.pid and seat.state in ("idle", "busy")]
        with suppress(ProcessLookupError):  # it has just died of something else
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                return True
        return False

    until(killed, 120.0)


def outlived(running: RunningDaemon, kills: int, kill: Kill, words: str = "steps=6 step=0.02") -> None:
    """Have twice as many jobs as kills, and look at what came of each. The daemon has a client share of 1."""
    chance = random.Random(7)
    client, killer = running.client(), running.client()
    names = [f"killed{number}" for number in range(2 * kills)]
    story: dict[str, list[Event]] = {name: [] for name in names}
    waiting, ended, dead, heard = deque(names), 0, 0, 0
    while ended < len(names):
        while waiting and len(names) - len(waiting) - ended < 6:
            client.accepted(waiting.popleft(), words, takes=3, keep=True)
        message = client.packet(180.0).message
        assert isinstance(message, Event)
        story[message.job].append(message)
        ended += isinstance(message.body, FINAL)
        heard += 1
        if dead < kills and heard % EVENTS == 0:
            kill(killer, chance)
            dead += 1
    assert dead == kills
    for job, events in story.items():
        last, made = events[-1].body, takes(events)
        assert [type(event.body) for event in events if isinstance(event.body, FINAL)] == [type(last)]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert made == list(range(len(made)))
        if isinstance(last, Failed):
            assert last.error.code == "worker_died"
        else:
            assert made == [0, 1, 2]
        client.attach(job)
        kept = client.events(job, 60.0)
        assert [event for event in events if isinstance(event.body, (Take, *FINAL))] == kept
    assert any(isinstance(events[-1].body, Done) for events in story.values())
