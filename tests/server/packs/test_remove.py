"""After a pull: its checksums for the catalog, and taking the pack away."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fakes.air_pack import ACCEPT, CHORD, CODEC, LM, Out, digest, files, run, write_entry
from fakes.sources import COMMIT, Sources, blob
from punchin_server.packs import cli, registry
from punchin_server.packs import plan as plans
from punchin_server.packs.part import Unwatched, locked

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("packs")]


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
