"""Where the ReaScripts go, and what the installer has to say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from punchin_bridge.hosts.installers import install, reaper
from punchin_bridge.hosts.installers.install import Config, Surroundings

CONFIG = Config(Path("/home/anna/My Spool"), ("/opt/py thon/bin/python", "-m", "punchin_bridge.cli", "bridge"))


@pytest.mark.parametrize(
    ("platform", "environ", "usual"),
    [
        ("linux", {}, ".config/REAPER"),
        ("darwin", {}, "Library/Application Support/REAPER"),
        ("win32", {}, "AppData/Roaming/REAPER"),
    ],
)
def test_every_system_has_its_place(tmp_path: Path, platform: str, environ: dict[str, str], usual: str) -> None:
    assert reaper.folders(Surroundings(platform, tmp_path, environ)) == (tmp_path / usual,)


def test_portable_ones_are_found_beside_the_usual_one(tmp_path: Path) -> None:
    here = Surroundings("linux", tmp_path, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    portable = tmp_path / "opt" / "reaper-7"
    portable.mkdir(parents=True)
    (portable / "reaper.ini").touch()
    assert reaper.folders(here) == (portable,)
    (tmp_path / "config" / "REAPER").mkdir(parents=True)
    assert reaper.folders(here) == (tmp_path / "config" / "REAPER", portable)


def test_scripts_know_the_spool_and_the_command() -> None:
    files = reaper.files(install.scripts(), CONFIG)
    known = json.loads(files[reaper.PurePosixPath("punchin.json")])
    assert known["spool"] == "/home/anna/My Spool"
    assert tuple(shlex.split(known["bridge"])) == CONFIG.command


def test_installed_checked_and_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    here, config = Surroundings("linux", tmp_path, {}), Config(tmp_path / "spool", ("punchin", "bridge"))
    folder = tmp_path / "REAPER"
    theirs = folder / "Scripts" / "Punchin" / "mine.lua"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    install.install(reaper.INSTALLER, (folder,), config)
    assert (folder / reaper.FOLDER / "lib" / "json.lua").is_file()
    [problem] = install.check(reaper.INSTALLER, config, here)
    assert "no resource folder of REAPER yet" in problem  # no reaper.ini: never opened
    (folder / "reaper.ini").touch()
    assert list(install.check(reaper.INSTALLER, config, here)) == []
    install.uninstall(reaper.INSTALLER)
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["mine.lua", "reaper.ini"]
