"""The doctor says what is there, names each problem with its next step, and survives a broken torch."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from punchin_server import doctor
from punchin_server.packs import registry
from punchin_server.packs.machine import Machine
from punchin_server.packs.registry import Base, TransferParts
from punchin_wire import paths
from punchin_wire.errors import PackMissing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    return tmp_path / "home"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that answers at once, as if torch were fine."""
    facts = {
        "torch": "2.0",
        "threads": 2,
        "gpu": "cuda",
        "gpu_name": "Some GPU",
        "onnxruntime": "1.0",
        "triton": False,
    }
    monkeypatch.setattr(doctor, "_PROBE", f"print('noise')\nprint({json.dumps(facts)!r})")


def facts() -> dict[str, doctor.Fact]:
    return {fact.name: fact for fact in doctor.examine()}


@pytest.mark.usefixtures("quick")
def test_what_is_found() -> None:
    found = facts()
    assert found["python"].found.startswith(".".join(map(str, sys.version_info[:3])))
    assert found["soundfont"].found.endswith("TimGM6mb.sf2")
    assert found["torch"].found == "2.0, 2 threads"
    assert found["GPU"] == doctor.Fact("GPU", "Some GPU")
    assert found["triton"].state == "note"
    assert found["packs"].state == "problem"
    assert not (paths.data_folder()).exists()  # looking changes nothing


@pytest.mark.usefixtures("quick")
def test_what_fits_this_computer_and_how_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "this_machine", lambda: Machine(8 * 2**30))
    found = facts()
    assert found["pull musicgen-small"].next_step == "punchin packs pull musicgen-small"
    assert found["pull musicgen-small"].state == "ok"
    assert "--precision int8" in found["pull airgen"].found
    monkeypatch.setattr(doctor, "this_machine", lambda: Machine(2**30))
    assert facts()["pull airgen"].state == "note"
    assert "too small" in facts()["pull airgen"].found
    assert "pull soundfont" not in found


@pytest.mark.usefixtures("quick")
def test_a_damaged_catalog_is_a_line_of_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_CATALOG", str(tmp_path))
    (tmp_path / "mine.json").write_text("{")
    assert facts()["catalog"].state == "problem"
    with pytest.raises(PackMissing):
        registry.find("nothing")


@pytest.mark.usefixtures("quick")
def test_a_problem_decides_the_exit_code_and_brings_its_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    problems = [fact for fact in report["facts"] if fact["state"] == "problem"]
    assert all(fact["next_step"] for fact in problems)
    assert "packs" in [fact["name"] for fact in problems]
    assert doctor.main([]) == 1
    text = capsys.readouterr().out
    assert "! packs" in text
    assert "→ Install Punchin again" in text


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ("raise ImportError('libcudart.so.12 is not there')", "libcudart.so.12 is not there"),
        ("import os; os._exit(9)", "ended with code 9"),
        ("import time; time.sleep(60)", "did not start in"),
    ],
)
def test_a_broken_torch_is_a_line_of_the_report(monkeypatch: pytest.MonkeyPatch, probe: str, says: str) -> None:
    monkeypatch.setattr(doctor, "_PROBE", probe)
    monkeypatch.setattr(doctor, "PROBE_SECONDS", 0.5)
    torch = facts()["torch"]
    assert torch.state == "problem"
    assert says in torch.found


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(home: Path) -> None:
    home.mkdir()
    home.chmod(0o500)
    assert facts()["packs folder"].state == "problem"


@pytest.mark.usefixtures("quick")
def test_a_file_where_a_folder_belongs(home: Path) -> None:
    home.write_text("a file")
    assert facts()["packs folder"].state == "problem"


@pytest.mark.usefixtures("quick")
def test_the_osc_port_of_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        monkeypatch.setattr(doctor, "OSC_PORT", other.getsockname()[1])
        assert facts()["OSC port"].state == "note"


@pytest.mark.usefixtures("quick")
def test_a_running_daemon_holds_its_port() -> None:
    paths.write_daemon_record(paths.DaemonRecord(pid=os.getpid(), port=1, osc_port=2, version="0"))
    found = facts()
    assert f"process {os.getpid()}" in found["daemon"].found
    assert "OSC port" not in found


@pytest.mark.usefixtures("quick")
def test_a_damaged_pack() -> None:
    (paths.packs_folder() / "bad").mkdir(parents=True)
    (paths.packs_folder() / "bad" / "manifest.json").write_text("{")
    assert facts()["pack bad"].state == "problem"


@pytest.mark.usefixtures("quick")
def test_what_each_pack_can_do() -> None:
    """Either half or both, and whether the transfer half has its adapter."""
    base, parts = Base("lm.bin", "codec.bin"), TransferParts(base="lm.bin", audiomae="codec.bin", adapter="codec.bin")
    packs: dict[str, dict[str, Any]] = {
        "fills": {"base": base, "adapters": {"chord": "lm.bin"}},
        "moves": {"transfer": parts},
        "both": {"base": base, "transfer": TransferParts(base="lm.bin")},
    }
    about = {"version": "7", "licence": "CC0-1.0", "source": "here", "created": "2026-01-01"}
    files = tuple(registry.PackFile(name, 0, hashlib.sha256().hexdigest()) for name in ("lm.bin", "codec.bin"))
    for name, halves in packs.items():
        folder = paths.packs_folder() / name
        folder.mkdir(parents=True)
        for file in files:
            (folder / file.path).touch()
        registry.write_manifest(folder, registry.Manifest(name=name, files=files, **about, **halves))
    found = {name: facts()[f"pack {name}"].found for name in packs}
    moves = "transfers to other instruments and genres"
    assert "7; fills holes, follows chord; CC0-1.0" in found["fills"]
    assert f"7; {moves}; CC0-1.0" in found["moves"]
    assert f"fills holes, follows nothing; {moves}, by SDEdit only; CC0" in found["both"]


@pytest.mark.usefixtures("quick")
def test_without_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert facts()["diffusers"].found == version("diffusers")
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "diffusers" else find_spec(name))
    lost = facts()["diffusers"]
    assert (lost.state, "pip install" in lost.next_step) == ("problem", True)


def test_neither_doctor_nor_registry_imports_torch() -> None:
    code = (
        "import sys, punchin_server.doctor, punchin_server.packs.cli as p; p.main(['list']);"
        "heavy = 'torch', 'onnxruntime', 'transformers', 'diffusers', 'huggingface_hub';"
        "sys.exit(any(m in sys.modules for m in heavy))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)


@pytest.mark.model
def test_the_real_probe() -> None:
    found = facts()
    assert found["torch"].state == "ok"
    assert found["onnxruntime"].state == "ok"
