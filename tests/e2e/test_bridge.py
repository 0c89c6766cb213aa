"""`punchin bridge` between a host and the daemon: real processes, the real spool, the fake engine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fakes.bridge import RunningBridge, bridge, launch
from fakes.harness import RunningDaemon, daemon, until
from fakes.host import FakeHost, music
from punchin_bridge.audio.wavfile import probe
from punchin_bridge.hosts.protocol import Clip, Clips, Drop, Held, Rendered, Span, Track, WarpPoint
from punchin_bridge.takes import recipe
from punchin_wire.params import InpaintParams, TransferParams

pytestmark = pytest.mark.e2e


@pytest.fixture
def host(running: RunningBridge) -> Iterator[FakeHost]:
    found = FakeHost(running.spool)
    found.hello()
    yield found
    found.bye()


# ---- the main job --------------------------------------------------------------------------------------------


def test_from_selection_to_time_line(host: FakeHost, running: RunningBridge) -> None:
    before = host.track.copy()
    job = host.submit()
    view = host.place(job)
    start, end = round(4.0 * host.rate), round(6.0 * host.rate)
    assert [(take.start, take.end, take.seed) for take in view.takes] == [(start, end, 1), (start, end, 2)]
    assert view.undo == "Punchin: 2 takes of bar 3"
    assert [take.name for take in view.takes] == [f"Punchin {n} · bar 3 · chord · seed {n}" for n in (1, 2)]
    inside = np.any(host.track != before, axis=0)
    assert inside[start:end].mean() > 0.9
    assert not inside[:start].any()
    assert not inside[end:].any()
    host.undo()
    assert np.array_equal(host.track, before)
    placed = host.wait(job, "placed")
    assert {
        "read",
        "render",
        "accept",
        "prepare",
        "queue",
        "decode",
        "splice",
        "place",
        "total",
    } <= placed.timings.keys()
    assert placed.timings["accept"] < 0.15
    assert f"job {job} is placed; seconds: read" in running.log


def test_takes_know_where_they_belong(host: FakeHost, tmp_path: Path) -> None:
    """In the project's folder, under the track's name, with the project's time in `bext` and the recipe."""
    host.folder = str(tmp_path / "Song" / "Punchin")
    view = host.place(host.submit())
    paths = [Path(take.path) for take in view.takes]
    assert {path.parent for path in paths} == {tmp_path / "Song" / "Punchin"}
    assert [path.name.split("_")[0] for path in paths] == ["Keys", "Keys"]
    take = probe(paths[0])
    assert (take.rate, take.channels, take.samples) == (host.rate, 2, 2 * host.rate)
    assert take.time_reference == 4 * host.rate
    assert recipe.read(paths[0]).request.takes[0].seed == 1
    assert sorted(path.name for path in (tmp_path / "Song" / "Punchin").iterdir()) == sorted(p.name for p in paths)


def test_a_transfer(host: FakeHost) -> None:
    view = host.place(host.submit(params=TransferParams("violin", takes=1, source="piano")))
    assert view.engine == "transfer"
    assert "violin" in view.takes[0].name


def test_clips_at_another_tempo_come_back_at_the_projects_samples(host: FakeHost, tmp_path: Path) -> None:
    """A host that renders nothing: the bridge plays the clip, far from the start of the project, and says so."""
    loop = str(tmp_path / "loop.wav")
    soundfile.write(loop, host.track.T, 44_100)
    clip = Clip(loop, 64.0, 96.0, 0.0, (WarpPoint(0, 0), WarpPoint(4, 1.9)), loop=(0.0, 16.0))
    region = Span(40 * host.rate, 42 * host.rate + 1)
    target = Track("1", "Loop", Clips((clip,), Span(30 * host.rate, 50 * host.rate)), 2)
    ready = host.wait(host.submit(target=target, region=region, chords=()), "ready")
    assert "loop.wav is heard at 0.95 times its speed" in ready.line
    take = probe(Path(ready.takes[0].path))
    assert (take.samples, take.rate, take.channels) == (2 * host.rate + 1, host.rate, 2)
    assert take.time_reference == region.start
    host.post(Drop(host.name, ready.job))
    host.wait(ready.job, "dropped")


def test_nothing_is_left_of_a_placed_job(host: FakeHost, running: RunningBridge) -> None:
    job = host.submit()
    host.place(job)
    host.wait(job, "placed")
    assert not (running.spool / "jobs" / job).exists()
    assert not list((running.spool / "hosts" / host.name / "audio").iterdir())
    assert not list((running.spool / "inbox").iterdir())


