"""A file comes whole and right or not at all, whatever network, server and other processes do meanwhile."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.sources import Sources
from punchin_server.packs import fetch as module
from punchin_server.packs import web
from punchin_server.packs.fetch import fetch
from punchin_server.packs.part import Part, Unwatched, Wanted, locked, note_of, part_of
from punchin_wire.errors import NotWritten, PackCorrupt, SourceRefused, SourceUnreachable

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Seen(Unwatched):
    """What a watcher was told."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.why: list[str] = []

    def received(self, count: int) -> None:
        self.counts.append(count)

    def waiting(self, why: str) -> None:
        self.why.append(why)


def wanted(sources: Sources, **known: object) -> Wanted:
    """The file `weights.bin` of a plain address, by default with its hash."""
    sources.plain.setdefault("weights.bin", CONTENT)
    known = {"size": len(CONTENT), "sha256": SHA256} | known
    return Wanted("weights.bin", f"{sources.cdn_url}/plain/weights.bin", "https://example.org/weights", **known)  # type: ignore[arg-type]


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_comes_and_is_not_fetched_twice(sources: Sources, tmp_path: Path) -> None:
    to, seen = tmp_path / "place" / "weights.bin", Seen()
    assert fetch(wanted(sources), to, seen) == SHA256
    assert to.read_bytes() == CONTENT
    assert seen.counts == sorted(seen.counts)
    assert seen.counts[-1] == len(CONTENT)
    assert fetch(wanted(sources), to) == SHA256
    assert sources.served == len(CONTENT)
    assert left(to.parent) == {"weights.bin"}


def test_a_cut_connection_is_taken_up_where_it_ended(sources: Sources, tmp_path: Path) -> None:
    sources.faults.cut_after, sources.faults.cuts = 100_000, 2
    seen = Seen()
    assert fetch(wanted(sources), tmp_path / "f", seen) == SHA256
    assert sources.served <= 1.1 * len(CONTENT)
    assert "bytes=" not in sources.asked[0]
    assert all("bytes=" in line for line in sources.asked[1:])
    assert "the connection was cut" in seen.why[0]


def test_another_process_goes_on_with_the_part(sources: Sources, tmp_path: Path) -> None:
    part_of(tmp_path / "f").write_bytes(CONTENT[:200_000])
    assert fetch(wanted(sources), tmp_path / "f") == SHA256
    assert sources.served == len(CONTENT) - 200_000
    assert left(tmp_path) >= {"f"}
    assert not part_of(tmp_path / "f").exists()


def test_a_part_that_a_disk_damaged_is_fetched_anew(sources: Sources, tmp_path: Path) -> None:
    part_of(tmp_path / "f").write_bytes(bytes(200_000))
    seen = Seen()
    assert fetch(wanted(sources), tmp_path / "f", seen) == SHA256
    assert "damaged" in seen.why[0]


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 7])
def test_a_part_that_is_whole_or_too_long(sources: Sources, tmp_path: Path, length: int) -> None:
    part_of(tmp_path / "f").write_bytes((CONTENT + bytes(7))[:length])
    assert fetch(wanted(sources), tmp_path / "f") == SHA256
    assert sources.served == (0 if length == len(CONTENT) else len(CONTENT))


def test_a_server_without_ranges_sends_all_of_it_again(sources: Sources, tmp_path: Path) -> None:
    part_of(tmp_path / "f").write_bytes(CONTENT[:200_000])
    sources.faults.no_ranges = True
    assert fetch(wanted(sources), tmp_path / "f") == SHA256
    assert sources.served == len(CONTENT)


def test_a_part_that_is_longer_than_the_file_by_now(sources: Sources, tmp_path: Path) -> None:
    """416: of a file without a hash only the server knows its length."""
    unknown = wanted(sources, size=None, sha256=None)
    part_of(tmp_path / "f").write_bytes(CONTENT + b"more")
    note_of(tmp_path / "f").write_text(f'"{SHA256[:16]}"')
    assert fetch(unknown, tmp_path / "f") == SHA256


