"""A daemon with keys, and those who attack it: who is let in, what they may do, and what the others are told."""

import random
import resource
import select
import signal
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import zmq
from fakes.harness import RATE, Client, daemon, launch, lock, new_pair, song, until
from fakes.studio import Studio, studio
from punchin_bridge.daemon.endpoint import Endpoint
from punchin_wire.errors import KeyRefused, PunchinError
from punchin_wire.frames import describe, pack
from punchin_wire.messages import (
    Accepted,
    AudioRef,
    Cancelled,
    Done,
    Event,
    Failed,
    Hole,
    InpaintRequest,
    Ping,
    Pong,
    Progress,
    Refused,
    StatusQuery,
    Submit,
    TakeSpec,
)
from punchin_wire.remote import keys, lossless

pytestmark = pytest.mark.e2e
SO_RCVBUFFORCE = 33
"""Of Linux; Python has no name for it."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A daemon that hears the whole network, three computers that may use it, and one that may not."""
    with studio(tmp_path_factory.mktemp("studio"), "--bind", "0.0.0.0", "--vanished", "2") as found:
        for name in ("verse", "chorus", "bridge"):
            found.computer(name, allowed=True)
        found.computer("stranger")
        yield found


def heard_by_policy(shared: Studio) -> int:
    """How many jobs the daemon knows, as its own user sees them."""
    return len(shared.bare("box").status().jobs)


# ---- who is let in -------------------------------------------------------------------------------------------


def test_beyond_loopback_nobody_serves_without_keys(tmp_path: Path) -> None:
    process = launch(tmp_path, "--bind", "0.0.0.0")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "without encryption" in err
    assert "--keys" in err


def test_without_a_key_of_its_own_no_daemon_serves_with_keys(tmp_path: Path) -> None:
    process = launch(tmp_path, "--keys")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "This computer has no key yet. Make one with `punchin keys new`." in err


def test_a_key_file_that_others_can_read_is_not_served_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    keys.keep_own(new_pair())
    keys.own_file().chmod(0o644)
    process = launch(tmp_path, "--keys")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "can be read by other users" in err


def test_a_known_computer_uses_the_daemon_as_its_own_user_does(shared: Studio) -> None:
    for name in ("verse", "box"):
        with shared.client(name) as client:
            assert client.ping().version
            assert client.status().others == 0


