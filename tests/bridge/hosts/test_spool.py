"""Documents by files: in order, once, and whatever else lies in the inbox."""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
from fakes.room import SUBMIT
from punchin_bridge.hosts.jobs import JobRecord
from punchin_bridge.hosts.protocol import MAX_BYTES, Bye, Cancel, Command, Hello, Project, Rendered, State
from punchin_bridge.hosts.spool import MOST_AT_ONCE, STALE_SECONDS, Caller, Spool
from punchin_wire import VERSION
from punchin_wire.errors import (
    BadMessage,
    BadSetting,
    DaemonError,
    DaemonUnreachable,
    FileMissing,
    InputError,
    TooLarge,
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.open()
    return made


def put(spool: Spool, name: str, data: bytes) -> Path:
    path = spool.inbox / name
    path.write_bytes(data)
    return path


def test_hello_comes_first_then_the_numbers(spool: Spool) -> None:
    said = [Cancel("fake-1", f"job-{number}") for number in range(3)]
    for number in (2, 0, 1):
        put(spool, f"fake-1-{number:08}.json", msgspec.json.encode(said[number]))
    hello = Hello("fake-1", "Fake", Project("song"))
    put(spool, "fake-1-hello.json", msgspec.json.encode(hello))
    assert [post.document for post in spool.receive()] == [hello, *said]
    assert not list(spool.receive())
    assert not list(spool.inbox.iterdir())


def test_a_document_that_a_bridge_died_over_comes_once_more(spool: Spool) -> None:
    said = [Cancel("fake-1", f"job-{number}") for number in range(2)]
    for number in range(2):
        put(spool, f"fake-1-{number:08}.json", msgspec.json.encode(said[number]))
    died = spool.receive()  # and is not gone on with, as by a bridge that is killed
    assert next(died).document == said[0]
    again = spool.receive()
    assert next(again).document == said[0]
    assert [post.document for post in spool.receive()] == [said[1]]
    assert not list(spool.inbox.iterdir())


def test_a_stem_of_a_plug_in_becomes_the_job_s_own(spool: Spool) -> None:
    spool.welcome("plugin-1")
    spool.welcome("plugin-2")
    spool.keep(JobRecord(SUBMIT, 0.0, 1))
    stem = spool.host("plugin-1") / "audio" / "a.wav"
    stem.write_bytes(b"RIFF")
    own = Path(spool.adopt("job-1", "drums", "plugin-1", str(stem)))
    assert own.parent == spool.job("job-1")
    assert own.read_bytes() == b"RIFF"
    assert not stem.exists()
    with pytest.raises(FileMissing):
        spool.adopt("job-1", "drums", "plugin-1", str(stem))
    secret = spool.root / "secret.wav"
    secret.write_bytes(b"mine")
    for elsewhere in (secret, stem.parent / ".." / ".." / ".." / "secret.wav", spool.host("plugin-2") / "audio" / "b"):
        with pytest.raises(BadMessage):
            spool.adopt("job-1", "drums", "plugin-1", str(elsewhere))
    assert secret.read_bytes() == b"mine"


def test_a_document_over_which_a_step_fails_does_not_come_again(spool: Spool) -> None:
    put(spool, "fake-1-00000001.json", msgspec.json.encode(Bye("fake-1")))
    posts = spool.receive()
    next(posts)
    posts.close()  # type: ignore[attr-defined]
    assert not list(spool.receive())


def test_a_document_that_cannot_be_used_names_its_job(spool: Spool) -> None:
    put(spool, "fake-1-00000001.json", b'{"type":"submit","host":"fake-1","job":"job-1"}')
    put(spool, "fake-1-00000002.json", b'{"type":"submit","host":"fake-1","job":["no name"]}')
    assert next(spool.receive()).job == "job-1"


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"null", b'{"type":"cancel","host":"fake-1"}', b'{"type":"bye","host":"fake-1","more":1}',
     b'{"type":"bye","host":"../../etc"}', b"[" * 50_000],
)  # fmt: skip
def test_what_is_no_document_is_said_once(spool: Spool, data: bytes) -> None:
    put(spool, "fake-1-00000001.json", data)
    put(spool, "fake-1-00000002.json", msgspec.json.encode(Bye("fake-1")))
    bad, good = spool.receive()
    assert isinstance(bad.error, BadMessage)
    assert bad.host == "fake-1"
    assert len(str(bad.error)) < 500
    assert good.document == Bye("fake-1")
    assert not list(spool.receive())


def test_a_document_in_another_name_is_refused(spool: Spool) -> None:
    put(spool, "fake-1-00000001.json", msgspec.json.encode(Bye("fake-2")))
    [post] = spool.receive()
    assert isinstance(post.error, BadMessage)


