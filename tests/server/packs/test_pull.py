"""From a name to a pack: the plan, the licences, one copy in the cache, and no pack before all of it is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.air_pack import ACCEPT, CHORD, CODEC, LM, T5, Out, digest, files, run, write_entry
from fakes.sources import COMMIT, Sources, blob
from punchin_server.packs import loadable, registry
from punchin_server.packs import plan as plans
from punchin_wire.errors import PackCorrupt, PackMissing

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("packs")]


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
