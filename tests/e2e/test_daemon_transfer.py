"""The daemon with the real worker: transfers and holes in turn, on packs of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes.harness import MODEL_EXECUTORS, Client, RunningDaemon, daemon, takes, until
from fakes.pack import write_random_pack
from fakes.transfer_pack import write_transfer_pack
from punchin_wire.errors import BadAudio, BadSetting, PackMissing, Unsupported
from punchin_wire.frames import Audio, describe
from punchin_wire.messages import (
    Accepted,
    AudioChunk,
    Cancelled,
    Done,
    Event,
    Failed,
    Progress,
    Submit,
    Take,
    TakeSpec,
    TransferRequest,
)

pytestmark = [pytest.mark.e2e, pytest.mark.model]

RATE = 44_100
CLIP = np.random.default_rng(0).uniform(-0.5, 0.5, (2, RATE)).astype(np.float32)


@pytest.fixture(scope="module", params=MODEL_EXECUTORS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    packs = tmp_path_factory.mktemp("packs")
    write_random_pack(packs / "mini")
    write_transfer_pack(packs / "moves", steps=2)
    env = {"REAL_WORKER": "1", "PUNCHIN_PACKS": str(packs), "OMP_NUM_THREADS": "1"}
    with daemon(tmp_path_factory.mktemp("home"), *request.param, env=env) as started:
        yield started


@pytest.fixture
def client(running: RunningDaemon) -> Client:
    return running.client()


def submit(client: Client, job: str, clip: Audio = CLIP, seeds: int = 1, **changes: Any) -> None:
    given: dict[str, Any] = {"prompt": "a violin solo", "pack": "moves", "guidance": 1.0} | changes
    request = TransferRequest(describe(clip, RATE), takes=tuple(map(TakeSpec, range(seeds))), **given)
    assert isinstance(client.ask(Submit(job, request), [clip]), Accepted)


def transfer(client: Client, job: str, clip: Audio = CLIP, **changes: Any) -> list[Event]:
    submit(client, job, clip, **changes)
    return client.events(job, 120.0)


def heard(client: Client) -> tuple[list[Any], list[Audio]]:
    """What happens to the one job of a client, and its takes."""
    sounds: list[Audio] = []
    bodies: list[Any] = []
    while not (bodies and isinstance(bodies[-1], (Done, Failed))):
        packet = client.packet(120.0)
        bodies.append(packet.message.body)
        if isinstance(bodies[-1], Take):
            sounds.append(packet.of(bodies[-1].audio).copy())
    return bodies, sounds


def test_takes_with_a_real_model(client: Client) -> None:
    submit(client, "real", seeds=2, guidance=2.0, negative_prompt="solo", score=True, preview=True)
    bodies, sounds = heard(client)
    done = bodies[-1]
    assert isinstance(done, Done), done
    assert [sound.shape for sound in sounds] == [(1, 16_000)] * 2
    assert not np.array_equal(*sounds)
    found = [body for body in bodies if isinstance(body, Take)]
    assert [(take.take, take.seed) for take in found] == [(0, 0), (1, 1)]
    assert all(take.scores.keys() == {"clap", "notes", "frames"} for take in found)
    assert sum(isinstance(body, AudioChunk) for body in bodies) == 2
    stages = dict.fromkeys(body.stage for body in bodies if isinstance(body, Progress))
    assert list(stages) == ["load", "encode", "denoise", "codec"]
    assert {"queue", "load", "encode", "denoise", "codec"} <= done.timings.keys()
    assert (done.models["pack"], done.models["scheduler"], done.models["steps"]) == ("moves 5", "dpm++", "2")


def test_holes_and_transfers_in_turn(client: Client) -> None:
    """Both stay loaded in one worker: the second round loads nothing."""
    workers, loads = set(), []
    for turn in range(2):
        client.accepted(f"hole{turn}", pack_name="mini", seconds=0.5)
        for events in (client.events(f"hole{turn}", 120.0), transfer(client, f"move{turn}")):
            done = events[-1].body
            assert isinstance(done, Done), done
            assert takes(events) == [0]
            loads.append(done.timings["load"])
        workers |= {client.seat(f"{what}{turn}").pid for what in ("hole", "move")}
    assert len(workers) == 1
    assert max(loads[2:]) < 0.1
    held = {"mini:inpaint", "moves:transfer"}
    until(lambda: set(client.seat("move1").packs) == held)  # with the next heartbeat


@pytest.mark.parametrize(
    ("job", "changes", "error"),
    [
        ("silent", {"clip": np.zeros((1, RATE), np.float32)}, BadAudio),
        ("wordy", {"prompt": "piano " * 80}, BadSetting),
        ("steps", {"scheduler": "ddim", "steps": 1000}, BadSetting),
        ("no-pack", {"pack": "missing"}, PackMissing),
        ("no-half", {"pack": "mini"}, Unsupported),
    ],
)
def test_a_bad_request_fails_alone(client: Client, job: str, changes: dict[str, Any], error: Any) -> None:
    """With its code and a next step; what comes after works, in the same worker."""
    failed = transfer(client, job, **changes)[-1].body
    assert isinstance(failed, Failed)
    assert failed.error.code == error.code
    assert failed.error.next_step
    worker = client.seat(job)
    assert isinstance(transfer(client, f"after-{job}")[-1].body, Done)
    assert (client.seat(f"after-{job}").pid, client.seat(job).restarts) == (worker.pid, worker.restarts)


def test_cancel_stops_between_two_steps(client: Client) -> None:
    submit(client, "stop", steps=500)
    while not isinstance(body := client.packet(120.0).message.body, Progress) or body.stage != "denoise":
        pass
    client.cancel("stop")
    events = client.events("stop", 30.0)
    assert isinstance(events[-1].body, Cancelled)
    assert all(event.body.step < 250 for event in events if isinstance(event.body, Progress))
    assert isinstance(transfer(client, "next")[-1].body, Done)


def test_two_jobs_at_once_make_the_takes_that_each_makes_alone(running: RunningDaemon) -> None:
    """To the bit: on two seats side by side, on one after the other."""
    clients = [running.client(), running.client()]
    alone: list[Audio] = []
    for number, client in enumerate(clients):
        submit(client, f"alone{number}", prompt=f"piece {number}")
        alone += heard(client)[1]
    for number, client in enumerate(clients):
        submit(client, f"together{number}", prompt=f"piece {number}")
    together = [sound for client in clients for sound in heard(client)[1]]
    assert len(alone) == 2
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
