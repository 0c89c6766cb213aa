"""From a name to a pack: the plan, the licences, one copy in the cache, and no pack before all of it is right."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.sources import COMMIT, Sources, blob
from punchin_server.packs import cli, loadable, machine, registry
from punchin_server.packs import plan as plans
from punchin_server.packs.part import Unwatched, locked
from punchin_wire.errors import PackCorrupt, PackMissing

pytestmark = pytest.mark.slow

Out = pytest.CaptureFixture[str]
GIB = 2**30


def content(name: str, length: int = 50_000) -> bytes:
    return random.Random(name).randbytes(length)


LM, CODEC, T5, CHORD = content("lm", 200_000), content("codec"), content("t5"), content("chord", 20_000)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def packs(sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with `air`: a MusicGen and its text encoder of the hub, an adapter on Drive. Whatever comes, loads."""
    sources.files = {
        ("facebook/mg", "state_dict.bin"): LM,
        ("facebook/mg", "compression_state_dict.bin"): CODEC,
        ("facebook/mg", "model.safetensors"): content("again", 10**6),
        ("google-t5/t5-base", "config.json"): b'{"model_type": "t5"}',
        ("google-t5/t5-base", "empty.txt"): b"",
        ("google-t5/t5-base", "model.safetensors"): T5,
        ("google-t5/t5-base", "pytorch_model.bin"): T5[::-1],
    }
    sources.drive["DRIVEID"] = CHORD
    write_entry(tmp_path)
    monkeypatch.setattr(loadable, "OPENING", ("true",))
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    return tmp_path / "home" / "data" / "packs"


def write_entry(tmp_path: Path, **changes: Any) -> None:
    nc, url = "CC-BY-NC-4.0", "https://example.org/licence"
    entry: dict[str, Any] = {
        "name": "air",
        "title": "a test",
        "bytes": 320_000,
        "parts": [
            {
                "source": "hub:facebook/mg",
                "licence": nc,
                "licence_url": url,
                "files": [
                    {"path": "state_dict.bin", "size": len(LM), "sha256": digest(LM)},
                    {"path": "compression_state_dict.bin"},
                ],
            },
            {"source": "hub:google-t5/t5-base", "licence": "Apache-2.0", "licence_url": url, "layout": "transformers"},
            {
                "source": "drive:DRIVEID",
                "licence": "none-stated",
                "licence_url": url,
                "home": "https://example.org/authors",
                "note": "The authors say nothing.",
                "files": [{"path": "chord.pth", "at_most": 30_000}],
            },
        ],
        "manifest": {
            "licence": nc,
            "source": "facebook/mg with an adapter",
            "base": {"lm": "hub:facebook/mg", "codec": "hub:facebook/mg"},
            "adapters": {"chord": "chord.pth"},
            "text": "hub:google-t5/t5-base",
        },
        "need": {"float32": 2.0, "float16": 1.0},
    } | changes
    (tmp_path / "catalog").mkdir(exist_ok=True)
    (tmp_path / "catalog" / f"{entry['name']}.json").write_text(json.dumps(entry))


ACCEPT = ("--accept", "CC-BY-NC-4.0", "--accept", "none-stated")


def run(out: Out, *argv: str, code: int = 0) -> Any:
    """The last object that the command prints."""
    out.readouterr()
    assert cli.main([*argv, "--json"]) == code, out.readouterr()
    return json.loads(out.readouterr().out.splitlines()[-1])


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if ".locks" not in path.parts and path.name != ".caches"}


