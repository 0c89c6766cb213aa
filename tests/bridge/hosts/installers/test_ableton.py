"""The Remote Script goes where Live looks for it, and the musician's settings stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from punchin_bridge.hosts.installers.ableton import INSTALLER
from punchin_bridge.hosts.installers.install import Config, Surroundings, check, find, install, uninstall
from punchin_wire.errors import BadSetting


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Config(tmp_path / "home" / "spool", ("/opt/punchin/python", "-m", "punchin_bridge.cli", "bridge"))


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("win32", "Documents/Ableton/User Library/Remote Scripts"),
        ("darwin", "Music/Ableton/User Library/Remote Scripts"),
    ],
)
def test_where_live_looks(platform: str, folder: str) -> None:
    home = Path("/home/somebody")
    assert find("ableton").folders(Surroundings(platform, home, {})) == (home / folder,)


def test_no_live_here() -> None:
    with pytest.raises(BadSetting, match="does not run"):
        INSTALLER.folders(Surroundings("linux", Path("/home/somebody"), {}))


def test_all_that_the_script_needs_and_settings_that_stay(tmp_path: Path, config: Config) -> None:
    here = Surroundings("darwin", tmp_path, {})
    folder = tmp_path / "Remote Scripts"
    written = install(INSTALLER, (folder,), config)
    assert {"__init__.py", "surface.py", "osc.py", "installed.json"} <= {path.name for path in written}
    assert {path.parent for path in written} == {folder / "Punchin"}
    said = json.loads((folder / "Punchin" / "installed.json").read_text())
    assert said == {
        "spool": str(config.spool),
        "record": str(tmp_path / "home" / "runtime" / "bridge.json"),
        "command": list(config.command),
    }
    settings = folder / "Punchin" / "settings.json"
    settings.write_text('{"takes": 5}')
    assert list(check(INSTALLER, config, here)) == []
    install(INSTALLER, (folder,), config)
    settings.write_text('{"takes": 5')
    [problem] = check(INSTALLER, config, here)
    assert "settings.json cannot be read" in problem
    uninstall(INSTALLER)
    assert [path.name for path in (folder / "Punchin").iterdir()] == ["settings.json"]


def test_another_folder_is_named(tmp_path: Path, config: Config) -> None:
    install(INSTALLER, (tmp_path / "Scripts",), config)
    [problem] = check(INSTALLER, config, Surroundings("darwin", tmp_path, {}))
    assert "`Remote Scripts`" in problem
