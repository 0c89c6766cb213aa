"""Published files of the transfer half become a pack where they lie (those of MusicGen: test_packs_cli)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from punchin_server.packs import cli, registry
from punchin_wire.errors import PackCorrupt, Unsupported
from punchin_wire.frames import describe
from punchin_wire.messages import Done, Take, TakeSpec, TransferRequest

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("punchin_server.packs.importing.check_loadable", lambda _: None)  # test_loadable's matter


def run(out: Out, *argv: str, code: int = 0) -> Any:
    assert cli.main([*argv, "--json"]) == code
    return json.loads(out.readouterr().out)


def snapshot(tmp_path: Path, repo: str = "cvssp/audioldm2-large") -> Path:
    """Where the cache holds `repo`, as if it had been downloaded."""
    folder = tmp_path / "hub" / ("models--" + repo.replace("/", "--"))
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    return folder / "snapshots" / "abc"


def audioldm2(folder: Path) -> Path:
    """What an import looks at in a diffusers folder."""
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        (folder / part).mkdir(parents=True)
        (folder / part / "pytorch_model.bin").write_bytes(part.encode())
    (folder / "text_encoder_2" / "config.json").write_text('{"model_type": "t5"}')
    index = {"_class_name": "AudioLDM2Pipeline", "unet": ["diffusers", "…"], "text_encoder_2": ["transformers", "…"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def published(folder: Path) -> Path:
    """AudioMAE and AP-Adapter, under their published names."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pretrained.pth").write_bytes(b"audiomae")
    (folder / "pytorch_model.bin").write_bytes(b"adapter")
    return folder