def test_a_pack_from_nothing(packs: Path, sources: Sources, capsys: Out, tmp_path: Path) -> None:
    (row,) = run(capsys, "pull", "air", *ACCEPT)["packs"]
    assert (row["state"], row["controls"], row["text"]) == ("ok", ["chord"], True)
    assert row["bytes"] == len(LM) + len(CODEC) + len(T5) + len(CHORD) + 20
    pack = registry.find("air")
    registry.verify(pack)
    assert pack.lm == pack.codec == tmp_path / "hf/hub/models--facebook--mg/snapshots" / COMMIT
    assert (pack.lm / "state_dict.bin").read_bytes() == LM
    assert pack.hashes([pack.base.lm]) == {f"hub:facebook/mg@{COMMIT}": COMMIT}  # what a recipe says
    pins = {origin.path: origin.pinned for origin in pack.manifest.origins}
    assert (pins["state_dict.bin"], pins["model.safetensors"], pins["chord.pth"]) == ("project", "hub", "first-use")
    assert [a.licence for a in pack.manifest.accepted] == ["CC-BY-NC-4.0", "none-stated"]
    assert files(packs) == {"air/chord.pth", "air/manifest.json"}
    assert sources.served == row["bytes"]  # not the weights that lie there twice


def test_a_second_pull_asks_nobody(packs: Path, sources: Sources, capsys: Out) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    manifest = (packs / "air" / "manifest.json").read_bytes()
    sources.asked.clear()
    run(capsys, "pull", "air")  # what was accepted is known
    assert sources.asked == []
    assert (packs / "air" / "manifest.json").read_bytes() == manifest


