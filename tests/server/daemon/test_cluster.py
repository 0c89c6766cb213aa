"""What the daemon makes of what its children in a cluster say; without Ray."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import zmq
from fakes.harness import until
from punchin_server.daemon.executors import cluster
from punchin_server.daemon.executors.cluster import FIXED_SECONDS, GROWS_SECONDS, InCluster, Placed, Placing, wanted
from punchin_server.daemon.executors.curve import CurveLines
from punchin_server.daemon.settings import Settings
from punchin_wire.errors import DaemonError, PackCorrupt

ERROR = '{"error":{"code":"pack_corrupt","message":"Another mini.","next_step":"Verify it."}}'


@pytest.mark.parametrize(
    ("settings", "gpus", "expected"),
    [
        ({}, 0, (1, 1, False, FIXED_SECONDS)),
        ({}, 3, (1, 3, True, GROWS_SECONDS)),
        ({"seats": "2:2"}, 3, (2, 2, True, FIXED_SECONDS)),
        ({"seats": "0:4", "device": "cuda"}, 0, (0, 4, True, GROWS_SECONDS)),
        ({"device": "cpu"}, 3, (1, 1, False, FIXED_SECONDS)),
    ],
)
def test_a_seat_takes_a_gpu_where_there_is_one_or_may_come(
    settings: dict[str, str], gpus: int, expected: tuple[int, int, bool, float]
) -> None:
    assert wanted(Settings(executor="ray", **settings), gpus) == expected


def saying(monkeypatch: pytest.MonkeyPatch, *lines: str, then: str = "sys.stdin.read()") -> None:
    """Children that say this, and go on so."""
    code = f"import sys; sys.stdin.readline(); [print(line, flush=True) for line in {lines!r}]; {then}"
    monkeypatch.setattr(cluster, "RAY", (sys.executable, "-c", code))


@pytest.fixture
def lines() -> Iterator[CurveLines]:
    lines = CurveLines()
    yield lines
    lines.close()


def test_a_workers_key_is_let_in_while_it_is_one(monkeypatch: pytest.MonkeyPatch, lines: CurveLines) -> None:
    key, _ = zmq.curve_keypair()
    let_in: list[bytes] = []
    monkeypatch.setattr(lines, "allow", let_in.append)
    monkeypatch.setattr(lines, "forget", let_in.remove)
    told = f"print({ERROR!r} if sys.stdin.readline() == 'go\\n' else 'nothing', flush=True); sys.stdin.read()"
    saying(monkeypatch, "Ray's own words", f'{{"pid": 4711, "key": "{key.decode()}"}}', then=told)
    child = Placed("seat", Placing(), {}, lines)
    assert child.pid == 0
    until(lambda: child.refusal, 60.0)  # it was told, and has answered
    assert child.pid == 4711  # still
    assert let_in == [key]
    child.leave(0.0)
    assert let_in == []
    child.join()
    assert child.gone


def test_why_there_is_no_worker_comes_from_the_child(monkeypatch: pytest.MonkeyPatch, lines: CurveLines) -> None:
    saying(monkeypatch, ERROR, then="sys.exit(1)")
    child = Placed("seat", Placing(), {}, lines)
    assert until(child.ended, 60.0) == "an error: Another mini"
    assert child.refusal is not None
    assert child.refusal.next_step == "Verify it."
    child.leave(0.0)
    child.join()


def test_a_cluster_that_cannot_be_joined_is_an_error_of_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, ERROR, then="sys.exit(1)")
    with pytest.raises(PackCorrupt, match="Another mini"):
        InCluster(Settings(executor="ray"))
    saying(monkeypatch, then="sys.exit('Aborted by a check')")
    with pytest.raises(DaemonError, match="Aborted by a check"):
        InCluster(Settings(executor="ray"))


def test_what_a_child_said_before_it_ended_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, '{"address":"127.0.0.1:1","host":"127.0.0.1","gpus":2}', then="sys.exit(0)")
    joined = InCluster(Settings(executor="ray", ray_address="127.0.0.1:1", seats="2:2"))
    assert (joined.least, joined.devices) == (2, ("auto", "auto"))
    joined.close()
