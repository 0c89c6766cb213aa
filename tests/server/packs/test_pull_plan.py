"""What a pull says before it fetches anything: licences that must be accepted, room, memory."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.air_pack import ACCEPT, CODEC, LM, T5, Out, digest, files, run, write_entry
from fakes.sources import COMMIT, Sources
from punchin_server.packs import cli, machine, registry
from punchin_server.packs import plan as plans

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("packs")]

GIB = 2**30


def test_without_acceptance_nothing_is_fetched(packs: Path, sources: Sources, capsys: Out) -> None:
    error = run(capsys, "pull", "air", "--accept", "CC-BY-NC-4.0", code=2)["error"]
    assert error["code"] == "not_accepted"
    assert "none-stated" in error["message"]
    assert "--accept CC-BY-NC-4.0 --accept none-stated" in error["next_step"]
    assert sources.served == 0
    assert not packs.exists() or files(packs) == set()


@pytest.mark.parametrize(("answer", "code"), [("y\ny\n", 0), ("y\nn\n", 2), ("\n", 2), ("", 2)])
def test_a_person_is_asked(capsys: Out, monkeypatch: pytest.MonkeyPatch, answer: str, code: int) -> None:
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