def test_a_document_that_is_too_long_is_not_read(spool: Spool) -> None:
    path = put(spool, "fake-1-00000001.json", b"")
    os.truncate(path, MAX_BYTES + 1)
    [post] = spool.receive()
    assert isinstance(post.error, TooLarge)


def test_a_half_written_document_is_left_alone_until_it_is_old(spool: Spool) -> None:
    young = put(spool, "fake-1-00000001.part", b'{"type"')
    old = put(spool, "fake-1-00000002.part", b'{"type"')
    os.utime(old, (time.time() - 2 * STALE_SECONDS,) * 2)
    assert not list(spool.receive())
    assert young.exists()
    assert not old.exists()


def test_a_flood_leaves_others_their_turn(spool: Spool) -> None:
    for number in range(3 * MOST_AT_ONCE):
        put(spool, f"fake-1-{number:08}.json", b"{")
    assert len(list(spool.receive())) == MOST_AT_ONCE


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_others_on_this_computer_cannot_look_in(spool: Spool) -> None:
    for folder in (spool.root, spool.inbox, spool.root / "jobs"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_state_replaces_the_one_before(spool: Spool) -> None:
    spool.welcome("fake-1")
    for beat in (1, 2):
        path = spool.send(State("fake-1", 1, beat, "0.1.0"))
    assert msgspec.json.decode(path.read_bytes(), type=State).beat == 2
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["audio", "state.json"]


@pytest.mark.parametrize("damaged", [b"{", b'{"submit": "\xff"}', b'{"x": ' + b"[" * 100_000])
def test_jobs_are_found_again_and_damaged_ones_deleted(spool: Spool, damaged: bytes) -> None:
    record = JobRecord(SUBMIT, 1.0, 7)
    spool.keep(record)
    spool.job("broken").mkdir()
    (spool.job("broken") / "job.json").write_bytes(damaged)
    assert [found for found, _ in spool.records()] == [record]
    assert not spool.job("broken").exists()


def test_a_record_that_cannot_be_read_now_is_left_for_the_next_bridge(spool: Spool) -> None:
    (spool.job("job-1") / "job.json").mkdir(parents=True)  # reading it fails, and not because it is no record
    assert list(spool.records()) == []
    assert spool.job("job-1").exists()


def test_a_job_that_cannot_be_written_down_is_refused(spool: Spool) -> None:
    (spool.root / "jobs").rmdir()
    (spool.root / "jobs").write_bytes(b"")
    with pytest.raises(BadSetting, match="cannot be made"):
        spool.keep(JobRecord(SUBMIT, 1.0, 7))


def test_a_job_whose_folder_is_half_deleted_has_ended(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    record = JobRecord(SUBMIT, 1.0, 7)
    spool.keep(record)
    with monkeypatch.context() as dying:
        dying.setattr(shutil, "rmtree", lambda *_, **__: None)
        spool.finish(record)
    assert list(spool.records()) == []
    assert not spool.job("job-1").exists()


def test_finishing_deletes_the_hosts_own_stems_only(spool: Spool, tmp_path: Path) -> None:
    spool.welcome("fake-1")
    own, others = spool.host("fake-1") / "audio" / "a.wav", tmp_path / "mine.wav"
    for path in (own, others):
        path.write_bytes(b"RIFF")
        submit = msgspec.structs.replace(
            SUBMIT, target=msgspec.structs.replace(SUBMIT.target, audio=Rendered(str(path), 0))
        )
        spool.keep(JobRecord(submit, 1.0, 7))
        spool.finish(JobRecord(submit, 1.0, 7))
    assert not own.exists()
    assert others.exists()
    assert not spool.job("job-1").exists()


def test_what_a_host_was_asked_for_is_done_or_says_why_not(spool: Spool) -> None:
    """With a next step that does not speak of the daemon."""
    ask = Command("ask-1", "pick")
    answers = {"done": None, "There is no take.": InputError, "trouble": DaemonError, "": DaemonUnreachable}
    for answer, error in answers.items():
        me = Caller(spool, "cli-1")
        spool.welcome("cli-1")
        trouble = "No reaper is connected." if answer == "trouble" else ""
        said = {"ask-1": answer} if answer and not trouble else {}
        spool.send(State("cli-1", 1, 0, VERSION, (), (), trouble, said))
        with pytest.raises(error) if error else nullcontext() as caught:
            me.want("reaper", ask, time.monotonic() + 0.05)
        if error:
            assert type(caught.value) is error
            assert "punchin serve" not in caught.value.next_step