def test_a_file_without_hash_goes_on_only_in_the_same_version(sources: Sources, tmp_path: Path) -> None:
    unknown = wanted(sources, size=None, sha256=None)
    sources.faults.cut_after, sources.faults.cuts = 100_000, 99
    with pytest.raises(SourceUnreachable, match="the connection was cut"):
        _once(unknown, tmp_path / "f")
    sources.faults.cuts = 0
    assert part_of(tmp_path / "f").stat().st_size > 0
    sources.plain["weights.bin"] = other = CONTENT[::-1]
    assert fetch(unknown, tmp_path / "f") == hashlib.sha256(other).hexdigest()
    assert (tmp_path / "f").read_bytes() == other
    assert left(tmp_path) >= {"f"}
    assert not note_of(tmp_path / "f").exists()


def test_a_server_without_versions_dates_its_files(sources: Sources, tmp_path: Path) -> None:
    """As Google Drive does: its large files go on in another process, too."""
    unknown = wanted(sources, size=None, sha256=None)
    sources.dates["weights.bin"] = "Wed, 01 Jan 2025 00:00:00 GMT"
    sources.faults.cut_after, sources.faults.cuts = 100_000, 1
    with pytest.raises(SourceUnreachable, match="the connection was cut"):
        _once(unknown, tmp_path / "f")
    assert fetch(unknown, tmp_path / "f") == SHA256
    assert sources.served <= 1.1 * len(CONTENT)
    sources.faults.cuts = 1
    with pytest.raises(SourceUnreachable, match="the connection was cut"):
        _once(unknown, tmp_path / "g")
    sources.dates["weights.bin"] = "Thu, 02 Jan 2025 00:00:00 GMT"
    sources.plain["weights.bin"] = other = CONTENT[::-1]
    assert fetch(unknown, tmp_path / "g") == hashlib.sha256(other).hexdigest()


def _once(wanted: Wanted, to: Path) -> None:
    """Fetch, but give up at the first failure."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TRIES", 0)
        fetch(wanted, to)


def test_silence_is_seen_and_ended(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "STALL_SECONDS", 0.3)
    sources.faults.stall_after, sources.faults.stalls = 100_000, 1
    seen = Seen()
    assert fetch(wanted(sources), tmp_path / "f", seen) == SHA256
    assert "next to nothing came for 0 s" in seen.why[0]
    assert sources.served <= 1.1 * len(CONTENT)


def test_what_only_drips_is_as_silence(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No read ever times out, and a file of gigabytes would take years."""
    monkeypatch.setattr(web, "STALL_SECONDS", 0.3)
    sources.faults.drip_after, sources.faults.drips = 100_000, 1
    seen = Seen()
    assert fetch(wanted(sources), tmp_path / "f", seen) == SHA256
    assert "next to nothing came for 0 s" in seen.why[0]
    assert "asking localhost" in seen.why[0]
    assert sources.served <= 1.1 * len(CONTENT)


