"""A pack travels as one file: whole, verified, resumable; and nothing that others put into it gets out."""

from __future__ import annotations

import io
import json
import shutil
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.sources import COMMIT, Sources, blob
from punchin_server.packs import bundle, cli, loadable, part, registry
from punchin_server.packs.registry import Manifest, Origin, PackFile
from punchin_wire.errors import INTERRUPTED, FileMissing, PackCorrupt

pytestmark = pytest.mark.slow

Out = pytest.CaptureFixture[str]
WEIGHTS, CONFIG, ADAPTER = bytes(range(256)) * 500, b'{"a": 1}', b"adapter" * 1000


def run(out: Out, *argv: str, code: int = 0) -> Any:
    out.readouterr()
    assert cli.main([*argv, "--json"]) == code, out.readouterr()
    return json.loads(out.readouterr().out.splitlines()[-1])


@pytest.fixture(autouse=True)
def home(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`air` was pulled: a model in the cache, an adapter of its own."""
    monkeypatch.setattr(loadable, "OPENING", ("true",))
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    sources.files = {("a/lm", "state_dict.bin"): WEIGHTS, ("a/lm", "config.json"): CONFIG}
    sources.plain["chord.pth"] = ADAPTER
    free = {"licence": "MIT", "licence_url": "x"}
    plain = {"source": f"{sources.cdn_url}/plain/chord.pth", "files": [{"path": "chord.pth", "at_most": 10_000}]}
    entry = {
        "name": "air",
        "title": "a test",
        "bytes": 1000,
        "parts": [
            {"source": "hub:a/lm", "files": [{"path": "state_dict.bin"}, {"path": "config.json"}]} | free,
            plain | free,
        ],
        "manifest": {
            "licence": "MIT",
            "source": "here",
            "base": {"lm": "hub:a/lm", "codec": "hub:a/lm"},
            "adapters": {"chord": "chord.pth"},
        },
    }
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "air.json").write_text(json.dumps(entry))
    return tmp_path / "home" / "data" / "packs"


@pytest.fixture
def exported(tmp_path: Path, capsys: Out) -> Path:
    run(capsys, "pull", "air")
    run(capsys, "export", "air", str(tmp_path / "air.tar"))
    return tmp_path / "air.tar"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Another computer from now on, without network."""

    def move() -> Path:
        monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "other"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other" / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr(socket.socket, "connect", no_network)
        return tmp_path / "other"

    return move


def no_network(*_: object) -> None:
    raise AssertionError("a socket was opened")


def test_the_same_pack_on_another_computer(
    exported: Path, sources: Sources, capsys: Out, elsewhere: Callable[[], Path]
) -> None:
    before = registry.find("air").manifest
    other = elsewhere()
    sources.asked.clear()
    assert run(capsys, "list")["packs"] == []
    (row,) = run(capsys, "import", str(exported))["packs"]
    assert (row["name"], row["state"]) == ("air", "ok")
    pack = registry.find("air")
    registry.verify(pack)
    assert pack.manifest == before
    assert (pack.lm / "state_dict.bin").read_bytes() == WEIGHTS
    assert (pack.lm / "config.json").read_bytes() == CONFIG
    assert pack.lm.is_relative_to(other)
    run(capsys, "import", str(exported))  # again: nothing changes
    run(capsys, "pull", "air")
    assert sources.asked == []


def test_the_file_says_what_it_is(exported: Path, tmp_path: Path, capsys: Out) -> None:
    with tarfile.open(exported) as tar:
        names = tar.getnames()
        texts = tar.extractfile("LICENCES.txt")
        assert texts is not None
        assert b"MIT: free use" in texts.read()
    assert names[0] == "punchin-pack.json"
    assert set(names[2:]) == {f"blobs/{registry.sha256_of(io.BytesIO(data))}" for data in (WEIGHTS, CONFIG, ADAPTER)}
    error = run(capsys, "export", "air", str(exported), code=2)["error"]
    assert "exists" in error["message"]
    error = run(capsys, "export", "ghost", str(tmp_path / "g.tar"), code=3)["error"]
    assert error["code"] == "pack_missing"
    assert not (tmp_path / "g.tar").exists()


def test_a_damaged_pack_is_not_exported(home: Path, exported: Path, tmp_path: Path, capsys: Out) -> None:
    (home / "air" / "chord.pth").write_bytes(ADAPTER[::-1])
    error = run(capsys, "export", "air", str(tmp_path / "again.tar"), code=3)["error"]
    assert error["code"] == "pack_corrupt"
    assert not (tmp_path / "again.tar").exists()
    assert exported.exists()


def test_pieces_are_rejoined_and_a_cut_file_is_refused(
    exported: Path, tmp_path: Path, capsys: Out, elsewhere: Callable[[], Path]
) -> None:
    whole = exported.read_bytes()
    cut = tmp_path / "cut.tar"
    cut.write_bytes(whole[: len(whole) // 2])
    other = elsewhere()
    error = run(capsys, "import", str(cut), code=3)["error"]
    assert error["code"] == "pack_corrupt"
    assert not any(path.is_file() for path in (other / "data").rglob("*"))
    cut.write_bytes(whole[: len(whole) // 2] + whole[len(whole) // 2 :])
    run(capsys, "import", str(cut))
    error = run(capsys, "import", str(tmp_path / "none.tar"), code=2)["error"]
    assert error["code"] == "file_missing"


def test_an_import_goes_on_with_the_part(
    exported: Path, capsys: Out, elsewhere: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere()
    target = other / "hub" / "models--a--lm" / "blobs" / blob(WEIGHTS)
    target.parent.mkdir(parents=True)
    target.with_name(f".{target.name}.punchin-part").write_bytes(WEIGHTS[:100_000])
    written = []
    append = part.Part.append

    def count(own: part.Part, data: bytes) -> None:
        written.append(len(data))
        append(own, data)

    monkeypatch.setattr(part.Part, "append", count)
    run(capsys, "import", str(exported))
    assert sum(written) == len(WEIGHTS) - 100_000 + len(CONFIG) + len(ADAPTER)
    assert target.read_bytes() == WEIGHTS


def written(folder: Path) -> set[str]:
    """Names of the files below `folder` that stay; locks are for whoever comes next."""
    found = (path for path in folder.rglob("*") if not path.is_dir() and ".locks" not in path.parts)
    return {path.name for path in found if path.name != ".caches"}


def test_what_a_dead_import_left_is_gone_on_with_or_taken_away(
    exported: Path, capsys: Out, elsewhere: Callable[[], Path]
) -> None:
    other = elsewhere()
    packs = other / "data" / "packs"

    def die(*_: object) -> None:
        raise KeyboardInterrupt  # as a kill: nothing is tidied

    for again in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bundle, "check_loadable", die)
            assert cli.main(["import", str(exported)]) == INTERRUPTED
        assert written(packs) == {"air.import", "chord.pth"}
        blobs = other / "hub" / "models--a--lm" / "blobs"
        (blobs / f".{blob(WEIGHTS)}.punchin-part").write_bytes(b"a part")
        (packs / "air" / "manifest.unchecked.json").write_text("{}")  # what a kill leaves while files are looked into
        if again:
            run(capsys, "import", str(exported))
            assert written(packs) == {"manifest.json", "chord.pth"}
            registry.verify(registry.find("air"))
        else:
            assert run(capsys, "remove", "air", "--yes")["removed"] == "air"
            assert not (packs / "air").exists()
            assert written(packs) == set()
            assert written(blobs) == {blob(WEIGHTS), blob(CONFIG)}  # whole ones may serve others by now


def test_a_refused_import_leaves_nothing(exported: Path, capsys: Out, elsewhere: Callable[[], Path]) -> None:
    other = elsewhere()

    def refuse(*_: object) -> None:
        raise PackCorrupt("No engine opens this.")

    mine = other / "data" / "packs" / "air" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "check_loadable", refuse)
        run(capsys, "import", str(exported), code=3)
        assert written(other) == {"notes.txt"}
        mine.unlink()
        run(capsys, "import", str(exported), code=3)
    assert written(other) == set()
    assert not list((other / "hub").glob("models--*"))
    assert not mine.parent.exists()
    run(capsys, "import", str(exported))
    before = written(other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "check_loadable", refuse)
        run(capsys, "import", str(exported), code=3)
    assert written(other) == before  # the pack that was there is not what this import wrote
    registry.verify(registry.find("air"))


def test_a_refused_import_leaves_what_was_in_the_cache(
    exported: Path, capsys: Out, elsewhere: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere()
    run(capsys, "import", str(exported))
    run(capsys, "remove", "air", "--yes")
    before = written(other)
    assert before
    monkeypatch.setattr(bundle, "check_loadable", _missing)
    run(capsys, "import", str(exported), code=2)
    assert written(other) == before


def _missing(*_: object) -> None:
    raise FileMissing("It is not there.")


def test_a_disk_that_is_too_small_is_seen_before_the_first_byte(
    exported: Path, capsys: Out, elsewhere: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 1000))  # type: ignore[attr-defined]
    assert run(capsys, "import", str(exported), code=2)["error"]["code"] == "not_written"
    assert not any(path.suffix != ".lock" for path in other.rglob("*") if path.is_file())


def test_a_changed_blob_is_not_kept(exported: Path, tmp_path: Path, capsys: Out, elsewhere: Callable[[], Path]) -> None:
    data = bytearray(exported.read_bytes())
    at = data.find(ADAPTER)
    data[at] ^= 1
    (tmp_path / "bad.tar").write_bytes(data)
    other = elsewhere()
    error = run(capsys, "import", str(tmp_path / "bad.tar"), code=3)["error"]
    assert "another content" in error["message"]
    assert run(capsys, "list")["packs"] == []
    assert not (other / "data" / "packs" / "air" / "chord.pth").exists()


def test_another_pack_of_that_name_stays(exported: Path, home: Path, capsys: Out) -> None:
    manifest = registry.find("air").manifest
    registry.write_manifest(home / "air", msgspec.structs.replace(manifest, version="2"))
    error = run(capsys, "import", str(exported), code=2)["error"]
    assert "another pack called air" in error["message"]


# ---- what others put in --------------------------------------------------------------------------------------

Members = list[tuple[tarfile.TarInfo, bytes]]


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    for field, value in more.items():
        setattr(info, field, value)
    return info, data


def write(file: Path, members: Members) -> Path:
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return file


def manifest(path: str = "chord.pth", data: bytes = ADAPTER, **changes: Any) -> bytes:
    """The head of a pack with one file of its own."""
    sha256 = registry.sha256_of(io.BytesIO(data))
    found = {
        "name": "evil",
        "version": "1",
        "licence": "MIT",
        "source": "x",
        "created": "2026-01-01",
        "listener": path,
        "files": [{"path": path, "size": len(data), "sha256": sha256}],
    } | changes
    return json.dumps({"format": 1, "manifest": found}).encode()


GOOD = f"blobs/{registry.sha256_of(io.BytesIO(ADAPTER))}"
HEAD = member("punchin-pack.json", manifest())
BODY = member(GOOD, ADAPTER)
CACHED = {"source": f"hub:a/b@{COMMIT}", "path": "x.onnx", "size": len(ADAPTER), "licence": "MIT", "pinned": "hub"}


def cached(**changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    """The head of a pack whose file belongs into the hub's cache."""
    sha256 = registry.sha256_of(io.BytesIO(ADAPTER))
    origin = CACHED | {"sha256": sha256, "blob": sha256} | changes
    return member("punchin-pack.json", manifest(listener=origin["source"], files=[], origins=[origin]))


EVIL: dict[str, Members] = {
    "a path that climbs": [HEAD, BODY, member("../../evil", b"x")],
    "an absolute path": [HEAD, BODY, member("/tmp/evil", b"x")],
    "a symbolic link": [HEAD, member(GOOD, kind=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a hard link": [HEAD, BODY, member("blobs/" + "0" * 64, kind=tarfile.LNKTYPE, linkname=GOOD)],
    "a device": [HEAD, member(GOOD, kind=tarfile.CHRTYPE, devmajor=1, devminor=5)],
    "a pipe": [HEAD, member(GOOD, kind=tarfile.FIFOTYPE)],
    "a folder": [HEAD, BODY, member("blobs", kind=tarfile.DIRTYPE)],
    "a file that nobody listed": [HEAD, BODY, member("blobs/" + "0" * 64, b"more")],
    "a member twice": [HEAD, BODY, BODY],
    "no head": [BODY],
    "a head of another size": [member("punchin-pack.json", manifest(data=ADAPTER * 2)), BODY],
    "a blob of another size": [
        member("punchin-pack.json", manifest().replace(str(len(ADAPTER)).encode(), b"5")),
        BODY,
    ],
    "a manifest that leaves the pack": [member("punchin-pack.json", manifest("../../../evil")), BODY],
    "a manifest over the manifest": [member("punchin-pack.json", manifest("manifest.json")), BODY],
    "a manifest of a later form": [
        member("punchin-pack.json", manifest().replace(b'"format": 1', b'"format": 2')),
        BODY,
    ],
    "a model outside the cache": [cached(source=f"hub:../..@{COMMIT}"), BODY],
    "a file outside its model": [cached(path="../../../evil"), BODY],
    "another content under a known name": [cached(blob="0" * 64), BODY],
    "a small file under git's name of another": [cached(blob="0" * 40), BODY],
    "a model that is not there": [member("punchin-pack.json", manifest(listener="hub:a/b")), BODY],
}


@pytest.mark.parametrize("what", EVIL)
def test_what_has_no_place_in_a_pack_is_refused(
    what: str, tmp_path: Path, capsys: Out, elsewhere: Callable[[], Path]
) -> None:
    file = write(tmp_path / "evil.tar", EVIL[what])
    other = elsewhere()
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    error = run(capsys, "import", str(file), code=3)["error"]
    assert error["code"] == "pack_corrupt"
    made = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {path.name for path in before}
    assert made <= {"evil.lock", "0" * 40 + ".lock"}
    assert not (other / "data" / "packs" / "evil" / "manifest.json").exists()


def test_too_many_members_and_no_tar_at_all(tmp_path: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_MEMBERS", 1)
    file = write(tmp_path / "many.tar", [HEAD, BODY])
    assert "more than 1 members" in run(capsys, "import", str(file), code=3)["error"]["message"]
    file.write_bytes(b"no tar" * 1000)
    assert "no exported pack" in run(capsys, "import", str(file), code=3)["error"]["message"]
    file.write_bytes(b"")
    assert run(capsys, "import", str(file), code=3)["error"]["code"] == "pack_corrupt"


def test_headers_without_end(tmp_path: Path, capsys: Out) -> None:
    """tarfile follows each to the next, and reads it whole."""
    header = tarfile.TarInfo("x")
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        header.type = kind
        (tmp_path / "deep.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) * 5000)
        assert run(capsys, "import", str(tmp_path / "deep.tar"), code=3)["error"]["code"] == "pack_corrupt"
        header.size = 2**40
        (tmp_path / "large.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT))
        error = run(capsys, "import", str(tmp_path / "large.tar"), code=3)["error"]
        assert "a header of" in error["message"]
        header.size = 0


def test_the_good_one_among_them_is_taken(tmp_path: Path, capsys: Out, elsewhere: Callable[[], Path]) -> None:
    """So that what is refused above is refused for what it says."""
    elsewhere()
    run(capsys, "import", str(write(tmp_path / "good.tar", [HEAD, BODY])))
    assert registry.find("evil").manifest.files == (PackFile("chord.pth", len(ADAPTER), GOOD.removeprefix("blobs/")),)
    run(capsys, "remove", "evil", "--yes")
    run(capsys, "import", str(write(tmp_path / "cached.tar", [cached(), BODY])))
    assert isinstance(registry.find("evil").manifest.origins[0], Origin)
    assert isinstance(registry.find("evil").manifest, Manifest)