def test_progress_and_the_queue_are_told(host: FakeHost) -> None:
    first = host.submit(params=InpaintParams(seed=1, text="steps=20 step=0.02"))
    second = host.submit(params=InpaintParams(seed=1))
    assert host.wait(second, "queued").line in ("Waiting behind 1.", "Next.")
    host.wait(first, "ready")
    fractions = [view.fraction for view in host.shown if view.job == first]
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 1 for fraction in fractions) or host.wait(first, "ready").fraction == 1.0
    host.place(first)
    host.place(second)


def test_two_hosts_at_once(host: FakeHost, running: RunningBridge) -> None:
    other = FakeHost(running.spool, music(8.0, channels=1), project="other")
    other.hello()
    jobs = host.submit(), other.submit(2.0, 3.0)
    assert host.place(jobs[0]).takes[0].channels == 2
    assert other.place(jobs[1]).takes[0].channels == 1
    assert host.job(jobs[1]) is None
    other.bye()


# ---- what goes wrong -----------------------------------------------------------------------------------------


def test_a_job_is_cancelled_at_the_daemon(host: FakeHost, served: RunningDaemon) -> None:
    job = host.submit(params=InpaintParams(seed=1, text="steps=1000 step=0.02"))
    host.wait(job, "running")
    host.cancel(job)
    host.wait(job, "cancelled", seconds=2.0)
    assert served.client().state(job) in ("cancelled", "unknown")
    host.place(host.submit())


def test_what_is_wrong_with_a_job_is_said(host: FakeHost) -> None:
    outside = host.submit(region=Span(0, 100 * host.rate))
    view = host.wait(outside, "failed")
    assert view.code == "bad_region"
    assert view.next_step
    gone = host.submit(target=Track("track-1", "Keys", Rendered("/nowhere/at/all.wav", 0)))
    assert host.wait(gone, "failed").code == "file_missing"
    fails = host.submit(params=InpaintParams(seed=1, text="fail"))
    assert host.wait(fails, "failed").code == "adapter_mismatch"
    host.place(host.submit())


@pytest.mark.parametrize("data", [b"", b"{", b'{"type":"quit"}', b"[" * 100_000, b'{"type":"bye","host":"fake-other"}'])
def test_a_document_that_is_none_is_said_and_forgotten(host: FakeHost, running: RunningBridge, data: bytes) -> None:
    host.write(f"{host.name}-00000099.json", data)
    until(lambda: (state := host.state()) and state.trouble)
    assert not list((running.spool / "inbox").glob("*-00000099.json"))
    host.place(host.submit())


def test_a_changed_song_waits_for_the_musician(host: FakeHost) -> None:
    job = host.submit()
    host.wait(job, "ready")
    host.post(Held(host.name, job, "The item has moved."))
    host.wait(job, "held")
    host.post(Drop(host.name, job))
    host.wait(job, "dropped")


# ---- what dies -----------------------------------------------------------------------------------------------


def test_the_bridge_is_killed_under_a_job(home: Path, served: RunningDaemon, running: RunningBridge) -> None:  # noqa: ARG001
    running.stop(signal.SIGKILL)
    try:
        first = launch(home)
        host = FakeHost(first.spool)
        host.hello()
        job = host.submit(params=InpaintParams(takes=2, seed=5, text="steps=30 step=0.02"))
        host.wait(job, "running")
        first.stop(signal.SIGKILL)
        second = launch(home)
        host.hello()
        assert [take.seed for take in host.place(job).takes] == [5, 6]
        second.stop()
    finally:
        running.process = launch(home).process


def test_a_host_that_died_finds_its_takes_again(running: RunningBridge) -> None:
    dead = FakeHost(running.spool, project="mine")
    dead.hello()
    job = dead.submit()
    dead.wait(job, "ready")
    dead.bye()
    born = FakeHost(running.spool, project="mine")
    born.hello()
    born.place(job)
    born.wait(job, "placed")


def test_the_daemon_is_killed_under_a_job(tmp_path: Path) -> None:
    """The next daemon is given the job again; the host is told nothing wrong."""
    with bridge(tmp_path) as running:
        host = FakeHost(running.spool)
        with daemon(tmp_path) as first:
            host.hello()
            job = host.submit(params=InpaintParams(seed=5, text="steps=30 step=0.02"))
            host.wait(job, "running")
            first.stop(signal.SIGKILL)
        with daemon(tmp_path):
            host.keep_alive(lambda: host.wait(job, "running", "ready", "failed").phase == "ready", 60)
            host.place(job)