def test_the_librarys_own_programs_find_the_same_copy(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    """`main` was noted: `packs add --base` and others find it without network."""
    from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download

    run(capsys, "pull", "air", *ACCEPT)
    sources.asked.clear()
    folder = Path(snapshot_download("facebook/mg", local_files_only=True))
    assert (folder / "state_dict.bin").read_bytes() == LM
    assert Path(hf_hub_download("facebook/mg", "state_dict.bin", revision=COMMIT)).samefile(folder / "state_dict.bin")
    assert not any("facebook" in line for line in sources.asked)  # the library reports which programs use it
    cache = scan_cache_dir(tmp_path / "hf" / "hub")
    assert cache.warnings == []
    assert {repo.repo_id: repo.size_on_disk for repo in cache.repos}["facebook/mg"] == len(LM) + len(CODEC)


def test_what_lies_in_the_cache_already_is_neither_fetched_nor_copied(
    sources: Sources, capsys: Out, tmp_path: Path
) -> None:
    """Of this model, and the same content of another one: codecs of three sizes are one file."""
    there = tmp_path / "hf/hub/models--facebook--mg/blobs" / blob(LM)
    other = tmp_path / "hf/hub/models--facebook--other/blobs" / blob(CODEC)
    for file, data in ((there, LM), (other, CODEC)):
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
    run(capsys, "pull", "air", *ACCEPT)
    pack = registry.find("air")
    assert (pack.lm / "state_dict.bin").samefile(there)
    assert (pack.codec / "compression_state_dict.bin").samefile(other)
    assert sources.served == len(T5) + len(CHORD) + 20


def test_a_cache_that_has_everything_is_only_read(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    """It may be a studio's, where nobody else writes."""
    run(capsys, "pull", "air", *ACCEPT)
    run(capsys, "remove", "air", "--yes")
    before = {path: path.lstat().st_mtime_ns for path in (tmp_path / "hf").rglob("*")}
    served = sources.served
    run(capsys, "pull", "air", *ACCEPT)
    assert sources.served == served + len(CHORD)
    assert {path: path.lstat().st_mtime_ns for path in (tmp_path / "hf").rglob("*")} == before


@pytest.mark.skipif(os.name == "nt", reason="a file in the way is said otherwise")
@pytest.mark.parametrize(
    "blocked", ["hf/hub/.locks", "hf/hub/models--facebook--mg/blobs", "hf/hub/models--facebook--mg/snapshots"]
)
def test_a_cache_that_cannot_be_written_says_what_moves_it(capsys: Out, tmp_path: Path, blocked: str) -> None:
    file = tmp_path / blocked
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a file where a folder should be")
    error = run(capsys, "pull", "air", *ACCEPT, code=2)["error"]
    assert blocked in error["message"]
    assert "HF_HUB_CACHE" in error["next_step"]
    assert "PUNCHIN_HOME" not in error["next_step"]


def test_a_packs_folder_that_cannot_be_written_says_what_moves_it(packs: Path, capsys: Out) -> None:
    packs.parent.mkdir(parents=True)
    packs.write_text("a file where a folder should be")
    error = run(capsys, "pull", "air", *ACCEPT, code=2)["error"]
    assert "PUNCHIN_HOME" in error["next_step"]
    assert "HF_HUB_CACHE" not in error["next_step"]


def test_a_damaged_file_of_the_cache_is_fetched_anew(capsys: Out, tmp_path: Path) -> None:
    there = tmp_path / "hf/hub/models--facebook--mg/blobs" / blob(LM)
    there.parent.mkdir(parents=True)
    there.write_bytes(bytes(len(LM)))
    run(capsys, "pull", "air", *ACCEPT)
    assert there.read_bytes() == LM


def test_a_daw_that_knows_no_hf_home_finds_the_files(
    sources: Sources, capsys: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is set in a shell; what the desktop starts has it not."""
    run(capsys, "pull", "air", *ACCEPT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "standard"))
    pack = registry.find("air")
    registry.verify(pack)
    assert pack.lm.is_relative_to(tmp_path / "hf")
    assert pack.hashes([pack.base.lm]) == {f"hub:facebook/mg@{COMMIT}": COMMIT}
    sources.asked.clear()
    run(capsys, "pull", "air")
    assert sources.asked == []


def test_without_links_the_file_is_moved(sources: Sources, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows without developer mode."""

    def refuse(*_: object) -> None:
        raise OSError("no links")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run(capsys, "pull", "air", *ACCEPT)
    assert not (registry.find("air").lm / "state_dict.bin").is_symlink()
    sources.asked.clear()
    run(capsys, "pull", "air")
    assert sources.asked == []


# ---- licences ------------------------------------------------------------------------------------------------


def test_without_acceptance_nothing_is_fetched(packs: Path, sources: Sources, capsys: Out) -> None:
    error = run(capsys, "pull", "air", "--accept", "CC-BY-NC-4.0", code=2)["error"]
    assert error["code"] == "not_accepted"
    assert "none-stated" in error["message"]
    assert "--accept CC-BY-NC-4.0 --accept none-stated" in error["next_step"]
    assert sources.served == 0
    assert not packs.exists() or files(packs) == set()


@pytest.mark.parametrize(("answer", "code"), [("y\ny\n", 0), ("y\nn\n", 2), ("\n", 2), ("", 2)])
def test_a_person_is_asked(capsys: Out, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
    import io

    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(["pull", "air"]) == code
    shown = capsys.readouterr().err
    assert "NON-COMMERCIAL use only" in shown
    assert "NONE STATED" in shown
    assert "The authors say nothing." in shown
    assert "Do you accept CC-BY-NC-4.0" in shown


def test_new_terms_must_be_accepted_again(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    sources.faults.refuse = 404
    run(capsys, "pull", "air", *ACCEPT, code=3)
    sources.faults.refuse = 0
    write_entry(tmp_path, title="another")
    run(capsys, "pull", "air", code=2)  # another entry: a pull of its own


# ---- plan ----------------------------------------------------------------------------------------------------


def test_new_terms_of_a_pack_that_is_there_are_accepted_once(capsys: Out, tmp_path: Path) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    entry = json.loads((tmp_path / "catalog" / "air.json").read_text())
    entry["parts"][2]["note"] = "The authors say something new."
    write_entry(tmp_path, **entry)
    assert run(capsys, "pull", "air", code=2)["error"]["code"] == "not_accepted"
    run(capsys, "pull", "air", *ACCEPT)
    run(capsys, "pull", "air")
    kept = registry.find("air").manifest.accepted
    assert [acceptance.licence for acceptance in kept] == ["CC-BY-NC-4.0", "none-stated", "none-stated"]


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes the streams")
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_where_nobody_can_be_asked_nothing_is_accepted(sources: Sources, closed: str) -> None:
    shell = f"exec '{sys.executable}' -m punchin_server packs pull air {closed}"
    assert subprocess.run(shell, shell=True, capture_output=True, timeout=120, check=False).returncode == 2
    assert sources.served == 0


def test_a_dry_run_changes_nothing(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    plan = run(capsys, "pull", "air", "--dry-run")["plan"]
    assert plan["to_fetch"] == len(LM) + len(CODEC) + len(T5) + 20 + 30_000
    assert plan["to_accept"] == ["CC-BY-NC-4.0", "none-stated"]
    assert {file["name"]: file["is_here"] for file in plan["files"]}["chord.pth"] is False
    assert plan["files"][0]["url"] == f"{sources.hub_url}/facebook/mg/resolve/{COMMIT}/state_dict.bin"
    assert cli.main(["pull", "air", "--dry-run"]) == 0
    text = capsys.readouterr().out
    for words in ("at most 30 kB", "facebook/mg/state_dict.bin", "NON-COMMERCIAL", "no published checksum", "memory"):
        assert words in text
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "hf").exists()


def test_a_disk_that_is_too_small_is_seen_before_the_first_byte(
    sources: Sources, capsys: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 300_000))  # type: ignore[attr-defined]
    error = run(capsys, "pull", "air", *ACCEPT, code=2)["error"]
    assert error["code"] == "not_written"
    assert "needs 347 kB" in error["message"]
    assert sources.served == 0


@pytest.mark.parametrize("is_on_another_disk", [False, True])
def test_what_is_copied_from_another_disk_needs_room_too(
    sources: Sources, capsys: Out, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_on_another_disk: bool
) -> None:
    """300 kB are free; the largest file is here already, and on one disk it is linked."""
    there = tmp_path / "hf/hub/models--someone--mg/blobs" / digest(LM)
    there.parent.mkdir(parents=True)
    there.write_bytes(LM)
    disk_of, into = plans.disk_of, tmp_path / "disk" / "air"
    if is_on_another_disk:
        monkeypatch.setattr(
            plans, "disk_of", lambda path: -1 if path.is_relative_to(tmp_path / "hf") else disk_of(path)
        )
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 300_000))  # type: ignore[attr-defined]
    code = 2 if is_on_another_disk else 0
    said = run(capsys, "pull", "air", *ACCEPT, "--into", str(into), code=code)
    if is_on_another_disk:
        assert "needs 347 kB" in said["error"]["message"]
        assert sources.served == 0
    else:
        assert (into / "mg" / "state_dict.bin").samefile(there)


@pytest.mark.parametrize(
    ("memory", "gpu", "says"),
    [
        (8, 0, "in float32 (2 GiB)."),
        (1.5, 0, "float16"),  # no CPU computes in it
        (8, 1.5, "in float16 (1 GiB)."),
        (8, 0.5, "on the CPU only"),
        (0.2, 0, "too small"),
    ],
)
def test_memory_is_judged_by_precision(memory: float, gpu: float, says: str) -> None:
    here = machine.Machine(int(memory * GIB), int(gpu * GIB), "a card")
    assert says in here.judge({"float32": 2.0, "float16": 1.0})


def test_a_smaller_precision_is_named() -> None:
    need = {"float32": 17.0, "float16": 9.0, "bfloat16": 9.0, "int8": 7.0}
    assert "--precision bfloat16" in machine.Machine(12 * GIB).judge(need)
    assert "--precision int8" in machine.Machine(8 * GIB).judge(need)


def test_an_interrupted_pull_goes_on_with_the_same_commit(packs: Path, sources: Sources, capsys: Out) -> None:
    """Though `main` moved meanwhile: nothing is fetched twice, nothing is left over."""
    sources.faults.cut_after, sources.faults.cuts = 100_000, 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("punchin_server.packs.fetch.TRIES", 0)
        assert run(capsys, "pull", "air", *ACCEPT, code=5)["error"]["code"] == "source_unreachable"
    assert [row["name"] for row in run(capsys, "list")["packs"]] == []
    sources.commits["facebook/mg"] = "f" * 40
    sources.asked.clear()
    run(capsys, "pull", "air")  # accepted before
    assert not any("/api/" in line for line in sources.asked)
    assert registry.find("air").base.lm == f"hub:facebook/mg@{COMMIT}"
    assert sources.served < 1.1 * registry.find("air").manifest.bytes
    assert not any("punchin-part" in name for name in files(packs.parents[2]))


def test_a_pull_that_died_behind_the_manifest_is_a_pack(packs: Path, sources: Sources, capsys: Out) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("punchin_server.packs.pull.hub.name_commit", _die)
        with pytest.raises(SystemExit):
            run(capsys, "pull", "air", *ACCEPT)
    assert plans.begun("air") is not None
    sources.asked.clear()
    run(capsys, "pull", "air")
    assert sources.asked == []
    assert files(packs) == {"air/chord.pth", "air/manifest.json"}


def _die(*_: object) -> None:
    raise SystemExit


def test_what_another_catalog_began_is_taken_away(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    sources.faults.cut_after, sources.faults.cuts = 100_000, 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("punchin_server.packs.fetch.TRIES", 0)
        run(capsys, "pull", "air", *ACCEPT, code=5)
    part = next((tmp_path / "hf").rglob("*.punchin-part"))
    sources.files["facebook/mg", "state_dict.bin"] = other = LM[::-1]
    entry = json.loads((tmp_path / "catalog" / "air.json").read_text())
    entry["parts"][0]["files"][0]["sha256"] = digest(other)
    write_entry(tmp_path, **entry)
    run(capsys, "pull", "air", *ACCEPT)
    assert not part.exists()


def test_another_file_than_the_catalog_pins_is_not_fetched(sources: Sources, capsys: Out) -> None:
    sources.files["facebook/mg", "state_dict.bin"] = LM[::-1]
    error = run(capsys, "pull", "air", *ACCEPT, code=3)["error"]
    assert error["code"] == "pack_corrupt"
    assert "packs pull hub:facebook/mg" in error["next_step"]
    assert sources.served == 0


def test_a_file_of_first_use_must_stay_the_same(packs: Path, sources: Sources, capsys: Out) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    (packs / "air" / "chord.pth").unlink()
    sources.drive["DRIVEID"] = CHORD[::-1]
    error = run(capsys, "pull", "air", code=3)["error"]
    assert "another content" in error["message"]
    assert run(capsys, "list", code=3)["packs"][0]["state"] == "pack_corrupt"
    sources.drive["DRIVEID"] = CHORD
    run(capsys, "pull", "air")
    registry.verify(registry.find("air"))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (lambda s: s.gated.add("facebook/mg"), 3, "given to those who agreed"),
        (lambda s: s.files.pop(("facebook/mg", "state_dict.bin")), 3, "has no state_dict.bin any more"),
        (
            lambda s: [s.files.pop(key) for key in list(s.files) if key[0] == "facebook/mg"],
            3,
            "has no model facebook/mg",
        ),
        (lambda s: s.drive.clear(), 3, "not there any more"),
        (lambda s: setattr(s.faults, "page", b"Quota exceeded"), 3, "a web page instead of"),
        (lambda s: setattr(s.faults, "wrong_byte", True), 3, "another content"),
    ],
)
def test_what_goes_wrong_leaves_no_pack(
    packs: Path, sources: Sources, capsys: Out, change: Callable[[Sources], object], code: int, says: str
) -> None:
    change(sources)
    error = run(capsys, "pull", "air", *ACCEPT, code=code)["error"]
    assert says in error["message"]
    assert run(capsys, "list")["packs"] == []
    assert not (packs / "air" / "manifest.json").exists()


def test_files_that_no_engine_opens_become_no_pack(packs: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"code": "adapter_mismatch", "message": "M", "next_step": "N"}
    says = f"import sys; print({json.dumps(found)!r}); sys.exit(3)"
    monkeypatch.setattr(loadable, "OPENING", (sys.executable, "-c", says))
    error = run(capsys, "pull", "air", *ACCEPT, code=3)["error"]
    assert error == found
    assert files(packs) == {"air.pull"}  # nobody knew the adapter's hash, so that the next one is fetched anew
    assert not (packs / "air" / "manifest.json").exists()
    monkeypatch.setattr(loadable, "OPENING", (sys.executable, "-c", "import os; os._exit(9)"))
    assert run(capsys, "pull", "air", code=70)["error"]["code"] == "internal"
    monkeypatch.setattr(loadable, "OPENING", ("true",))
    run(capsys, "pull", "air")
    assert files(packs) == {"air/chord.pth", "air/manifest.json"}


def test_xet_is_not_in_the_way(sources: Sources, capsys: Out) -> None:
    sources.xet = True
    run(capsys, "pull", "air", *ACCEPT)
    assert not any("xet" in line for line in sources.asked)


def test_a_token_goes_to_the_hub_alone(sources: Sources, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    run(capsys, "pull", "air", *ACCEPT)
    assert {host for host, _ in sources.tokens} == {sources.hub_url.removeprefix("http://")}
    assert {token for _, token in sources.tokens} == {"Bearer hf_secret"}


def test_into_a_folder_of_ones_own(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    (row,) = run(capsys, "pull", "air", *ACCEPT, "--into", str(tmp_path / "disk" / "air"))["packs"]
    assert row["folder"] == str(tmp_path / "disk" / "air")
    pack = registry.find("air")
    registry.verify(pack)
    assert pack.lm == tmp_path / "disk" / "air" / "mg"
    assert pack.text == tmp_path / "disk" / "air" / "t5-base"
    assert not (tmp_path / "hf" / "hub" / "models--facebook--mg" / "blobs").exists()
    (pack.lm / "state_dict.bin").unlink()
    sources.asked.clear()
    run(capsys, "pull", "air")
    assert [line.partition("?")[0] for line in sources.asked if "/cdn/" in line] == [
        "GET /cdn/facebook/mg/state_dict.bin"
    ]
    registry.verify(pack)


def test_the_folder_of_another_pack_is_not_taken(capsys: Out, tmp_path: Path) -> None:
    write_entry(tmp_path, name="other")
    run(capsys, "pull", "air", *ACCEPT, "--into", str(tmp_path / "models"))
    error = run(capsys, "pull", "other", *ACCEPT, "--into", str(tmp_path / "models"), code=2)["error"]
    assert "is the folder of the pack air" in error["message"]
    assert [row["state"] for row in run(capsys, "list")["packs"]] == ["ok"]


def test_a_pack_of_ones_own_is_not_replaced(sources: Sources, capsys: Out, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        (own / name).write_bytes(b"mine")
    run(capsys, "add", str(own), "--name", "air")
    error = run(capsys, "pull", "air", *ACCEPT, code=2)["error"]
    assert "comes from elsewhere" in error["message"]
    assert sources.asked == []


def test_a_model_of_the_hub_by_its_name(sources: Sources, capsys: Out) -> None:
    sources.licences["facebook/mg"] = None
    error = run(capsys, "pull", "hub:facebook/mg", code=2)["error"]
    assert "none-stated" in error["message"]
    (row,) = run(capsys, "pull", "hub:facebook/mg", "--accept", "none-stated")["packs"]
    assert (row["name"], row["text"], row["engines"]) == ("mg", True, ["inpaint"])
    assert run(capsys, "pull", "hub:facebook/../x", code=2)["error"]["code"] == "bad_setting"
    assert "no model that Punchin knows" in _only_readme(sources, capsys)


def _only_readme(sources: Sources, capsys: Out) -> str:
    sources.files["a/b", "README.md"] = b"text"
    return str(run(capsys, "pull", "hub:a/b", code=3)["error"]["message"])


FILES = [{"rfilename": name, "size": 5, "blobId": "0" * 40} for name in ("config.json", "model.safetensors")]


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 100_000,
        {"siblings": ["config.json"]},
        {"siblings": [FILES[0] | {"lfs": "x"}]},
        {"siblings": [FILES[0] | {"size": -5}]},
        {"siblings": FILES, "config": ["musicgen"]},
        {"siblings": FILES, "cardData": "mit"},
        {"siblings": FILES, "sha": "main"},
    ],
)
def test_a_hub_that_answers_otherwise(capsys: Out, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    text = answer if isinstance(answer, bytes) else json.dumps({"sha": COMMIT} | answer).encode()
    monkeypatch.setattr("punchin_server.packs.web.open_url", lambda *_: io.BytesIO(text))
    error = run(capsys, "pull", "hub:a/b", code=5)["error"]
    assert "other than expected" in error["message"]


def test_a_hub_with_names_that_leave(sources: Sources, capsys: Out) -> None:
    """And with several licences, which its authors may write as a list."""
    evil = ("../x.json", "/etc/x.json", "C:\\x.json", "\\\\host\\x.json", "\x1b[31mx.json", "x\n.json")
    for name in ("config.json", "model.safetensors", *evil):
        sources.files["a/b", name] = content(name)
    sources.licences["a/b"] = ["mit", "cc-by-nc-4.0"]  # type: ignore[assignment]
    plan = run(capsys, "pull", "hub:a/b", "--dry-run")["plan"]
    assert [file["name"] for file in plan["files"]] == ["a/b/config.json", "a/b/model.safetensors"]
    assert plan["to_accept"] == ["MIT and CC-BY-NC-4.0"]


@pytest.mark.parametrize("address", ["huggingface.co", "http://[x", "http://"])
def test_a_hub_whose_address_is_none(capsys: Out, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert run(capsys, "pull", "air", code=5)["error"]["code"] == "source_unreachable"


def test_an_unknown_pack_says_which_command_brings_it(capsys: Out) -> None:
    with pytest.raises(PackMissing) as caught:
        registry.find("air")
    assert "`punchin packs pull air` fetches it, 320 kB in all." in caught.value.next_step
    assert "air" in run(capsys, "pull", "nonsense", code=2)["error"]["next_step"]


def test_a_lost_file_says_which_command_brings_it(capsys: Out) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    (registry.find("air").lm / "state_dict.bin").unlink()
    with pytest.raises(PackCorrupt, match=r"facebook/mg/state_dict\.bin of the pack air is missing") as caught:
        registry.find("air")
    assert "packs pull air" in caught.value.next_step


def test_a_busy_pack_waits(sources: Sources) -> None:
    import threading

    sources.faults.rate = 4e5
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(cli_in_child())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert codes == [0, 0]
    assert sources.served == registry.find("air").manifest.bytes


def cli_in_child() -> int:
    """The command in a process of its own, with no look into the files."""
    import subprocess

    code = (
        "import sys; from punchin_server.packs import cli, loadable; loadable.OPENING = (sys.executable, '-c', '');"
        f"sys.exit(cli.main(['pull', 'air', *{ACCEPT!r}]))"
    )
    return subprocess.run([sys.executable, "-c", code], timeout=60).returncode


def test_offline_with_everything_here(sources: Sources, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert run(capsys, "pull", "air", *ACCEPT, code=5)["error"]["code"] == "source_unreachable"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    run(capsys, "pull", "air", *ACCEPT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    sources.asked.clear()
    run(capsys, "pull", "air")
    assert sources.asked == []


# ---- after it ------------------------------------------------------------------------------------------------


def test_pins_for_the_catalog(capsys: Out) -> None:
    entry = run(capsys, "pin", "air")
    assert entry["parts"][0]["source"] == f"hub:facebook/mg@{COMMIT}"
    assert [file["sha256"] for file in entry["parts"][0]["files"]] == [digest(LM), digest(CODEC)]
    assert "sha256" not in entry["parts"][2]["files"][0] or entry["parts"][2]["files"][0]["sha256"] is None
    run(capsys, "pull", "air", *ACCEPT)
    assert run(capsys, "pin", "air")["parts"][2]["files"][0]["sha256"] == digest(CHORD)


def test_a_pinned_entry_is_one(capsys: Out, tmp_path: Path) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    entry = run(capsys, "pin", "air")
    run(capsys, "remove", "air", "--yes")
    write_entry(tmp_path, **entry)
    run(capsys, "pull", "air", *ACCEPT)
    assert {origin.pinned for origin in registry.find("air").manifest.origins} == {"project", "hub"}


def test_remove_takes_what_is_the_packs_own(packs: Path, capsys: Out, tmp_path: Path) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    (packs / "air" / "notes.txt").write_text("mine")
    gone = run(capsys, "remove", "air", "--yes")
    assert gone["removed"] == "air"
    assert gone["bytes"] > len(CHORD)
    assert gone["kept"] == ["facebook/mg", "google-t5/t5-base"]
    assert files(packs) == {"air/notes.txt"}
    assert next((tmp_path / "hf").rglob(blob(LM))).is_file()
    assert run(capsys, "remove", "air", "--yes", code=3)["error"]["code"] == "pack_missing"


@pytest.mark.parametrize(("stdin", "stderr"), [(False, True), (True, False)])
def test_remove_needs_a_yes_where_nobody_can_be_asked(
    packs: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch, stdin: bool, stderr: bool
) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    before = files(packs)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: stdin)
    monkeypatch.setattr("sys.stderr.isatty", lambda: stderr)
    error = run(capsys, "remove", "air", code=2)["error"]
    assert "--yes" in error["next_step"]
    assert files(packs) == before
    registry.verify(registry.find("air"))


@pytest.mark.parametrize(("answer", "stays"), [("y\n", False), ("no\n", True), ("", True)])
def test_remove_asks_a_person(capsys: Out, monkeypatch: pytest.MonkeyPatch, answer: str, stays: bool) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert cli.main(["remove", "air"]) == 0
    assert "Take away air" in capsys.readouterr().err
    assert bool(run(capsys, "list")["packs"]) is stays


def test_remove_ends_what_a_pull_began(packs: Path, sources: Sources, capsys: Out, tmp_path: Path) -> None:
    sources.faults.cut_after, sources.faults.cuts = 100_000, 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("punchin_server.packs.fetch.TRIES", 0)
        run(capsys, "pull", "air", *ACCEPT, code=5)
    assert plans.begun("air") is not None
    run(capsys, "remove", "air", "--yes")
    assert files(packs) == set()
    assert not list((tmp_path / "hf").rglob("*.punchin-part"))


def test_a_pack_that_is_being_fetched_is_not_removed(capsys: Out) -> None:
    run(capsys, "pull", "air", *ACCEPT)
    with locked(plans.lock_of("air"), Unwatched(), "air"):
        error = run(capsys, "remove", "air", "--yes", code=2)["error"]
    assert "Another program is fetching air" in error["message"]
    registry.verify(registry.find("air"))


def test_remove_leaves_files_that_were_added(capsys: Out, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        (own / name).write_bytes(b"mine")
    run(capsys, "add", str(own), "--name", "mine")
    run(capsys, "remove", "mine", "--yes")
    assert (own / "state_dict.bin").read_bytes() == b"mine"
    assert run(capsys, "list")["packs"] == []
