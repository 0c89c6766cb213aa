"""Those who watch a running daemon: `/metrics` as a program of this computer asks for it, and the log."""

import http.client
import json
import re
import socket
from collections.abc import Iterator

import pytest
from fakes.harness import Client, RunningDaemon, daemon, until
from punchin_wire.messages import Done

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with daemon(tmp_path_factory.mktemp("home"), "--device", "cpu,cpu", "--metrics-port", "0") as started:
        started.worker()
        yield started


def get(client: Client, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", client.status().metrics_port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def figure(text: str, name: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[-1])


def test_what_happens_is_counted(running: RunningDaemon) -> None:
    client = running.client()
    client.stop(*client.occupy())
    client.accepted("counted")
    assert isinstance(client.ending("counted", 60.0), Done)
    status, text = get(client)
    assert status == 200
    assert figure(text, 'punchin_jobs_total{state="cancelled"}') == 2
    assert figure(text, 'punchin_jobs_total{state="done"}') == 1
    assert figure(text, 'punchin_stage_seconds_total{stage="decode"}') >= 0
    assert figure(text, "punchin_queue_jobs") == 0
    assert figure(text, "punchin_results_bytes") > 0
    for seat in (1, 2):
        assert figure(text, f'punchin_seat_memory_bytes{{seat="{seat}",device="cpu"}}') > 0


def test_every_job_is_a_line_of_json_in_the_log(running: RunningDaemon) -> None:
    client = running.client()
    client.accepted("logged", "fail")
    client.ending("logged", 60.0)
    found = until(lambda: re.search(r'job (\{"job":"logged".*\})', running.log))
    line = json.loads(found[1])
    assert (line["state"], line["seat"]) == ("failed", client.status().jobs[-1].seat)
    assert line["error"].startswith("adapter_mismatch: ")


def test_who_asks_otherwise_learns_nothing_and_stops_nothing(running: RunningDaemon) -> None:
    client = running.client()
    port = client.status().metrics_port
    assert get(client, "/")[0] == 404
    assert get(client, Host="evil.example") == (403, "Ask for 127.0.0.1.\n")
    silent = socket.create_connection(("127.0.0.1", port), 10)
    noisy = socket.create_connection(("127.0.0.1", port), 10)
    noisy.sendall(bytes(100_000))
    assert get(client)[0] == 200
    silent.close()
    noisy.close()
    assert get(client)[0] == 200
