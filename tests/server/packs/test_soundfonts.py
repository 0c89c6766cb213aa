"""A pack's soundfont is found in its folder or brought there; a published pack without one says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import soundfonts
from punchin_server.packs import cli, registry
from punchin_server.packs.importing import add
from punchin_wire.errors import BadSetting, FileMissing, PackCorrupt

Out = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Published files without a soundfont."""
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PUNCHIN_PACKS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("punchin_server.packs.importing.check_loadable", lambda _: None)  # test_loadable's matter
    found = tmp_path / "airgen"
    found.mkdir()
    for name in ("state_dict.bin", "compression_state_dict.bin", "chord.pth"):
        (found / name).write_bytes(name.encode())
    return found


def row(folder: Path, **given: Any) -> dict[str, Any]:
    return cli.describe(add(folder, "airgen", **given))


def test_any_soundfont_in_the_folder_is_found(folder: Path) -> None:
    """The published one first, then the nearest; what the pack uses is listed with its hash."""
    (folder / "sounds").mkdir()
    for name in ("sounds/MS_Basic.sf3", "zither.sf2", "Grand.SF2"):
        soundfonts.write(folder / name, {})
    for expected in ("MS_Basic.sf3", "Grand.SF2", "zither.sf2"):
        assert (row(folder)["soundfont"], row(folder)["lacks"]) == (expected, None)
        pack = registry.find("airgen")
        assert pack.soundfont is not None
        assert pack.soundfont.name in {Path(file.path).name for file in pack.manifest.files}
        pack.soundfont.unlink()
    assert row(folder)["soundfont"] is None


def test_a_soundfont_from_elsewhere_is_copied(folder: Path, tmp_path: Path) -> None:
    elsewhere = soundfonts.write(tmp_path / "piano.sf2", {})
    soundfonts.write(folder / "MS_Basic.sf2", {})
    for _ in range(2):  # the second time it is there
        assert row(folder, soundfont=elsewhere)["soundfont"] == "piano.sf2"
        assert (folder / "piano.sf2").read_bytes() == elsewhere.read_bytes()
    assert row(folder, soundfont=folder / "MS_Basic.sf2")["soundfont"] == "MS_Basic.sf2"


def test_what_cannot_be_played_is_not_brought(folder: Path, tmp_path: Path) -> None:
    before = sorted(folder.iterdir())
    (tmp_path / "bad.sf2").write_bytes(b"RIFF0000sfbk")
    soundfonts.write(tmp_path / "piano.bin", {})
    for name, error in (("none.sf2", FileMissing), ("bad.sf2", PackCorrupt), ("piano.bin", BadSetting)):
        with pytest.raises(error, match=name.replace(".", r"\.")):
            add(folder, "airgen", soundfont=tmp_path / name)
    assert sorted(folder.iterdir()) == before
    (folder / "piano.sf2").write_bytes(b"mine")
    with pytest.raises(BadSetting, match="another piano"):
        add(folder, "airgen", soundfont=soundfonts.write(tmp_path / "piano.sf2", {}))
    assert (folder / "piano.sf2").read_bytes() == b"mine"


def test_a_published_pack_without_one_says_so(folder: Path, capsys: Out) -> None:
    assert cli.main(["add", str(folder), "--name", "airgen"]) == 0
    said = capsys.readouterr().out
    assert "lacks    chords and piano are played by TimGM6mb" in said
    assert "--soundfont FILE" in said
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.count("lacks") == 1  # not tiny, which learned from the default one
    soundfonts.write(folder / "grand.sf2", {})
    assert cli.main(["add", str(folder), "--name", "airgen"]) == 0
    said = capsys.readouterr().out
    assert "plays    grand.sf2" in said
    assert "lacks" not in said


def test_added_packs_hear_published_conditions(folder: Path) -> None:
    """And the embedded one what it learned from."""
    assert (row(folder)["controls"], registry.find("airgen").manifest.conditions) == (["chord"], "published")
    assert registry.find("tiny").manifest.conditions == "plain"
