"""Jobs that are made at the same time, without a daemon."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from fakes.page import write_song
from fakes.room import SUBMIT
from punchin_bridge.hosts import runner as runners
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import NamedChord, Rendered, Span, TakeFile, Track
from punchin_bridge.hosts.runner import IsCancelled, IsReady, JobRunner
from punchin_bridge.hosts.spool import Spool
from punchin_bridge.music.region import Region
from punchin_bridge.settings import Settings
from punchin_bridge.takes.order import Order
from punchin_bridge.takes.report import HeardReport
from punchin_wire.errors import JobCancelled
from punchin_wire.messages import HeardChord


@pytest.mark.parametrize("preview", [False, True])
def test_a_job_asks_for_previews_as_it_was_accepted_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    """However often it is taken up, and whoever watches by then."""
    spool, asked = Spool(tmp_path / "spool"), []
    spool.open()
    song = write_song(tmp_path / "song.wav", 6.0, 48_000)
    track = Track("t", "Keys", Rendered(str(song), 0))

    def produce(_self: JobRunner, order: Order, *_: Any) -> Any:
        asked.append(order.request.preview)
        raise JobCancelled("enough")

    monkeypatch.setattr(JobRunner, "_produce", produce)
    for watching in (False, True):
        runner = JobRunner(spool, Settings(), watching=lambda watching=watching: watching)  # type: ignore[misc]
        runner.start(JobRecord(msgspec.structs.replace(SUBMIT, target=track), 1.0, 7, preview=preview))
        assert isinstance(runner.events.get(timeout=30), IsCancelled)
    assert asked == [preview, preview]


def test_chords_that_were_read_by_ear_lie_on_the_projects_samples() -> None:
    """The region is second 2 of a file that begins at second 5 of the project."""
    rate = SUBMIT.timeline.rate
    submit = msgspec.structs.replace(SUBMIT, region=Span(7 * rate, 8 * rate))
    order: Any = SimpleNamespace(song=SimpleNamespace(rate=rate), region=Region(2 * rate, 3 * rate))
    chords = (HeardChord(2.0, 2.5, "A:min", 0.9), HeardChord(2.5, 3.0, "N", 0.4))
    report: Any = SimpleNamespace(heard=HeardReport(chords, 0, 0.0))
    assert runners._chords(order, report, submit) == (
        NamedChord(7 * rate, 7 * rate + rate // 2, "Am", 0.9),
        NamedChord(7 * rate + rate // 2, 8 * rate, "N.C.", 0.4),
    )
    report.heard = msgspec.UNSET
    assert runners._chords(order, report, submit) == ()


def test_jobs_of_one_region_and_seed_do_not_take_each_others_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both make `bass_take1_seed7.wav`; the second must not replace the first."""
    spool, folder = Spool(tmp_path / "spool"), tmp_path / "Punchin"
    spool.open()

    def produce(_self: JobRunner, _order: None, job: str, drafts: Path, *_: Any) -> Any:
        (drafts / "bass_take1_seed7.wav").write_text(job)
        return SimpleNamespace(timings={}, notes=())

    def finished(record: JobRecord, *_: Any) -> JobRecord:
        draft = spool.job(record.submit.job) / "takes" / "bass_take1_seed7.wav"
        path = runners._free(folder, draft)
        time.sleep(0.05)  # for the other to look meanwhile
        take = TakeFile(str(path), "Punchin 1", 7, 0, 1, 1)
        return msgspec.structs.replace(record, takes=(take,), staged=(str(draft),))

    monkeypatch.setattr(runners.compose, "order", lambda *_: None)
    monkeypatch.setattr(runners, "finished", finished)
    monkeypatch.setattr(JobRunner, "_produce", produce)
    runner = JobRunner(spool, Settings())
    for job in ("job-1", "job-2"):
        runner.start(JobRecord(msgspec.structs.replace(SUBMIT, job=job, folder=str(folder)), 1.0, 7))
    made = [runner.events.get(timeout=10) for _ in range(2)]
    assert all(isinstance(event, IsReady) for event in made), made
    assert {Path(event.record.takes[0].path).read_text() for event in made} == {"job-1", "job-2"}  # type: ignore[union-attr]
