"""`packs add` opens what it lists: nothing is added that the first job could not load, and each fault has its words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import mini_pack
from fakes.audioldm2 import write_adapter, write_audiomae, write_folder
from fakes.codec_files import TINY, random_model
from punchin_server import opening
from punchin_server.models.musicgen import weights
from punchin_server.models.musicgen.airgen import AdapterWeights
from punchin_server.models.musicgen.musicgen import LMConfig, MusicGen
from punchin_server.packs import cli, registry
from punchin_server.packs.importing import describe
from punchin_server.packs.loadable import UNCHECKED
from punchin_server.packs.registry import Pack
from punchin_wire.errors import AdapterMismatch, BadCheckpoint, FileMissing, PackMissing, PunchinError

pytestmark = pytest.mark.torch

Out = pytest.CaptureFixture[str]
PAGE = b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The published files of a MusicGen with three adapters, all small, no manifest yet."""
    written = mini_pack.write(tmp_path / "mini")
    (written / "manifest.json").unlink()
    return written


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AudioLDM2 with AudioMAE and AP-Adapter."""
    made = tmp_path_factory.mktemp("transfer")
    write_folder(made / "audioldm2")
    write_audiomae(made / "pretrained.pth")
    write_adapter(made / "pytorch_model.bin")
    return made


def refused(folder: Path, **how: Any) -> PunchinError:
    """What the child says of the pack that `folder` would be."""
    with pytest.raises(PunchinError) as caught:
        opening.open_pack(Pack(folder, describe(folder, "x", **how)))
    return caught.value


# ---- through the command -------------------------------------------------------------------------------------


def test_what_loads_is_added(folder: Path, capsys: Out) -> None:
    assert cli.main(["add", str(folder), "--name", "mini", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packs"][0]["controls"] == ["chord", "drums", "piano"]
    assert registry.find("mini").folder == folder
    assert not (folder / UNCHECKED).exists()


def test_what_does_not_load_is_not_added(folder: Path, capsys: Out) -> None:
    """The likeliest accident: a page of Google Drive under the adapter's name. A pack that was there before stays."""
    before = {path.name for path in folder.iterdir()}
    (folder / "chord.pth").write_bytes(PAGE)
    assert cli.main(["add", str(folder), "--name", "mini", "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bad_checkpoint"
    assert error["message"].startswith("chord.pth is a web page, not a checkpoint")
    assert "Open the link in a browser" in error["next_step"]
    assert {path.name for path in folder.iterdir()} == before
    assert registry.installed() == []


# ---- MusicGen ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (PAGE, "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1f0c\nsize 6514108999\n", "pointer of Git LFS"),
        (b"", "is empty"),
        (b"PK\x03\x04 and no more", "is cut off"),
    ],
)
@pytest.mark.parametrize("file", ["state_dict.bin", "compression_state_dict.bin", "piano.pth"])
def test_what_lies_in_place_of_a_file(folder: Path, file: str, content: bytes, says: str) -> None:
    (folder / file).write_bytes(content)
    error = refused(folder)
    assert isinstance(error, BadCheckpoint)
    assert file in str(error)
    assert says in str(error)


def test_an_adapter_of_a_larger_model(folder: Path) -> None:
    torch.save(AdapterWeights(torch.randn(2, 4, 3, 64), torch.randn(2, 4))._asdict(), folder / "chord.pth")
    error = refused(folder)
    assert isinstance(error, AdapterMismatch)
    assert "'chord' was made for width 64" in str(error)
    assert "musicgen-large" in error.next_step


def test_a_codec_that_is_only_a_pointer(folder: Path) -> None:
    """As the stereo models have it; the codec itself may lie beside it."""
    torch.save({"pretrained": "facebook/encodec_32khz"}, folder / "compression_state_dict.bin")
    error = refused(folder)
    assert isinstance(error, PackMissing)
    assert "only points to facebook/encodec_32khz" in str(error)
    assert "hf download facebook/encodec_32khz" in error.next_step
    random_model(TINY | {"upsampling_ratios": [8, 5, 4, 4]}).save_pretrained(folder / "encodec_32khz")
    opening.open_pack(Pack(folder, describe(folder, "x")))


def test_a_codec_of_other_tokens(folder: Path) -> None:
    (folder / "compression_state_dict.bin").unlink()
    random_model(TINY | {"codebook_size": 64}).save_pretrained(folder / "encodec")
    assert "speaks 4 codebooks of 32, the codec 4 of 64" in str(refused(folder))


def test_a_model_of_the_hub_without_its_weights(tmp_path: Path) -> None:
    cache = tmp_path / "hub" / "models--facebook--musicgen-small"
    (cache / "snapshots" / "abc").mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    (cache / "snapshots" / "abc" / "config.json").write_text('{"model_type": "musicgen"}')
    (tmp_path / "adapters").mkdir()
    error = refused(tmp_path / "adapters", base="facebook/musicgen-small")
    assert isinstance(error, FileMissing)
    assert "has no weights" in str(error)
    assert "Download the model again" in error.next_step


def test_a_melody_model(tmp_path: Path) -> None:
    (tmp_path / "melody").mkdir()
    (tmp_path / "melody" / "config.json").write_text('{"model_type": "musicgen_melody"}')
    (tmp_path / "melody" / "model.safetensors").write_bytes(b"weights")
    error = refused(tmp_path / "melody")
    assert "is a musicgen-melody: it was trained to read a chromagram" in str(error)
    assert "musicgen-large for melody-large" in error.next_step


def test_a_text_encoder_of_another_size(folder: Path) -> None:
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)], extra_ids=0).save_pretrained(folder / "t5")
    T5EncoderModel(T5Config(vocab_size=3, d_model=16, d_kv=8, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        folder / "t5"
    )
    error = refused(folder)
    assert "t5 is 16 wide; this language model reads 8" in str(error)
    assert "t5-base" in error.next_step


def test_weights_that_are_only_looked_at_stay_as_the_file_has_them(folder: Path) -> None:
    """Half of what float32 would take, and views of the file."""
    config = LMConfig(layers=2, width=32, heads=4, card=32, text_width=8)
    state = weights.scatter(MusicGen(config, 4).half().state_dict(), weights.audiocraft_pieces(config))
    torch.save({"best_state": state, "xp.cfg": mini_pack.XP_CFG}, folder / "state_dict.bin")
    lm = weights.load_lm(folder / "state_dict.bin", dtype=None)
    assert {p.dtype for p in lm.parameters()} == {torch.float16}
    opening.open_pack(Pack(folder, describe(folder, "x")))


# ---- AudioLDM2 -----------------------------------------------------------------------------------------------


def test_a_transfer_pack_that_loads(written: Path) -> None:
    opening.open_pack(Pack(written, describe(written, "x")))


@pytest.mark.parametrize(
    ("file", "says"),
    [("pretrained.pth", "pretrained.pth is a web page"), ("pytorch_model.bin", "pytorch_model.bin is a web page")],
)
def test_a_page_in_place_of_audiomae_or_the_adapter(written: Path, tmp_path: Path, file: str, says: str) -> None:
    folder = shutil.copytree(written, tmp_path / "copy")
    (folder / file).write_bytes(PAGE)
    assert says in str(refused(folder))


def test_adapters_of_other_models(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "copy")
    write_adapter(folder / "pytorch_model.bin", "large")
    assert isinstance(refused(folder), AdapterMismatch)
    write_adapter(folder / "pytorch_model.bin")
    write_audiomae(folder / "pretrained.pth", width=64)
    error = refused(folder)
    assert isinstance(error, AdapterMismatch)
    assert "AudioMAE is 64 wide" in str(error)