def musicgen(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("state_dict.bin", "compression_state_dict.bin", "chord.pth"):
        (folder / name).write_bytes(name.encode())
    return folder


def transfer(name: str) -> tuple[str, str | None, str | None]:
    parts = registry.find(name).transfer
    return parts.base, parts.audiomae, parts.adapter


def test_files_beside_an_audioldm2_folder(tmp_path: Path, capsys: Out) -> None:
    folder = published(tmp_path / "ap")
    audioldm2(folder / "audioldm2")
    (row,) = run(capsys, "add", str(folder), "--name", "ap")["packs"]
    assert (row["state"], row["engines"]) == ("ok", ["transfer"])
    assert row["licence"].startswith("CC-BY-NC-SA-4.0: NON-COMMERCIAL")
    assert transfer("ap") == ("audioldm2", "pretrained.pth", "pytorch_model.bin")
    pack = registry.find("ap")
    listed = {file.path for file in pack.manifest.files}
    assert {"pretrained.pth", "pytorch_model.bin", "audioldm2/model_index.json"} < listed
    assert {"audioldm2/unet/pytorch_model.bin", "audioldm2/text_encoder_2/config.json"} < listed
    assert pack.manifest.text is None  # AudioLDM2's T5 is not MusicGen's
    with pytest.raises(Unsupported, match="fills no holes"):
        _ = pack.base
    run(capsys, "verify", "ap")


def test_files_inside_the_audioldm2_folder(tmp_path: Path, capsys: Out) -> None:
    """The download's own folder is the pack; its parts' weights are called as the adapter is."""
    folder = published(audioldm2(tmp_path / "ap"))
    run(capsys, "add", str(folder), "--name", "ap")
    assert transfer("ap") == (".", "pretrained.pth", "pytorch_model.bin")
    pack = registry.find("ap")
    assert pack.resolve(pack.transfer.base) == folder
    assert "unet/pytorch_model.bin" in {file.path for file in pack.manifest.files}
    run(capsys, "verify", "ap")


def test_other_names_and_folders(tmp_path: Path, capsys: Out) -> None:
    folder = tmp_path / "ap"
    audioldm2(folder / "base")
    (folder / "more").mkdir()
    (folder / "more" / "AudioMAE_finetuned.safetensors").write_bytes(b"x")
    (folder / "more" / "ap_adapter.safetensors").write_bytes(b"y")
    run(capsys, "add", str(folder), "--name", "ap", "--licence", "MIT")
    assert transfer("ap") == ("base", "more/AudioMAE_finetuned.safetensors", "more/ap_adapter.safetensors")
    assert registry.find("ap").manifest.licence == "MIT"


def test_an_adapter_as_newer_tools_save_it(tmp_path: Path, capsys: Out) -> None:
    """Not taken for it: weights that lie beside their model's config."""
    folder = published(tmp_path / "ap")
    audioldm2(folder / "audioldm2")
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    for name in ("config.json", "model.safetensors"):
        (folder / "another").mkdir(exist_ok=True)
        (folder / "another" / name).write_text("{}")
    run(capsys, "add", str(folder), "--name", "ap")
    assert transfer("ap") == ("audioldm2", "pretrained.pth", "model.safetensors")


def test_only_an_audioldm2_is_one(tmp_path: Path, capsys: Out) -> None:
    """Other pipelines of diffusers, and what cannot be read, are passed over."""
    folder = tmp_path / "ap"
    audioldm2(folder / "other")
    for content in (b'{"_class_name": "AudioLDMPipeline", "was": "AudioLDM2Pipeline"}', b"\xff\xfe", b"[]", b"{"):
        (folder / "other" / "model_index.json").write_bytes(content)
        assert "no AudioLDM2" in run(capsys, "add", str(folder), "--name", "ap", code=2)["error"]["message"]


def test_a_downloaded_musicgen_with_an_audioldm2(tmp_path: Path, capsys: Out) -> None:
    """The AudioLDM2 is the folder itself; its T5 is not MusicGen's, but another folder may hold that."""
    snapshot(tmp_path, "facebook/musicgen-small")
    folder = published(audioldm2(tmp_path / "ap"))
    run(capsys, "add", str(folder), "--name", "ap", "--base", "facebook/musicgen-small")
    manifest = registry.find("ap").manifest
    assert (manifest.engines, manifest.text) == (("inpaint", "transfer"), None)
    (folder / "t5").mkdir()
    (folder / "t5" / "config.json").write_text('{"model_type": "t5"}')
    run(capsys, "add", str(folder), "--name", "ap", "--base", "facebook/musicgen-small")
    assert registry.find("ap").manifest.text == "t5"


def test_a_downloaded_base(tmp_path: Path, capsys: Out) -> None:
    audioldm2(snapshot(tmp_path))
    folder = published(tmp_path / "ap")
    (row,) = run(capsys, "add", str(folder), "--name", "ap", "--transfer-base", "cvssp/audioldm2-large")["packs"]
    assert row["source"] == "cvssp/audioldm2-large"
    assert transfer("ap") == ("hub:cvssp/audioldm2-large", "pretrained.pth", "pytorch_model.bin")
    assert {file.path for file in registry.find("ap").manifest.files} == {"pretrained.pth", "pytorch_model.bin"}
    error = run(capsys, "add", str(folder), "--name", "ap", "--transfer-base", "cvssp/audioldm2", code=3)["error"]
    assert "packs pull audioldm2" in error["next_step"]


def test_a_base_alone_is_a_pack_for_sdedit(tmp_path: Path, capsys: Out) -> None:
    run(capsys, "add", str(audioldm2(tmp_path / "plain").parent), "--name", "sd")
    assert transfer("sd") == ("plain", None, None)


@pytest.mark.parametrize(("lost", "says"), [("pretrained.pth", "AudioMAE"), ("pytorch_model.bin", "AP-Adapter")])
def test_half_an_adapter_is_refused(tmp_path: Path, capsys: Out, lost: str, says: str) -> None:
    folder = published(tmp_path / "ap")
    audioldm2(folder / "audioldm2")
    (folder / lost).unlink()
    error = run(capsys, "add", str(folder), "--name", "ap", code=2)["error"]
    assert (error["code"], says in error["message"]) == ("file_missing", True)
    assert not (folder / "manifest.json").exists()


def test_both_halves(tmp_path: Path, capsys: Out) -> None:
    """Neither takes files of the other for its own: an adapter of AIRGen, T5's and MusicGen's weights."""
    folder = musicgen(published(tmp_path / "all"))
    audioldm2(folder / "audioldm2")
    (folder / "airgen").mkdir()
    (folder / "airgen" / "piano_adapter.pth").write_bytes(b"piano")
    (folder / "t5").mkdir()
    (folder / "t5" / "config.json").write_text('{"model_type": "t5"}')
    (folder / "t5" / "pytorch_model.bin").write_bytes(b"t5")
    (row,) = run(capsys, "add", str(folder), "--name", "all")["packs"]
    assert row["engines"] == ["inpaint", "transfer"]
    assert row["controls"] == ["chord", "piano"]
    assert row["licence"].startswith("CC-BY-NC-SA-4.0")
    assert transfer("all") == ("audioldm2", "pretrained.pth", "pytorch_model.bin")
    assert registry.find("all").text == folder / "t5"
    for file in ("pretrained.pth", "pytorch_model.bin"):
        (folder / file).unlink()
    run(capsys, "add", str(folder), "--name", "all")
    assert transfer("all") == ("audioldm2", None, None)
    assert cli.main(["list"]) == 0
    text = capsys.readouterr().out
    assert "fills holes, follows chord, piano, text" in text
    assert "transfers" in text


def test_half_of_musicgen_is_refused_beside_a_whole_audioldm2(tmp_path: Path, capsys: Out) -> None:
    folder = musicgen(published(tmp_path / "all"))
    audioldm2(folder / "audioldm2")
    (folder / "compression_state_dict.bin").unlink()
    error = run(capsys, "add", str(folder), "--name", "all", code=2)["error"]
    assert "no codec" in error["message"]


def test_a_pack_that_lost_a_file_of_its_transfer_half(tmp_path: Path, capsys: Out) -> None:
    folder = published(tmp_path / "ap")
    audioldm2(folder / "audioldm2")
    run(capsys, "add", str(folder), "--name", "ap")
    (folder / "audioldm2" / "vae" / "pytorch_model.bin").unlink()
    with pytest.raises(PackCorrupt, match=r"audioldm2/vae/pytorch_model\.bin of the pack ap is missing"):
        registry.find("ap")


@pytest.mark.model
def test_added_files_transfer(tmp_path: Path, capsys: Out) -> None:
    """Real files, the base in the cache: from `packs add` to a take and what its recipe will say."""
    from fakes.audioldm2 import write_adapter, write_audiomae, write_folder
    from punchin_server.engines.transfer.engine import load

    write_folder(snapshot(tmp_path), audio_tower=False)
    folder = tmp_path / "ap"
    folder.mkdir()
    write_audiomae(folder / "pretrained.pth")
    write_adapter(folder / "pytorch_model.bin")
    run(capsys, "add", str(folder), "--name", "ap", "--transfer-base", "cvssp/audioldm2-large")
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 16_000)).astype(np.float32)
    request = TransferRequest(describe(clip, 16_000), "a violin", (TakeSpec(1),), pack="ap", steps=1, guidance=1.0)
    *_, take, done = (emission.event for emission in load("ap", "cpu", "float32").run(request, [clip]))
    assert isinstance(take, Take)
    assert isinstance(done, Done)
    assert {
        "sha256 pretrained.pth",
        "sha256 pytorch_model.bin",
        "sha256 hub:cvssp/audioldm2-large",
    } <= done.models.keys()