def refused(shared: Studio, name: str, endpoint: Endpoint) -> PunchinError:
    """What a computer is told by a client that asks for a job, in much less than the 10 s that an answer may take."""
    audio = song()
    request = InpaintRequest(describe(audio, RATE), (Hole(0, RATE // 4),), (TakeSpec(0),))
    with shared.client(name, endpoint) as client, pytest.raises(KeyRefused) as caught:
        list(client.run(Submit(f"of-{name}", request), [audio]))
    with shared.client(name, endpoint) as client, pytest.raises(KeyRefused):
        client.ping()
    return caught.value


def test_a_stranger_is_told_in_a_sentence_and_is_not_heard(shared: Studio) -> None:
    before = heard_by_policy(shared)
    error = refused(shared, "stranger", shared.endpoint)
    assert str(error).endswith("does not know this computer's key.")
    assert f"punchin keys allow NAME {shared.pairs['stranger'].public}" in error.next_step
    assert heard_by_policy(shared) == before


def test_a_daemon_with_another_key_is_not_spoken_to(shared: Studio) -> None:
    before = heard_by_policy(shared)
    error = refused(shared, "verse", shared.endpoint._replace(key=shared.pairs["stranger"].public))
    assert "does not have the key that this computer knows the daemon by" in str(error)
    assert heard_by_policy(shared) == before


def test_a_plain_client_is_told_that_keys_are_wanted(shared: Studio) -> None:
    before = heard_by_policy(shared)
    error = refused(shared, "verse", shared.endpoint._replace(key=""))
    assert "known keys only" in str(error)
    assert heard_by_policy(shared) == before


def test_a_daemon_without_keys_gets_nothing_of_who_expects_some(shared: Studio) -> None:
    router = zmq.Context.instance().socket(zmq.ROUTER)
    router.linger = 0
    try:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        error = refused(shared, "verse", shared.endpoint._replace(address=f"tcp://127.0.0.1:{port}"))
        # It breaks off before it has said how it would speak, where it is the faster one, each time.
        assert "serves without keys" in str(error) or "does not have the key" in str(error)
        assert not router.poll(0)
    finally:
        router.close()


def test_who_chooses_an_identity_is_not_let_in(shared: Studio) -> None:
    """It could choose that of a client that has just gone, and hear what was meant for it."""
    client = shared.bare("verse", identity=b"chorus")
    answer = client.ask(StatusQuery())
    assert isinstance(answer, Refused)
    assert "does not choose its ZeroMQ identity" in answer.error.message
    assert isinstance(client.submit("chosen"), Refused)
    assert shared.bare("verse").state("chosen") == "unknown"


# ---- what they may do ----------------------------------------------------------------------------------------


def test_two_computers_may_give_their_jobs_the_same_name(shared: Studio) -> None:
    verse, chorus = shared.bare("verse"), shared.bare("chorus")
    assert verse.accepted("same-name", "steps=3") == Accepted("same-name", 0)
    assert isinstance(verse.ending("same-name"), Done)
    chorus.accepted("same-name", "steps=4", takes=2)
    events = chorus.events("same-name")
    assert {event.job for event in events} == {"same-name"}
    assert isinstance(events[-1].body, Done)
    assert verse.release("same-name") == Accepted("same-name")
    assert chorus.state("same-name") == "done"
    assert chorus.release("same-name") == Accepted("same-name")


def test_nobody_reaches_a_job_of_another(shared: Studio) -> None:
    """Not by its name, nor by what the daemon calls it."""
    verse, chorus = shared.bare("verse"), shared.bare("chorus")
    verse.accepted("private", "steps=2000 step=0.02")
    until(lambda: verse.state("private") == "running")
    inside = next(job.job for job in shared.bare("box").status().jobs if job.job.endswith("-private"))
    for name in ("private", inside):
        for ask in (chorus.cancel, chorus.attach, chorus.release):
            answer = ask(name)
            assert isinstance(answer, Refused)
            assert answer.error.code == "unknown_job"
            assert answer.job == name
            assert f"'{name}'" in answer.error.message
    status = chorus.status()
    assert "private" not in repr(status)
    assert status.others == 1
    assert chorus.submit("waits-its-turn").position == 1
    assert verse.state("private") == "running"
    assert verse.cancel("private") == Accepted("private")
    assert isinstance(verse.ending("private"), Cancelled)
    assert isinstance(chorus.ending("waits-its-turn"), Done)


def test_the_daemons_own_user_sees_and_stops_all_jobs(shared: Studio) -> None:
    verse, box = shared.bare("verse"), shared.bare("box")
    verse.accepted("too-long", "steps=2000 step=0.02")
    inside = next(job.job for job in box.status().jobs if job.job.endswith("-too-long"))
    assert box.cancel(inside) == Accepted(inside)
    assert isinstance(verse.ending("too-long"), Cancelled)


def test_an_observer_hears_its_own_jobs_alone(shared: Studio) -> None:
    verse, chorus = shared.bare("verse"), shared.bare("chorus")
    observers = {}
    for name in ("verse", "chorus", "stranger"):
        observer = zmq.Context.instance().socket(zmq.SUB)
        observer.linger = 0
        lock(observer, shared.pairs[name], shared.running.record.key)
        observer.connect(f"tcp://127.0.0.1:{shared.running.record.events_port}")
        observer.subscribe(b"")
        observers[name] = observer
    try:

        def observed() -> bool:
            """A job is made until its observer has come so far as to hear of it."""
            chorus.accepted("seen")
            chorus.ending("seen")
            chorus.release("seen")
            return bool(observers["chorus"].poll(200))

        until(observed)
        assert not observers["verse"].poll(0)
        assert not observers["stranger"].poll(0)
        topic, _, header = observers["chorus"].recv_multipart()
        assert topic.endswith(b"-seen")
        assert b'"job":"seen"' in header
        verse.accepted("seen-too")
        assert isinstance(verse.ending("seen-too"), Done)
        assert observers["verse"].poll(10_000)
        assert b'"job":"seen-too"' in observers["verse"].recv_multipart()[2]
        while observers["chorus"].poll(200):
            assert b"seen-too" not in observers["chorus"].recv_multipart()[2]
    finally:
        for observer in observers.values():
            observer.close()


def test_a_name_that_would_not_fit_is_refused(shared: Studio) -> None:
    answer = shared.bare("verse").submit("n" * 65)
    assert isinstance(answer, Refused)
    assert (answer.error.code, answer.job) == ("bad_setting", "n" * 65)
    assert shared.bare("verse").accepted("n" * 64).job == "n" * 64


def test_what_is_malformed_is_refused_and_nothing_else_suffers(shared: Studio) -> None:
    client = shared.bare("verse")
    for frames, code in [
        ([b"punchin/0", b"{}"], "version_mismatch"),
        ([pack(Ping())[0], b" " * (16 * 2**20 + 1)], "too_large"),
        ([pack(Ping())[0], b'{"type":"cancel","job":"../../box"}'], "bad_message"),
    ]:
        client.socket.send_multipart(frames)
        assert client.socket.poll(30_000)
        assert code.encode() in client.socket.recv_multipart()[1]
    assert isinstance(client.ask(Ping()), Pong)


# ---- those whose key is revoked ------------------------------------------------------------------------------


def test_a_revoked_key_is_cut_off_with_its_next_packet(shared: Studio) -> None:
    shared.computer("guest", allowed=True)
    observer, client = shared.bare("box"), shared.client("guest")
    audio = song()
    request = InpaintRequest(describe(audio, RATE), (Hole(0, RATE // 4),), (TakeSpec(0),), text="steps=3000 step=0.02")
    with client:
        job = client.run(Submit("cut-off", request), [audio])
        next(p for p in job if isinstance(p.message, Event) and isinstance(p.message.body, Progress))
        shared.revoke("guest")
        with pytest.raises(KeyRefused, match="was revoked"):
            list(job)
        with pytest.raises(KeyRefused):
            client.status()
    inside = next(found.job for found in observer.status().jobs if found.job.endswith("-cut-off"))
    until(lambda: observer.state(inside) == "cancelled")
    with shared.client("guest") as again, pytest.raises(KeyRefused, match="does not know"):
        again.ping()
    observer.release(inside)


def test_what_is_made_for_a_revoked_key_is_stopped_and_not_sent(shared: Studio) -> None:
    """Also what was to be kept; it says nothing more, and hears nothing more."""
    shared.computer("guest", allowed=True)
    box, guest = shared.bare("box"), shared.bare("guest")
    guest.accepted("had-before", takes=2)
    guest.ending("had-before")
    guest.accepted("unheard", "steps=2000 step=0.02", keep=True)
    until(lambda: guest.state("unheard") == "running")
    inside = next(found.job for found in box.status().jobs if found.job.endswith("-unheard"))
    shared.revoke("guest")
    until(lambda: box.state(inside) == "cancelled")
    while guest.socket.poll(200):
        assert b'"type":"cancelled"' not in guest.socket.recv_multipart()[1]
    shared.at("box")
    keys.allow("guest", shared.pairs["guest"].public)
    again = shared.bare("guest")
    again.attach("had-before")
    assert isinstance(again.ending("had-before"), Done)  # allowed again, it has what was made until then
    assert again.state("unheard") == "cancelled"


# ---- what is thrown at the port ------------------------------------------------------------------------------


def test_a_thousand_connections_that_say_nothing_keep_nobody_out(shared: Studio) -> None:
    client = shared.bare("verse")
    client.status()
    process = psutil.Process(shared.running.process.pid)
    address = ("127.0.0.1", shared.running.record.port)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = max(soft, min(hard, 4096))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))  # for our ends of them
    silent = [socket.create_connection(address, 30) for _ in range(min(1000, files - 200))]
    try:
        client.accepted("amid-the-silent")
        assert isinstance(client.ending("amid-the-silent"), Done)
        newcomer = shared.bare("chorus")
        assert isinstance(newcomer.ask(Ping(), seconds=60), Pong)
        until(lambda: process.num_fds() < 500, 60)  # they were dropped after their five seconds
    finally:
        for each in silent:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_bytes_that_are_no_handshake_harm_nobody(shared: Studio) -> None:
    chance = random.Random(17)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + b"\x00" + bytes(31)
    for start in (b"", greeting, b"GET / HTTP/1.1\r\n\r\n"):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", shared.running.record.port), 30) as raw:
                raw.sendall(start + chance.randbytes(chance.randrange(1, 4096)))
    assert isinstance(shared.bare("verse").ask(Ping(), seconds=60), Pong)


@pytest.mark.parametrize("claim", [2**62, 2**31, 2**30])
def test_a_length_that_a_stranger_claims_takes_no_memory(shared: Studio, claim: int) -> None:
    """It is cut off at once, or at the latest when it has come to no terms for five seconds."""
    before = psutil.Process(shared.running.process.pid).memory_info().rss
    with socket.create_connection(("127.0.0.1", shared.running.record.port), 30) as raw:
        raw.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + b"\x00" + bytes(31))
        raw.sendall(b"\x06" + claim.to_bytes(8, "big"))  # a command of so many bytes
        raw.settimeout(30)
        try:
            while raw.recv(4096):
                pass
        except ConnectionError:
            pass
    assert psutil.Process(shared.running.process.pid).memory_info().rss < before + 64 * 2**20
    assert isinstance(shared.bare("verse").ask(Ping()), Pong)


def submission(job: str, frame: bytes, seconds: float = 1.0, channels: int = 1) -> list[bytes]:
    """A job whose audio travels as that frame."""
    ref = AudioRef(0, 192_000, channels, round(192_000 * seconds))
    request = InpaintRequest(ref, (Hole(0, 1000),), (TakeSpec(0),))
    return [*map(bytes, pack(Submit(job, request))), frame]


@pytest.mark.parametrize(
    "frame",
    [
        lossless.PLANES + bytes(3 * 192_000) + zlib.compress(bytes(10**8)),
        lossless.PLANES + zlib.compress(bytes(10**6)),
        b"fLaC" + bytes(1000),
    ],
)
def test_a_compressed_bomb_fails_alone(shared: Studio, frame: bytes) -> None:
    """The daemon opens none; the worker takes no more room than was said, and lives."""
    client = shared.bare("verse")
    box = shared.bare("box")
    before = until(lambda: box.status().seats[0].pid)
    client.socket.send_multipart(submission("a-bomb", frame))
    assert isinstance(client.packet(60).message, Accepted)
    failed = client.ending("a-bomb", 60)
    assert isinstance(failed, Failed)
    assert failed.error.code == "bad_audio"
    assert box.status().seats[0].pid == before
    client.release("a-bomb")


def test_a_bomb_that_claims_more_than_may_be_sent_is_refused(shared: Studio) -> None:
    client = shared.bare("verse")
    client.socket.send_multipart(submission("a-big-bomb", lossless.PLANES + bytes(100), 900.0, 16))
    refused = client.packet(60).message
    assert isinstance(refused, Refused)
    assert refused.error.code == "too_large"


def overheard(port: int, talk: Callable[[], object]) -> bytes:
    """All that goes over the loopback interface, from and to that port, while `talk` runs."""
    try:
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
    except (AttributeError, PermissionError):
        pytest.skip("only root on Linux can listen to the interface")
    heard = bytearray()
    ended = threading.Event()

    def listen() -> None:
        while not ended.is_set() or select.select([ear], [], [], 0)[0]:
            if select.select([ear], [], [], 0.1)[0]:
                packet = ear.recv(1 << 17)
                if port.to_bytes(2, "big") in packet[34:38]:  # behind the headers of Ethernet and IPv4
                    heard.extend(packet)

    with ear:
        ear.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 2**20)  # none may be lost while this thread waits
        ear.bind(("lo", 0))
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            talk()
        finally:
            ended.set()
            thread.join()
    return bytes(heard)


def test_nobody_on_the_way_reads_anything(shared: Studio, tmp_path: Path) -> None:
    plain = song()[:, :500].tobytes()

    def job(client: Client) -> Callable[[], object]:
        return lambda: (client.accepted("overheard", "a secret wish"), client.ending("overheard"))

    words = (b"punchin/", b"overheard", b"a secret wish", b"float", plain)
    with_keys = overheard(shared.running.record.port, job(shared.bare("verse")))
    assert len(with_keys) > len(song().tobytes())
    assert [word for word in words if word in with_keys] == []
    with daemon(tmp_path) as open_one:  # so that this test would hear it
        without = overheard(open_one.record.port, job(open_one.client()))
    assert b"punchin/" in without
    assert b"a secret wish" in without


# ---- when it ends --------------------------------------------------------------------------------------------


def test_a_daemon_that_starts_again_knows_whose_jobs_it_has_kept(tmp_path: Path) -> None:
    with studio(tmp_path) as first:
        first.computer("verse", allowed=True)
        verse = first.bare("verse")
        verse.accepted("kept-over", keep=True)
        verse.ending("kept-over")
        assert first.running.stop(signal.SIGTERM) == 0
    with studio(tmp_path, pairs=first.pairs) as again:
        again.computer("chorus", allowed=True)
        assert again.bare("chorus").state("kept-over") == "unknown"
        verse = again.bare("verse")
        assert verse.state("kept-over") == "done"
        verse.attach("kept-over")
        assert isinstance(verse.ending("kept-over"), Done)