def test_who_only_drips_is_given_up(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte of progress is none."""
    monkeypatch.setattr(web, "STALL_SECONDS", 0.1)
    sources.faults.drip_after, sources.faults.drips = 0, 99
    with pytest.raises(SourceUnreachable, match="next to nothing came for 0 s"):
        fetch(wanted(sources), tmp_path / "f")
    assert sources.faults.drips == 99 - module.TRIES
    assert 0 < part_of(tmp_path / "f").stat().st_size < 1000  # the next command goes on with it


def test_a_hub_that_only_drips_its_json_is_given_up(monkeypatch: pytest.MonkeyPatch, sources: Sources) -> None:
    monkeypatch.setattr(web, "STALL_SECONDS", 0.1)
    sources.plain["list.json"] = b"[" + b" " * 300_000 + b"]"
    sources.faults.drip_after, sources.faults.drips = 0, 99
    with pytest.raises(SourceUnreachable, match="next to nothing came for 0 s"):
        module.get_json(f"{sources.cdn_url}/plain/list.json", {}, list[int])
    sources.faults.drips = 0
    assert module.get_json(f"{sources.cdn_url}/plain/list.json", {}, list[int]) == []


def test_a_busy_server_is_asked_again_when_it_says(sources: Sources, tmp_path: Path) -> None:
    sources.faults.busy = [(429, {"Retry-After": "0"}), (503, {})]
    seen = Seen()
    assert fetch(wanted(sources), tmp_path / "f", seen) == SHA256
    assert "it is busy (429)" in seen.why[0]
    sources.faults.busy = [(429, {"Retry-After": "7200"})]
    with pytest.raises(SourceUnreachable, match="asked again in 120 minutes"):
        fetch(wanted(sources), tmp_path / "g")


def test_what_gives_nothing_is_given_up(sources: Sources, tmp_path: Path) -> None:
    sources.faults.busy = [(503, {"Retry-After": "0"})] * 9
    with pytest.raises(SourceUnreachable, match="busy") as caught:
        fetch(wanted(sources), tmp_path / "f")
    assert caught.value.exit_code == 5
    dead = Wanted("f", "http://127.0.0.1:9/f", "https://example.org", size=1, sha256=SHA256)
    with pytest.raises(SourceUnreachable, match="refused"):
        fetch(dead, tmp_path / "g")


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ({"wrong_byte": True}, PackCorrupt, "another content than published"),
        ({"short": True}, SourceRefused, "offers 299999 bytes, not 300000"),
        ({"refuse": 404}, SourceRefused, "it is not there any more"),
        ({"refuse": 403}, SourceRefused, "may not be fetched by everyone"),
        ({"refuse": 401}, SourceRefused, "it asks who you are"),
    ],
)
def test_each_refusal_has_its_sentence(
    sources: Sources, tmp_path: Path, fault: dict[str, object], error: type[PackCorrupt], says: str
) -> None:
    for name, value in fault.items():
        setattr(sources.faults, name, value)
    with pytest.raises(error, match=says) as caught:
        fetch(wanted(sources), tmp_path / "f")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "f").exists()
    if error is SourceRefused:
        assert "https://example.org/weights in a browser" in caught.value.next_step
        assert "packs add" in caught.value.next_step
    else:
        assert not part_of(tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("kind", "page", "says", "step"),
    [
        ("drive", b"Quota exceeded", "too many people", "Open https://example.org/weights"),
        ("drive", b"Virus scan warning", "too large to be scanned for viruses", "Open https://example.org/weights"),
        ("drive", b"You need access", "not shared with everyone any more", "Open https://example.org/weights"),
        ("drive", b"Something new", "it wants to be asked in a browser", "Open https://example.org/weights"),
        ("hub", b"Log in: your quota", "something answers in the hub's place", "HF_ENDPOINT"),
        ("address", b"Quota of visitors", "there is a page at that address", "Open https://example.org/weights"),
    ],
)
def test_a_web_page_means_something_else_from_each(
    sources: Sources, tmp_path: Path, kind: str, page: bytes, says: str, step: str
) -> None:
    sources.faults.page = page
    with pytest.raises(SourceRefused, match="a web page instead of") as caught:
        fetch(wanted(sources, kind=kind), tmp_path / "f")
    assert says in str(caught.value)
    assert step in caught.value.next_step
    assert "packs add" in caught.value.next_step


def test_a_page_that_calls_itself_a_file(sources: Sources, tmp_path: Path) -> None:
    sources.plain["weights.bin"] = b"  <!doctype HTML><html>too many users</html>"
    with pytest.raises(SourceRefused, match="web page"):
        fetch(wanted(sources, size=None, sha256=None, at_most=10**6), tmp_path / "f")
    sources.plain["weights.bin"] = bytes(2_000_000)
    with pytest.raises(SourceRefused, match="offers 2000000 bytes, not at most 1000000"):
        fetch(wanted(sources, size=None, sha256=None, at_most=10**6), tmp_path / "f")


def test_a_file_that_is_there_with_another_content_is_replaced(sources: Sources, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(len(CONTENT)))
    assert fetch(wanted(sources), tmp_path / "f") == SHA256
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_git_knows_small_files_by_another_hash(sources: Sources, tmp_path: Path) -> None:
    sha1 = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    assert fetch(wanted(sources, sha256=None, git_sha1=sha1), tmp_path / "f") == SHA256
    with pytest.raises(PackCorrupt):
        fetch(wanted(sources, sha256=None, git_sha1="0" * 40), tmp_path / "g")


def test_two_at_once_fetch_it_once(sources: Sources, tmp_path: Path) -> None:
    sources.faults.rate = 2e6
    seen = [Seen(), Seen()]

    def one(watcher: Seen) -> None:
        with locked(tmp_path / "locks" / "f.lock", watcher, "weights.bin"):
            fetch(wanted(sources), tmp_path / "f", watcher)

    threads = [threading.Thread(target=one, args=(watcher,)) for watcher in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sources.served == len(CONTENT)
    assert sum("another program is fetching" in why for watcher in seen for why in watcher.why) == 1


def test_a_full_disk_keeps_the_part(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, room = Part.append, 100_000

    def append(self: Part, data: bytes) -> None:
        if self.length + len(data) > room:
            raise OSError(28, os.strerror(28))
        write(self, data)

    monkeypatch.setattr(Part, "append", append)
    monkeypatch.setattr(module, "CHUNK", 2**14)
    with pytest.raises(NotWritten, match="No space left"):
        fetch(wanted(sources), tmp_path / "f")
    assert part_of(tmp_path / "f").stat().st_size > 0


def test_a_token_stays_with_its_host(sources: Sources, tmp_path: Path) -> None:
    sources.files["a/b", "large.bin"] = CONTENT
    url = f"{sources.hub_url}/a/b/resolve/main/large.bin"
    asked = Wanted("large.bin", url, url, {"Authorization": "Bearer hf_secret"}, len(CONTENT), None, SHA256)
    fetch(asked, tmp_path / "f")
    assert [host for host, _ in sources.tokens] == [sources.hub_url.removeprefix("http://")]
    assert any(line.startswith("GET /cdn/") for line in sources.asked)


ODD = {
    "a loop": (b"302 Found", b"Location: /f", SourceRefused),
    "a file of this disk": (b"302 Found", b"Location: file:///etc/passwd", SourceRefused),
    "another protocol": (b"302 Found", b"Location: ftp://127.0.0.1/f", SourceUnreachable),
    "half an address": (b"302 Found", b"Location: http://[::1/f", SourceUnreachable),
    "a host that none has": (b"302 Found", b"Location: http://" + b"a" * 80 + b".org/f", SourceUnreachable),
    "a port that none has": (b"302 Found", b"Location: http://127.0.0.1:x/f", SourceUnreachable),
    "nowhere": (b"302 Found", b"X: y", SourceRefused),
    "a length in other digits": (b"200 OK", b"Content-Length: \xb2", PackCorrupt),
    "a length without end": (b"200 OK", b"Content-Length: " + b"9" * 5000, PackCorrupt),
    "a span in other digits": (b"206 Partial", b"Content-Range: bytes \xb2-\xb3/\xb2", SourceUnreachable),
    "a span that nobody asked for": (b"206 Partial", b"Content-Range: bytes 7-10/4", SourceUnreachable),
    "no span": (b"206 Partial", b"Content-Length: 4", SourceUnreachable),
    "a wait in other digits": (b"503 Busy", b"Retry-After: \xb2", SourceUnreachable),
    "a damaged chunk": (b"200 OK", b"Transfer-Encoding: chunked\r\n\r\nZZ", SourceUnreachable),
    "more headers than any": (b"200 OK", b"\r\n".join(b"X-%d: y" % i for i in range(500)), SourceUnreachable),
}


@pytest.mark.usefixtures("sources")  # for their short pauses
@pytest.mark.parametrize("what", ODD)
def test_odd_answers_are_an_error_of_the_source(what: str, tmp_path: Path) -> None:
    status, header, error = ODD[what]
    with _answering(b"HTTP/1.1 %s\r\n%s\r\n\r\nabcd" % (status, header)) as url:
        odd = Wanted("f", url, "https://example.org", size=4, sha256="0" * 64)
        with pytest.raises(error):
            fetch(odd, tmp_path / "f")
    assert not (tmp_path / "f").exists()


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """A server that says the same to everyone."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(2**16)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/f"
        server.shutdown()


def test_a_proxy_is_used(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake CDN stands in: it is asked for the whole address."""
    monkeypatch.setenv("http_proxy", sources.cdn_url)
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    sources.faults.refuse = 404
    asked = Wanted("f", "http://models.example/plain/f", "", size=1, sha256=SHA256)
    with pytest.raises(SourceRefused):
        fetch(asked, tmp_path / "f")
    assert sources.asked[0].startswith("GET")


def test_offline_opens_no_socket(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse(_: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(SourceUnreachable, match="no network"):
        _once(wanted(sources), tmp_path / "f")
    assert tried
    tried.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceUnreachable, match="HF_HUB_OFFLINE") as caught:
        fetch(wanted(sources), tmp_path / "f")
    assert "import" in caught.value.next_step
    assert tried == sources.asked == []
