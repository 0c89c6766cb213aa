"""`packs list | verify | add`: published files become a pack where they lie, with their licence said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from punchin_server import __main__ as program
from punchin_server.packs import cli, registry

Out = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr(registry, "EMBEDDED", tmp_path / "embedded")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("punchin_server.packs.importing.check_loadable", lambda _: None)  # test_loadable's matter
    return tmp_path / "home" / "data" / "packs"


def cache(tmp_path: Path, repo: str) -> Path:
    """`repo` as if it had been downloaded."""
    folder = tmp_path / "hub" / ("models--" + repo.replace("/", "--"))
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    return folder / "snapshots" / "abc"


def run(out: Out, *argv: str, code: int = 0) -> Any:
    assert cli.main([*argv, "--json"]) == code
    return json.loads(out.readouterr().out)


def published(folder: Path) -> Path:
    (folder / "airgen").mkdir(parents=True)
    (folder / "state_dict.bin").write_bytes(b"language")
    (folder / "compression_state_dict.bin").write_bytes(b"codec")
    for name in ("chord.pth", "drums.pth", "piano_m10.pth"):
        (folder / "airgen" / name).write_bytes(name.encode())
    (folder / "readme.txt").write_text("not a model")
    return folder


def test_add_audiocraft_files_and_adapters(tmp_path: Path, capsys: Out) -> None:
    folder = published(tmp_path / "large")
    (row,) = run(capsys, "add", str(folder), "--name", "musicgen-large")["packs"]
    assert row["state"] == "ok"
    assert row["controls"] == ["chord", "drums", "piano"]
    assert row["licence"].startswith("CC-BY-NC-4.0: NON-COMMERCIAL")
    pack = registry.find("musicgen-large")  # through the pointer in the user's packs folder
    assert pack.folder == folder
    assert pack.lm == folder / "state_dict.bin"
    assert pack.codec == folder / "compression_state_dict.bin"
    assert pack.adapter("piano") == folder / "airgen" / "piano_m10.pth"
    assert {f.path for f in pack.manifest.files} == {
        "state_dict.bin",
        "compression_state_dict.bin",
        "airgen/chord.pth",
        "airgen/drums.pth",
        "airgen/piano_m10.pth",
    }
    assert (pack.manifest.window_frames, pack.manifest.sampling.top_k, pack.manifest.text) == (750, 250, None)
    run(capsys, "verify", "musicgen-large")


def test_add_a_hugging_face_folder(tmp_path: Path, capsys: Out) -> None:
    """The MusicGen folder gives language model and codec; T5 in a folder below gives text."""
    folder = tmp_path / "small"
    (folder / "t5").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "musicgen"}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "t5" / "config.json").write_text('{"model_type": "t5"}')
    (row,) = run(capsys, "add", str(folder), "--name", "small")["packs"]
    assert row["text"] is True
    pack = registry.find("small")
    assert (pack.lm, pack.codec, pack.text) == (folder, folder, folder / "t5")


def test_add_adapters_on_a_downloaded_base(tmp_path: Path, capsys: Out) -> None:
    base = cache(tmp_path, "facebook/musicgen-large")
    text = cache(tmp_path, "t5-base")
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "chord.pth").write_bytes(b"x")
    run(capsys, "add", str(folder), "--name", "air", "--base", "facebook/musicgen-large")
    pack = registry.find("air")
    assert (pack.lm, pack.codec, pack.text) == (base, base, text)
    assert pack.hashes(pack.manifest.references())["hub:facebook/musicgen-large"] == "abc"  # the commit


def whole_musicgen(folder: Path) -> Path:
    """What a download of a Hugging Face MusicGen has."""
    (folder / "config.json").write_text('{"model_type": "musicgen"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"weights")
    return folder


def test_text_is_read_with_the_musicgens_own_t5(tmp_path: Path, capsys: Out) -> None:
    """Not with the one in the cache, and in a cached base too; one without tokenizer has none that works."""
    t5 = cache(tmp_path, "google-t5/t5-base")
    folder = tmp_path / "small"
    folder.mkdir()
    run(capsys, "add", str(whole_musicgen(folder)), "--name", "small")
    assert registry.find("small").text == folder
    (folder / "tokenizer.json").unlink()
    run(capsys, "add", str(folder), "--name", "small")
    assert registry.find("small").text == t5
    base = whole_musicgen(cache(tmp_path, "facebook/musicgen-medium"))
    (tmp_path / "adapters").mkdir()
    run(capsys, "add", str(tmp_path / "adapters"), "--name", "medium", "--base", "facebook/musicgen-medium")
    assert registry.find("medium").text == base


def test_add_says_what_is_missing(tmp_path: Path, capsys: Out) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    error = run(capsys, "add", str(folder), "--name", "x", code=2)["error"]
    assert error["code"] == "file_missing"
    assert "no language model and no codec" in error["message"]
    error = run(capsys, "add", str(tmp_path / "none"), "--name", "x", code=2)["error"]
    assert "is not a folder" in error["message"]
    error = run(capsys, "add", str(folder), "--name", "x", "--base", "facebook/musicgen-large", code=3)["error"]
    assert "packs pull musicgen-large" in error["next_step"]
    error = run(capsys, "add", str(published(tmp_path / "p")), "--name", "../x", code=2)["error"]
    assert error["code"] == "bad_setting"
    assert not (folder / "manifest.json").exists()


def test_verify_names_the_damaged_file(tmp_path: Path, capsys: Out) -> None:
    folder = published(tmp_path / "large")
    run(capsys, "add", str(folder), "--name", "large")
    (folder / "airgen" / "drums.pth").write_bytes(b"DRUMS.PTH")
    assert run(capsys, "list")["packs"][0]["state"] == "ok"  # sizes only
    (row,) = run(capsys, "verify", code=3)["packs"]
    assert row["state"] == "pack_corrupt"
    assert "airgen/drums.pth" in row["problem"]
    assert cli.main(["verify"]) == 3
    assert "problem  The file airgen/drums.pth of the pack large differs" in capsys.readouterr().out


def test_verify_a_pack_that_is_not_there(capsys: Out) -> None:
    assert run(capsys, "verify", "ghost", code=3)["error"]["code"] == "pack_missing"
    assert cli.main(["verify", "ghost"]) == 3
    assert "no pack called 'ghost'" in capsys.readouterr().err


def test_list_for_people(tmp_path: Path, home: Path, capsys: Out) -> None:
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out == "No packs.\n"
    run(capsys, "add", str(published(tmp_path / "large")), "--name", "large")
    (home / "bad").mkdir()
    (home / "bad" / "manifest.json").write_text("{")
    assert cli.main(["list"]) == 3
    text = capsys.readouterr().out
    assert "large 1  " in text
    assert "(default)" not in text  # a job that names no pack takes tiny, whatever was added
    assert "fills holes, follows chord, drums, piano" in text
    assert "NON-COMMERCIAL" in text
    assert "bad  DAMAGED: The manifest in" in text


def test_without_a_verb_they_are_shown(capsys: Out) -> None:
    assert cli.main([]) == 0
    assert "verify" in capsys.readouterr().out


def test_wrong_arguments_exit_with_2(capsys: Out) -> None:
    for argv in (["frobnicate"], ["add", "x"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(argv)
        assert caught.value.code == 2
    assert "usage: punchin packs" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["add {} --name x", "import {}"])
def test_a_name_that_no_disk_can_have_is_one_sentence(words: str, capsys: Out) -> None:
    assert program.main(["packs", *words.format("x" * 300).split()]) == 2
    said = capsys.readouterr().err
    assert said.endswith("Give a shorter name.\n")
    assert said.count("\n") == 1
