"""Ardour's scripts are single files that carry all they need, and keep nothing outside their factory."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import lupa.lua53
import pytest
from punchin_bridge.hosts.installers.ardour import ACTIONS, INSTALLER
from punchin_bridge.hosts.installers.install import Config, Surroundings, check, find, install, uninstall


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    return Config(tmp_path / 'it\'s "here"' / "spool", ("/opt/py thon", "-m", "punchin_bridge.cli", "bridge"))


@pytest.mark.parametrize(
    ("platform", "parent", "name"),
    [
        ("linux", ".config", "ardour8"),
        ("darwin", "Library/Preferences", "Ardour8"),
        ("win32", "AppData/Local", "Ardour8"),
    ],
)
def test_where_ardour_looks(tmp_path: Path, platform: str, parent: str, name: str) -> None:
    here = Surroundings(platform, tmp_path, {})
    assert find("ardour").folders(here) == (tmp_path / parent / name,)
    versions = [tmp_path / parent / name.replace("8", version) for version in ("7", "9")]
    for folder in (*versions, tmp_path / parent / "ardour-backup"):
        folder.mkdir(parents=True)
    assert find("ardour").folders(here) == tuple(versions)


def test_every_script_is_one_that_ardour_takes(tmp_path: Path, config: Config) -> None:
    """It says what it is, and its factory works after what Ardour does to it: compiled, stripped, loaded alone."""
    folder = tmp_path / "ardour7"
    written = install(INSTALLER, (folder,), config)
    assert len(written) == len(ACTIONS) + 1
    for path in written:
        lua = lupa.lua53.LuaRuntime(unpack_returned_tuples=True)
        lua.execute("function ardour (about) said = about end LuaDialog = {} ARDOUR = { DataType = function () end }")
        lua.execute(path.read_text())
        said = lua.globals().said
        assert "Punchin" in said["name"]
        assert said["type"] == ("EditorHook" if path.stem == "punchin" else "EditorAction")
        assert lua.eval("type (load (string.dump (factory, true)) ())") == "function", path.name


def test_buttons_differ_by_the_letter_that_ardour_shows(tmp_path: Path, config: Config) -> None:
    written = install(INSTALLER, (tmp_path / "ardour7",), config)
    names = [re.search('name = "(.*)"', path.read_text())[1] for path in written]  # type: ignore[index]
    assert len({name[0] for name in names if name != "Punchin"}) == len(ACTIONS)
    assert len(set(names)) == len(ACTIONS) + 1


def test_what_is_installed_goes_again(tmp_path: Path, config: Config) -> None:
    folder = tmp_path / "ardour7"
    here = Surroundings("linux", tmp_path, {})
    install(INSTALLER, (folder,), config)
    [problem] = check(INSTALLER, config, here)
    assert "hook `Punchin` is not added" in problem
    (folder / "ui_scripts").write_text('<LuaCallback name="Punchin"/>')
    assert list(check(INSTALLER, config, here)) == []
    uninstall(INSTALLER)
    assert not (folder / "scripts").exists()
    assert (folder / "ui_scripts").exists()


def test_the_bridge_is_started_so_that_it_outlives_ardour(tmp_path: Path, config: Config) -> None:
    install(INSTALLER, (tmp_path / "ardour7",), config)
    lua = lupa.lua53.LuaRuntime()
    text = (tmp_path / "ardour7" / "scripts" / "punchin_cancel.lua").read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("local config = "))
    found = lua.execute(line + " return config")
    assert found["spool"] == str(config.spool)
    words = subprocess.run(
        ["sh", "-c", f"set -- {found['bridge'].partition('<')[0]}; printf '%s\\n' \"$@\""],
        capture_output=True,
        text=True,
    )
    assert words.stdout.splitlines() == ["nohup", *config.command]
    assert found["bridge"].endswith("&")
