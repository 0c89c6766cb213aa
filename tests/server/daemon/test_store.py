"""Results on disk: found again whole, dropped whole, and never half written."""

import os
from pathlib import Path

import numpy as np
import pytest
from punchin_server.daemon.store import JobRecord, Store
from punchin_wire.frames import Frame, describe, pack, unpack
from punchin_wire.messages import Done, Event, Take


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "results")
    assert store.open() == []
    store.create(JobRecord("job1", "inpaint", "tiny", "digest", 12.0))
    return store


def a_take(seq: int = 3) -> tuple[Event, list[Frame]]:
    audio = np.random.default_rng(seq).standard_normal((1, 500)).astype(np.float32)
    audio.view(np.uint8)[0, :8] = ord("\n")  # a newline inside the samples ends nothing
    event = Event("job1", seq, Take(0, 7, 0, describe(audio, 32_000)))
    return event, pack(event, [audio])


def test_an_event_comes_back_byte_for_byte(store: Store) -> None:
    event, frames = a_take()
    store.keep(event, frames)
    assert [bytes(frame) for frame in store.frames("job1", 3)] == [bytes(frame) for frame in frames]
    assert unpack(store.frames("job1", 3)).message == event


def test_another_store_finds_everything_in_order(store: Store) -> None:
    take, frames = a_take(3)
    done = Event("job1", 11, Done({}, {}))
    store.keep(done, pack(done))
    store.keep(take, frames)
    again = Store(store.folder)
    [(record, events, written)] = again.open()
    assert record == JobRecord("job1", "inpaint", "tiny", "digest", 12.0)
    assert events == [take, done]
    assert written > 0
    assert again.after("job1", 0) == [3, 11]
    assert again.after("job1", 3) == [11]
    assert again.bytes == store.bytes == sum(map(len, frames)) + sum(map(len, pack(done))) + 4  # two newlines each


@pytest.mark.parametrize("damaged", [b"{", b'{"id": "\xff"}', b'{"x": ' + b"[" * 100_000])
def test_a_damaged_job_is_cleared_and_the_others_are_found(store: Store, damaged: bytes) -> None:
    """One bad byte on a disk is no reason to serve nobody."""
    (store.folder / "broken").mkdir()
    (store.folder / "broken" / "job.json").write_bytes(damaged)
    [(record, _, _)] = Store(store.folder).open()
    assert record.id == "job1"
    assert not (store.folder / "broken").exists()


def test_a_job_that_cannot_be_read_now_is_left_for_the_next_daemon(store: Store) -> None:
    (store.folder / "job2" / "job.json").mkdir(parents=True)  # reading it fails, and not because it is no record
    assert [record.id for record, _, _ in Store(store.folder).open()] == ["job1"]
    assert (store.folder / "job2").exists()


def test_drop_leaves_nothing(store: Store) -> None:
    store.keep(*a_take())
    store.drop("job1")
    assert (list(store.folder.iterdir()), store.bytes, store.after("job1", 0)) == ([], 0, [])
    store.drop("job1")  # twice is once


def test_what_a_dying_daemon_half_wrote_is_cleared(store: Store) -> None:
    store.keep(*a_take())
    (store.folder / "job1" / ".00000004.event.0123abcd.part").write_bytes(b"punchin/1\n{")
    (store.folder / "half").mkdir()
    (store.folder / "bad0").mkdir()
    (store.folder / "bad0" / "job.json").write_bytes(b"{}")
    [(record, events, _)] = Store(store.folder).open()
    assert (record.id, len(events)) == ("job1", 1)
    assert [path.name for path in store.folder.iterdir()] == ["job1"]
    assert not list(store.folder.rglob("*.part"))


def test_a_damaged_event_costs_no_other(store: Store) -> None:
    store.keep(*a_take(3))
    (store.folder / "job1" / "00000002.event").write_bytes(b"\0" * 100)
    [(_, events, _)] = Store(store.folder).open()
    assert [event.seq for event in events] == [3]
    assert not (store.folder / "job1" / "00000002.event").exists()


def test_takes_that_protocol_1_kept_are_sent_as_ours(store: Store) -> None:
    event, frames = a_take()
    store.keep(event, frames)
    kept = store.folder / "job1" / "00000003.event"
    kept.write_bytes(kept.read_bytes().replace(bytes(frames[0]), b"punchin/1", 1))
    again = Store(store.folder)
    [(_, events, _)] = again.open()
    assert events == [event]
    assert unpack(again.frames("job1", 3)).message == event


def test_takes_of_another_version_are_left_for_it(store: Store) -> None:
    (store.folder / "job1" / "00000002.event").write_bytes(b"punchin/999\n{}\n")
    assert Store(store.folder).open() == []
    assert (store.folder / "job1" / "00000002.event").exists()


def test_on_a_full_disk_a_take_stays_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    event, frames = a_take()
    store.keep(event, frames)
    assert unpack(store.frames("job1", 3)).message == event
    assert not list(store.folder.rglob("*.part"))
    with pytest.raises(OSError, match="No space"):
        store.create(JobRecord("job2", "inpaint", "tiny", "", 0.0))
